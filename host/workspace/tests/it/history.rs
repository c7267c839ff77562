//! History over what the commit engine itself wrote down.

use std::sync::Arc;

use session_fs_workspace::history::{
    Availability, History, HistoryLimits, LogFilter, UndoOutcome, VersionContent, VersionSelector,
};
use session_fs_workspace::{Acknowledge, CommitOptions, CommitOutcome};
use store::Name;
use store::disk::{Dir, RealDir};
use vfs::VPath;

use crate::acting::ActingDir;
use crate::faults::{BEFORE, change};
use crate::scene::Scene;

fn history(scene: &Scene) -> History {
    scene.base.checkpoint().expect("checkpointed");
    let root = RealDir::open(scene.folder.try_clone().expect("handle")).expect("a directory");
    let name = Name::new(".session-fs").expect("valid");
    let store: Arc<dyn Dir> = root.walk(&[name]).expect("there is a store");
    History::open(store, root, HistoryLimits::default()).expect("opens")
}

fn path(text: &str) -> VPath {
    VPath::parse(text).expect("valid")
}

fn no_merge(_: &[u8], _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    None
}

#[test]
fn a_commit_of_everything_is_on_record_and_can_be_undone_and_the_undo_too() {
    let scene = Scene::new(BEFORE);
    let before = scene.tree();
    let session = scene.begin();
    change(&session).expect("the session takes it");
    let applied = scene.applied(&session);
    let after = scene.tree();

    let found = history(&scene);
    assert!(found.doctor(&|_| false).expect("looks").is_sound());
    let page = found.log(&LogFilter::default(), None, 10).expect("lists");
    let listed: Vec<_> = page
        .entries
        .iter()
        .map(|entry| (entry.generation, entry.id))
        .collect();
    assert_eq!(listed, [(1, applied.id)]);

    let session = scene.begin();
    let undone = found
        .undo(&applied.id.to_string(), &session, &no_merge)
        .expect("undone");
    assert!(matches!(undone, UndoOutcome::Prepared(_)), "{undone:?}");
    let undo = scene.applied(&session);
    assert_eq!(scene.tree(), before);

    let found = history(&scene);
    let session = scene.begin();
    let redone = found
        .undo(&undo.id.to_string(), &session, &no_merge)
        .expect("undone");
    assert!(matches!(redone, UndoOutcome::Prepared(_)), "{redone:?}");
    let _redo = scene.applied(&session);
    assert_eq!(scene.tree(), after);
    let report = history(&scene).doctor(&|_| false).expect("looks");
    assert!(report.is_sound(), "{report:?}");
}

#[test]
fn every_version_of_a_file_that_was_changed_and_renamed_reads_back() {
    let scene = Scene::new(&[("d/x", "zero")]);
    for step in 1..=3_u32 {
        let session = scene.begin();
        match step {
            1 => session.write("d/x", b"one").expect("written"),
            2 => session.rename("d", "e").expect("renamed"),
            _ => {
                session.rename("e/x", "y").expect("renamed");
                session.write("y", b"three").expect("written");
            }
        }
        scene.applied(&session);
    }
    let found = history(&scene);
    for (generation, stood_at, text) in [
        (0, "d/x", "zero"),
        (1, "d/x", "one"),
        (2, "e/x", "one"),
        (3, "y", "three"),
    ] {
        let selector = VersionSelector::Generation(generation);
        let expected = VersionContent::File {
            path: path(stood_at),
            bytes: text.into(),
            executable: false,
        };
        assert_eq!(
            found.read_version(&path("y"), &selector).expect("kept"),
            expected
        );
    }
    let versions = found.versions(&path("y")).expect("lists").versions;
    let kept = Some(Availability::Object);
    let places: Vec<_> = versions
        .iter()
        .map(|version| version.availability)
        .collect();
    assert_eq!(places, [Some(Availability::Current), kept, kept, kept]);
}

/// A checkpoint comes while what was acknowledged early is on its way: it waits for it.
#[test]
fn what_was_acknowledged_early_is_in_history_after_a_checkpoint() {
    let scene = Scene::on(&[("f", "before")], ActingDir::quiet);
    let options = CommitOptions {
        acknowledge: Acknowledge::Durable,
        ..CommitOptions::default()
    };
    for number in 1..=200 {
        let session = scene.begin();
        let content = number.to_string();
        session.write("f", content.as_bytes()).expect("writes");
        let outcome = scene.workspace.commit(&session, &options);
        assert!(
            matches!(outcome, Ok(CommitOutcome::Applied(_))),
            "{outcome:?}"
        );
        scene.base.checkpoint().expect("checkpoints");
    }
    let found = history(&scene);
    assert!(found.doctor(&|_| false).expect("looks").is_sound());
    let page = found.log(&LogFilter::default(), None, 300).expect("lists");
    assert_eq!(page.entries.len(), 200);
}
