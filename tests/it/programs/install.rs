//! Builds a published program with `cargo install`: its own lock file, a pinned version, no change.
//!
//! What is there already is not built again. A cargo of its own builds in `target/programs`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tidy::root;

/// A program of the registry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program {
    /// Its package.
    pub(super) package: &'static str,
    /// Exactly this version.
    pub(super) version: &'static str,
    /// The name of what is run.
    pub(super) name: &'static str,
    /// Features, without the default ones; none of what is left out has to do with files.
    pub(super) features: &'static str,
    /// What it is compared with.
    pub(super) native: Native,
}

/// What plays the commands on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Native {
    /// The same program, built for this machine.
    Itself,
    /// The program of the system that has its name: what it does is a standard.
    System,
    /// The programs of the system that the first words name.
    SystemByWord,
}

/// What a program is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// Sessions.
    Guest,
    /// This machine.
    Native,
}

/// What this cargo was told, and another should not hear.
const OUR_OWN: [&str; 7] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
];

/// Held while something is built: two of them that install one program take it from under each other.
fn lock(target: &Path) -> File {
    std::fs::create_dir_all(target).expect("below the target directory");
    let lock = File::create(target.join("lock")).expect("created");
    lock.lock().expect("locked");
    lock
}

impl Program {
    /// Builds the program, unless it has been built, and returns where it is.
    pub(super) fn build(&self, whom: For) -> PathBuf {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("programs");
        let (folder, file) = match whom {
            For::Guest => ("guest", format!("{}.wasm", self.name)),
            For::Native => ("native", self.name.to_owned()),
        };
        let installed = target.join(folder);
        let _one_at_a_time = lock(&target);
        let program = installed.join("bin").join(file);
        let mut cargo = self.command(whom);
        cargo.arg("--target-dir").arg(&target);
        cargo.arg("--root").arg(&installed);
        // Cargo itself would ask the registry first, also for what is there.
        let (wish, wished) = (format!("{cargo:?}"), program.with_extension("wish"));
        if program.is_file() && std::fs::read_to_string(&wished).is_ok_and(|was| was == wish) {
            return program;
        }
        let output = cargo.output().expect("cargo starts");
        assert!(
            output.status.success(),
            "{self:?} does not build\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        std::fs::write(&wished, wish).expect("written");
        program
    }

    fn command(&self, whom: For) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        // Our toolchain; everything else is the program's own.
        cargo.current_dir(root());
        for name in OUR_OWN {
            cargo.env_remove(name);
        }
        cargo.args(["install", "--locked", "--profile", "dev"]);
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0");
        cargo.env("CARGO_INCREMENTAL", "0");
        cargo.args([self.package, "--version", &format!("={}", self.version)]);
        cargo.args(["--no-default-features", "--features", self.features]);
        if whom == For::Guest {
            // Less for our own compiler to do, which is the larger part.
            cargo.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
            cargo.args(["--target", "wasm32-wasip2"]);
        }
        cargo
    }
}
