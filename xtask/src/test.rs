//! `cargo xtask test`: all tests of the workspace and all examples in the documentation.
//!
//! Uses nextest where it is installed and cargo's own runner elsewhere; the same tests run either way.

use std::process::Stdio;

use anyhow::Result;

use crate::setup;
use crate::workbench::Workbench;

/// What `cargo xtask test` is given.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Passed on to the runner: a filter, a package, an option
    ///
    /// With any of them the examples in the documentation are left out.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

/// Sets up what the guests need, then runs the tests.
pub(crate) fn run(bench: &Workbench, options: &Options) -> Result<()> {
    setup::ensure(bench)?;
    if !has_nextest(bench) {
        // cargo's own runner includes the examples of the documentation
        return bench.run(
            bench
                .cargo()
                .args(["test", "--workspace"])
                .args(&options.args),
        );
    }
    if options.args.is_empty() {
        bench.run(bench.cargo().args(["test", "--workspace", "--doc"]))?;
    }
    bench.run(
        bench
            .cargo()
            .args(["nextest", "run", "--workspace"])
            .args(&options.args),
    )
}

fn has_nextest(bench: &Workbench) -> bool {
    bench
        .cargo()
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
