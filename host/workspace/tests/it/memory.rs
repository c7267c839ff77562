//! Memory bases and nested sessions: the same change sets, applied to another session.

use session_fs_workspace::{BaseKind, BeginOptions, CommitOptions, CommitOutcome, Workspace};
use session_fs_workspace::{UNCHANGED, WorkspaceOptions};
use vfs::{Limits, Session, Status};

use crate::scene::{Scene, expected, paths};

fn workspace() -> Workspace {
    Workspace::new(WorkspaceOptions::default())
}

fn begin(workspace: &Workspace, base: &str) -> Session {
    let base = workspace.memory(base);
    workspace
        .begin(&base, BeginOptions::default())
        .expect("begins")
}

fn nested(workspace: &Workspace, parent: &Session) -> Session {
    workspace
        .begin_nested(parent, BeginOptions::default())
        .expect("begins")
}

fn commit(workspace: &Workspace, session: &Session) -> CommitOutcome {
    workspace
        .commit(session, &CommitOptions::default())
        .expect("commits")
}

fn applied(workspace: &Workspace, session: &Session) -> u64 {
    match commit(workspace, session) {
        CommitOutcome::Applied(change) => {
            assert_eq!(session.status(), Status::Committed(change.id.to_string()));
            change.generation
        }
        other => panic!("expected it to be applied: {other:?}"),
    }
}

#[test]
fn a_memory_base_keeps_what_was_committed() {
    let workspace = workspace();
    let base = workspace.memory("a");
    assert_eq!(
        (base.name(), base.kind(), base.generation()),
        ("vfs://a", BaseKind::Memory, 0)
    );
    let session = begin(&workspace, "a");
    session.mkdir("d").expect("makes");
    session.write("d/f", b"1").expect("writes");
    assert_eq!(applied(&workspace, &session), 1);
    assert_eq!(begin(&workspace, "a").read("d/f").expect("there"), b"1");
    assert!(
        !begin(&workspace, "b").exists("d").expect("asks"),
        "another base"
    );
    let rolled_back = begin(&workspace, "a");
    rolled_back.remove_all("d").expect("removes");
    workspace.rollback(&rolled_back).expect("rolls back");
    assert!(begin(&workspace, "a").exists("d/f").expect("asks"));
    assert_eq!(base.generation(), 1);
}

#[test]
fn sessions_over_memory_conflict_by_path() {
    let workspace = workspace();
    let first = begin(&workspace, "a");
    first.write("a", b"1").expect("writes");
    applied(&workspace, &first);
    let [one, two, three] = [(); 3].map(|()| begin(&workspace, "a"));
    one.write("a", b"one").expect("writes");
    two.write("b", b"two").expect("writes");
    three.write("a", b"three").expect("writes");
    three.write("b", b"three").expect("writes");
    applied(&workspace, &one);
    assert_eq!(applied(&workspace, &two), 3);
    let CommitOutcome::Conflicted(conflicts) = commit(&workspace, &three) else {
        panic!("expected conflicts")
    };
    assert_eq!(paths(&conflicts), ["a", "b"]);
    assert_eq!(three.status(), Status::Open);
    let late = begin(&workspace, "a");
    assert_eq!(late.read("a").expect("there"), b"one");
    assert_eq!(late.read("b").expect("there"), b"two");
}

