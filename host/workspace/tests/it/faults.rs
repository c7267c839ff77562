//! Every call of a commit fails once, and from every call on: the tree is as before, or as after.

use std::collections::BTreeSet;
use std::sync::Arc;

use session_fs_workspace::{CommitOptions, CommitOutcome, WorkspaceError};
use store::disk::FaultDir;
use store::disk::fault::{Fault, FaultError, FaultPlan};
use vfs::{Session, Status};

use crate::acting::ActingDir;
use crate::scene::{Node, Scene, Tree};

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

/// A tree without the store's own folder.
pub(crate) fn visible(tree: &Tree) -> Tree {
    let own = |path: &str| path == ".session-fs" || path.starts_with(".session-fs/");
    tree.iter()
        .filter(|(path, _)| !own(path))
        .map(|(path, node)| (path.clone(), node.clone()))
        .collect()
}

fn contents(tree: &Tree) -> BTreeSet<&Node> {
    tree.values()
        .filter(|node| **node != Node::Directory)
        .collect()
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
    match outcome {
        Ok(CommitOutcome::Applied(_)) | Err(WorkspaceError::NotDurable { .. }) => {
            assert!(
                matches!(session.status(), Status::Committed(_)),
                "{context}"
            );
            assert_eq!(visible(&tree), *after, "{context}");
        }
        Err(WorkspaceError::NeedsRecovery { ref staging, .. }) => {
            assert!(fault.forever, "one failure can be taken back: {context}");
            assert_eq!(session.status(), Status::Open, "{context}");
            assert!(tree.contains_key(staging), "{context}");
            assert!(contents(&tree).is_superset(&contents(before)), "{context}");
        }
        Err(_) => {
            assert_eq!(session.status(), Status::Open, "{context}");
            assert_eq!(visible(&tree), *before, "{context}");
        }
        Ok(other) => panic!("nobody else is here, and the session did change: {other:?}"),
    }
    let bytes_are_kept = match &outcome {
        // What could not be looked at again may have been written to.
        Ok(CommitOutcome::Applied(change)) => !change.displaced.is_empty(),
        Err(WorkspaceError::NeedsRecovery { .. } | WorkspaceError::NotDurable { .. }) => true,
        _ => false,
    };
    if !fault.forever && !bytes_are_kept {
        assert_eq!(visible(&tree), tree, "nothing is left behind: {context}");
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

/// Until something is visible, a failure costs nothing: the very session commits afterwards.
#[test]
fn a_session_whose_staging_failed_commits_later() {
    let plan = FaultPlan::new(Fault::NEVER);
    let scene = Scene::on(BEFORE, |disk| {
        FaultDir::wrap(ActingDir::quiet(disk), Arc::clone(&plan))
    });
    let session = scene.begin();
    change(&session).expect("the session takes it");
    for call in 0.. {
        plan.arm(Fault::once(call, ENOSPC));
        let outcome = scene.workspace.commit(&session, &CommitOptions::default());
        let log = plan.log();
        let failed = &log[usize::try_from(call).expect("small")];
        if failed.method == "sync_fs" {
            // Everything is staged; a failed flush closes the base.
            assert!(
                matches!(outcome, Err(WorkspaceError::Io { .. })),
                "{outcome:?}"
            );
            break;
        }
        // What clears up tries twice.
        let error = outcome.expect_err("nothing is visible before the flush");
        assert!(
            matches!(
                error,
                WorkspaceError::Io { .. } | WorkspaceError::Session(_)
            ),
            "{error}"
        );
        assert_eq!(session.status(), Status::Open);
    }
    let again = scene.workspace.commit(&session, &CommitOptions::default());
    assert!(
        matches!(again, Err(WorkspaceError::Poisoned { .. })),
        "{again:?}"
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
