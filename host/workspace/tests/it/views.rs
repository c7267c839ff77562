//! What sessions see of a directory while others commit to it: one generation, whole.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use session_fs_workspace::{
    Acknowledge, BaseHandle, BeginOptions, CommitOptions, CommitOutcome, Workspace,
    WorkspaceOptions,
};
use vfs::{ConflictPolicy, Kind, Session};

use crate::acting::{ActingDir, Hook};
use crate::scene::{Scene, expected};

/// What stands at which path; directories have no content.
type Seen = BTreeMap<String, Option<Vec<u8>>>;

/// Everything that a session sees.
fn seen(session: &Session) -> Seen {
    let mut all = BTreeMap::new();
    let mut open = vec![String::new()];
    while let Some(dir) = open.pop() {
        let page = session.list(&dir, None, usize::MAX).expect("lists");
        for entry in page.entries {
            let path = match dir.as_str() {
                "" => entry.name.to_string(),
                dir => format!("{dir}/{}", entry.name),
            };
            match entry.kind {
                Kind::Directory => {
                    all.insert(path.clone(), None);
                    open.push(path);
                }
                _ => {
                    let content = session.read(&path).expect("reads");
                    all.insert(path, Some(content));
                }
            }
        }
    }
    all
}

/// A session that begins while others commit never sees a part of a commit.
#[test]
fn nobody_sees_half_a_commit() {
    // On a disk a flush for each commit takes minutes when others use it as well.
    let scene = Scene::on(
        &[("a", "0"), ("b", "0"), ("d/c", "0"), ("d/n-0", "")],
        ActingDir::quiet,
    );
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for number in 1..150 {
                let session = scene.begin();
                for path in ["a", "b", "d/c"] {
                    let text = number.to_string();
                    session.write(path, text.as_bytes()).expect("writes");
                }
                let (old, new) = (format!("d/n-{}", number - 1), format!("d/n-{number}"));
                session.remove(&old).expect("removes");
                session.write(&new, b"").expect("writes");
                scene.applied(&session);
            }
        });
        let mut is_over = false;
        while !is_over {
            is_over = writer.is_finished();
            let session = scene.begin();
            let all = ["a", "b", "d/c"].map(|path| session.read(path).expect("reads"));
            assert!(all.iter().all(|one| *one == all[0]), "{all:?}");
            let page = session.list("d", None, usize::MAX).expect("lists");
            let names: Vec<_> = page.entries.iter().map(|entry| &*entry.name).collect();
            let number = String::from_utf8_lossy(&all[0]);
            assert_eq!(names, ["c", &format!("n-{number}")]);
        }
    });
}

/// What was seen at the beginning is seen to the end, whatever is committed and checkpointed since.
#[test]
fn an_open_session_stays_in_its_generation() {
    let scene = Scene::new(&[("kept", "1"), ("gone/x", "2"), ("moved/y", "3"), ("z", "4")]);
    let session = scene.begin();
    let held = session.root().expect("opens");
    let other = scene.begin();
    other.write("kept", b"new").expect("writes");
    other.remove_all("gone").expect("removes");
    other.rename("moved", "elsewhere").expect("renames");
    other.write("elsewhere/y", b"new").expect("writes");
    other.write("new", b"new").expect("writes");
    other.rename("z", "gone").expect("renames");
    scene.applied(&other);
    let before = [
        ("gone", None),
        ("gone/x", Some(b"2".to_vec())),
        ("kept", Some(b"1".to_vec())),
        ("moved", None),
        ("moved/y", Some(b"3".to_vec())),
        ("z", Some(b"4".to_vec())),
    ];
    let before: BTreeMap<_, _> = before.map(|(path, node)| (path.to_owned(), node)).into();
    assert_eq!(seen(&session), before);
    scene.base.checkpoint().expect("checkpoints");
    let again = scene.workspace.begin(&scene.base, BeginOptions::default());
    assert_eq!(seen(&session), before, "from the objects");
    assert!(seen(&again.expect("begins")).contains_key("elsewhere/y"));
    drop(held);
    assert_eq!(
        scene.tree(),
        expected(&[
            ("kept", "new"),
            ("elsewhere/y", "new"),
            ("new", "new"),
            ("gone", "4"),
        ])
    );
}

