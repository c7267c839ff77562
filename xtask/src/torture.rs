//! `cargo xtask torture`: the long runs of the commit protocol's tests, and the question whether the
//! tests would notice.
//!
//! `docs/reliability.md` says what was run and what came of it.

mod bugs;
mod mounts;
mod seeded;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workbench::Workbench;

/// What `cargo xtask torture` is given.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Minutes that all runs may take together
    #[arg(long, default_value_t = 10, conflicts_with = "full")]
    minutes: u64,
    /// Runs until the figures of the design are reached: some hours
    #[arg(long)]
    full: bool,
    /// Puts known mistakes into a copy of the sources, one after the other, and requires that a
    /// test fails each time; with a name, only those that contain it
    #[arg(long, num_args = 0..=1, default_missing_value = "")]
    seeded_bugs: Option<String>,
    /// Where the seeds begin: other seeds are other workloads
    #[arg(long, default_value_t = 1_000)]
    seed: u64,
}

/// Minutes of each run of `--full`.
const FULL_MINUTES: u64 = 180;
/// Kills per file system of `--full`.
const FULL_KILLS: u64 = 10_000;
/// Sequences of the model of `--full`.
const FULL_SEQUENCES: u64 = 100_000;

/// Runs the long tests, or seeds the bugs.
pub(crate) fn run(bench: &Workbench, options: &Options) -> Result<()> {
    if let Some(filter) = &options.seeded_bugs {
        return seeded::run(bench, filter);
    }
    // Four runs of crashes, recoveries and races, and then kills and the model.
    let seconds = match options.full {
        true => FULL_MINUTES * 60,
        false => options.minutes * 60 / 5,
    };
    let build = [
        "build",
        "-p",
        "session-fs-workspace",
        "--example",
        "torture",
    ];
    bench.run(bench.cargo().args(build))?;
    let program = bench.target().join("debug/examples/torture");
    for what in ["crash", "recovery", "races"] {
        let [seconds, seed] = [seconds, options.seed].map(|number| number.to_string());
        bench.run(bench.tool(&program).args([what, &seconds, &seed]))?;
    }
    let sequences = if options.full {
        FULL_SEQUENCES
    } else {
        options.minutes * 400
    };
    let model = [
        "test",
        "-p",
        "session-fs-workspace",
        "--test",
        "it",
        "model::",
    ];
    bench.run(
        bench
            .cargo()
            .args(model)
            .env("PROPTEST_CASES", sequences.to_string()),
    )?;
    println!("at least {sequences} sequences of the model, 0 differences");
    let kills = if options.full {
        FULL_KILLS
    } else {
        options.minutes * 40
    };
    for folder in folders(bench)? {
        kill(bench, &folder, kills)?;
    }
    mounts::each(bench, &|folder| kill(bench, folder, kills))
}

/// Kills a committing process over a folder.
fn kill(bench: &Workbench, folder: &Path, kills: u64) -> Result<()> {
    let test = [
        "test",
        "-p",
        "session-fs-workspace",
        "--test",
        "kill",
        "--",
        "--kills",
    ];
    let kills = kills.to_string();
    bench.run(bench.cargo().args(test).arg(kills).arg(folder))
}

/// Where this machine's own file systems are: the build's, and one in memory.
fn folders(bench: &Workbench) -> Result<Vec<PathBuf>> {
    let mut folders = vec![bench.scratch("torture")?];
    let memory = PathBuf::from("/dev/shm");
    match memory.is_dir() {
        true => folders.push(memory),
        false => println!("SKIPPED: there is no /dev/shm here, and so no tmpfs"),
    }
    folders.iter().try_for_each(|folder| {
        let found = std::fs::metadata(folder);
        found
            .map(drop)
            .with_context(|| format!("cannot use {}", folder.display()))
    })?;
    Ok(folders)
}