#[test]
fn nested_sessions_reach_the_base_only_through_every_parent() {
    for memory in [true, false] {
        let scene = Scene::new(&[]);
        let base = if memory {
            scene.workspace.memory("m")
        } else {
            scene.base.clone()
        };
        let workspace = &scene.workspace;
        let outer = workspace
            .begin(&base, BeginOptions::default())
            .expect("begins");
        let mut chain = vec![outer];
        for depth in 0..10 {
            let session = nested(workspace, chain.last().expect("not empty"));
            session.write(&format!("f{depth}"), b"x").expect("writes");
            chain.push(session);
        }
        // The sixth and what is inside it is thrown away.
        for session in chain.drain(6..).rev() {
            workspace.rollback(&session).expect("rolls back");
        }
        while let Some(session) = chain.pop() {
            assert_eq!(base.generation(), 0, "only the outermost reaches the base");
            let generation = applied(workspace, &session);
            assert_eq!(generation, u64::from(chain.is_empty()));
        }
        let seen = workspace
            .begin(&base, BeginOptions::default())
            .expect("begins");
        let names: Vec<_> = (0..10)
            .filter(|depth| seen.exists(&format!("f{depth}")).expect("asks"))
            .collect();
        assert_eq!(names, [0, 1, 2, 3, 4]);
        if !memory {
            let files: Vec<_> = (0..5).map(|depth| format!("f{depth}")).collect();
            let files: Vec<_> = files.iter().map(|name| (name.as_str(), "x")).collect();
            assert_eq!(scene.tree(), expected(&files));
        }
        assert_eq!(workspace.sessions_count(), 1);
    }
}

#[test]
fn siblings_conflict_in_their_parent_and_not_in_the_base() {
    let scene = Scene::new(&[("a", "1")]);
    let parent = scene.begin();
    let [one, two] = [(); 2].map(|()| nested(&scene.workspace, &parent));
    one.write("a", b"one").expect("writes");
    two.write("a", b"two").expect("writes");
    applied(&scene.workspace, &one);
    assert_eq!(paths(&scene.conflicts(&two)), ["a"]);
    scene.workspace.rollback(&two).expect("rolls back");
    scene.applied(&parent);
    assert_eq!(scene.tree(), expected(&[("a", "one")]));
}

#[test]
fn a_session_whose_parent_is_settled_says_so() {
    let scene = Scene::new(&[]);
    let parent = scene.begin();
    let child = nested(&scene.workspace, &parent);
    child.write("a", b"1").expect("writes");
    scene.workspace.rollback(&parent).expect("rolls back");
    let refused = scene.workspace.commit(&child, &CommitOptions::default());
    let refused = refused.expect_err("the parent is gone").to_string();
    assert!(
        refused.contains(parent.id()) && refused.contains("rolled back"),
        "{refused}"
    );
    let orphaned =
        matches!(child.status(), Status::Orphaned { ancestor, .. } if ancestor == parent.id());
    assert!(orphaned, "{}", child.status());
}

#[test]
fn a_fork_goes_where_its_twin_goes() {
    let scene = Scene::new(&[("a", "1")]);
    let session = scene.begin();
    session.write("a", b"2").expect("writes");
    let fork = scene
        .workspace
        .fork(&session, BeginOptions::default())
        .expect("forks");
    fork.write("b", b"3").expect("writes");
    scene.workspace.rollback(&session).expect("rolls back");
    scene.applied(&fork);
    assert_eq!(scene.tree(), expected(&[("a", "2"), ("b", "3")]));
}

#[test]
fn a_session_that_did_nothing_is_closed_as_unchanged() {
    let workspace = workspace();
    let outer = begin(&workspace, "a");
    let inner = nested(&workspace, &outer);
    inner.write("t", b"1").expect("writes");
    inner.remove("t").expect("removes");
    for session in [&inner, &outer] {
        assert!(matches!(
            commit(&workspace, session),
            CommitOutcome::Unchanged
        ));
        assert_eq!(session.status(), Status::Committed(UNCHANGED.to_owned()));
    }
    assert_eq!(workspace.memory("a").generation(), 0);
}

#[test]
fn nesting_is_as_deep_over_memory_as_over_a_directory() {
    let session_limits = Limits {
        nesting_depth_max: 2,
        ..Limits::default()
    };
    let workspace = Workspace::new(WorkspaceOptions {
        session_limits,
        ..Default::default()
    });
    let one = begin(&workspace, "a");
    let two = nested(&workspace, &one);
    let refused = workspace.begin_nested(&two, BeginOptions::default());
    assert!(refused.is_err(), "the head of the base counts as one");
}
