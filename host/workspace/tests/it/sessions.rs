//! The registry and the limits of a workspace.

use session_fs_workspace::{
    BeginOptions, CommitOptions, CommitOutcome, Workspace, WorkspaceError, WorkspaceLimits,
    WorkspaceOptions,
};
use store::disk::RealDir;
use vfs::{ConflictPolicy, ErrorKind, Status};

use crate::scene::{Scene, paths};

fn limited(limits: WorkspaceLimits) -> Workspace {
    Workspace::new(WorkspaceOptions {
        limits,
        ..WorkspaceOptions::default()
    })
}

fn which(error: &WorkspaceError) -> &'static str {
    assert_eq!(error.kind(), ErrorKind::Limit);
    match error {
        WorkspaceError::Limit { which, .. }
        | WorkspaceError::Session(vfs::Error::Quota { which, .. }) => which,
        other => panic!("expected a limit: {other}"),
    }
}

#[test]
fn a_session_is_listed_until_it_is_settled_or_dropped() {
    let scene = Scene::new(&[]);
    let workspace = &scene.workspace;
    for base in [scene.base.clone(), workspace.memory("m")] {
        let begin = || {
            workspace
                .begin(&base, BeginOptions::default())
                .expect("begins")
        };
        let [committed, rolled_back, dropped] = [begin(), begin(), begin()];
        let nested = workspace
            .begin_nested(&dropped, BeginOptions::default())
            .expect("begins");
        let forked = workspace
            .fork(&dropped, BeginOptions::default())
            .expect("forks");
        assert_eq!(workspace.sessions_count(), 5);
        committed.write("a", b"1").expect("writes");
        assert!(
            workspace
                .commit(&committed, &CommitOptions::default())
                .is_ok()
        );
        workspace.rollback(&rolled_back).expect("rolls back");
        assert_eq!(workspace.sessions_count(), 3);
        let handle = dropped.root().expect("a root");
        drop(dropped);
        drop(forked);
        assert_eq!(
            workspace.sessions_count(),
            2,
            "a handle and a child hold their session"
        );
        drop(handle);
        assert_eq!(workspace.sessions_count(), 2);
        drop(nested);
        assert_eq!(workspace.sessions_count(), 0);
    }
}

#[test]
fn a_settled_session_and_a_strangers_are_told_apart() {
    let scene = Scene::new(&[]);
    let session = scene.begin();
    scene.workspace.rollback(&session).expect("rolls back");
    let closed = scene.workspace.commit(&session, &CommitOptions::default());
    assert!(matches!(
        closed,
        Err(WorkspaceError::Session(vfs::Error::Closed { .. }))
    ));
    let other = limited(WorkspaceLimits::default());
    let strange = other.commit(&scene.begin(), &CommitOptions::default());
    assert!(
        matches!(strange, Err(WorkspaceError::UnknownSession { .. })),
        "{strange:?}"
    );
}

#[test]
fn one_directory_has_one_handle() {
    let scene = Scene::new(&[("d/x", "1")]);
    let open = |path: &str| {
        let dir = scene.folder.open_dir(path).expect("opens");
        let root = RealDir::open(dir).expect("a directory");
        scene.workspace.directory(root, path).expect("a base")
    };
    assert!(std::sync::Arc::ptr_eq(&open("."), &scene.base));
    assert!(!std::sync::Arc::ptr_eq(&open("d"), &scene.base));
}

#[test]
fn limits_are_named_and_take_nothing() {
    let workspace = limited(WorkspaceLimits {
        sessions_max: 1,
        ..WorkspaceLimits::default()
    });
    let base = workspace.memory("m");
    let held = workspace
        .begin(&base, BeginOptions::default())
        .expect("begins");
    let refused = workspace
        .begin(&base, BeginOptions::default())
        .expect_err("one is the limit");
    assert_eq!(which(&refused), "sessions");
    drop(held);
    let purpose = Some("p".repeat(70_000));
    let refused = workspace.begin(
        &base,
        BeginOptions {
            purpose,
            ..BeginOptions::default()
        },
    );
    assert_eq!(which(&refused.expect_err("too long")), "metadata-bytes");
    let session = workspace
        .begin(&base, BeginOptions::default())
        .expect("begins");
    session.write("a", b"1").expect("writes");
    let options = CommitOptions {
        message: Some("m".repeat(70_000)),
        ..CommitOptions::default()
    };
    let refused = workspace.commit(&session, &options).expect_err("too long");
    assert_eq!(which(&refused), "message-bytes");
    assert!(
        workspace
            .commit(&session, &CommitOptions::default())
            .is_ok()
    );
}

