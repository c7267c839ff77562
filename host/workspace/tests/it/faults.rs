//! Every call of a commit fails once, and from every call on: the tree is as before, or as after.

use std::sync::Arc;

use session_fs_workspace::{BeginOptions, CommitOptions, CommitOutcome, WorkspaceError};
use store::disk::FaultDir;
use store::disk::fault::{Fault, FaultError, FaultPlan};
use vfs::{Session, Status};

use crate::acting::ActingDir;
use crate::scene::{Scene, Tree};

const EIO: FaultError = FaultError::Errno(5);
const ENOSPC: FaultError = FaultError::Errno(28);

/// What the mixed session starts from.
pub(crate) const BEFORE: &[(&str, &str)] = &[
    ("changed", "changed before"),
    ("dir/inner", "inner before"),
    ("dir/deep/z", "z before"),
    ("gone/one", "one before"),
    ("gone/two/three", "three before"),
    ("link", "-> changed"),
    ("kept", "kept before"),
    ("replaced", "replaced before"),
    ("swap1", "swap1 before"),
    ("swap2", "swap2 before"),
];

/// Something of everything that a session can do.
pub(crate) fn change(session: &Session) -> vfs::Result<()> {
    session.write("changed", b"changed after")?;
    session.mkdir("new/deep")?;
    session.write("new/deep/file", b"file after")?;
    session.symlink("deep", "new/link")?;
    session.rename("dir", "moved")?;
    session.write("moved/inner", b"inner after")?;
    session.rename("swap1", "t")?;
    session.rename("swap2", "swap1")?;
    session.rename("t", "swap2")?;
    session.remove_all("gone")?;
    session.write("gone", b"gone after")?;
    session.remove("link")?;
    session.write("t", b"replaced after")?;
    session.rename("t", "replaced")
}

/// What the mixed session ends with.
pub(crate) fn after() -> Tree {
    let scene = Scene::new(BEFORE);
    let session = scene.begin();
    change(&session).expect("the session takes it");
    scene.applied(&session);
    scene.tree()
}

/// Commits with a fault; `false` when the commit ended before it came.
fn round(fault: Fault, before: &Tree, after: &Tree) -> bool {
    let plan = FaultPlan::new(Fault::NEVER);
    let scene = Scene::on(BEFORE, |disk| {
        FaultDir::wrap(ActingDir::quiet(disk), Arc::clone(&plan))
    });
    let session = scene.begin();
    change(&session).expect("the session takes it");
    plan.arm(fault);
    let outcome = scene.workspace.commit(&session, &CommitOptions::default());
    let fired = plan.fired_count() > 0;
    let log = plan.log();
    let at = fault
        .fail_at
        .and_then(|at| log.get(usize::try_from(at).expect("small")));
    let context = format!("{fault:?} at {at:?}: {outcome:?}");
    plan.arm(Fault::NEVER);
    let tree = scene.tree();
    let committed = match outcome {
        Ok(CommitOutcome::Applied(_)) => {
            assert_eq!(tree, *after, "{context}");
            Some(true)
        }
        Err(WorkspaceError::NeedsRecovery { .. }) => Some(true),
        Err(WorkspaceError::InDoubt { .. }) => {
            assert_eq!(tree, *before, "{context}");
            None
        }
        Err(_) => {
            assert_eq!(session.status(), Status::Open, "{context}");
            assert_eq!(tree, *before, "{context}");
            Some(false)
        }
        Ok(other) => panic!("nobody else is here, and the session did change: {other:?}"),
    };
    if committed != Some(false) {
        assert!(
            matches!(session.status(), Status::Committed(_)),
            "{context}"
        );
    }
    drop(session);
    let Scene {
        folder,
        workspace,
        base,
    } = scene;
    drop((workspace, base));
    let scene = Scene::over(folder);
    assert_eq!(
        scene.base.trouble().map(|error| error.to_string()),
        None,
        "{context}"
    );
    let tree = scene.tree();
    match committed {
        Some(true) => assert_eq!(tree, *after, "{context}"),
        Some(false) => assert_eq!(tree, *before, "{context}"),
        None => assert!(tree == *before || tree == *after, "{context}: {tree:?}"),
    }
    if scene.whole_tree().contains_key(".session-fs/store") {
        assert_eq!(scene.slots(), Vec::<String>::new(), "{context}");
    }
    fired
}

fn every_call(fault: impl Fn(u64) -> Fault) {
    let (before, after) = (Scene::new(BEFORE).tree(), after());
    let calls_count = (0..)
        .take_while(|call| round(fault(*call), &before, &after))
        .count();
    assert!(
        calls_count > 100,
        "the commit made only {calls_count} calls"
    );
}

