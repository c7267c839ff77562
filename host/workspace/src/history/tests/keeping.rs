//! What gc drops and keeps, and what the doctor finds and mends.

use std::collections::BTreeSet;

use proptest::prelude::*;
use vfs::{Digest, Timestamp};

use super::scene::*;
use crate::history::{FindingKind, GcNeeds, HistoryError, Retention, UndoOutcome};
use crate::objects::Objects;

fn at_most(changes: usize) -> Retention {
    Retention {
        changes_max: Some(changes),
        ..Retention::default()
    }
}

fn now() -> Timestamp {
    committed_at(10)
}

/// Commits that replace one content after the other, of 10 bytes each.
fn four() -> Scene {
    let mut scene = Scene::new(&[("a", "content  0")]);
    for digit in b'1'..=b'4' {
        let bytes = [b"content  ".as_slice(), &[digit]].concat();
        scene.run(&[Op::Write("a", bytes)]);
    }
    scene
}

fn objects(scene: &Scene) -> BTreeSet<Digest> {
    let mut found = BTreeSet::new();
    let objects = Objects::open(&scene.store()).expect("opens");
    let listed = objects.list(&mut |digest, _| {
        found.insert(digest);
    });
    listed.expect("lists");
    found
}

fn dropped(scene: &Scene, retention: &Retention, needs: &GcNeeds<'_>) -> Vec<u64> {
    let report = scene
        .history()
        .gc_plan(retention, now(), needs)
        .expect("plans");
    let generation = |id| {
        scene
            .changes
            .iter()
            .position(|other| other == id)
            .expect("ours") as u64
            + 1
    };
    report.changes.iter().map(generation).collect()
}

#[test]
fn each_limit_drops_the_oldest_until_it_is_kept() {
    let scene = four();
    let found = |retention| dropped(&scene, &retention, &NO_NEEDS);
    assert_eq!(found(Retention::default()), Vec::<u64>::new());
    assert_eq!(found(at_most(4)), Vec::<u64>::new());
    assert_eq!(found(at_most(1)), [1, 2, 3]);
    let age_seconds_max = Some(750);
    assert_eq!(
        found(Retention {
            age_seconds_max,
            ..Retention::default()
        }),
        [1, 2]
    );
    let all = scene
        .history()
        .gc_plan(&Retention::default(), now(), &NO_NEEDS)
        .expect("plans");
    let bytes_max = Some(all.bytes_kept - 1);
    assert_eq!(
        found(Retention {
            bytes_max,
            ..Retention::default()
        }),
        [1]
    );
    assert_eq!(
        found(Retention {
            bytes_max: Some(0),
            ..Retention::default()
        }),
        [1, 2, 3, 4]
    );
    assert_eq!(objects(&scene).len(), 4, "a plan drops nothing");
}

#[test]
fn what_a_live_session_or_a_pin_needs_stays() {
    let scene = four();
    let generation_min = Some(2);
    let needs = GcNeeds {
        generation_min,
        ..NO_NEEDS
    };
    assert_eq!(dropped(&scene, &at_most(0), &needs), [1, 2]);
    let pinned = scene.id(2);
    let is_pinned = |id: &_| *id == pinned;
    let needs = GcNeeds {
        is_pinned: &is_pinned,
        ..NO_NEEDS
    };
    assert_eq!(dropped(&scene, &at_most(1), &needs), [1, 3, 4]);
    let live = Digest::of(b"content  0");
    let is_live = |digest: &_| *digest == live;
    let needs = GcNeeds {
        is_live: &is_live,
        ..NO_NEEDS
    };
    let report = scene
        .history()
        .gc(&at_most(0), now(), &needs)
        .expect("drops");
    assert_eq!((report.changes.len(), report.objects.len()), (4, 3));
    assert_eq!(objects(&scene), BTreeSet::from([live]));
}

#[test]
fn what_was_dropped_is_unknown_and_what_stays_works() {
    let scene = four();
    let report = scene
        .history()
        .gc(&at_most(2), now(), &NO_NEEDS)
        .expect("drops");
    assert_eq!(report.changes, [scene.id(1), scene.id(2)]);
    assert_eq!(
        objects(&scene),
        BTreeSet::from([Digest::of(b"content  2"), Digest::of(b"content  3")])
    );
    let history = scene.history();
    assert_eq!(history.generations(), Some((3, 4)));
    let versions = history.versions(&path("a")).expect("lists");
    assert_eq!((versions.horizon, versions.versions.len()), (3, 3));
    let found = history.read_version(&path("a"), &crate::history::VersionSelector::Generation(1));
    assert!(
        matches!(found, Err(HistoryError::UnknownVersion { .. })),
        "{found:?}"
    );
    let session = scene.begin();
    let undone = history
        .undo(&scene.id(4).to_string(), &session, &no_merge)
        .expect("undone");
    assert!(matches!(undone, UndoOutcome::Prepared(_)));
    assert!(history.doctor(&|_| false).expect("looks").is_sound());
}

