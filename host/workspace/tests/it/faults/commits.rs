//! Every call of a commit fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use session_fs_workspace::{CommitOptions, CommitOutcome, WorkspaceError};
use store::disk::crash::{CrashOptions, Node};
use store::disk::{CrashDisk, Dir};
use vfs::Status;

use super::sweep::{
    Case, Counts, Promise, Stage, Way, distinct_ways, every_way, promise_of, some_ways,
};
use super::{BEFORE, Change, SESSION, before_and_after, change, committed, large, plain};
use crate::acting::{ActingDir, Hook};
use crate::crash::check::difference;
use crate::rig::{self, Host, Nodes};

/// Commits, and looks at what there is before anything is closed.
fn commit(
    stage: &Stage,
    threads: bool,
    change: Change,
    (before, after): (&Nodes, &Nodes),
) -> Promise {
    let host = Host::make(stage.root(), "one", None, threads).expect("describes the directory");
    let session = host.begin();
    assert_eq!(session.id(), SESSION);
    change(&session).expect("the session takes it");
    stage.arm();
    let outcome = host.commit(&session);
    let context = format!("{:?}: {outcome:?}", stage.failed());
    let promise = match &outcome {
        Ok(CommitOutcome::Applied(_)) => Promise::Done,
        Ok(other) => panic!("nobody else is here, and the session did change: {other:?}"),
        Err(error) => promise_of(error),
    };
    let (found, status) = (stage.tree(), session.status());
    match promise {
        Promise::NotDone => assert_eq!(status, Status::Open, "{context}"),
        _ => assert!(matches!(status, Status::Committed(_)), "{context}"),
    }
    match (promise, outcome.is_ok()) {
        (Promise::Done, true) => {
            assert!(found == *after, "{context}\n{}", difference(after, &found));
        }
        (Promise::Done, false) => assert!(host.trouble().is_some(), "{context}"),
        _ => assert!(
            found == *before,
            "{context}\n{}",
            difference(before, &found)
        ),
    }
    if stage.failed_flush() {
        assert!(
            host.trouble().is_some(),
            "a failed flush poisons: {context}"
        );
        let late = host.begin();
        if late.write("late", b"1").is_ok() {
            let refused = host.commit(&late);
            let is_poisoned = matches!(refused, Err(WorkspaceError::Poisoned { .. }));
            assert!(is_poisoned, "{refused:?}: {context}");
        }
    }
    promise
}

fn sweep(start: &CrashDisk, change: Change, ways: &[Way]) -> Counts {
    sweep_with(start, true, change, ways)
}

fn sweep_with(start: &CrashDisk, threads: bool, change: Change, ways: &[Way]) -> Counts {
    let (before, after) = before_and_after(start, change);
    let case = Case {
        start,
        act: &|stage| commit(stage, threads, change, (&before, &after)),
        unharmed: Promise::Done,
        before: &before,
        after: &after,
        others: &[],
        session: SESSION,
        look: &|_, _| {},
    };
    case.sweep(ways)
}

/// So many calls were made, and each of them failed in each of the ways.
fn check(counts: Counts, calls_min: u64, ways: &[Way]) {
    counts.check(calls_min, ways);
    assert!(
        counts.not_done > 0 && counts.in_doubt > 0 && counts.done > 0,
        "{counts:?}"
    );
}

#[test]
fn a_plain_commit() {
    let (start, ways) = (rig::prepared(BEFORE, CrashOptions::default()), every_way());
    check(sweep(&start, plain, &ways), 60, &ways);
}

#[test]
fn a_commit_with_moves() {
    let (start, ways) = (
        rig::prepared(BEFORE, CrashOptions::default()),
        distinct_ways(),
    );
    check(sweep(&start, change, &ways), 150, &ways);
}

#[test]
fn a_commit_whose_files_are_made_while_it_is_recorded() {
    let (start, ways) = (
        rig::prepared(BEFORE, CrashOptions::default()),
        distinct_ways(),
    );
    check(sweep_with(&start, false, change, &ways), 150, &ways);
}

#[test]
fn a_commit_with_large_contents() {
    let (start, ways) = (rig::prepared(BEFORE, CrashOptions::default()), some_ways());
    check(sweep(&start, large, &ways), 60, &ways);
}

#[test]
fn the_commit_that_makes_the_store() {
    let start = rig::bare(BEFORE, CrashOptions::default());
    // Each time a journal is filled with zeros; the ways were tried above.
    let ways = &some_ways()[..1];
    check(sweep(&start, plain, ways), 90, ways);
}

const THEIRS: &[u8] = b"what somebody else wrote";

