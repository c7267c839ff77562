//! How many flushes commits share: threads that commit one small file each to one directory, counted
//! by what the journal is asked to flush.
//!
//! Run with `cargo run --release -p session-fs-workspace --example flushes`.

#![expect(clippy::print_stdout, reason = "a table is what this is for")]

use std::sync::Arc;

use session_fs_workspace as workspace;
use store::disk::fault::{Fault, FaultPlan};
use store::disk::{FaultDir, RealDir};
use workspace::{
    BaseHandle, BeginOptions, CommitOptions, CommitOutcome, Workspace, WorkspaceOptions,
};

/// Few enough for the log of the calls to hold them all.
const COMMITS: usize = 640;

/// Commits so often in so many threads; tells how often the journal was flushed.
fn run(threads: usize) -> usize {
    let folder = cap_tempfile::tempdir(cap_tempfile::ambient_authority()).expect("a folder");
    let root = RealDir::open(folder.try_clone().expect("a handle")).expect("opens");
    let plan = FaultPlan::new(Fault::NEVER);
    let workspace = Workspace::new(WorkspaceOptions::default());
    let base = workspace.directory(FaultDir::wrap(root, plan.clone()), "file:///flushes");
    let base = base.expect("a base");
    commit(&workspace, &base, "first", 0);
    plan.arm(Fault::NEVER);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (workspace, base) = (&workspace, &base);
            scope.spawn(move || {
                for number in 0..COMMITS / threads {
                    commit(workspace, base, &format!("file-{thread}"), number);
                }
            });
        }
    });
    let log = plan.log();
    let flushes = log
        .iter()
        .filter(|call| call.method == "file.sync_data" && call.name.starts_with("journal"));
    flushes.count()
}

fn commit(workspace: &Workspace, base: &Arc<BaseHandle>, path: &str, number: usize) {
    let session = workspace
        .begin(base, BeginOptions::default())
        .expect("begins");
    session
        .write(path, number.to_string().as_bytes())
        .expect("fits");
    let outcome = workspace.commit(&session, &CommitOptions::default());
    assert!(
        matches!(outcome, Ok(CommitOutcome::Applied(_))),
        "{outcome:?}"
    );
}

fn main() {
    println!("threads  commits  flushes of the journal  commits per flush");
    for threads in [1, 8, 64] {
        let flushes = run(threads);
        let hundredths = COMMITS * 100 / flushes;
        println!(
            "{threads:>7}  {COMMITS:>7}  {flushes:>22}  {:>14}.{:02}",
            hundredths / 100,
            hundredths % 100
        );
    }
}
