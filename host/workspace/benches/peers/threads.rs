//! Commits of one small file each by many threads: how many, and how many share a flush.

use session_fs_workspace::{
    BeginOptions, CommitOptions, CommitOutcome, Workspace, WorkspaceOptions,
};
use store::disk::fault::{Fault, FaultPlan};
use store::disk::{FaultDir, RealDir};

use crate::common::samples::{Samples, show};
use crate::common::scratch::{Scratch, settle};
use crate::common::table::Table;
use crate::common::timed;

const THREADS: [usize; 3] = [1, 8, 64];
/// Few enough for the log of the calls to hold them all.
const COMMITS: usize = 640;

/// Each thread commits its share, one after the other.
pub(crate) fn commits() -> Table {
    let scratch = Scratch::new("scale-threads");
    let columns = [
        "threads",
        "n",
        "commits/s",
        "p50",
        "p99",
        "flushes of the journal",
        "commits per flush",
    ];
    let mut table = Table::new("one small file each, by threads", &columns);
    for threads in THREADS {
        let (samples, rate, flushes) = run(&scratch, threads);
        table.row([
            threads.to_string(),
            samples.count().to_string(),
            format!("{rate:.0}"),
            show(samples.median()),
            show(samples.percentile(99)),
            flushes.to_string(),
            format!("{:.2}", float(samples.count()) / float(flushes)),
        ]);
    }
    table
}

fn run(scratch: &Scratch, threads: usize) -> (Samples, f64, usize) {
    let tree = scratch.tree(&threads.to_string(), threads, 1);
    settle(&tree);
    let authority = cap_std::ambient_authority();
    let root = cap_std::fs::Dir::open_ambient_dir(&tree, authority).expect("just made");
    let plan = FaultPlan::new(Fault::NEVER);
    let root = FaultDir::wrap(RealDir::open(root).expect("opens"), plan.clone());
    let workspace = Workspace::new(WorkspaceOptions::default());
    let base = workspace
        .directory(root, "file:///threads")
        .expect("a base");
    let commit = |path: &str, number: usize| {
        let session = workspace
            .begin(&base, BeginOptions::default())
            .expect("begins");
        let content = number.to_string();
        session.write(path, content.as_bytes()).expect("fits");
        let outcome = workspace.commit(&session, &CommitOptions::default());
        assert!(matches!(outcome, Ok(CommitOutcome::Applied(_))));
    };
    // The first commit makes the store.
    commit("first", 0);
    plan.arm(Fault::NEVER);
    let (total, times) = timed(|| {
        std::thread::scope(|scope| {
            let commit = &commit;
            let running = (0..threads).map(|thread| {
                scope.spawn(move || {
                    let path = format!("file-{thread}");
                    let numbers = 0..COMMITS / threads;
                    let times = numbers.map(|number| timed(|| commit(&path, number)).0);
                    times.collect::<Vec<_>>()
                })
            });
            let running: Vec<_> = running.collect();
            let ended = running.into_iter();
            ended
                .flat_map(|thread| thread.join().expect("ends"))
                .collect::<Vec<_>>()
        })
    });
    let mut samples = Samples::default();
    times.into_iter().for_each(|time| samples.push(time));
    let rate = float(samples.count()) / total.as_secs_f64();
    let log = plan.log();
    let flushes = log
        .iter()
        .filter(|call| call.method == "file.sync_data" && call.name.starts_with("journal"));
    (samples, rate, flushes.count().max(1))
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("few"))
}