/// Whoever listed a directory began anew when something was committed to it meanwhile, and never came
/// to an end where commits were faster.
#[test]
fn a_directory_is_listed_however_much_is_committed_to_it() {
    const COMMITS_MAX: usize = 20;
    type Base = (Workspace, Arc<BaseHandle>);
    let (base, armed): (Arc<OnceLock<Base>>, Arc<AtomicBool>) = Default::default();
    let commits_count = Arc::new(AtomicUsize::new(0));
    let hook: Hook = {
        let (base, armed, count) = (base.clone(), armed.clone(), commits_count.clone());
        Arc::new(move |_, method| {
            if method != "list" || !armed.swap(false, Ordering::Relaxed) {
                return;
            }
            let number = count.fetch_add(1, Ordering::Relaxed);
            let (workspace, base) = base.get().expect("is set before it is armed");
            let session = workspace.begin(base, BeginOptions::default());
            let session = session.expect("begins");
            let name = format!("d/new-{number}");
            session.write(&name, b"new").expect("writes");
            session.rename("d/a", "d/b").ok();
            let outcome = workspace.commit(&session, &CommitOptions::default());
            assert!(
                matches!(outcome, Ok(CommitOutcome::Applied(_))),
                "{outcome:?}"
            );
            armed.store(number + 1 < COMMITS_MAX, Ordering::Relaxed);
        })
    };
    let scene = Scene::on(&[("d/a", "1"), ("d/z", "2")], |disk| {
        ActingDir::wrap(disk, hook)
    });
    let reader = scene.begin();
    let pair = (scene.workspace, scene.base);
    assert!(base.set(pair).is_ok());
    armed.store(true, Ordering::Relaxed);
    let page = reader.list("d", None, usize::MAX).expect("lists");
    armed.store(false, Ordering::Relaxed);
    let names: Vec<_> = page.entries.iter().map(|entry| &*entry.name).collect();
    assert_eq!(names, ["a", "z"], "as it was in the beginning");
    assert_eq!(
        commits_count.load(Ordering::Relaxed),
        1,
        "it is listed once"
    );
}

/// A file that is open when a commit replaces it goes on being what it was.
#[test]
fn an_open_file_survives_its_replacement() {
    let scene = Scene::new(&[("a", "before")]);
    let session = scene.begin();
    assert_eq!(session.read_range("a", 0, 3).expect("reads"), b"bef");
    let other = scene.begin();
    other.write("a", b"after!").expect("writes");
    scene.applied(&other);
    assert_eq!(session.read_range("a", 3, 3).expect("reads"), b"ore");
    session.append("a", b"+").expect("appends");
    assert_eq!(session.read("a").expect("reads"), b"before+");
    let conflicts = scene.conflicts(&session);
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
}

#[test]
fn a_durable_acknowledgement_is_seen_by_whoever_begins_then() {
    let scene = Scene::new(&[("a", "0")]);
    let options = CommitOptions {
        acknowledge: Acknowledge::Durable,
        ..CommitOptions::default()
    };
    for number in 1..100 {
        let session = scene.begin();
        let text = number.to_string();
        session.write("a", text.as_bytes()).expect("writes");
        let outcome = scene.workspace.commit(&session, &options);
        assert!(
            matches!(outcome, Ok(CommitOutcome::Applied(_))),
            "{outcome:?}"
        );
        assert_eq!(scene.begin().read("a").expect("reads"), text.as_bytes());
    }
    scene.base.checkpoint().expect("checkpoints");
    assert_eq!(scene.text("a"), "99");
}

/// Without its identity a store was made anew, and what it had kept was removed.
#[test]
fn a_store_that_lost_its_identity_is_left_alone() {
    let scene = Scene::new(&[("a", "1")]);
    let session = scene.begin();
    session.write("a", b"2").expect("writes");
    scene.applied(&session);
    drop(session);
    let Scene {
        folder,
        workspace,
        base,
    } = scene;
    drop((workspace, base));
    folder.remove_file(".session-fs/store").expect("removes");
    let scene = Scene::over(folder);
    let before = scene.whole_tree();
    assert!(scene.base.trouble().is_some());
    let session = scene.begin();
    assert_eq!(session.read("a").expect("reading goes on"), b"2");
    session.write("a", b"3").expect("writes");
    let outcome = scene.workspace.commit(&session, &CommitOptions::default());
    let error = outcome.expect_err("the store is damaged");
    assert!(error.to_string().contains("store"), "{error}");
    assert_eq!(scene.whole_tree(), before);
}

