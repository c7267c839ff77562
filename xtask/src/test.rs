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
    let args = with_packages(&options.args);
    if !has_nextest(bench) {
        // cargo's own runner includes the examples of the documentation
        return bench.run(bench.cargo().arg("test").args(args));
    }
    if options.args.is_empty() {
        bench.run(bench.cargo().args(["test", "--workspace", "--doc"]))?;
    }
    bench.run(bench.cargo().args(["nextest", "run"]).args(args))
}

/// The runner's arguments; all packages unless they choose some.
fn with_packages(args: &[String]) -> Vec<&str> {
    let chooses = |arg: &String| arg.starts_with("-p") || arg.starts_with("--package");
    let all = if args.iter().any(chooses) {
        None
    } else {
        Some("--workspace")
    };
    all.into_iter()
        .chain(args.iter().map(String::as_str))
        .collect()
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

#[test]
fn the_whole_workspace_unless_packages_are_chosen() {
    for (args, expected) in [
        ("", "--workspace"),
        ("rename --nocapture", "--workspace rename --nocapture"),
        ("-p xtask", "-p xtask"),
        ("a --package=xtask", "a --package=xtask"),
    ] {
        let args: Vec<String> = args.split_whitespace().map(String::from).collect();
        assert_eq!(with_packages(&args).join(" "), expected);
    }
}
