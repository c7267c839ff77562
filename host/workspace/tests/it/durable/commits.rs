//! A durable session is committed once, whatever happens in between.

use std::sync::Arc;

use session_fs_workspace::durable::{DurableContext, DurableLimits, SessionState};
use session_fs_workspace::{
    BaseHandle, BeginOptions, ChangeId, CommitOptions, CommitOutcome, DurableError, DurableStore,
    Workspace, WorkspaceError, WorkspaceOptions,
};
use store::disk::RealDir;

use super::{Sessions, TestOutcomes, durable, id};
use crate::scene::{Node, Scene};

fn change() -> ChangeId {
    ChangeId::of_encoding(b"a change")
}

#[test]
fn a_crash_after_the_commit_is_found_out_by_the_next_to_open() {
    let sessions = Sessions::new();
    let session = sessions.begin("0189");
    session.write("file", b"content").expect("written");
    session.save().expect("saved");
    session.settling().expect("noted");
    drop(session);
    sessions
        .outcomes
        .0
        .lock()
        .insert("0189".to_owned(), change());
    let state = |sessions: &Sessions| {
        let summary = sessions.store().summary(&id("0189")).expect("there");
        summary.state
    };
    assert_eq!(state(&sessions), SessionState::Settling);
    match sessions.open_error("0189") {
        DurableError::Committed { change: found, .. } => assert_eq!(found, Some(change())),
        other => panic!("expected it to be committed: {other}"),
    }
    assert_eq!(state(&sessions), SessionState::Committed(Some(change())));
    assert_eq!(sessions.names("0189"), ["meta"]);
}

#[test]
fn a_crash_before_the_commit_leaves_the_session_open() {
    let sessions = Sessions::new();
    let session = sessions.begin("0189");
    session.write("file", b"content").expect("written");
    session.save().expect("saved");
    session.settling().expect("noted");
    drop(session);
    let session = sessions.open("0189");
    assert_eq!(session.read("file").expect("read"), b"content");
    drop(session);
    let summary = sessions.store().summary(&id("0189")).expect("there");
    assert_eq!(summary.state, SessionState::Open);
}

#[test]
fn a_commit_that_failed_is_asked_about_and_one_that_conflicted_is_not() {
    let sessions = Sessions::new();
    let session = sessions.begin("0189");
    let outcome = session.settle(|_| Ok(CommitOutcome::Conflicted(Vec::new())));
    assert!(matches!(outcome, Ok(CommitOutcome::Conflicted(_))));
    drop(session);
    let state = || sessions.store().summary(&id("0189")).expect("there").state;
    assert_eq!(state(), SessionState::Open);
    let session = sessions.open("0189");
    let failed = session.settle(|_| {
        Err(WorkspaceError::Poisoned {
            base: "it".to_owned(),
        })
    });
    assert!(failed.is_err());
    drop(session);
    assert_eq!(state(), SessionState::Settling);
    let session = sessions.open("0189");
    let outcome = session.settle(|_| Ok(CommitOutcome::Unchanged));
    assert!(matches!(outcome, Ok(CommitOutcome::Unchanged)));
    drop(session);
    assert_eq!(state(), SessionState::Committed(None));
}

/// Another process over the directory of a scene: a workspace, its base and its sessions.
fn process(scene: &Scene) -> (Workspace, Arc<BaseHandle>, DurableStore) {
    let open = |path: &str| {
        let dir = scene.folder.open_dir(path).expect("a folder");
        RealDir::open(dir).expect("a directory")
    };
    let workspace = Workspace::new(WorkspaceOptions::default());
    let base = workspace.directory(open("."), "file:///scene");
    scene
        .folder
        .create_dir_all(".session-fs/sessions")
        .expect("made");
    let context = DurableContext {
        key: [5; 32],
        clock: workspace_clock(),
        owner: "a test".to_owned(),
        outcomes: Arc::new(TestOutcomes::default()),
        limits: DurableLimits::default(),
    };
    let store = DurableStore::new(open(".session-fs/sessions"), context);
    (workspace, base.expect("a base"), store)
}

fn workspace_clock() -> Arc<dyn vfs::Clock> {
    Arc::new(vfs::FixedClock::default())
}