/// A checkpoint that came due waited for changes that were to be applied after it, by one thread.
#[test]
fn durable_acknowledgements_go_on_through_checkpoints() {
    const THREADS: usize = 4;
    const COMMITS: usize = 200;
    let scene = Scene::on(&[], ActingDir::quiet);
    let options = CommitOptions {
        acknowledge: Acknowledge::Durable,
        ..CommitOptions::default()
    };
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (scene, options) = (&scene, &options);
            scope.spawn(move || {
                for number in 0..COMMITS {
                    let session = scene.begin();
                    let path = format!("{thread}-{number}");
                    session.write(&path, path.as_bytes()).expect("writes");
                    let outcome = scene.workspace.commit(&session, options);
                    assert!(
                        matches!(outcome, Ok(CommitOutcome::Applied(_))),
                        "{outcome:?}"
                    );
                }
            });
        }
    });
    scene.base.checkpoint().expect("checkpoints");
    assert_eq!(scene.tree().len(), THREADS * COMMITS);
}

#[test]
fn two_sessions_that_changed_one_file_are_merged() {
    let lines: String = (0..40).map(|line| format!("line {line}\n")).collect();
    let scene = Scene::new(&[("a", &lines), ("b", "1")]);
    let (one, two) = (scene.begin(), scene.begin());
    one.edit("a", "line 3\n", "LINE 3\n", 1).expect("edits");
    two.edit("a", "line 30\n", "LINE 30\n", 1).expect("edits");
    two.write("c", b"2").expect("writes");
    scene.applied(&one);
    assert_eq!(scene.conflicts(&two).len(), 1);
    let policy = ConflictPolicy::Merge;
    let options = CommitOptions {
        on_conflict: policy,
        ..CommitOptions::default()
    };
    let preview = scene.workspace.preview(&two, &options).expect("previews");
    assert_eq!(preview.rebased.merged.len(), 1);
    let diff = preview.diff.expect("short");
    assert!(
        diff.contains("+LINE 30") && !diff.contains("LINE 3\n"),
        "{diff}"
    );
    let outcome = scene.workspace.commit(&two, &options).expect("commits");
    assert!(matches!(outcome, CommitOutcome::Applied(_)), "{outcome:?}");
    let merged = lines
        .replace("line 3\n", "LINE 3\n")
        .replace("line 30\n", "LINE 30\n");
    assert_eq!(scene.text("a"), merged);
    assert_eq!(scene.text("c"), "2");
}

#[test]
fn a_part_is_committed_and_the_rest_stays_open() {
    let scene = Scene::new(&[("a", "1"), ("d/b", "2")]);
    let session = scene.begin();
    for path in ["a", "d/b", "d/c"] {
        session.write(path, b"new").expect("writes");
    }
    let options = CommitOptions {
        paths: vec![vfs::VPath::parse("d").expect("valid")],
        ..CommitOptions::default()
    };
    let outcome = scene.workspace.commit(&session, &options).expect("commits");
    assert!(matches!(outcome, CommitOutcome::Applied(_)), "{outcome:?}");
    let part = [("a", "1"), ("d/b", "new"), ("d/c", "new")];
    assert_eq!(scene.tree(), expected(&part));
    let rest: Vec<String> = session
        .changes()
        .expect("open")
        .iter()
        .map(|entry| entry.path.to_string())
        .collect();
    assert_eq!(rest, ["a"]);
    scene.applied(&session);
    assert_eq!(scene.text("a"), "new");
}

#[test]
fn a_serializable_commit_minds_what_was_read() {
    let scene = Scene::new(&[("read", "1"), ("d/x", "1"), ("unseen", "1")]);
    let options = CommitOptions {
        isolation: vfs::Isolation::Serializable,
        ..CommitOptions::default()
    };
    let check = |act: &dyn Fn(&Session), meanwhile: &dyn Fn(), expected: &[&str]| {
        let session = scene.begin();
        act(&session);
        session.append("written", b"1").expect("writes");
        meanwhile();
        match scene.workspace.commit(&session, &options).expect("commits") {
            CommitOutcome::Conflicted(conflicts) => {
                let paths = conflicts.iter().map(|conflict| conflict.path.to_string());
                assert_eq!(paths.collect::<Vec<_>>(), expected);
                let reasons = conflicts.iter().map(|conflict| conflict.reason);
                assert!(
                    reasons
                        .into_iter()
                        .all(|reason| reason == vfs::ConflictReason::ReadMoved)
                );
            }
            outcome => assert!(expected.is_empty(), "{outcome:?}"),
        }
    };
    let write = |path: &str| scene.folder.write(path, "other").expect("writes");
    check(&|s| drop(s.read("read")), &|| write("unseen"), &[]);
    check(&|s| drop(s.read("read")), &|| write("read"), &["read"]);
    check(
        &|s| drop(s.exists("absent")),
        &|| write("absent"),
        &["absent"],
    );
    check(&|s| drop(s.list("d", None, 10)), &|| write("d/new"), &["d"]);
    check(&|s| drop(s.list("d", None, 10)), &|| {}, &[]);
}