#[test]
fn a_diff_of_what_was_dropped_is_refused_and_not_empty() {
    let scene = four();
    let dropped = scene.history().gc(&at_most(1), now(), &NO_NEEDS);
    assert_eq!(dropped.expect("drops").changes.len(), 3);
    let history = scene.history();
    assert_eq!(history.generations(), Some((4, 4)));
    let diff = |older, newer| {
        let selector = crate::history::VersionSelector::Generation;
        history.diff_all(&selector(older), &selector(newer))
    };
    for (older, newer) in [(0, 1), (1, 2), (1, 3), (2, 3), (3, 1), (0, 3)] {
        let found = diff(older, newer);
        let id = older.max(newer).to_string();
        assert!(
            matches!(&found, Err(HistoryError::UnknownChange { id: unknown }) if *unknown == id),
            "{older} to {newer}: {found:?}"
        );
    }
    for older in [0, 2] {
        let found = diff(older, 4);
        assert!(
            matches!(found, Err(HistoryError::UnknownVersion { .. })),
            "{older} to 4: {found:?}"
        );
    }
    let kept = diff(3, 4).expect("the change between them is kept");
    assert!(
        kept.contains("-content  3") && kept.contains("+content  4"),
        "{kept}"
    );
    assert_eq!(diff(2, 2).expect("nothing is between them"), "");
}

/// What came and went again leaves nothing to show, and hides nothing of what was dropped before.
#[test]
fn a_diff_that_begins_with_what_was_dropped_is_refused_whatever_comes_after() {
    let mut scene = four();
    scene.run(&[Op::Write("t", b"t".to_vec())]);
    scene.run(&[Op::Remove("t")]);
    let dropped = scene.history().gc(&at_most(2), now(), &NO_NEEDS);
    assert_eq!(dropped.expect("drops").changes.len(), 4);
    let history = scene.history();
    let diff = |older, newer| {
        let selector = crate::history::VersionSelector::Generation;
        history.diff_all(&selector(older), &selector(newer))
    };
    for (older, newer) in [(0, 6), (3, 6), (6, 2)] {
        let found = diff(older, newer);
        assert!(
            matches!(&found, Err(HistoryError::UnknownChange { id }) if id == "4"),
            "{older} to {newer}: {found:?}"
        );
    }
    assert_eq!(diff(4, 6).expect("both are kept"), "");
}

#[test]
fn an_orphan_goes_and_a_shared_object_stays() {
    let mut scene = Scene::new(&[("a", "same"), ("b", "same")]);
    scene.run(&[Op::Remove("a")]);
    scene.run(&[Op::Remove("b")]);
    scene
        .folder
        .write(".session-fs/out", b"orphan")
        .expect("written");
    let made = Objects::open(&scene.store()).expect("opens");
    crate::objects::adopt(&made, &*scene.store(), &name("out")).expect("adopted");
    let report = scene
        .history()
        .gc(&at_most(1), now(), &NO_NEEDS)
        .expect("drops");
    assert_eq!(report.objects, [Digest::of(b"orphan")]);
    assert_eq!(objects(&scene), BTreeSet::from([Digest::of(b"same")]));
}

#[test]
fn nothing_is_dropped_while_a_change_cannot_be_read() {
    let scene = four();
    let damaged = format!(".session-fs/changes/{}", scene.id(2));
    scene.folder.write(&damaged, b"SFCHFILE").expect("damaged");
    let found = scene.history().gc(&at_most(0), now(), &NO_NEEDS);
    assert!(
        matches!(
            found,
            Err(HistoryError::UnknownChange { .. } | HistoryError::Damaged { .. })
        ),
        "{found:?}"
    );
    scene
        .folder
        .remove_file(".session-fs/index.db")
        .expect("gone");
    let found = scene.history().gc(&at_most(0), now(), &NO_NEEDS);
    assert!(
        matches!(found, Err(HistoryError::Damaged { .. })),
        "{found:?}"
    );
    assert_eq!(objects(&scene).len(), 4);
}

type Spoil = fn(&Scene);

fn object(digit: &str) -> String {
    let text = Digest::of(format!("content  {digit}").as_bytes()).to_string();
    format!(".session-fs/objects/{}/{}", &text[..2], &text[2..])
}

