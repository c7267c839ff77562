//! `cargo xtask ci`: everything that must hold before a change is merged, in the order of cost.
//!
//! Runs exactly the commands of the README for tests and demo, so that what CI proves is what a
//! newcomer types. Called by `.ci/run`.

use anyhow::Result;

use crate::lint;
use crate::steps::Steps;
use crate::workbench::Workbench;

/// Runs all steps; the first failure stops and is named.
pub(crate) fn run(bench: &Workbench) -> Result<()> {
    let mut steps = Steps::default();
    lint::all(bench, &mut steps)?;
    steps.step("cargo xtask test", || {
        bench.run(bench.cargo().args(["xtask", "test"]))
    })?;
    steps.step("cargo xtask demo", || {
        bench.run(bench.cargo().args(["xtask", "demo"]))
    })?;
    steps.report();
    Ok(())
}
