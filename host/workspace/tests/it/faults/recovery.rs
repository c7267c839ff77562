//! Every call of an opening, of a recovery and of a checkpoint fails: the next opening does it again.

use session_fs_workspace::WorkspaceError;
use store::disk::crash::CrashOptions;
use store::disk::fault::{Fault, FaultError, FaultPlan};
use store::disk::{CrashDisk, FaultDir};

use super::sweep::{Case, Counts, Promise, Stage, Way, distinct_ways, some_ways};
use super::{BEFORE, Change, SESSION, before_and_after, change, committed, large};
use crate::rig::{self, Host};

/// Disks on which a process died at each call of applying a commit, once its record was there.
fn half_applied(start: &CrashDisk, change: Change) -> Vec<CrashDisk> {
    let attempt = |at| {
        let (disk, plan) = (start.fork(), FaultPlan::new(Fault::NEVER));
        let host = Host::open(FaultDir::wrap(disk.root(), plan.clone()), "one", None);
        let session = host.begin();
        change(&session).expect("the session takes it");
        plan.arm(Fault::forever(at, FaultError::Errno(5)));
        let outcome = host.commit(&session);
        drop((session, host));
        (disk.fork(), outcome)
    };
    let attempts = (0..).map(attempt);
    let attempts = attempts.take_while(|(_, outcome)| outcome.is_err());
    let committed = attempts
        .filter(|(_, outcome)| matches!(outcome, Err(WorkspaceError::NeedsRecovery { .. })));
    committed.map(|(disk, _)| disk).collect()
}

/// Opens a base that is to be recovered, and reads and commits when that can be done.
fn open(stage: &Stage) -> Promise {
    stage.arm();
    let Some(host) = Host::try_open(stage.root(), "two", None) else {
        return Promise::Done;
    };
    let failed_flush = stage.failed_flush();
    let session = host.begin();
    if session.read("kept").is_ok() && session.write("late", b"1").is_ok() {
        let outcome = host.commit(&session);
        // Whether the recovery or the commit after it met the failure, it is known as one.
        assert!(
            !failed_flush || outcome.is_err(),
            "{:?}: {outcome:?}",
            stage.failed()
        );
    }
    Promise::Done
}

fn sweep(start: &CrashDisk, recovered: &CrashDisk, change: Change, ways: &[Way]) -> Counts {
    let (before, after) = before_and_after(start, change);
    let case = Case {
        start: recovered,
        act: &open,
        unharmed: Promise::Done,
        before: &before,
        after: &after,
        others: &["late"],
        session: SESSION,
        look: &|host, context| {
            let history = host.workspace.history(&host.base);
            let history = history.expect(context).expect("there is a store");
            assert!(history.generations().is_some(), "{context}");
        },
    };
    case.sweep(ways)
}

#[test]
fn a_recovery_from_the_middle() {
    let start = rig::prepared(BEFORE, CrashOptions::default());
    for (change, ways) in [
        (change as Change, distinct_ways()),
        (large, some_ways()[..1].to_vec()),
    ] {
        let disks = half_applied(&start, change);
        let counts = sweep(&start, &disks[disks.len() / 2], change, &ways);
        counts.check(100, &ways);
    }
}

/// The ways to fail do not multiply with the places to recover from: two of them do for each.
#[test]
fn a_recovery_from_every_place() {
    let start = rig::prepared(BEFORE, CrashOptions::default());
    let disks = half_applied(&start, change);
    assert!(disks.len() > 60, "only {} places", disks.len());
    let sparse = disks.iter().step_by(16);
    let rounds = sparse.map(|disk| sweep(&start, disk, change, &some_ways()).rounds);
    assert!(rounds.sum::<u64>() > 500);
}

#[test]
fn a_checkpoint() {
    let start = rig::prepared(BEFORE, CrashOptions::default());
    let (before, after) = before_and_after(&start, change);
    let act = |stage: &Stage| {
        let host = Host::open(stage.root(), "one", None);
        drop(committed(&host, change));
        stage.arm();
        let checkpointed = host.base.checkpoint();
        let context = format!("{:?}: {checkpointed:?}", stage.failed());
        assert!(
            stage.tree() == after,
            "a checkpoint changes nothing: {context}"
        );
        if stage.failed_flush() {
            assert!(
                checkpointed.is_err() && host.trouble().is_some(),
                "{context}"
            );
        }
        Promise::Done
    };
    let case = Case {
        start: &start,
        act: &act,
        unharmed: Promise::Done,
        before: &before,
        after: &after,
        others: &[],
        session: SESSION,
        look: &|host, context| {
            // What was replaced is in history, and comes back.
            let history = host.workspace.history(&host.base);
            let history = history.expect(context).expect("there is a store");
            let (session, id) = (host.begin(), host.workspace.outcome(&host.base, SESSION));
            let id = id.expect(context).expect("was committed").to_string();
            let undone = history.undo(&id, &session, &|_, _, _| None);
            drop(undone.expect(context));
            let text = session.read("gone/two/three").expect(context);
            assert_eq!(text, b"three before", "{context}");
        },
    };
    let ways = distinct_ways();
    case.sweep(&ways).check(50, &ways);
}