/// Threads that commit to files of their own share flushes, and each finds what it wrote.
#[test]
fn commits_side_by_side_are_all_applied() {
    const THREADS: usize = 8;
    const COMMITS: usize = 20;
    let scene = Scene::new(&[]);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let scene = &scene;
            scope.spawn(move || {
                for number in 0..COMMITS {
                    let session = scene.begin();
                    let text = number.to_string();
                    let path = format!("file-{thread}");
                    session.write(&path, text.as_bytes()).expect("writes");
                    let outcome = scene.workspace.commit(&session, &CommitOptions::default());
                    assert!(
                        matches!(outcome, Ok(CommitOutcome::Applied(_))),
                        "{outcome:?}"
                    );
                }
            });
        }
    });
    let generation = scene.base.generation();
    assert_eq!(generation, (THREADS * COMMITS) as u64);
    let history = scene.workspace.history(&scene.base).expect("opens");
    let page = history
        .expect("there is one")
        .log(&Default::default(), None, 1_000);
    assert_eq!(page.expect("reads").entries.len(), THREADS * COMMITS);
    for thread in 0..THREADS {
        assert_eq!(scene.text(&format!("file-{thread}")), "19");
    }
}

/// Two workspaces over one folder are two processes: each finds what the other one did.
#[test]
fn two_processes_take_turns() {
    let scene = Scene::new(&[("a", "0")]);
    let other = Workspace::new(WorkspaceOptions::default());
    let root = store::disk::RealDir::open(scene.folder.try_clone().expect("a handle"));
    let base = other
        .directory(root.expect("opens"), "file:///scene")
        .expect("a base");
    for number in 1..12_u64 {
        let text = number.to_string();
        let session = if number % 2 == 0 {
            let session = scene.begin();
            session.write("a", text.as_bytes()).expect("writes");
            scene.commit(&session)
        } else {
            let session = other.begin(&base, BeginOptions::default()).expect("begins");
            session.write("a", text.as_bytes()).expect("writes");
            let outcome = other.commit(&session, &CommitOptions::default());
            outcome.expect("commits")
        };
        match session {
            CommitOutcome::Applied(change) => assert_eq!(change.generation, number),
            outcome => panic!("{number}: {outcome:?}"),
        }
    }
    let history = other.history(&base).expect("opens").expect("there is one");
    let page = history.log(&Default::default(), None, 100).expect("reads");
    assert_eq!(page.entries.len(), 11);
}

/// One change of a tree with few names, so that sessions meet.
#[derive(Clone, Debug)]
enum Act {
    Write(&'static str, u8),
    Remove(&'static str),
    Rename(&'static str, &'static str),
}

fn act() -> impl Strategy<Value = Act> {
    let path = || prop::sample::select(vec!["a", "b", "d", "d/a", "d/b", "e", "e/a", "e/d"]);
    prop_oneof![
        3 => (path(), any::<u8>()).prop_map(|(path, byte)| Act::Write(path, byte)),
        1 => path().prop_map(Act::Remove),
        2 => (path(), path()).prop_map(|(source, target)| Act::Rename(source, target)),
    ]
}

fn perform(session: &Session, act: &Act) {
    // Whatever is not possible just now leaves the session as it was.
    drop(match act {
        Act::Write(path, byte) => {
            if let Some((dir, _)) = path.rsplit_once('/') {
                drop(session.mkdir(dir));
            }
            session.write(path, &[*byte])
        }
        Act::Remove(path) => session.remove_all(path),
        Act::Rename(source, target) => session.rename(source, target),
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_session_sees_the_tree_as_it_was(
        commits in prop::collection::vec(prop::collection::vec(act(), 1..6), 1..7),
        checkpoint_at in 0..7_usize,
    ) {
        let scene = Scene::on(&[("a", "1"), ("d/a", "2"), ("e/d/x", "3")], |disk| {
            ActingDir::quiet(disk)
        });
        let mut readers: Vec<(Session, Seen)> = Vec::new();
        for (index, acts) in commits.iter().enumerate() {
            let model = seen(&scene.begin());
            readers.push((scene.begin(), model));
            let session = scene.begin();
            acts.iter().for_each(|act| perform(&session, act));
            drop(scene.commit(&session));
            if index == checkpoint_at {
                scene.base.checkpoint().expect("checkpoints");
            }
        }
        for (reader, model) in &readers {
            prop_assert_eq!(&seen(reader), model);
        }
        let shared: Arc<_> = scene.base.clone();
        drop(readers);
        drop(shared);
    }
}
