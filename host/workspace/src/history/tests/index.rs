//! The index: the same answers with it and without it, whatever stood in its place.

use proptest::prelude::*;

use super::scene::*;
use crate::history::catalog::Catalog;
use crate::history::{History, LogFilter};

fn log(history: &History) -> Vec<u64> {
    let page = history
        .log(&LogFilter::default(), None, 100)
        .expect("lists");
    page.entries.iter().map(|entry| entry.generation).collect()
}

fn is_indexed(history: &History) -> bool {
    matches!(history.known.lock().catalog, Catalog::Indexed(_))
}

fn three() -> Scene {
    let mut scene = Scene::new(&[]);
    for bytes in [b"1", b"2", b"3"] {
        scene.run(&[Op::Write("a", bytes.to_vec())]);
    }
    scene
}

#[test]
fn what_is_in_the_place_of_the_index_is_replaced_and_never_written_through() {
    type Spoil = fn(&Scene);
    let cases: [(&str, Spoil); 7] = [
        ("damaged", |scene| {
            let bytes = scene.folder.read(INDEX).expect("reads");
            let damaged = vec![0x5a; bytes.len()];
            scene.folder.write(INDEX, damaged).expect("written");
        }),
        ("cut", |scene| {
            let bytes = scene.folder.read(INDEX).expect("reads");
            scene
                .folder
                .write(INDEX, &bytes[..bytes.len() / 2])
                .expect("written");
        }),
        ("empty", |scene| {
            scene.folder.write(INDEX, b"").expect("written");
        }),
        ("newer", |scene| sql(scene, "PRAGMA user_version = 2")),
        ("foreign", |scene| {
            sql(scene, "CREATE TABLE other (x); DELETE FROM changes");
        }),
        ("trigger", |scene| {
            sql(
                scene,
                "CREATE TRIGGER t AFTER INSERT ON changes BEGIN DELETE FROM paths; END",
            );
        }),
        ("link", |scene| {
            scene.folder.remove_file(INDEX).expect("gone");
            scene.folder.symlink("store", INDEX).expect("made");
        }),
    ];
    for (what, spoil) in cases {
        let mut scene = three();
        assert_eq!(log(&scene.history()), [3, 2, 1]);
        spoil(&scene);
        scene.run(&[Op::Write("a", b"4".to_vec())]);
        let history = scene.history();
        assert!(is_indexed(&history), "{what}");
        assert_eq!(log(&history), [4, 3, 2, 1], "{what}");
        assert_eq!(
            history.versions(&path("a")).expect("known").versions.len(),
            4,
            "{what}"
        );
        let identity = scene.folder.read(".session-fs/store").expect("reads");
        assert_eq!(identity, b"identity", "{what}");
    }
}

const INDEX: &str = ".session-fs/index.db";

fn sql(scene: &Scene, statements: &str) {
    let store = scene.store();
    let path = store.os_path().expect("a real disk").join("index.db");
    let connection = rusqlite::Connection::open(path).expect("opens");
    connection.execute_batch(statements).expect(statements);
}

/// An index that fails while it is open must not take the answers with it.
#[test]
fn an_index_that_breaks_while_it_is_used_is_left_for_the_files() {
    let scene = three();
    let history = scene.history();
    sql(&scene, "DROP TABLE paths; DROP TABLE changes");
    assert_eq!(log(&history), [3, 2, 1]);
    assert!(!is_indexed(&history));
    let again = scene.history();
    assert!(is_indexed(&again));
    assert_eq!(log(&again), [3, 2, 1]);
}

#[test]
fn two_histories_at_once_see_what_came_and_went() {
    let mut scene = three();
    let (one, two) = (scene.history(), scene.history());
    scene.run(&[Op::Write("a", b"4".to_vec())]);
    one.refresh().expect("refreshed");
    assert_eq!(log(&one), [4, 3, 2, 1]);
    let oldest = format!(".session-fs/changes/{}", scene.id(1));
    scene.folder.remove_file(oldest).expect("gone");
    two.refresh().expect("refreshed");
    assert_eq!(log(&two), [4, 3, 2]);
    assert_eq!(log(&one), [4, 3, 2], "they share it");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn answers_are_the_same_with_an_index_and_without(commits in commits()) {
        let scene = played(&commits);
        let (indexed, scanned) = (scene.history(), scene.scanned().expect("opens"));
        prop_assert!(is_indexed(&indexed) && !is_indexed(&scanned));
        let entries = |history: &History| history.ask(Catalog::entries).expect("lists");
        prop_assert_eq!(entries(&indexed), entries(&scanned));
        let paths: std::collections::BTreeSet<&String> = scene.trees.iter().flat_map(|tree| tree.keys()).collect();
        let all = LogFilter::default;
        let mut filters = vec![
            all(),
            LogFilter { agent: Some("agent1".to_owned()), ..all() },
            LogFilter { session: Some("s2".to_owned()), ..all() },
            LogFilter { since: Some(committed_at(2)), until: Some(committed_at(4)), ..all() },
        ];
        for at in paths {
            filters.push(LogFilter { path: Some(path(at)), ..all() });
            let versions = |history: &History| history.versions(&path(at)).expect("lists");
            prop_assert_eq!(versions(&indexed), versions(&scanned));
        }
        for filter in filters {
            for below in [None, Some(3)] {
                let page = |history: &History| history.log(&filter, below, 2).expect("lists");
                prop_assert_eq!(page(&indexed), page(&scanned));
            }
        }
    }
}
