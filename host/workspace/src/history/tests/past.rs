//! Versions of one file, and what stood at a path at a generation.

use std::collections::BTreeSet;

use proptest::prelude::*;
use vfs::VPath;

use super::scene::*;
use crate::history::{
    Availability, HistoryError, LogFilter, VersionContent, VersionKind, VersionSelector,
};

fn texts(content: VersionContent) -> (String, String) {
    match content {
        VersionContent::File { path, bytes, .. } => {
            (path.to_string(), String::from_utf8(bytes).expect("text"))
        }
        VersionContent::Symlink { path, target } => (path.to_string(), format!("-> {target}")),
    }
}

/// Reads a version, as the path that it stood at and its text.
fn read(scene: &Scene, at: &str, selector: &str) -> Result<(String, String), HistoryError> {
    let selector: VersionSelector = selector.parse()?;
    scene
        .history()
        .read_version(&path(at), &selector)
        .map(texts)
}

fn check(scene: &Scene, at: &str, selector: &str, expected: (&str, &str)) {
    let found = read(scene, at, selector).expect(selector);
    assert_eq!(
        (found.0.as_str(), found.1.as_str()),
        expected,
        "{at}@{selector}"
    );
}

#[test]
fn versions_follow_a_file_through_renames_of_it_and_of_its_directory() {
    let mut scene = Scene::new(&[("d/x", "zero")]);
    scene.run(&[Op::Write("d/x", b"one".to_vec())]);
    scene.run(&[Op::Rename("d", "e")]);
    scene.run(&[Op::Rename("e/x", "y"), Op::Write("y", b"three".to_vec())]);
    let versions = scene
        .history()
        .versions(&path("y"))
        .expect("known")
        .versions;
    let shown: Vec<_> = versions
        .iter()
        .map(|version| {
            (
                version.generation,
                version.path.to_string(),
                version.availability,
            )
        })
        .collect();
    let kept = Some(Availability::Object);
    let expected = [
        (3, "y".to_owned(), Some(Availability::Current)),
        (2, "e/x".to_owned(), kept),
        (1, "d/x".to_owned(), kept),
        (1, "d/x".to_owned(), kept),
    ];
    assert_eq!(shown, expected);
    let from = path("e/x");
    assert_eq!(versions[0].kind, VersionKind::Renamed { from });
    assert_eq!(versions[3].kind, VersionKind::Original);
    check(&scene, "y", "3", ("y", "three"));
    check(&scene, "y", "2", ("e/x", "one"));
    check(&scene, "y", "1", ("d/x", "one"));
    check(&scene, "y", "0", ("d/x", "zero"));
    let first = scene.id(1).to_string();
    check(&scene, "y", &first[..12], ("d/x", "one"));
    check(&scene, "y", &format!("{first}^"), ("d/x", "zero"));
}

/// What left a directory before that moved did not come along with it.
#[test]
fn a_path_in_a_moved_directory_has_no_part_in_what_left_it() {
    let mut scene = Scene::new(&[("a/sub/x", "x0"), ("a/y", "y0")]);
    scene.run(&[
        Op::Write("a/sub/x", b"x1".to_vec()),
        Op::Write("a/y", b"y1".to_vec()),
    ]);
    scene.run(&[
        Op::Rename("a/sub", "c"),
        Op::Rename("a/y", "y"),
        Op::Rename("a", "b"),
    ]);
    for at in ["b/sub/x", "b/y"] {
        assert_eq!(
            scene.history().versions(&path(at)).expect("lists").versions,
            [],
            "{at}"
        );
    }
    check(&scene, "c/x", "0", ("a/sub/x", "x0"));
    check(&scene, "y", "1", ("a/y", "y1"));
}

#[test]
fn a_removed_file_is_found_under_its_name() {
    let mut scene = Scene::new(&[("gone", "first")]);
    scene.run(&[Op::Remove("gone")]);
    scene.run(&[Op::Write("other", b"o".to_vec())]);
    let versions = scene
        .history()
        .versions(&path("gone"))
        .expect("known")
        .versions;
    let kinds: Vec<_> = versions
        .iter()
        .map(|version| version.kind.clone())
        .collect();
    assert_eq!(kinds, [VersionKind::Removed, VersionKind::Original]);
    check(&scene, "gone", "0", ("gone", "first"));
    let found = read(&scene, "gone", "2");
    assert!(
        matches!(found, Err(HistoryError::Absent { .. })),
        "{found:?}"
    );
    scene.run(&[Op::Write("gone", b"second".to_vec())]);
    check(&scene, "gone", "3", ("gone", "second"));
    check(&scene, "gone", "0", ("gone", "first"));
}

