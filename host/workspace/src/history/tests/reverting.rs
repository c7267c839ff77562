//! Restoring a version and undoing a change, in sessions.

use proptest::prelude::*;
use vfs::VPath;

use super::scene::*;
use crate::history::{Availability, HistoryError, UndoOutcome, VersionContent, VersionSelector};

fn undo(
    scene: &Scene,
    generation: u64,
    session: &vfs::Session,
) -> Result<UndoOutcome, HistoryError> {
    let id = scene.id(generation).to_string();
    scene.history().undo(&id, session, &no_merge)
}

fn conflicts(outcome: UndoOutcome) -> Vec<String> {
    match outcome {
        UndoOutcome::Conflicted(conflicts) => conflicts
            .into_iter()
            .map(|conflict| format!("{} {}", conflict.path, conflict.reason.as_str()))
            .collect(),
        UndoOutcome::Prepared(id) => panic!("expected conflicts, {id} was undone"),
    }
}

#[test]
fn a_version_is_restored_under_the_name_of_today_and_with_its_mode() {
    let mut scene = Scene::new(&[("d/tool", "zero")]);
    scene.run(&[Op::Executable("d/tool", true)]);
    scene.run(&[
        Op::Rename("d/tool", "tool"),
        Op::Write("tool", b"two".to_vec()),
        Op::Executable("tool", false),
    ]);
    let session = scene.begin();
    let restored =
        scene
            .history()
            .restore(&path("tool"), &VersionSelector::Generation(1), &session);
    restored.expect("restored");
    let expected = Node::File {
        bytes: b"zero".to_vec(),
        executable: true,
    };
    assert_eq!(dump(&session).get("tool"), Some(&expected));
    scene.commit(&session);
    let session = scene.begin();
    let selector = VersionSelector::Generation(2);
    scene
        .history()
        .restore(&path("tool"), &selector, &session)
        .expect("restored");
    assert_eq!(dump(&session).get("tool"), Some(&file(b"two")));
}

#[test]
fn a_removed_file_comes_back_with_its_directory_and_a_link_as_a_link() {
    let mut scene = Scene::new(&[("d/e/x", "x")]);
    scene.run(&[Op::Link("l", "d")]);
    scene.run(&[Op::Remove("d"), Op::Remove("l")]);
    let session = scene.begin();
    let first = VersionSelector::Generation(1);
    scene
        .history()
        .restore(&path("d/e/x"), &first, &session)
        .expect("restored");
    scene
        .history()
        .restore(&path("l"), &first, &session)
        .expect("restored");
    assert_eq!(dump(&session), *scene.tree_at(1));
}

/// A content that nobody replaced is no object: it stands in the tree, and not where it stood then.
#[test]
fn a_version_that_only_went_elsewhere_is_restored_from_there() {
    let mut scene = Scene::new(&[("d/x", "0")]);
    scene.run(&[
        Op::Write("a", b"a 1".into()),
        Op::Write("d/x", b"x 1".into()),
    ]);
    scene.run(&[Op::Rename("a", "b"), Op::Write("a", b"a 2".into())]);
    scene.run(&[Op::Rename("d", "e"), Op::Remove("a"), Op::Rename("b", "c")]);
    let first = VersionSelector::Generation(1);
    let histories = [scene.history(), scene.scanned().expect("opens")];
    for history in &histories {
        for (at, text) in [("a", "a 1"), ("d/x", "x 1")] {
            let session = scene.begin();
            let restored = history.restore(&path(at), &first, &session);
            restored.expect("restored");
            assert_eq!(session.read(at).expect("there"), text.as_bytes());
            let versions = history.versions(&path(at)).expect("listed").versions;
            let mut of_first = versions.iter().filter(|it| it.generation == 1);
            let availability = of_first.next().expect("listed").availability;
            assert_eq!(availability, Some(Availability::Current), "{at}");
        }
    }
    // Somebody else wrote over what was the only copy.
    scene.folder.write("e/x", "x 2").expect("written");
    let found = histories[0].read_version(&path("d/x"), &first);
    assert!(
        matches!(found, Err(HistoryError::NotKept { .. })),
        "{found:?}"
    );
}

#[test]
fn a_directory_in_the_way_of_a_version_leaves_the_session_as_it_was() {
    let mut scene = Scene::new(&[("a", "a")]);
    scene.run(&[Op::Remove("a"), Op::Mkdir("a/b")]);
    let session = scene.begin();
    let found = scene
        .history()
        .restore(&path("a"), &VersionSelector::Generation(0), &session);
    assert!(matches!(found, Err(HistoryError::Session(_))), "{found:?}");
    assert!(session.changes().expect("open").is_empty());
}

