//! `cargo xtask bench`: the criterion benchmarks of every crate that has some.

use anyhow::{Context, Result};
use cargo_metadata::{MetadataCommand, TargetKind};

use crate::setup;
use crate::workbench::Workbench;

/// What `cargo xtask bench` is given.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only benchmarks whose name contains this
    filter: Option<String>,
}

/// Runs `cargo bench` for each benchmark target, so that the test harnesses of libraries, which
/// do not understand criterion's arguments, are left out.
pub(crate) fn run(bench: &Workbench, options: &Options) -> Result<()> {
    setup::ensure(bench)?;
    let metadata = MetadataCommand::new()
        .current_dir(bench.root())
        .no_deps()
        .exec()
        .context("cannot read the workspace with `cargo metadata`")?;
    let mut found = 0;
    for package in &metadata.packages {
        for target in package
            .targets
            .iter()
            .filter(|t| t.is_kind(TargetKind::Bench))
        {
            found += 1;
            let mut command = bench.cargo();
            command.args(["bench", "--package", &package.name, "--bench", &target.name]);
            if let Some(filter) = &options.filter {
                command.args(["--", filter]);
            }
            bench.run(&mut command)?;
        }
    }
    println!("{found} benchmark targets run");
    Ok(())
}