/// What somebody wrote between two commits is a version too, and is not taken for the commit's.
#[test]
fn what_was_written_outside_is_a_version_of_its_own() {
    let mut scene = Scene::new(&[("a", "zero")]);
    scene.run(&[Op::Write("a", b"one".to_vec())]);
    scene.folder.write("a", b"outside").expect("written");
    scene.trees[1].insert("a".to_owned(), file(b"outside"));
    scene.run(&[Op::Write("a", b"two".to_vec())]);
    let versions = scene
        .history()
        .versions(&path("a"))
        .expect("known")
        .versions;
    let kinds: Vec<_> = versions
        .iter()
        .map(|version| version.kind.clone())
        .collect();
    let modified = VersionKind::Modified;
    let expected = [
        modified.clone(),
        VersionKind::Outside,
        modified,
        VersionKind::Original,
    ];
    assert_eq!(kinds, expected);
    let selector = versions[1].selector().to_string();
    check(&scene, "a", &selector, ("a", "outside"));
    assert_eq!(
        versions[2].availability,
        Some(Availability::Gone),
        "nobody kept it"
    );
    let found = read(&scene, "a", "1");
    assert!(
        matches!(found, Err(HistoryError::NotKept { .. })),
        "{found:?}"
    );
}

#[test]
fn a_content_that_stands_in_the_tree_is_read_from_there_only_when_its_digest_fits() {
    let mut scene = Scene::new(&[]);
    scene.run(&[Op::Write("a", b"one".to_vec())]);
    check(&scene, "a", "1", ("a", "one"));
    scene.folder.write("a", b"eno").expect("written");
    let found = read(&scene, "a", "1");
    assert!(
        matches!(found, Err(HistoryError::NotKept { .. })),
        "{found:?}"
    );
}

/// A commit that was taken back used up a number of the journal, and is no hole in history.
#[test]
fn a_generation_that_no_change_has_hides_nothing_unless_the_chain_is_broken() {
    let mut scene = Scene::new(&[("a", "zero")]);
    scene.run(&[Op::Write("a", b"one".to_vec())]);
    scene.run(&[Op::Write("a", b"two".to_vec())]);
    let (_, mut second) = scene
        .history()
        .show(&scene.id(2).to_string())
        .expect("known");
    second.generation = 5;
    scene.shelve(&second);
    scene
        .folder
        .remove_file(".session-fs/index.db")
        .expect("gone");
    assert_eq!(scene.history().generations(), Some((1, 5)));
    assert!(
        scene
            .history()
            .doctor(&|_| false)
            .expect("looks")
            .is_sound()
    );
    check(&scene, "a", "5", ("a", "two"));
    check(&scene, "a", "4", ("a", "one"));
    check(&scene, "a", "0", ("a", "zero"));
    second.previous = Some(scene.id(2));
    scene.shelve(&second);
    scene
        .folder
        .remove_file(".session-fs/index.db")
        .expect("gone");
    assert_eq!(scene.history().generations(), Some((5, 5)));
    let found = read(&scene, "a", "1");
    assert!(
        matches!(found, Err(HistoryError::UnknownVersion { .. })),
        "{found:?}"
    );
}

#[test]
fn selectors_and_prefixes_that_mean_nothing_are_refused() {
    let mut scene = Scene::new(&[("a", "zero"), ("untouched", "u")]);
    scene.run(&[Op::Write("a", b"one".to_vec())]);
    type Check = fn(&HistoryError) -> bool;
    let cases: [(&str, &str, Check); 7] = [
        ("a", "2", |e| {
            matches!(e, HistoryError::UnknownVersion { .. })
        }),
        ("a", "", |e| matches!(e, HistoryError::BadVersion { .. })),
        ("a", "abc", |e| matches!(e, HistoryError::BadVersion { .. })),
        ("a", "zzzz", |e| {
            matches!(e, HistoryError::BadVersion { .. })
        }),
        ("a", "00000000000", |e| {
            matches!(e, HistoryError::UnknownChange { .. })
        }),
        ("untouched", "1", |e| {
            matches!(e, HistoryError::UnknownVersion { .. })
        }),
        ("never", "1", |e| {
            matches!(e, HistoryError::UnknownVersion { .. })
        }),
    ];
    for (at, selector, is_expected) in cases {
        let error = read(&scene, at, selector).expect_err(selector);
        assert!(is_expected(&error), "{at}@{selector}: {error:?}");
    }
}

#[test]
fn links_and_directories_have_versions_too() {
    let mut scene = Scene::new(&[("d/x", "x")]);
    scene.run(&[Op::Link("l", "d/x")]);
    scene.run(&[Op::Remove("l"), Op::Remove("d")]);
    check(&scene, "l", "1", ("l", "-> d/x"));
    check(&scene, "d/x", "1", ("d/x", "x"));
    let found = read(&scene, "d", "1");
    assert!(
        matches!(found, Err(HistoryError::IsADirectory { .. })),
        "{found:?}"
    );
}

