//! Builds the guests that the tests run, and names each by a constant.
//!
//! They are built by a cargo of their own, in `target/guests`: in the outer one's directory it would
//! wait for a lock that the outer cargo holds until this script ends. The constants are private to the
//! test binary and unused ones are errors there, so a guest without a test does not build.
#![expect(
    clippy::disallowed_methods,
    reason = "a build script reads its environment, writes to OUT_DIR and runs cargo"
)]

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

use cargo_metadata::Message;
use cargo_metadata::camino::Utf8PathBuf;

const TARGET: &str = "wasm32-wasip2";

/// The profile of the root manifest that guests are built with.
const PROFILE: &str = "guest";

/// What is built: the small guests, and the example agents as the host's own tests.
const PACKAGES: [&str; 5] = [
    "session-fs-test-guests",
    "license-header",
    "rename-symbol",
    "rogue",
    "todo-report",
];

/// What a guest depends on, from the root of the repository.
const SOURCES: [&str; 7] = [
    "Cargo.lock",
    "Cargo.toml",
    "example-agents",
    "guest-sdk",
    "rust-toolchain.toml",
    "tests/guests",
    "wit",
];

/// Variables of the outer cargo that are meant for the host's code.
const HOST_ONLY: [&str; 8] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
];

fn main() {
    let package = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let root = package.parent().expect("the tests are in the repository");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(variable("OUT_DIR"));
    let built = build(root, &out);
    let mut constants = String::new();
    for (name, component) in built {
        // The tests have copies of their own: whatever else is built later, these stay.
        let copy = out.join(format!("{name}.wasm"));
        fs::copy(&component, &copy).unwrap_or_else(|e| fail(&format!("{component}: {e}")));
        let name = name.to_uppercase().replace('-', "_");
        writeln!(
            constants,
            "pub(crate) const {name}: &str = {:?};",
            copy.display().to_string()
        )
        .expect("a text takes what is written");
    }
    fs::write(out.join("guests.rs"), constants)
        .unwrap_or_else(|e| fail(&format!("guests.rs: {e}")));
}

/// Builds all guests and returns their components by name.
fn build(root: &Path, out: &Path) -> BTreeMap<String, Utf8PathBuf> {
    check_target();
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .current_dir(root)
        .args(["build", "--lib", "--bins", "--examples"]);
    cargo.args(["--target", TARGET, "--profile", PROFILE]);
    cargo
        .arg("--target-dir")
        .arg(target_directory(out).join("guests"));
    cargo.arg("--message-format=json-render-diagnostics");
    for package in PACKAGES {
        cargo.args(["--package", package]);
    }
    for name in HOST_ONLY {
        cargo.env_remove(name);
    }
    let output = cargo
        .output()
        .unwrap_or_else(|e| fail(&format!("cannot start cargo: {e}")));
    if !output.status.success() {
        fail(&format!(
            "the guests do not build\n{}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let messages = Message::parse_stream(output.stdout.as_slice());
    messages
        .filter_map(|message| component(message.ok()?))
        .collect()
}

fn component(message: Message) -> Option<(String, Utf8PathBuf)> {
    let Message::CompilerArtifact(artifact) = message else {
        return None;
    };
    let file = artifact
        .filenames
        .into_iter()
        .find(|file| file.extension() == Some("wasm"))?;
    Some((artifact.target.name, file))
}

/// The outer cargo's target directory: the ancestor of OUT_DIR that cargo has marked.
fn target_directory(out: &Path) -> &Path {
    let marked = out
        .ancestors()
        .find(|directory| directory.join("CACHEDIR.TAG").is_file());
    marked.unwrap_or_else(|| fail(&format!("{} is in no target directory", out.display())))
}

fn check_target() {
    let mut rustc = Command::new(variable("RUSTC"));
    let printed = rustc
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    let directory = printed.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    if !directory.is_ok_and(|directory| Path::new(&directory).is_dir()) {
        fail(&format!(
            "the standard library of {TARGET} is missing; run `cargo xtask setup`"
        ));
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|e| fail(&format!("{name}: {e}")))
}

fn fail(message: &str) -> ! {
    for line in message.lines() {
        println!("cargo::error={line}");
    }
    exit(1)
}