/// What is wrong, what the doctor calls it, and what is still wrong after a repair.
const SPOILT: [(Spoil, &[FindingKind], &[FindingKind]); 10] = [
    (|_| {}, &[], &[]),
    (
        |scene| scene.folder.remove_file(".session-fs/store").expect("gone"),
        &[FindingKind::Identity],
        &[FindingKind::Identity],
    ),
    (
        |scene| {
            let change = format!(".session-fs/changes/{}", scene.id(2));
            let mut bytes = scene.folder.read(&change).expect("reads");
            bytes[40] ^= 1;
            scene.folder.write(&change, bytes).expect("written");
        },
        &[
            FindingKind::DamagedChange,
            FindingKind::MissingGeneration,
            FindingKind::Index,
        ],
        &[FindingKind::MissingGeneration, FindingKind::OrphanObject],
    ),
    (
        |scene| {
            let change = format!(".session-fs/changes/{}", scene.id(2));
            scene.folder.remove_file(change).expect("gone");
        },
        &[FindingKind::MissingGeneration, FindingKind::OrphanObject],
        &[FindingKind::MissingGeneration],
    ),
    (
        |scene| scene.folder.remove_file(object("1")).expect("gone"),
        &[FindingKind::MissingObject],
        &[FindingKind::MissingObject],
    ),
    (
        |scene| {
            scene
                .folder
                .write(object("1"), b"content  x")
                .expect("written");
        },
        &[FindingKind::DamagedObject],
        &[FindingKind::DamagedObject],
    ),
    (
        |scene| {
            scene
                .folder
                .create_dir_all(".session-fs/staging/7/d")
                .expect("made");
            scene
                .folder
                .write(".session-fs/staging/7/d/out-1", b"x")
                .expect("written");
            scene
                .folder
                .symlink("../..", ".session-fs/staging/7/l")
                .expect("made");
        },
        &[FindingKind::Leftover],
        &[],
    ),
    (
        |scene| {
            scene
                .folder
                .write(".session-fs/changes/junk", b"")
                .expect("written");
        },
        &[FindingKind::Stray],
        &[FindingKind::Stray],
    ),
    (
        |scene| {
            let unfinished = format!(".session-fs/changes/{}.new", scene.id(1));
            scene.folder.write(unfinished, b"SF").expect("written");
        },
        &[FindingKind::Leftover],
        &[],
    ),
    (
        |scene| {
            let store = scene.store();
            let index = store.os_path().expect("a real disk").join("index.db");
            let connection = rusqlite::Connection::open(index).expect("opens");
            connection
                .execute("UPDATE paths SET path = 'b'", [])
                .expect("done");
        },
        &[FindingKind::Index],
        &[],
    ),
];

#[test]
fn the_doctor_finds_what_is_wrong_and_mends_what_can_be_mended() {
    for (index, (spoil, found, left)) in SPOILT.into_iter().enumerate() {
        let scene = four();
        scene
            .folder
            .create_dir_all(".session-fs/conflicts/3")
            .expect("made");
        scene
            .folder
            .write(".session-fs/conflicts/3/a", b"theirs")
            .expect("written");
        drop(scene.history());
        spoil(&scene);
        let history = scene.history();
        let report = history.doctor(&|_| false).expect("looks");
        let kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, found, "case {index}: {report:?}");
        history.repair(&report).expect("mends");
        let report = history.doctor(&|_| false).expect("looks");
        let kinds: Vec<_> = report.findings.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds, left, "case {index}: {report:?}");
        let theirs = scene
            .folder
            .read(".session-fs/conflicts/3/a")
            .expect("never touched");
        assert_eq!(theirs, b"theirs");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn after_gc_the_store_is_sound_and_each_change_that_stays_can_be_undone_in_turn(commits in commits(), keep in 0..5_usize) {
        let mut scene = played(&commits);
        let oldest = scene.newest().saturating_sub(keep as u64);
        scene.history().gc(&at_most(keep), now(), &NO_NEEDS).expect("drops");
        let report = scene.history().doctor(&|_| false).expect("looks");
        prop_assert!(report.is_sound(), "{:?}", report);
        for generation in (oldest + 1..=scene.newest()).rev() {
            let session = scene.begin();
            let undone = scene.history().undo(&scene.id(generation).to_string(), &session, &no_merge);
            prop_assert!(matches!(undone, Ok(UndoOutcome::Prepared(_))), "{:?}", undone);
            prop_assert_eq!(&dump(&session), scene.tree_at(generation - 1));
            scene.commit(&session);
        }
    }
}