#[test]
fn an_undo_takes_back_swaps_moves_and_what_was_in_a_moved_directory() {
    let before = [
        ("d/a", "a"),
        ("d/b", "b"),
        ("s1", "1"),
        ("s2", "2"),
        ("gone/x", "x"),
    ];
    let mut scene = Scene::new(&before);
    scene.run(&[
        Op::Rename("s1", "t"),
        Op::Rename("s2", "s1"),
        Op::Rename("t", "s2"),
        Op::Rename("d", "m"),
        Op::Write("m/a", b"changed".to_vec()),
        Op::Write("m/new", b"new".to_vec()),
        Op::Rename("m/b", "b"),
        Op::Remove("gone"),
        Op::Write("gone", b"now a file".to_vec()),
    ]);
    let session = scene.begin();
    let outcome = undo(&scene, 1, &session).expect("undone");
    assert!(matches!(outcome, UndoOutcome::Prepared(id) if id == scene.id(1)));
    assert_eq!(dump(&session), *scene.tree_at(0));
}

#[test]
fn an_undo_that_meets_later_changes_names_all_of_them_and_changes_nothing() {
    let before = [("kept", "k"), ("edited", "e"), ("gone", "g"), ("d/x", "x")];
    let mut scene = Scene::new(&before);
    scene.run(&[
        Op::Write("edited", b"E1".to_vec()),
        Op::Write("new", b"n".to_vec()),
        Op::Mkdir("dir"),
        Op::Remove("gone"),
        Op::Write("kept", b"K1".to_vec()),
        Op::Rename("d", "m"),
    ]);
    scene.run(&[
        Op::Write("edited", b"E2".to_vec()),
        Op::Write("new", b"N".to_vec()),
        Op::Write("dir/inside", b"i".to_vec()),
        Op::Write("gone", b"again".to_vec()),
        Op::Remove("m"),
    ]);
    let session = scene.begin();
    let outcome = undo(&scene, 1, &session).expect("answers");
    let expected = [
        "dir not-empty",
        "edited content",
        "gone both-created",
        "m removed-there",
        "new removed-here",
    ];
    assert_eq!(conflicts(outcome), expected);
    assert!(session.changes().expect("open").is_empty());
    assert_eq!(dump(&session), *scene.present());
}

#[test]
fn texts_that_changed_since_are_merged_where_they_merge() {
    let mut scene = Scene::new(&[("a", "old")]);
    scene.run(&[Op::Write("a", b"left".to_vec())]);
    scene.run(&[Op::Write("a", b"now".to_vec())]);
    let session = scene.begin();
    let merge = |base: &[u8], ours: &[u8], theirs: &[u8]| {
        assert_eq!(
            (base, ours, theirs),
            (&b"left"[..], &b"old"[..], &b"now"[..])
        );
        Some(b"merged".to_vec())
    };
    let outcome = scene
        .history()
        .undo(&scene.id(1).to_string(), &session, &merge);
    assert!(matches!(outcome.expect("undone"), UndoOutcome::Prepared(_)));
    assert_eq!(session.read("a").expect("reads"), b"merged");
}

#[test]
fn an_undo_does_not_act_through_a_link_that_came_later() {
    let mut scene = Scene::new(&[("other/x", "x")]);
    scene.run(&[Op::Mkdir("d"), Op::Write("d/x", b"x".to_vec())]);
    scene.run(&[Op::Remove("d"), Op::Link("d", "other")]);
    let session = scene.begin();
    let outcome = undo(&scene, 1, &session).expect("answers");
    assert_eq!(conflicts(outcome), ["d kind", "d/x removed-there"]);
}

#[test]
fn a_content_that_cannot_be_merged_says_why() {
    let mut scene = Scene::new(&[("binary", "0"), ("moved", "0"), ("gone", "0")]);
    scene.run(&[
        Op::Write("binary", b"1\0".to_vec()),
        Op::Write("moved", b"1".to_vec()),
        Op::Write("gone", b"1".to_vec()),
    ]);
    scene.run(&[
        Op::Write("binary", b"2\0".to_vec()),
        Op::Remove("moved"),
        Op::Mkdir("moved"),
        Op::Remove("gone"),
    ]);
    let outcome = undo(&scene, 1, &scene.begin()).expect("answers");
    let expected = ["binary binary", "gone removed-there", "moved kind"];
    assert_eq!(conflicts(outcome), expected);
}

