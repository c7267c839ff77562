//! Every call of an undo and of dropping old history fails.

use session_fs_workspace::history::{LogFilter, Retention, UndoOutcome};
use session_fs_workspace::{CommitOutcome, WorkspaceError};
use store::disk::CrashDisk;
use store::disk::crash::CrashOptions;

use super::sweep::{Case, Promise, Stage, distinct_ways, promise_of, some_ways};
use super::{BEFORE, SESSION, change, committed};
use crate::rig::{self, Host, visible};

/// A disk with a history: everything is changed, and then a little of it, again and again. And the
/// session of the last change.
fn kept() -> (CrashDisk, String) {
    let disk = rig::prepared(BEFORE, CrashOptions::default());
    let host = Host::open(disk.root(), "earlier", None);
    let mut last = String::new();
    for step in 0..4_u8 {
        let session = committed(&host, |session| match step {
            0 => change(session),
            _ => session.write("kept", &[b'0' + step]),
        });
        last = session.id().to_owned();
    }
    drop(host);
    (disk.fork(), last)
}

/// Undoes the first change as its caller does: nothing is done unless all of it can be.
fn undo(stage: &Stage) -> Promise {
    stage.arm();
    let Some(host) = Host::try_open(stage.root(), "one", None) else {
        return Promise::NotDone;
    };
    let session = host.begin();
    let undone = || {
        let history = host
            .workspace
            .history(&host.base)?
            .expect("there is a store");
        let page = history
            .log(&LogFilter::default(), None, 9)
            .map_err(std::sync::Arc::new)?;
        let first = page
            .entries
            .last()
            .expect("there are changes")
            .id
            .to_string();
        let undone = history.undo(&first, &session, &|_, _, _| None);
        let undone = undone.map_err(std::sync::Arc::new)?;
        match undone {
            UndoOutcome::Prepared(_) => host.commit(&session),
            UndoOutcome::Conflicted(conflicts) => Ok(CommitOutcome::Conflicted(conflicts)),
        }
    };
    match undone() {
        Ok(CommitOutcome::Applied(_)) => Promise::Done,
        // A listing that fails so is one with too many entries, and somebody made those.
        Ok(CommitOutcome::Conflicted(_)) if failed_listing(stage) => Promise::NotDone,
        Ok(other) => panic!("nobody else is here: {other:?}: {:?}", stage.failed()),
        Err(error) => promise_of(&error),
    }
}

fn failed_listing(stage: &Stage) -> bool {
    let methods = ["list", "walk"];
    stage
        .failed()
        .is_some_and(|call| methods.contains(&call.method))
}

#[test]
fn an_undo() {
    let (start, _) = kept();
    let before = visible(&rig::nodes(&start));
    let mut after = visible(&rig::nodes(&rig::bare(BEFORE, CrashOptions::default())));
    after.insert("kept".to_owned(), before["kept"].clone());
    let case = Case {
        start: &start,
        act: &undo,
        unharmed: Promise::Done,
        before: &before,
        after: &after,
        others: &[],
        session: SESSION,
        look: &|_, _| {},
    };
    // Its commit is tried in all of them elsewhere.
    let ways = some_ways();
    let counts = case.sweep(&ways);
    counts.check(100, &ways);
    assert!(counts.not_done > 0 && counts.in_doubt > 0, "{counts:?}");
}

#[test]
fn dropping_old_history() {
    let (start, last) = kept();
    let tree = visible(&rig::nodes(&start));
    let retention = Retention {
        changes_max: Some(2),
        ..Retention::default()
    };
    let act = |stage: &Stage| {
        stage.arm();
        if let Some(host) = Host::try_open(stage.root(), "one", None) {
            let dropped = host.workspace.gc(&host.base, &retention, false);
            let is_known =
                |error: &WorkspaceError| !matches!(error, WorkspaceError::InDoubt { .. });
            assert!(dropped.as_ref().err().is_none_or(is_known), "{dropped:?}");
            assert!(stage.tree() == tree, "history is not the tree: {dropped:?}");
        }
        Promise::Done
    };
    let case = Case {
        start: &start,
        act: &act,
        unharmed: Promise::Done,
        before: &tree,
        after: &tree,
        others: &[],
        session: &last,
        look: &|host, context| {
            // Dropping goes on where it stopped; what is to stay comes back whole.
            let dropped = host.workspace.gc(&host.base, &retention, false);
            let (report, _) = dropped.expect(context).expect("there is a store");
            assert_eq!(report.changes_kept, 2, "{context}");
            let history = host.workspace.history(&host.base);
            let history = history.expect(context).expect("there is a store");
            assert_eq!(history.generations(), Some((3, 4)), "{context}");
            let session = host.begin();
            let page = history.log(&LogFilter::default(), None, 9).expect(context);
            let oldest = page.entries.last().expect(context).id.to_string();
            let undone = history.undo(&oldest, &session, &|_, theirs, _| Some(theirs.to_vec()));
            drop(undone.expect(context));
            let report = host.workspace.doctor(&host.base, false).expect(context);
            assert!(report.expect("there is a store").is_sound(), "{context}");
        },
    };
    let ways = distinct_ways();
    case.sweep(&ways).check(40, &ways);
}