#[test]
fn one_call_fails_with_an_input_output_error() {
    every_call(|call| Fault::once(call, EIO));
}

#[test]
fn one_call_finds_the_disk_full() {
    every_call(|call| Fault {
        write_prefix_bytes: 3,
        ..Fault::once(call, ENOSPC)
    });
}

#[test]
fn every_call_fails_from_one_on() {
    every_call(|call| Fault::forever(call, EIO));
}

#[test]
fn the_disk_is_full_from_one_call_on() {
    every_call(|call| Fault::forever(call, ENOSPC));
}

#[test]
fn one_call_finds_the_quota_reached() {
    every_call(|call| Fault::once(call, FaultError::Errno(122)));
}

#[test]
fn one_call_is_interrupted() {
    every_call(|call| Fault::once(call, FaultError::Errno(4)));
}

#[test]
fn there_are_no_more_handles_from_one_call_on() {
    every_call(|call| Fault::forever(call, FaultError::Errno(24)));
}

#[test]
fn the_disk_is_read_only_from_one_call_on() {
    every_call(|call| Fault::forever(call, FaultError::Errno(30)));
}

#[test]
fn one_call_writes_only_a_part() {
    every_call(|call| Fault {
        write_prefix_bytes: 9,
        ..Fault::once(call, EIO)
    });
}

/// Until the record is written a failure costs nothing: the very session commits afterwards.
#[test]
fn a_session_whose_commit_failed_early_commits_later() {
    let plan = FaultPlan::new(Fault::NEVER);
    let scene = Scene::on(BEFORE, |disk| {
        FaultDir::wrap(ActingDir::quiet(disk), Arc::clone(&plan))
    });
    // The store is there already, so that each commit makes the same calls.
    let first = scene.begin();
    first.write("first", b"1").expect("writes");
    scene.applied(&first);
    let session = scene.begin();
    change(&session).expect("the session takes it");
    let mut failures_count = 0;
    for call in 0.. {
        plan.arm(Fault::once(call, ENOSPC));
        let outcome = scene.workspace.commit(&session, &CommitOptions::default());
        let log = plan.log();
        plan.arm(Fault::NEVER);
        match outcome {
            Err(WorkspaceError::InDoubt { .. }) => {
                let refused = scene.workspace.begin(&scene.base, BeginOptions::default());
                let session = refused.expect("reading goes on");
                session.write("x", b"1").expect("writes");
                let refused = scene.workspace.commit(&session, &CommitOptions::default());
                assert!(
                    matches!(refused, Err(WorkspaceError::Poisoned { .. })),
                    "{refused:?}"
                );
                break;
            }
            Err(_) => failures_count += 1,
            Ok(outcome) => panic!(
                "{:?}: {outcome:?}",
                log.get(usize::try_from(call).expect("small"))
            ),
        }
        assert_eq!(session.status(), Status::Open);
    }
    assert!(
        failures_count > 30,
        "only {failures_count} calls before the record"
    );
}

#[test]
fn no_commit_is_taken_while_another_process_has_the_turn() {
    use session_fs_workspace::{BeginOptions, Workspace, WorkspaceLimits, WorkspaceOptions};
    use store::disk::RealDir;

    let scene = Scene::new(&[]);
    let open = || RealDir::open(scene.folder.try_clone().expect("a handle")).expect("opens");
    let limits = WorkspaceLimits {
        lock_wait_ms_max: 0,
        ..WorkspaceLimits::default()
    };
    let workspace = Workspace::new(WorkspaceOptions {
        limits,
        ..WorkspaceOptions::default()
    });
    let base = workspace
        .directory(open(), "file:///scene")
        .expect("a base");
    let session = workspace
        .begin(&base, BeginOptions::default())
        .expect("begins");
    session.write("a", b"1").expect("writes");
    let other = open();
    let lock = other.try_lock().expect("locks").expect("is free");
    let refused = workspace.commit(&session, &CommitOptions::default());
    let refused = refused.expect_err("somebody else is committing");
    assert!(matches!(refused, WorkspaceError::Busy { .. }), "{refused}");
    assert_eq!(refused.kind(), vfs::ErrorKind::Retry);
    assert_eq!(
        (session.status(), scene.tree()),
        (Status::Open, Tree::new())
    );
    drop(lock);
    let done = workspace
        .commit(&session, &CommitOptions::default())
        .expect("commits");
    assert!(matches!(done, CommitOutcome::Applied(_)));
}
