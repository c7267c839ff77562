//! The way without rustup's server: build the guests' standard library from Debian's packages.
//!
//! `rust-src` must be of exactly the active rustc's version, since an rlib is good for one compiler
//! only. Nothing is installed on the machine: both packages are unpacked into a scratch directory,
//! the library is built there, and only the finished directory is moved into the sysroot, so that a
//! failure at any point leaves the toolchain as it was. Called by `setup`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::packages::{Packages, Source};
use super::toolchain::Toolchain;
use crate::guests::TARGET;
use crate::workbench::Workbench;

/// How long the build of the library may take; it needs half a minute on two cores.
const BUILD_TIME_MAX: Duration = Duration::from_secs(900);

/// The first month, as a number, whose wasi-libc knows the target.
const WASI_LIBC_MONTH_MIN: u32 = 202_412;

/// A package we need, and which of its versions will do for a release of rustc.
#[derive(Clone, Copy)]
struct Wanted {
    package: &'static str,
    fits: fn(version: &str, rustc: &str) -> bool,
}

const WANTED: [Wanted; 2] = [
    Wanted {
        package: "rust-src",
        fits: is_release,
    },
    Wanted {
        package: "wasi-libc",
        fits: |version, _| is_new_wasi_libc(version),
    },
];

/// Builds the library and puts it into the toolchain's sysroot.
pub(super) fn install(bench: &Workbench, toolchain: &Toolchain) -> Result<()> {
    let scratch = bench.scratch("debian")?;
    fs::remove_dir_all(&scratch)?;
    fs::create_dir_all(&scratch)?;
    let unpacked = scratch.join("unpacked");
    fetch(bench, toolchain.version(), &scratch, &unpacked)?;
    let wasi_libc = unpacked.join("usr/lib").join(TARGET);
    ensure!(
        wasi_libc.is_dir(),
        "the wasi-libc package has no usr/lib/{TARGET}"
    );
    println!("  building the library of rustc {}", toolchain.version());
    let built = build(
        bench,
        toolchain,
        &unpacked,
        &wasi_libc,
        &scratch.join("build"),
    )?;
    place(&built, &wasi_libc, toolchain)?;
    fs::remove_dir_all(&scratch)?;
    Ok(())
}

/// Unpacks `rust-src` and `wasi-libc`, each from the first suite that has a fitting one.
fn fetch(bench: &Workbench, rustc: &str, scratch: &Path, unpacked: &Path) -> Result<()> {
    let mut missing = WANTED.to_vec();
    let mut notes = Vec::new();
    for source in Source::all(bench)? {
        let packages = match Packages::fetch(bench, scratch, &source) {
            Ok(packages) => packages,
            Err(error) => {
                notes.push(format!("{source}: {error:#}"));
                continue;
            }
        };
        let mut still_missing = Vec::new();
        for wanted in missing {
            let versions = packages.versions(wanted.package)?;
            match versions
                .iter()
                .find(|version| (wanted.fits)(version, rustc))
            {
                Some(version) => packages.unpack(wanted.package, version, unpacked)?,
                None => {
                    notes.push(format!(
                        "{source}: {} [{}]",
                        wanted.package,
                        versions.join(", ")
                    ));
                    still_missing.push(wanted);
                }
            }
        }
        missing = still_missing;
        if missing.is_empty() {
            return Ok(());
        }
    }
    let names: Vec<&str> = missing.iter().map(|wanted| wanted.package).collect();
    bail!(
        "no suite has {} (rust-src must be {rustc}, wasi-libc of 2024-12 or later)\n{}",
        names.join(" and "),
        notes.join("\n")
    )
}