#[test]
fn one_process_begins_another_works_and_a_third_commits() {
    let scene = Scene::new(&[("kept", "kept"), ("changed", "before"), ("gone", "gone")]);
    let session_id = {
        let (workspace, base, store) = process(&scene);
        let begun = workspace.begin_durable(&base, &store, BeginOptions::default(), &durable());
        begun.expect("begins").session_id().clone()
    };
    {
        let (workspace, base, store) = process(&scene);
        let session = workspace.open_durable(&base, &store, &session_id);
        let session = session.expect("opens");
        assert_eq!(workspace.sessions_count(), 1);
        session.write("changed", b"after").expect("written");
        session.remove("gone").expect("removed");
        session.save().expect("saved");
        session.remove("kept").expect("removed");
    }
    let (workspace, base, store) = process(&scene);
    let session = workspace.open_durable(&base, &store, &session_id);
    let session = session.expect("opens");
    let outcome = workspace.commit_durable(&session, &CommitOptions::default());
    let Ok(CommitOutcome::Applied(change)) = outcome else {
        panic!("expected it to be applied: {outcome:?}")
    };
    assert_eq!(workspace.sessions_count(), 0);
    drop(session);
    let tree = scene.tree();
    assert_eq!(tree["changed"], Node::File(b"after".to_vec()));
    assert_eq!(tree["kept"], Node::File(b"kept".to_vec()));
    assert!(!tree.contains_key("gone"));
    match workspace.open_durable(&base, &store, &session_id) {
        Err(WorkspaceError::Durable(DurableError::Committed { change: found, .. })) => {
            assert_eq!(found, Some(change.id));
        }
        other => panic!("expected it to be committed: {other:?}"),
    }
}

#[test]
fn what_changed_outside_since_the_session_read_it_conflicts_in_the_next_process_too() {
    let scene = Scene::new(&[("changed", "before")]);
    let (workspace, base, store) = process(&scene);
    let begun = workspace.begin_durable(&base, &store, BeginOptions::default(), &durable());
    let session = begun.expect("begins");
    session.write("changed", b"ours").expect("written");
    session.save().expect("saved");
    let session_id = session.session_id().clone();
    drop((session, workspace, base, store));
    scene
        .folder
        .write("changed", "theirs, which is longer")
        .expect("written");
    let (workspace, base, store) = process(&scene);
    let session = workspace.open_durable(&base, &store, &session_id);
    let session = session.expect("opens");
    let outcome = workspace.commit_durable(&session, &CommitOptions::default());
    assert!(matches!(&outcome, Ok(CommitOutcome::Conflicted(paths)) if paths.len() == 1));
    drop(session);
    let session = workspace.open_durable(&base, &store, &session_id);
    assert_eq!(
        session.expect("still open").read("changed").expect("read"),
        b"ours"
    );
    assert_eq!(scene.text("changed"), "theirs, which is longer");
}

#[test]
fn a_fork_is_a_session_of_its_own() {
    let scene = Scene::new(&[("file", "before")]);
    let (workspace, base, store) = process(&scene);
    let begun = workspace.begin_durable(&base, &store, BeginOptions::default(), &durable());
    let session = begun.expect("begins");
    session.write("file", b"forked").expect("written");
    let fork = workspace.fork_durable(&session, BeginOptions::default(), &durable());
    let fork = fork.expect("forks");
    session.rollback().expect("rolled back");
    let outcome = workspace.commit_durable(&fork, &CommitOptions::default());
    assert!(
        matches!(outcome, Ok(CommitOutcome::Applied(_))),
        "{outcome:?}"
    );
    assert_eq!(scene.text("file"), "forked");
}

#[test]
fn a_base_in_memory_has_no_durable_sessions() {
    let scene = Scene::new(&[]);
    let (workspace, _, store) = process(&scene);
    let memory = workspace.memory("scratch");
    let begun = workspace.begin_durable(&memory, &store, BeginOptions::default(), &durable());
    let refused = begun.map(drop).expect_err("it lives in memory");
    assert!(
        refused
            .to_string()
            .contains("vfs://scratch lives in memory"),
        "{refused}"
    );
    assert_eq!(workspace.sessions_count(), 0);
}
