//! Random sessions, nested, forked, marked and restored, committed one after the other: a directory,
//! a memory base and a plain map agree. Each begins in another process.

pub(crate) mod rivals;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use session_fs_workspace::{BeginOptions, CommitOutcome, Workspace, WorkspaceOptions};
use store::disk::CrashDisk;
use store::disk::crash::{self as disk, CrashOptions};
use vfs::{Kind, Session};

use crate::rig::{self, Host, visible};
use crate::scene::{Node, Tree};

/// One session from its beginning to its commit.
#[derive(Clone, Debug)]
struct Round {
    operations: Vec<Operation>,
    /// How many sessions it is nested in.
    depth: usize,
    /// Whether a fork of it is committed in its place.
    forked: bool,
}

#[derive(Clone, Debug)]
enum Operation {
    Write(String, u8),
    Append(String, u8),
    MakeDirectory(String),
    RemoveAll(String),
    Remove(String),
    Rename(String, String),
    Copy(String, String),
    Mark,
    Restore,
}

const SAVEPOINT: &str = "here";

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
        1 => Just(Operation::Mark),
        1 => Just(Operation::Restore),
    ]
}

fn round() -> impl Strategy<Value = Round> {
    let operations = prop::collection::vec(operation(), 0..14);
    let parts = (operations, 0..3_usize, any::<bool>());
    parts.prop_map(|(operations, depth, forked)| Round {
        operations,
        depth,
        forked,
    })
}

/// Works in a session over a base and commits it; tells which operations were done.
fn play(host: &Host, round: &Round) -> Vec<bool> {
    let mut sessions = vec![host.begin()];
    for depth in 0..round.depth {
        let nested = host
            .workspace
            .begin_nested(&sessions[depth], BeginOptions::default());
        sessions.push(nested.expect("begins"));
    }
    let inner = sessions.last().expect("there is one").clone();
    let done = round.operations.iter().map(|one| run(&inner, one));
    let done = done.collect();
    if round.forked {
        sessions.pop();
        let forked = host.workspace.fork(&inner, BeginOptions::default());
        sessions.push(forked.expect("forks"));
        inner.write("a", b"of no use to anybody").ok();
        host.workspace.rollback(&inner).expect("rolls back");
    }
    for session in sessions.iter().rev() {
        let outcome = host.commit(session).expect("commits");
        assert!(
            !matches!(outcome, CommitOutcome::Conflicted(_)),
            "{outcome:?}"
        );
    }
    done
}

/// Does what was done to a map.
fn model_all(tree: &mut Tree, operations: &[Operation], done: &[bool]) {
    let mut marked = None;
    for (operation, done) in operations.iter().zip(done) {
        match operation {
            Operation::Mark => marked = Some(tree.clone()),
            Operation::Restore => {
                assert_eq!(*done, marked.is_some());
                tree.clone_from(marked.as_ref().unwrap_or(&tree.clone()));
            }
            operation if *done => model(tree, operation),
            _ => {}
        }
    }
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
        Operation::Mark => session.savepoint(SAVEPOINT),
        Operation::Restore => session.restore(SAVEPOINT),
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
        Operation::Mark | Operation::Restore => {}
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

/// What stands in a directory.
fn found(disk: &CrashDisk) -> Tree {
    let nodes = visible(&rig::nodes(disk)).into_iter();
    let nodes = nodes.map(|(path, node)| match node {
        disk::Node::File { content, .. } => (path, Node::File(content)),
        disk::Node::Directory { .. } => (path, Node::Directory),
        disk::Node::Symlink { target } => (path, Node::Link(target)),
    });
    nodes.collect()
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

/// Commits rounds to a folder, to a memory base and to a map, and compares the three.
fn agree(rounds: &[Round]) -> Result<(), TestCaseError> {
    let disk = START.with(CrashDisk::fork);
    let memory = Workspace::new(WorkspaceOptions::default());
    let memory = Host {
        base: memory.memory("m"),
        workspace: memory,
    };
    let mut map = Tree::new();
    for (number, round) in rounds.iter().enumerate() {
        // Each time another process goes on where the one before stopped.
        let folder = Host::open(disk.root(), &format!("host{number}"), None);
        prop_assert_eq!(folder.trouble(), None);
        let [done, same] = [&folder, &memory].map(|host| play(host, round));
        prop_assert_eq!(&done, &same);
        model_all(&mut map, &round.operations, &done);
        prop_assert_eq!(&found(&disk), &map);
        let mut kept = Tree::new();
        shown(&memory.begin(), "", &mut kept);
        prop_assert_eq!(&kept, &map);
    }
    Ok(())
}

/// The sequences of a seed; panics with the smallest that it finds to differ.
pub(crate) fn sequences(seed: u64, count: u32) -> u64 {
    let rounds = prop::collection::vec(round(), 1..5);
    try_all(seed, count, &rounds, &|rounds: Vec<Round>| agree(&rounds))
}

/// Tries so many values of a strategy.
fn try_all<S: Strategy>(
    seed: u64,
    count: u32,
    strategy: &S,
    test: &dyn Fn(S::Value) -> Result<(), TestCaseError>,
) -> u64 {
    let mut runner = TestRunner::new(ProptestConfig {
        cases: count,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    if let Err(failure) = runner.run(strategy, test) {
        panic!("{failure}");
    }
    u64::from(count)
}

#[test]
fn a_folder_a_memory_base_and_a_map_agree() {
    assert_eq!((0..8).map(|seed| sequences(seed, 250)).sum::<u64>(), 2_000);
}

thread_local! {
    static START: CrashDisk = rig::prepared(&[], CrashOptions::default());
}
