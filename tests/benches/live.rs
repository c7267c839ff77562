//! A thousand agents alive at once: each has edited fifty files in a session of its own when the last of
//! them has; then all of them commit.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark lays out a directory, takes the time, and prints a table"
)]

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use runtime::{Agent, Runtime, RuntimeOptions};
use store::disk::fault::{Fault, FaultPlan, LOG_CALLS_MAX};
use store::disk::{FaultDir, RealDir};
use supervisor::{Job, Settlement, Stage, Supervisor};
use workspace::{BaseHandle, Workspace, WorkspaceOptions};

#[path = "../it/support/gate.rs"]
mod gate;

#[expect(dead_code, reason = "one of all guests is used")]
mod guests {
    include!(concat!(env!("OUT_DIR"), "/guests.rs"));
}

const COUNTS: [u32; 3] = [1, 100, 1000];
const FILES: usize = 50;
const FILE_BYTES: usize = 1 << 10;
const PAGE_BYTES: u64 = 4 << 10;

/// The call that flushes a file.
const FLUSH: &str = "file.sync_data";

fn main() {
    println!(
        "| agents | until all have edited | resident for each | all committed after | commits/s | \
         commit p50 | commit p99 | flushes of the journal | commits per flush |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    COUNTS.into_iter().for_each(row);
}

/// What is known when all are at the gate.
#[derive(Clone, Copy)]
struct Met {
    at: Instant,
    resident_bytes: u64,
}

/// A supervisor over a directory with a folder for each agent.
struct Crowd {
    supervisor: Supervisor,
    base: Arc<BaseHandle>,
    agent: Agent,
    plan: Arc<FaultPlan>,
    _directory: tempfile::TempDir,
}

impl Crowd {
    fn new(count: u32) -> Self {
        let directory = laid_out(count as usize);
        let authority = cap_std::ambient_authority();
        let root = cap_std::fs::Dir::open_ambient_dir(directory.path(), authority);
        let root = RealDir::open(root.expect("there")).expect("opens");
        let plan = FaultPlan::new(Fault::NEVER);
        let workspace = Arc::new(Workspace::new(WorkspaceOptions::default()));
        let base = workspace.directory(FaultDir::wrap(root, plan.clone()), "file:///live");
        let options = RuntimeOptions {
            instances_max: count,
            waiting_max: 0,
            ..RuntimeOptions::default()
        };
        let runtime = Arc::new(Runtime::new(options).expect("a runtime"));
        let bytes = fs::read(guests::EDIT_FOLDER).expect("the guest was built");
        let agent = runtime.load(&bytes).expect("a command");
        Self {
            supervisor: Supervisor::new(workspace, runtime),
            base: base.expect("a base"),
            agent,
            plan,
            _directory: directory,
        }
    }

    /// Runs the agent of a folder and tells how long its session took to be settled.
    async fn run(self: Arc<Self>, folder: usize, gate: Arc<gate::Gate>) -> Duration {
        let mut job = Job::new(self.base.clone());
        job.args = vec![folder.to_string()];
        job.stdout = gate.output();
        let settling = Arc::<OnceLock<Instant>>::default();
        job.on_stage = Arc::new({
            let settling = settling.clone();
            move |stage| {
                if stage == Stage::Settling {
                    settling.get_or_init(Instant::now);
                }
            }
        });
        let ended = self.supervisor.run(&self.agent, job).await.expect("begun");
        let settlement = &ended.settlement;
        assert!(
            matches!(settlement, Settlement::Committed(_)),
            "{settlement:?}"
        );
        settling.get().expect("it was settled").elapsed()
    }
}

fn row(count: u32) {
    let crowd = Arc::new(Crowd::new(count));
    let plan = &crowd.plan;
    let met = Arc::<OnceLock<Met>>::default();
    let gate = gate::Gate::new(count as usize, {
        let (met, plan) = (met.clone(), plan.clone());
        move || {
            plan.arm(Fault::NEVER);
            plan.log_only(FLUSH);
            let now = Met {
                at: Instant::now(),
                resident_bytes: resident_bytes(),
            };
            assert!(met.set(now).is_ok(), "they meet once");
        }
    });
    let threads = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .expect("tokio starts");
    let resident_before = resident_bytes();
    let start = Instant::now();
    let mut times = threads.block_on(async {
        let folders = 0..count as usize;
        let runs = folders.map(|folder| crowd.clone().run(folder, gate.clone()));
        let runs: tokio::task::JoinSet<_> = runs.collect();
        runs.join_all().await
    });
    let met = *met.get().expect("they met");
    let committing = met.at.elapsed();
    times.sort_unstable();
    let at = |percent: usize| shown(times[(times.len() - 1) * percent / 100]);
    let log = plan.log();
    assert!(log.len() < LOG_CALLS_MAX, "all flushes are counted");
    let of_journal = log.iter().filter(|call| call.name.starts_with("journal"));
    let flushes = of_journal.count();
    println!(
        "| {count} | {} | {} KiB | {} | {:.0} | {} | {} | {flushes} | {:.1} |",
        shown(met.at - start),
        met.resident_bytes.saturating_sub(resident_before) / u64::from(count) / 1024,
        shown(committing),
        f64::from(count) / committing.as_secs_f64(),
        at(50),
        at(99),
        f64::from(count) / flushes as f64,
    );
}

/// A directory with a folder of files for each agent.
fn laid_out(agents: usize) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for folder in 0..agents {
        let path = directory.path().join(folder.to_string());
        fs::create_dir(&path).expect("created");
        for file in 0..FILES {
            fs::write(path.join(file.to_string()), [b'g'; FILE_BYTES]).expect("written");
        }
    }
    settle(directory.path());
    directory
}

/// Has the disk take what was laid out, so that no commit pays for it.
fn settle(directory: &Path) {
    let file = fs::File::open(directory).expect("there");
    rustix::fs::syncfs(&file).expect("flushes");
}

/// Memory that the process really has.
fn resident_bytes() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = text.split(' ').nth(1).expect("a second field");
    pages.parse::<u64>().expect("a number") * PAGE_BYTES
}

fn shown(duration: Duration) -> String {
    match duration.as_micros() {
        0..10_000 => format!("{:.1} ms", duration.as_secs_f64() * 1e3),
        _ => format!("{:.0} ms", duration.as_secs_f64() * 1e3),
    }
}
