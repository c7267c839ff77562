//! `cargo xtask torture`: the long runs of the commit protocol's tests, and the question whether the
//! tests would notice.
//!
//! `docs/reliability.md` says what was run and what came of it.

mod bugs;
mod mounts;
mod report;
mod seeded;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::workbench::Workbench;
use mounts::Mounted;
use report::{Outcome, Report};

/// What `cargo xtask torture` is given.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Runs until the figures of the design are reached, and seeds all bugs: an hour or more
    #[arg(long)]
    full: bool,
    /// Runs only those whose name contains one of these words
    #[arg(long, value_delimiter = ',', conflicts_with = "seeded_bugs")]
    only: Vec<String>,
    /// Puts known mistakes into a copy of the sources, one after the other, and requires that a
    /// test fails each time; with a name, only those that contain it
    #[arg(long, num_args = 0..=1, default_missing_value = "")]
    seeded_bugs: Option<String>,
    /// Where the seeds begin: other seeds are other workloads. A run that was ended goes on from the
    /// seed that it told last
    #[arg(long, default_value_t = 1_000)]
    seed: u64,
}

/// A run of the program `torture`, with how many cases it takes by default and with `--full`.
struct Plan {
    name: &'static str,
    run: &'static str,
    short: u64,
    full: u64,
}

const PLANS: [Plan; 5] = [
    Plan {
        name: "crash states",
        run: "crash",
        short: 60_000,
        full: 1_000_000,
    },
    Plan {
        name: "crash states of commits during a checkpoint",
        run: "meanwhile",
        short: 20_000,
        full: 100_000,
    },
    Plan {
        name: "crashes in recovery",
        run: "recovery",
        short: 20_000,
        full: 100_000,
    },
    Plan {
        name: "races",
        run: "races",
        short: 60_000,
        full: 1_000_000,
    },
    Plan {
        name: "model sequences",
        run: "model",
        short: 5_000,
        full: 100_000,
    },
];

/// Kills on each file system.
const KILLS: u64 = 400;
const FULL_KILLS: u64 = 10_000;
const SEEDED_BUGS: &str = "seeded bugs";

/// The runs of one command.
struct Torture<'a> {
    bench: &'a Workbench,
    options: &'a Options,
    program: PathBuf,
    report: Report,
}

/// Runs the long tests, or seeds the bugs. Every run takes place, whatever came of those before it.
///
/// # Errors
///
/// What the runs need does not build, or one of them failed.
pub(crate) fn run(bench: &Workbench, options: &Options) -> Result<()> {
    if let Some(filter) = &options.seeded_bugs {
        let mut report = Report::default();
        report.act(SEEDED_BUGS, || seeded::run(bench, filter));
        return report.verdict();
    }
    let package = ["-p", "session-fs-workspace", "--example", "torture"];
    let profile = ["build", "--profile", "torture"];
    bench.run(bench.cargo().args(profile).args(package))?;
    let mut torture = Torture {
        bench,
        options,
        program: bench.target().join("torture/examples/torture"),
        report: Report::default(),
    };
    for plan in &PLANS {
        torture.plan(plan);
    }
    torture.kills()?;
    if options.full && torture.is_asked_for(SEEDED_BUGS) {
        torture.report.act(SEEDED_BUGS, || seeded::run(bench, ""));
    }
    println!("\n{}", torture.report);
    torture.report.verdict()
}

impl Torture<'_> {
    fn is_asked_for(&self, name: &str) -> bool {
        let only = &self.options.only;
        only.is_empty() || only.iter().any(|word| name.contains(word.as_str()))
    }

    fn plan(&mut self, plan: &Plan) {
        if !self.is_asked_for(plan.name) {
            return;
        }
        let count = if self.options.full {
            plan.full
        } else {
            plan.short
        };
        self.start(plan.name, plan.run, count, &[]);
    }

    /// Has processes killed on each kind of file system that there is or that can be made here.
    fn kills(&mut self) -> Result<()> {
        let count = if self.options.full { FULL_KILLS } else { KILLS };
        for kind in mounts::KINDS {
            let name = format!("kills on {}", kind.name);
            if !self.is_asked_for(&name) {
                continue;
            }
            match Mounted::make(self.bench, kind) {
                Ok(mounted) => self.kill(&name, mounted.folder(), count),
                Err(error) => self.skip(&name, format!("{error:#}")),
            }
        }
        let (name, memory) = ("kills on tmpfs", Path::new("/dev/shm"));
        match memory.is_dir() {
            _ if !self.is_asked_for(name) => {}
            true => self.kill(name, memory, count),
            false => self.skip(name, "there is no /dev/shm here".to_owned()),
        }
        let name = "kills on the build's own file system";
        if self.is_asked_for(name) {
            let own = self.bench.scratch("torture")?;
            self.kill(name, &own, KILLS);
        }
        Ok(())
    }

    fn kill(&mut self, name: &str, folder: &Path, count: u64) {
        let folder = folder.to_string_lossy();
        self.start(name, "kill", count, &["--folder", &folder]);
    }

    fn skip(&mut self, name: &str, why: String) {
        println!("\nSKIPPED: {name}: {why}");
        self.report.add(name, Outcome::Skipped(why));
    }

    fn start(&mut self, name: &str, run: &str, count: u64, more: &[&str]) {
        let [count, seed] = [count, self.options.seed].map(|number| number.to_string());
        let mut command = self.bench.tool(&self.program);
        command
            .args([run, "--count", &count, "--seed", &seed])
            .args(more);
        self.report.run(name, &mut command);
    }
}