/// Builds the library; returns the directory of its rlibs.
fn build(
    bench: &Workbench,
    toolchain: &Toolchain,
    unpacked: &Path,
    wasi_libc: &Path,
    target_dir: &Path,
) -> Result<PathBuf> {
    let library = unpacked.join(format!("usr/src/rustc-{}/library", toolchain.version()));
    ensure!(
        library.is_dir(),
        "the rust-src package has no {}",
        library.display()
    );
    let flags = format!(
        "-Zforce-unstable-if-unmarked -Cembed-bitcode=yes -L native={}",
        wasi_libc.display()
    );
    let mut command = bench.cargo();
    command
        .current_dir(&library)
        .args(["build", "--release", "--target", TARGET, "-p", "sysroot"])
        .args(["--features", "panic-unwind", "--target-dir"])
        .arg(target_dir)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", flags)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
        // a name of its own in the hash of every rlib, as rustc's own build gives one
        .env("__CARGO_DEFAULT_LIB_METADATA", "wasip2");
    bench.capture(&mut command, BUILD_TIME_MAX)?;
    Ok(target_dir.join(TARGET).join("release/deps"))
}

/// Assembles the directory beside its final place and exchanges the two by rename.
fn place(built: &Path, wasi_libc: &Path, toolchain: &Toolchain) -> Result<()> {
    let target_dir = toolchain.target_dir();
    let partial = target_dir.with_file_name(format!(".{TARGET}.partial"));
    let replaced = target_dir.with_file_name(format!(".{TARGET}.replaced"));
    let writable = "cannot write into the toolchain's directory";
    for leftover in [&partial, &replaced] {
        if leftover.exists() {
            fs::remove_dir_all(leftover).context(writable)?;
        }
    }
    let lib = partial.join("lib");
    fs::create_dir_all(lib.join("self-contained")).context(writable)?;
    let rlibs = copy_matching(built, &lib, |name| name.ends_with(".rlib"))?;
    let objects = copy_matching(wasi_libc, &lib.join("self-contained"), |name| {
        name.ends_with(".a") || (name.starts_with("crt1") && name.ends_with(".o"))
    })?;
    ensure!(rlibs > 0, "the build left no rlib in {}", built.display());
    ensure!(
        objects > 0,
        "the wasi-libc package has no archive in {}",
        wasi_libc.display()
    );
    if target_dir.exists() {
        fs::rename(&target_dir, &replaced).context(writable)?;
    }
    fs::rename(&partial, &target_dir).context(writable)?;
    if replaced.exists() {
        fs::remove_dir_all(&replaced)?;
    }
    Ok(())
}

fn copy_matching(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) -> Result<usize> {
    let mut copied = 0;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        if wanted(&name.to_string_lossy()) {
            fs::copy(entry.path(), to.join(&name))?;
            copied += 1;
        }
    }
    Ok(copied)
}

/// Whether a package version is of this release: `1.95.0+dfsg1-2~bpo13+1` is of `1.95.0`.
fn is_release(version: &str, release: &str) -> bool {
    version
        .strip_prefix(release)
        .is_some_and(|rest| rest.starts_with(['+', '-']))
}

/// Whether a version such as `0.0~git20251114.5d42918-1` is new enough to know the target.
fn is_new_wasi_libc(version: &str) -> bool {
    let Some((_, dated)) = version.split_once("git") else {
        return false;
    };
    let month = dated.get(..6).and_then(|digits| digits.parse::<u32>().ok());
    month.is_some_and(|month| month >= WASI_LIBC_MONTH_MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_same_release_fits() {
        for (version, fits) in [
            ("1.95.0+dfsg1-2~bpo13+1", true),
            ("1.95.0-1", true),
            ("1.95.01-1", false),
            ("1.95.1+dfsg1-2", false),
            ("1.96.0+dfsg1-2", false),
        ] {
            assert_eq!(is_release(version, "1.95.0"), fits, "{version}");
        }
    }

    #[test]
    fn wasi_libc_is_judged_by_its_month() {
        for (version, fits) in [
            ("0.0~git20251114.5d42918-1", true),
            ("0.0~git20241201.0-1", true),
            ("0.0~git20230113.4362b18-2", false),
            ("25-1", false),
            ("0.0~git20241130.0-1", false),
            ("0.0~git2025", false),
        ] {
            assert_eq!(is_new_wasi_libc(version), fits, "{version}");
        }
    }
}
