//! `Toolchain`: the rustc that builds the guests, and the place where it looks for their library.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::guests::TARGET;
use crate::workbench::Workbench;

/// How long rustc may take to answer or to compile the probe.
const RUSTC_TIME_MAX: Duration = Duration::from_secs(120);

/// What an agent needs of the library: a heap, a hash map with random keys, the file calls.
const PROBE: &str = r#"
use std::{collections::HashMap, fs, io::Write};
fn main() -> std::io::Result<()> {
    let mut seen = HashMap::new();
    for entry in fs::read_dir(".")? {
        let entry = entry?;
        seen.insert(entry.file_name(), entry.metadata()?.len());
    }
    fs::OpenOptions::new().append(true).create(true).open("a")?.write_all(b"a")?;
    fs::rename("a", "b")?;
    println!("{}", seen.len());
    Ok(())
}
"#;

/// One rustc and its sysroot.
pub(crate) struct Toolchain {
    version: String,
    host: String,
    sysroot: PathBuf,
}

impl Toolchain {
    /// Asks the active rustc; `sysroot` replaces the directory that it names.
    pub(crate) fn find(bench: &Workbench, sysroot: Option<PathBuf>) -> Result<Self> {
        let answer = bench.capture(bench.rustc().arg("-vV"), RUSTC_TIME_MAX)?;
        let field = |name: &str| {
            let value = answer.lines().find_map(|line| line.strip_prefix(name));
            value
                .map(str::to_owned)
                .with_context(|| format!("`rustc -vV` has no line `{name}`"))
        };
        let sysroot = match sysroot {
            Some(path) => path
                .canonicalize()
                .with_context(|| path.display().to_string())?,
            None => {
                let answer =
                    bench.capture(bench.rustc().args(["--print", "sysroot"]), RUSTC_TIME_MAX)?;
                PathBuf::from(answer.trim())
            }
        };
        Ok(Self {
            version: field("release: ")?,
            host: field("host: ")?,
            sysroot,
        })
    }

    /// The version, as in `1.95.0`.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// The target triple of the machine we are on.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The directory of the toolchain.
    pub(super) fn sysroot(&self) -> &Path {
        &self.sysroot
    }

    /// Where the library of the guests' target belongs.
    pub(super) fn target_dir(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib").join(TARGET)
    }

    /// Whether the library and the start-up object of programs are there.
    pub(super) fn has_target(&self) -> bool {
        let lib = self.target_dir().join("lib");
        let Ok(entries) = fs::read_dir(&lib) else {
            return false;
        };
        let has_std = entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libstd-") && name.ends_with(".rlib")
        });
        has_std && lib.join("self-contained/crt1-command.o").is_file()
    }

    /// Compiles and links a program with the library.
    pub(super) fn probe(&self, bench: &Workbench) -> Result<()> {
        let scratch = bench.scratch("probe")?;
        let source = scratch.join("probe.rs");
        let program = scratch.join("probe.wasm");
        fs::write(&source, PROBE)?;
        let mut command = bench.rustc();
        command.args(["--edition", "2024", "-O", "--target", TARGET, "--sysroot"]);
        command
            .arg(&self.sysroot)
            .arg(&source)
            .arg("-o")
            .arg(&program);
        bench.capture(&mut command, RUSTC_TIME_MAX)?;
        ensure!(
            fs::read(&program)?.starts_with(b"\0asm"),
            "the linker left no component"
        );
        fs::remove_dir_all(&scratch)?;
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn made_up(version: &str, sysroot: &str) -> Self {
        Self {
            version: version.into(),
            host: "none".into(),
            sysroot: sysroot.into(),
        }
    }
}