#[test]
fn a_change_is_named_by_its_id_the_beginning_of_it_or_its_generation() {
    let mut scene = Scene::new(&[("a", "0")]);
    scene.run(&[Op::Write("a", b"1".to_vec())]);
    scene.run(&[Op::Write("a", b"2".to_vec())]);
    let history = scene.history();
    let id = scene.id(2).to_string();
    for name in [&id, &id[..8], "2", "@2"] {
        let shown = history.show(name).expect(name);
        assert_eq!(shown.0, scene.id(2), "{name}");
    }
    for name in ["3", "0", "@99"] {
        let error = history.show(name).expect_err(name);
        assert!(
            matches!(error, HistoryError::UnknownChange { .. }),
            "{error}"
        );
    }
    for name in ["", "02", "@", "xyzt", "abc"] {
        let error = history.show(name).expect_err(name);
        assert!(matches!(error, HistoryError::BadVersion { .. }), "{error}");
    }
    let read = |text: &str| {
        let selector: VersionSelector = text.parse().expect(text);
        assert_eq!(selector.to_string(), text.trim_start_matches('@'));
        match history.read_version(&path("a"), &selector).expect(text) {
            VersionContent::File { bytes, .. } => bytes,
            link @ VersionContent::Symlink { .. } => panic!("{link:?}"),
        }
    };
    assert_eq!((read("1"), read("@2")), (b"1".to_vec(), b"2".to_vec()));
    assert_eq!((read("2^"), read("1^")), (b"1".to_vec(), b"0".to_vec()));
    let before = format!("{}^", &id[..8]);
    assert_eq!(read(&before), b"1");
}

#[test]
fn a_content_that_is_lost_is_an_error_and_no_conflict() {
    let mut scene = Scene::new(&[("a", "old")]);
    scene.run(&[Op::Write("b", b"b".to_vec()), Op::Remove("a")]);
    scene
        .folder
        .remove_dir_all(".session-fs/objects")
        .expect("lost");
    let session = scene.begin();
    let found = undo(&scene, 1, &session);
    assert!(
        matches!(found, Err(HistoryError::NotKept { .. })),
        "{found:?}"
    );
    assert!(session.changes().expect("open").is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_newest_change_is_undone_and_its_undo_too(commits in commits()) {
        let mut scene = played(&commits);
        let newest = scene.newest();
        prop_assume!(newest > 0);
        let session = scene.begin();
        let outcome = undo(&scene, newest, &session).expect("undone");
        prop_assert!(matches!(outcome, UndoOutcome::Prepared(_)), "{:?}", outcome);
        prop_assert_eq!(&dump(&session), scene.tree_at(newest - 1));
        // A change that only set a time or swapped equal files leaves nothing to commit.
        prop_assume!(scene.commit(&session));
        let session = scene.begin();
        let outcome = undo(&scene, newest + 1, &session).expect("undone");
        prop_assert!(matches!(outcome, UndoOutcome::Prepared(_)), "{:?}", outcome);
        prop_assert_eq!(&dump(&session), scene.tree_at(newest));
    }

    #[test]
    fn an_older_change_is_undone_or_conflicts_and_touches_nothing_else(commits in commits(), which: prop::sample::Index) {
        let scene = played(&commits);
        prop_assume!(scene.newest() > 0);
        let generation = which.index(scene.changes.len()) as u64 + 1;
        let session = scene.begin();
        let present = scene.present();
        match undo(&scene, generation, &session) {
            Ok(UndoOutcome::Conflicted(conflicts)) => {
                prop_assert!(!conflicts.is_empty() && conflicts.is_sorted_by(|a, b| a.path < b.path));
                prop_assert_eq!(&dump(&session), present);
            }
            Ok(UndoOutcome::Prepared(_)) => {
                let (_, file) = scene.history().show(&scene.id(generation).to_string()).expect("known");
                let change = &file.change;
                let mut named: Vec<&VPath> = change.departures.iter().map(|gone| &gone.path).collect();
                named.extend(change.arrivals.iter().map(|come| &come.path));
                named.extend(change.updates.iter().map(|update| &update.path));
                let is_named = |at: &str| named.iter().any(|named| path(at).starts_with(named));
                let left = |tree: &Tree| tree.iter().filter(|(at, _)| !is_named(at)).map(|(at, node)| (at.clone(), node.clone())).collect::<Tree>();
                prop_assert_eq!(left(&dump(&session)), left(present));
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}