#[test]
fn the_log_is_filtered_and_paged_newest_first() {
    let mut scene = Scene::new(&[("d/x", "x")]);
    scene.run(&[Op::Write("a", b"1".to_vec())]);
    scene.run(&[Op::Write("d/x", b"2".to_vec())]);
    scene.run(&[Op::Rename("d", "e")]);
    scene.run(&[Op::Write("f", b"4".to_vec())]);
    let found = |filter: &LogFilter| {
        let page = scene.history().log(filter, None, 10).expect("lists");
        let generations = page.entries.iter().map(|entry| entry.generation);
        (generations.collect::<Vec<_>>(), page.next)
    };
    let all = LogFilter::default;
    assert_eq!(found(&all()), (vec![4, 3, 2, 1], None));
    let below = |at: &str| LogFilter {
        path: Some(path(at)),
        ..all()
    };
    assert_eq!(found(&below("d")).0, [3, 2]);
    assert_eq!(found(&below("d/x")).0, [3, 2], "moved with its directory");
    assert_eq!(found(&below("")).0, [4, 3, 2, 1]);
    let session = Some("s2".to_owned());
    assert_eq!(found(&LogFilter { session, ..all() }).0, [2]);
    let agent = Some("agent1".to_owned());
    assert_eq!(found(&LogFilter { agent, ..all() }).0, [3, 1]);
    let since = Some(committed_at(2));
    let until = Some(committed_at(3));
    assert_eq!(
        found(&LogFilter {
            since,
            until,
            ..all()
        })
        .0,
        [3, 2]
    );
    let history = scene.history();
    let page = history.log(&all(), None, 3).expect("lists");
    assert_eq!(page.next, Some(2));
    let rest = history.log(&all(), page.next, 3).expect("lists");
    assert_eq!((rest.entries[0].generation, rest.next), (1, None));
    let (id, file) = history.show(&scene.id(2).to_string()[..8]).expect("known");
    assert_eq!((id, file.generation), (scene.id(2), 2));
}

#[test]
fn diffs_are_those_of_two_versions_or_of_all_between() {
    let mut scene = Scene::new(&[("a", "one\n"), ("b", "same\n")]);
    scene.run(&[Op::Write("a", b"two\n".to_vec())]);
    scene.run(&[
        Op::Rename("a", "c"),
        Op::Remove("b"),
        Op::Write("n", b"new\n".to_vec()),
    ]);
    let history = scene.history();
    let selector = VersionSelector::Generation;
    let text = history
        .diff(&path("c"), &selector(0), &selector(1))
        .expect("differs");
    assert_eq!(
        text,
        "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1 @@\n-one\n+two\n"
    );
    let text = history
        .diff_all(&selector(0), &selector(2))
        .expect("differs");
    let parts = [
        "deleted file mode 100644\n--- a/b\n+++ /dev/null\n@@ -1 +0,0 @@\n-same\n",
        "diff --git a/a b/c\nrename from a\nrename to c\n--- a/a\n+++ b/c\n@@ -1 +1 @@\n-one\n+two\n",
        "new file mode 100644\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+new\n",
    ];
    for part in parts {
        assert!(text.contains(part), "{part}\nin\n{text}");
    }
    assert_eq!(
        history
            .diff_all(&selector(2), &selector(2))
            .expect("nothing"),
        ""
    );
}

/// What the model says of a path at a generation.
#[derive(Debug, PartialEq)]
enum Expected {
    Is(String, Node),
    Absent,
    /// Nothing stood there in between, so that the path alone decides.
    Unsaid,
}

/// Follows an object back by its number, and the path where another one was replaced.
fn expected(scene: &Scene, at: &str, generation: u64) -> Expected {
    let mut at = at.to_owned();
    let index = |generation: u64| usize::try_from(generation).expect("small");
    for later in (generation + 1..=scene.newest()).rev() {
        let Some(number) = scene.numbers[index(later)].get(&at) else {
            return Expected::Unsaid;
        };
        let earlier = &scene.numbers[index(later - 1)];
        let from = earlier.iter().find(|(_, other)| *other == number);
        let went = earlier.get(&at).filter(|other| {
            scene.numbers[index(later)]
                .values()
                .any(|now| now == *other)
        });
        match (from, went) {
            (Some((from, _)), _) => at = from.clone(),
            // What stood there went elsewhere, and another history tells of it.
            (None, Some(_)) => return Expected::Unsaid,
            (None, None) => {}
        }
    }
    match scene.tree_at(generation).get(&at) {
        Some(node) => Expected::Is(at, node.clone()),
        None => Expected::Absent,
    }
}

