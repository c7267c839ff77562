//! `cargo xtask lint`: formatting, clippy and rustdoc, with every warning an error.
//!
//! Clippy, rustdoc and the tests are asked for the same packages with the same features, so that
//! the dependencies are checked once and built once.

use anyhow::Result;

use crate::steps::Steps;
use crate::workbench::Workbench;
use crate::{guests, setup};

/// Runs all lints and reports their durations.
pub(crate) fn run(bench: &Workbench) -> Result<()> {
    let mut steps = Steps::default();
    all(bench, &mut steps)?;
    steps.report();
    Ok(())
}

/// The lints, as steps of a longer sequence.
pub(crate) fn all(bench: &Workbench, steps: &mut Steps) -> Result<()> {
    steps.step("fmt", || format(bench))?;
    steps.step("setup", || setup::ensure(bench))?;
    steps.step("clippy", || clippy(bench))?;
    steps.step("clippy wasm32-wasip2", || clippy_guests(bench))?;
    steps.step("rustdoc", || rustdoc(bench))
}

fn format(bench: &Workbench) -> Result<()> {
    bench.run(bench.cargo().args(["fmt", "--all", "--check"]))?;
    for manifest in guests::stand_alone_manifests(bench)? {
        bench.run(
            bench
                .cargo()
                .args(["fmt", "--check", "--manifest-path"])
                .arg(manifest),
        )?;
    }
    Ok(())
}

fn clippy(bench: &Workbench) -> Result<()> {
    bench.run(bench.cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

/// The code that exists only on the guest's target, which the native pass never sees.
fn clippy_guests(bench: &Workbench) -> Result<()> {
    bench.run(
        bench
            .cargo()
            .args(["clippy", "--target", guests::TARGET])
            .args([
                "-p",
                "session-fs-sdk",
                "-p",
                "session-fs-test-guests",
                "--",
                "-D",
                "warnings",
            ]),
    )?;
    for manifest in guests::agent_manifests(bench)? {
        bench.run(
            bench
                .cargo()
                .args(["clippy", "--target", guests::TARGET, "--manifest-path"])
                .arg(manifest)
                .args(["--", "-D", "warnings"]),
        )?;
    }
    Ok(())
}

/// `--examples` documents nothing more; it makes cargo resolve the features of the development
/// dependencies as clippy did, so that what clippy checked is used again.
fn rustdoc(bench: &Workbench) -> Result<()> {
    bench.run(
        bench
            .cargo()
            .args([
                "doc",
                "--workspace",
                "--no-deps",
                "--lib",
                "--bins",
                "--examples",
            ])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}