#[test]
fn a_record_over_its_limit_commits_nothing() {
    let limits = WorkspaceLimits {
        change_bytes_max: 100,
        ..WorkspaceLimits::default()
    };
    let workspace = limited(limits);
    let scene = Scene::new(&[]);
    let root = RealDir::open(scene.folder.try_clone().expect("a handle")).expect("a directory");
    let directory = workspace.directory(root, "file:///scene").expect("a base");
    for base in [directory, workspace.memory("m")] {
        let session = workspace
            .begin(&base, BeginOptions::default())
            .expect("begins");
        session.write("a", b"1").expect("writes");
        let refused = workspace.commit(&session, &CommitOptions::default());
        assert_eq!(which(&refused.expect_err("too long")), "change-bytes");
        assert_eq!(base.generation(), 0);
    }
    assert!(scene.tree().is_empty());
}

#[test]
fn memory_is_counted_for_the_whole_workspace() {
    let limits = WorkspaceLimits {
        memory_bytes_max: 100_000,
        ..WorkspaceLimits::default()
    };
    let workspace = limited(limits);
    let scene = Scene::new(&[]);
    let base = workspace.memory("m");
    let [one, two] = [(); 2].map(|()| {
        workspace
            .begin(&base, BeginOptions::default())
            .expect("begins")
    });
    one.write("a", &[1; 60_000]).expect("fits");
    let refused = two
        .write("b", &[2; 60_000])
        .expect_err("does not fit beside the other");
    assert!(matches!(refused, vfs::Error::Quota { .. }), "{refused}");
    workspace.rollback(&one).expect("rolls back");
    two.write("b", &[2; 60_000]).expect("fits now");
    drop(two);
    assert!(
        workspace.meter().used() < 10_000,
        "{}",
        workspace.meter().used()
    );
    drop(scene);
}

/// A session whose parent was moved onto a newer state conflicts where that matters, and can be moved
/// after it or thrown away.
#[test]
fn a_nested_session_follows_its_parent_that_was_rebased() {
    for policy in [ConflictPolicy::Fail, ConflictPolicy::Merge] {
        let scene = Scene::new(&[("seen", "old"), ("other", "0")]);
        let parent = scene.begin();
        parent.write("parents", b"1").expect("written");
        let nested = scene
            .workspace
            .begin_nested(&parent, BeginOptions::default());
        let nested = nested.expect("begins");
        assert_eq!(nested.read("seen").expect("read"), b"old");
        nested.write("nested", b"2").expect("written");
        let rival = scene.begin();
        rival.write("seen", b"new").expect("written");
        scene.applied(&rival);
        let rebased = scene.workspace.rebase(&parent, ConflictPolicy::Fail);
        assert!(rebased.expect("rebased").conflicts.is_empty());
        assert_eq!(parent.read("seen").expect("read"), b"new");
        let options = CommitOptions {
            on_conflict: policy,
            ..CommitOptions::default()
        };
        let preview = scene
            .workspace
            .preview(&nested, &options)
            .expect("foretold");
        let outcome = scene.workspace.commit(&nested, &options).expect("answered");
        match (policy, &outcome) {
            (ConflictPolicy::Fail, CommitOutcome::Conflicted(conflicts)) => {
                assert_eq!(preview.rebased.conflicts, *conflicts);
                assert_eq!(paths(conflicts), ["seen"]);
                assert_eq!(nested.status(), Status::Open);
                let moved = scene.workspace.rebase(&nested, ConflictPolicy::Fail);
                assert!(moved.expect("rebased").conflicts.is_empty());
                assert_eq!(nested.read("seen").expect("read"), b"new");
                let again = scene.workspace.commit(&nested, &options);
                assert!(matches!(again, Ok(CommitOutcome::Applied(_))), "{again:?}");
            }
            // Nothing stands in the way of it: it is moved by itself.
            (ConflictPolicy::Merge, CommitOutcome::Applied(_)) => {
                assert!(preview.rebased.conflicts.is_empty(), "{preview:?}");
            }
            _ => panic!("{policy:?}: {outcome:?}"),
        }
        assert_eq!(parent.read("nested").expect("committed"), b"2");
        scene.applied(&parent);
        assert_eq!(scene.text("nested"), "2");
    }
}