fn is_elsewhere(scene: &Scene, at: &str, node: &Node) -> bool {
    let Node::File { bytes, .. } = node else {
        return false;
    };
    let mut present = scene.present().iter();
    present.any(|(path, other)| {
        path != at && matches!(other, Node::File { bytes: other, .. } if other == bytes)
    })
}

fn was_never_read(error: &HistoryError) -> bool {
    matches!(error, HistoryError::NotKept { digest: None, .. })
}

fn compare(scene: &Scene, at: &str, generation: u64) -> Result<(), TestCaseError> {
    let selector = VersionSelector::Generation(generation);
    let found = scene.history().read_version(&path(at), &selector);
    match (expected(scene, at, generation), found) {
        (Expected::Unsaid, _) => {}
        // No change touched it.
        (_, Err(HistoryError::UnknownVersion { .. })) => {
            prop_assert_eq!(scene.tree_at(generation).get(at), scene.present().get(at));
        }
        (Expected::Absent, found) => {
            prop_assert!(
                matches!(found, Err(HistoryError::Absent { .. })),
                "{:?}",
                found
            );
        }
        (Expected::Is(_, Node::Directory), found) => {
            prop_assert!(
                matches!(found, Err(HistoryError::IsADirectory { .. })),
                "{:?}",
                found
            );
        }
        (
            Expected::Is(was_at, node),
            Ok(VersionContent::File {
                path,
                bytes,
                executable,
            }),
        ) => {
            prop_assert_eq!(path.to_string(), was_at);
            prop_assert_eq!(Node::File { bytes, executable }, node);
        }
        // A content is kept, or stands in the tree: elsewhere, or where nobody had to read it.
        (Expected::Is(_, node), Err(error @ HistoryError::NotKept { .. })) => {
            let stands = is_elsewhere(scene, at, &node)
                || (was_never_read(&error) && scene.present().get(at) == Some(&node));
            prop_assert!(stands, "{}@{}: {}", at, generation, error);
        }
        (said, found) => prop_assert!(false, "{said:?} {found:?}"),
    }
    Ok(())
}

/// The paths that a diff names on either side.
fn named(text: &str) -> BTreeSet<String> {
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("diff --git a/"));
    let names = lines.flat_map(|line| {
        let (one, two) = line.split_once(" b/").expect("two names");
        [one.to_owned(), two.to_owned()]
    });
    names.collect()
}

/// Each file that is another one than before is named, or a directory above it that moved.
fn compare_trees(scene: &Scene, older: u64, newer: u64) -> Result<(), TestCaseError> {
    let selector = VersionSelector::Generation;
    let text = scene.history().diff_all(&selector(older), &selector(newer));
    let text = text.expect("all of it is kept");
    let named = named(&text);
    let (before, after) = (scene.tree_at(older), scene.tree_at(newer));
    for at in before.keys().chain(after.keys()) {
        let is_file = |node: Option<&Node>| node.is_some_and(|node| *node != Node::Directory);
        let (was, is) = (before.get(at), after.get(at));
        if was == is || !(is_file(was) || is_file(is)) {
            continue;
        }
        let above = at.match_indices('/').map(|(end, _)| &at[..end]);
        let is_named = named.contains(at) || above.into_iter().any(|dir| named.contains(dir));
        prop_assert!(is_named, "{at} between {older} and {newer}:\n{text}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_diff_leaves_nothing_out(commits in commits()) {
        let scene = played(&commits);
        for older in 0..scene.newest() {
            for newer in older + 1..=scene.newest() {
                compare_trees(&scene, older, newer)?;
                compare_trees(&scene, newer, older)?;
            }
        }
    }

    #[test]
    fn every_version_is_as_the_model_says(commits in commits()) {
        let scene = played(&commits);
        for at in scene.present().keys() {
            for generation in 0..=scene.newest() {
                compare(&scene, at, generation)?;
            }
        }
    }

    #[test]
    fn every_listed_version_with_a_content_reads_back(commits in commits()) {
        let scene = played(&commits);
        let history = scene.history();
        let all: BTreeSet<&String> = scene.trees.iter().flat_map(|tree| tree.keys()).collect();
        for at in all {
            let at: VPath = path(at);
            for version in history.versions(&at).expect("lists").versions {
                let Some(availability) = version.availability else { continue };
                let found = history.read_version(&at, &version.selector());
                let is_here = !matches!(availability, Availability::Gone | Availability::Undigested);
                prop_assert_eq!(found.is_ok(), is_here, "{:?}: {:?}", version, found);
            }
        }
    }
}