/// Commits strictly while somebody else writes to a file, so that all of it is taken back.
fn commit_strictly(stage: &Stage, before: &Nodes) -> Promise {
    let acted = Arc::new(AtomicBool::new(false));
    let armed = Arc::new(AtomicBool::new(false));
    let hook: Hook = {
        let (acted, armed, root) = (acted.clone(), armed.clone(), stage.disk.root());
        Arc::new(move |_, method| {
            let is_time = method == "rename" && armed.load(Ordering::Relaxed);
            if is_time && !acted.swap(true, Ordering::Relaxed) {
                let file = root.open_writable(&rig::name("changed"));
                let written = file.and_then(|file| file.write_at(THEIRS, 0));
                written.expect("they write");
            }
        })
    };
    let root: Arc<dyn Dir> = stage.root_over(|disk| ActingDir::wrap(disk, hook));
    let host = Host::open(root, "one", None);
    let session = host.begin();
    plain(&session).expect("the session takes it");
    armed.store(true, Ordering::Relaxed);
    stage.arm();
    let options = CommitOptions {
        strict: true,
        ..CommitOptions::default()
    };
    let outcome = host.workspace.commit(&session, &options);
    let context = format!("{:?}: {outcome:?}", stage.failed());
    let promise = match &outcome {
        Ok(CommitOutcome::Conflicted(_)) => Promise::NotDone,
        Ok(other) => panic!("somebody else wrote: {other:?}: {context}"),
        Err(error) => promise_of(error),
    };
    match promise {
        Promise::NotDone => {
            assert_eq!(session.status(), Status::Open, "{context}");
            let (mut found, mut before) = (stage.tree(), before.clone());
            found.remove("changed");
            before.remove("changed");
            // Otherwise the next opening completes the taking back.
            let is_complete = host.trouble().is_none();
            assert!(
                !is_complete || found == before,
                "{context}\n{}",
                difference(&before, &found)
            );
        }
        _ => assert!(host.trouble().is_some(), "{context}"),
    }
    drop((session, host));
    let nodes = rig::nodes(&stage.disk);
    let holds = |node: &Node| matches!(node, Node::File { content, .. } if content == THEIRS);
    let is_kept = nodes.values().any(holds);
    assert!(
        is_kept || !acted.load(Ordering::Relaxed),
        "lost what they wrote: {context}"
    );
    promise
}

#[test]
fn a_strict_commit_that_is_taken_back() {
    let (start, ways) = (
        rig::prepared(BEFORE, CrashOptions::default()),
        distinct_ways(),
    );
    let (before, after) = &before_and_after(&start, plain);
    let act = |stage: &Stage| commit_strictly(stage, before);
    let case = Case {
        start: &start,
        act: &act,
        unharmed: Promise::NotDone,
        before,
        after,
        others: &["changed"],
        session: SESSION,
        look: &|host, context| {
            assert!(host.trouble().is_none(), "{context}");
            drop(committed(host, |session| session.write("late", b"1")));
        },
    };
    let counts = case.sweep(&ways);
    assert!(
        counts.calls > 60 && counts.rounds > counts.calls * 2,
        "{counts:?}"
    );
    assert!(
        counts.done + counts.in_doubt > 0 && counts.not_done > 0,
        "{counts:?}"
    );
}

/// Until the record is written a failure costs nothing: the very session commits afterwards, and no
/// attempt leaves a handle open.
#[test]
fn a_session_whose_commit_failed_early_commits_later() {
    use store::disk::FaultDir;
    use store::disk::fault::{Fault, FaultError, FaultPlan};

    let disk = rig::prepared(BEFORE, CrashOptions::default());
    let plan = FaultPlan::new(Fault::NEVER);
    let host = Host::open(FaultDir::wrap(disk.root(), plan.clone()), "one", None);
    let session = host.begin();
    change(&session).expect("the session takes it");
    let mut handles = Vec::new();
    for call in 0.. {
        plan.arm(Fault::once(call, FaultError::Errno(28)));
        let outcome = host.commit(&session);
        let log = plan.log();
        plan.arm(Fault::NEVER);
        let at = log.get(usize::try_from(call).expect("small"));
        match outcome {
            Err(WorkspaceError::InDoubt { .. }) => break,
            Err(_) => handles.push(plan.handles_count()),
            Ok(outcome) => panic!("{at:?}: {outcome:?}"),
        }
        assert_eq!(session.status(), Status::Open);
    }
    assert!(
        handles.len() > 30,
        "only {} calls before the record",
        handles.len()
    );
    // What is opened once and kept is open after the first attempts.
    let settled = handles[handles.len() / 2];
    assert!(handles.iter().all(|count| *count <= settled), "{handles:?}");
}
