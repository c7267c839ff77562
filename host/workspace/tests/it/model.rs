//! Random sessions, committed one after the other: a folder, a memory base and a plain map agree.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use session_fs_workspace::{BeginOptions, CommitOptions, CommitOutcome};
use vfs::{Kind, Session};

use crate::acting::ActingDir;
use crate::scene::{Node, Scene, Tree};

#[derive(Clone, Debug)]
enum Operation {
    Write(String, u8),
    Append(String, u8),
    MakeDirectory(String),
    RemoveAll(String),
    Remove(String),
    Rename(String, String),
    Copy(String, String),
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4)
        .prop_map(|names| names.join("/"))
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (path(), any::<u8>()).prop_map(|(path, byte)| Operation::Write(path, byte)),
        1 => (path(), any::<u8>()).prop_map(|(path, byte)| Operation::Append(path, byte)),
        3 => path().prop_map(Operation::MakeDirectory),
        1 => path().prop_map(Operation::RemoveAll),
        1 => path().prop_map(Operation::Remove),
        4 => (path(), path()).prop_map(|(source, target)| Operation::Rename(source, target)),
        1 => (path(), path()).prop_map(|(source, target)| Operation::Copy(source, target)),
    ]
}

/// Does it to a session; `false` when the session refuses.
fn run(session: &Session, operation: &Operation) -> bool {
    let done = match operation {
        Operation::Write(path, byte) => session.write(path, &[*byte; 3]),
        Operation::Append(path, byte) => session.append(path, &[*byte; 2]),
        Operation::MakeDirectory(path) => session.mkdir(path),
        Operation::RemoveAll(path) => session.remove_all(path),
        Operation::Remove(path) => session.remove(path),
        Operation::Rename(source, target) => session.rename(source, target),
        Operation::Copy(source, target) => session.copy(source, target),
    };
    done.is_ok()
}

/// Does it to a map, given that it can be done.
fn model(tree: &mut Tree, operation: &Operation) {
    match operation {
        Operation::Write(path, byte) => {
            tree.insert(path.clone(), Node::File(vec![*byte; 3]));
        }
        Operation::Append(path, byte) => {
            let node = tree.entry(path.clone()).or_insert(Node::File(Vec::new()));
            let Node::File(bytes) = node else {
                panic!("appended to a directory")
            };
            bytes.extend([*byte; 2]);
        }
        Operation::MakeDirectory(path) => {
            let ends = path
                .match_indices('/')
                .map(|(end, _)| end)
                .chain([path.len()]);
            tree.extend(ends.map(|end| (path[..end].to_owned(), Node::Directory)));
        }
        Operation::RemoveAll(path) | Operation::Remove(path) => drop(take(tree, path)),
        Operation::Rename(source, target) if source == target => {}
        Operation::Rename(source, target) => {
            let moved = take(tree, source);
            tree.remove(target);
            put(tree, target, moved);
        }
        Operation::Copy(source, target) => {
            let copied = take(&mut tree.clone(), source);
            put(tree, target, copied);
        }
    }
}

/// Takes a path and what is below it, by the rest of their paths.
fn take(tree: &mut Tree, path: &str) -> Tree {
    let below = format!("{path}/");
    let is_below = |other: &String| other == path || other.starts_with(&below);
    let (taken, left) = std::mem::take(tree)
        .into_iter()
        .partition(|(other, _)| is_below(other));
    *tree = left;
    let taken: Tree = taken;
    taken
        .into_iter()
        .map(|(other, node)| (other[path.len()..].to_owned(), node))
        .collect()
}

fn put(tree: &mut Tree, path: &str, nodes: Tree) {
    tree.extend(
        nodes
            .into_iter()
            .map(|(rest, node)| (format!("{path}{rest}"), node)),
    );
}

/// What a session shows.
fn shown(session: &Session, dir: &str, tree: &mut BTreeMap<String, Node>) {
    for entry in session.list(dir, None, 1_000).expect("lists").entries {
        let path = format!("{dir}{}", entry.name);
        let node = match entry.kind {
            Kind::Directory => {
                shown(session, &format!("{path}/"), tree);
                Node::Directory
            }
            _ => Node::File(session.read(&path).expect("reads")),
        };
        tree.insert(path, node);
    }
}

/// The sessions of one sequence, and whether they are nested in others.
type Sequence = (Vec<Vec<Operation>>, bool);

fn sequence() -> impl Strategy<Value = Sequence> {
    let rounds = prop::collection::vec(prop::collection::vec(operation(), 0..14), 1..5);
    (rounds, any::<bool>())
}

/// Commits a sequence to a folder, to a memory base and to a map, and compares the three.
fn agree((rounds, nested): Sequence) -> Result<(), TestCaseError> {
    let scene = Scene::on(&[], ActingDir::quiet);
    let bases = [scene.base.clone(), scene.workspace.memory("m")];
    let begin = |base| {
        let session = scene.workspace.begin(base, BeginOptions::default());
        session.expect("begins")
    };
    let mut map = Tree::new();
    for operations in rounds {
        let outer = bases.each_ref().map(begin);
        let inner = outer.each_ref().map(|session| {
            let inner = scene
                .workspace
                .begin_nested(session, BeginOptions::default());
            inner.expect("begins")
        });
        let sessions = if nested { &inner } else { &outer };
        for operation in &operations {
            let done = run(&sessions[0], operation);
            prop_assert_eq!(run(&sessions[1], operation), done, "{:?}", operation);
            if done {
                model(&mut map, operation);
            }
        }
        let order = if nested {
            vec![&inner, &outer]
        } else {
            vec![&outer]
        };
        for session in order.into_iter().flatten() {
            let outcome = scene.workspace.commit(session, &CommitOptions::default());
            let outcome = outcome.expect("commits");
            prop_assert!(
                !matches!(outcome, CommitOutcome::Conflicted(_)),
                "{:?}",
                outcome
            );
        }
        prop_assert_eq!(&scene.tree(), &map);
        let mut memory = Tree::new();
        shown(&begin(&bases[1]), "", &mut memory);
        prop_assert_eq!(&memory, &map);
    }
    Ok(())
}

/// The sequences of a seed; panics with the smallest that it finds to differ.
pub(crate) fn sequences(seed: u64, count: u32) -> u64 {
    let mut runner = TestRunner::new(ProptestConfig {
        cases: count,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    if let Err(failure) = runner.run(&sequence(), agree) {
        panic!("{failure}");
    }
    u64::from(count)
}

#[test]
fn a_folder_a_memory_base_and_a_map_agree() {
    assert_eq!((0..8).map(|seed| sequences(seed, 250)).sum::<u64>(), 2_000);
}
