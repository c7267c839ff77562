//! A quiet agent alone, and beside ten hostile ones that compute, call the host and print without end:
//! how long its runs take, from the beginning of its session to the end of its commit.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark lays out a directory, takes the time, and prints a table"
)]

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::{Cancellation, Runtime, RuntimeOptions};
use store::disk::RealDir;
use supervisor::{Job, Policy, Settlement, Supervisor};
use workspace::{BaseHandle, Workspace, WorkspaceOptions};

#[expect(dead_code, reason = "some of all guests are used")]
mod guests {
    include!(concat!(env!("OUT_DIR"), "/guests.rs"));
}

/// Runs of the quiet agent.
const RUNS: usize = 300;

/// What each hostile agent does; there are ten of them.
const HOSTILE: [&str; 10] = [
    guests::ENDLESS_LOOP,
    guests::ENDLESS_LOOP,
    guests::ENDLESS_LOOP,
    guests::ENDLESS_LOOP,
    guests::ENDLESS_CALLS,
    guests::ENDLESS_CALLS,
    guests::ENDLESS_CALLS,
    guests::ENDLESS_PRINT,
    guests::ENDLESS_PRINT,
    guests::ENDLESS_PRINT,
];

struct Desk {
    supervisor: Supervisor,
    base: Arc<BaseHandle>,
}

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("folder")).expect("created");
    for file in 0..4 {
        fs::write(directory.path().join(format!("folder/{file}")), "given\n").expect("written");
    }
    let root = cap_std::fs::Dir::open_ambient_dir(directory.path(), cap_std::ambient_authority());
    let root = RealDir::open(root.expect("there")).expect("opens");
    let workspace = Arc::new(Workspace::new(WorkspaceOptions::default()));
    let base = workspace.directory(root, "file:///quiet").expect("a base");
    let runtime = Arc::new(Runtime::new(RuntimeOptions::default()).expect("a runtime"));
    let desk = Arc::new(Desk {
        supervisor: Supervisor::new(workspace, runtime),
        base,
    });
    let threads = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .expect("tokio starts");
    println!("| a quiet agent | settled by | runs | p50 | p99 | × alone, p50 | × alone, p99 |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for (name, policy) in [("rollback", Policy::DryRun), ("commit", Policy::Commit)] {
        threads.block_on(async {
            let alone = desk.quiet(policy).await;
            let stop = Cancellation::new();
            let hostile: Vec<_> = HOSTILE
                .iter()
                .map(|guest| tokio::spawn(desk.clone().hostile(guest, stop.clone())))
                .collect();
            // Until all of them are at it for long.
            tokio::time::sleep(Duration::from_millis(500)).await;
            let beside = desk.quiet(policy).await;
            stop.cancel();
            for agent in hostile {
                agent.await.expect("no panic");
            }
            row("alone", name, &alone, &alone);
            row("beside ten hostile ones", name, &beside, &alone);
        });
    }
}

impl Desk {
    /// Times of the quiet agent's runs, sorted.
    async fn quiet(self: &Arc<Self>, policy: Policy) -> Vec<Duration> {
        let bytes = fs::read(guests::EDIT_FOLDER).expect("the guest was built");
        let agent = self.supervisor.runtime().load(&bytes).expect("a command");
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let mut job = Job::new(self.base.clone());
            job.args = vec!["folder".to_owned()];
            job.policy = policy;
            let start = Instant::now();
            let (desk, agent) = (self.clone(), agent.clone());
            let run = tokio::spawn(async move { desk.supervisor.run(&agent, job).await });
            let ended = run.await.expect("no panic").expect("begun");
            times.push(start.elapsed());
            assert!(ended.report.outcome.is_success(), "{:?}", ended.report);
            let settlement = ended.settlement;
            assert!(
                !matches!(settlement, Settlement::Failed(_)),
                "{settlement:?}"
            );
            // As somebody would who has something else to do, too.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        times.sort_unstable();
        times
    }

    async fn hostile(self: Arc<Self>, guest: &str, stop: Cancellation) {
        let bytes = fs::read(guest).expect("the guest was built");
        let agent = self.supervisor.runtime().load(&bytes).expect("a command");
        let mut job = Job::new(self.base.clone());
        job.cancellation = stop;
        let ended = self.supervisor.run(&agent, job).await.expect("begun");
        assert_eq!(ended.report.outcome, runtime::RunOutcome::Cancelled);
    }
}

fn row(who: &str, settled: &str, times: &[Duration], alone: &[Duration]) {
    let at = |times: &[Duration], percent: usize| times[(times.len() - 1) * percent / 100];
    let ratio = |percent| at(times, percent).as_secs_f64() / at(alone, percent).as_secs_f64();
    println!(
        "| {who} | {settled} | {} | {:.2} ms | {:.2} ms | {:.1} | {:.1} |",
        times.len(),
        at(times, 50).as_secs_f64() * 1e3,
        at(times, 99).as_secs_f64() * 1e3,
        ratio(50),
        ratio(99),
    );
}
