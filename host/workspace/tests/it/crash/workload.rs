//! What a crash interrupts: sessions full of random operations, committed one after the other.

use std::sync::Arc;

use session_fs_workspace::CommitOutcome;
use store::disk::crash::{CrashOptions, EntryOrder};
use store::disk::{CrashDisk, Dir};
use vfs::Session;

use crate::rig::{self, Dice, Host, Nodes};

/// The names that all workloads draw from.
const DIRECTORIES: [&str; 5] = ["a", "b", "a/c", "b/d", "new"];
const FILES: [&str; 4] = ["f", "g", "x.sh", "h"];

/// What every random workload starts from.
pub(crate) const START: &[(&str, &str)] = &[
    ("f", "f before"),
    ("x.sh", "#!/bin/sh"),
    ("a/f", "a/f before"),
    ("a/g", "a/g before"),
    ("a/c/h", "a/c/h before"),
    ("b/f", "b/f before"),
    ("b/link", "-> ../f"),
];

/// One thing that a session does.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Write(String, Vec<u8>),
    Append(String, Vec<u8>),
    Truncate(String, u64),
    MakeDirectory(String),
    Remove(String),
    Rename(String, String),
    Copy(String, String),
    Link(String, String),
}

/// One session and what follows its commit.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) operations: Vec<Operation>,
    pub(crate) checkpoint: bool,
}

/// A disk, and what is done to its base.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) disk: CrashDisk,
    pub(crate) commits: Vec<Commit>,
    pub(crate) boot: Option<[u8; 16]>,
    /// Without them new files are made before the record is written.
    pub(crate) threads: bool,
    pub(crate) label: String,
    pub(crate) entry_order: EntryOrder,
}

/// How far a run came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reached {
    /// Commits that were acknowledged.
    pub(crate) acknowledged: usize,
    /// Commits that were asked for and not refused.
    pub(crate) begun: usize,
}

impl Workload {
    /// The random workload of a seed.
    pub(crate) fn random(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let large = dice.below(24) == 0;
        let entry_order = match dice.below(3) {
            0 => EntryOrder::Sequential,
            _ => EntryOrder::Dependent,
        };
        let options = CrashOptions {
            sector_bytes: if large { 64 << 10 } else { 512 },
            entry_order,
        };
        let commits_count = 1 + dice.below(4);
        let commits = (0..commits_count).map(|_| commit(&mut dice, large));
        Self {
            commits: commits.collect(),
            disk: rig::prepared(START, options),
            boot: Some([1; 16]),
            threads: seed.is_multiple_of(2),
            label: format!("workload {seed}"),
            entry_order,
        }
    }

    /// A workload that is written down.
    pub(crate) fn fixed(
        label: &str,
        files: &[(&str, &str)],
        options: CrashOptions,
        sessions: &[&[Operation]],
    ) -> Self {
        let commit = |operations: &&[Operation]| Commit {
            operations: operations.to_vec(),
            checkpoint: false,
        };
        Self {
            disk: rig::prepared(files, options),
            commits: sessions.iter().map(commit).collect(),
            boot: Some([1; 16]),
            threads: true,
            label: label.to_owned(),
            entry_order: options.entry_order,
        }
    }

    /// Does all of it on a disk, or as much as the disk lets it; `applied` is told of each commit.
    pub(crate) fn run(&self, root: Arc<dyn Dir>, applied: &mut dyn FnMut()) -> Reached {
        let mut reached = Reached::default();
        let Some(host) = Host::make(root, "worker", self.boot, self.threads) else {
            return reached;
        };
        for commit in &self.commits {
            let session = host.begin();
            for operation in &commit.operations {
                act(&session, operation);
            }
            match host.commit(&session) {
                Ok(CommitOutcome::Applied(info)) => {
                    assert_eq!(info.displaced, [], "{}: nobody else is here", self.label);
                    reached.begun += 1;
                    reached.acknowledged += 1;
                    applied();
                }
                Ok(CommitOutcome::Unchanged) => {}
                Ok(CommitOutcome::Conflicted(conflicts)) => {
                    panic!("{}: nobody else is here: {conflicts:?}", self.label)
                }
                Err(_) => {
                    reached.begun += 1;
                    return reached;
                }
            }
            if commit.checkpoint && host.base.checkpoint().is_err() {
                return reached;
            }
        }
        reached
    }

    /// The trees from before the first commit to after the last, from a run that nothing interrupts,
    /// and the count of its mutating calls.
    pub(crate) fn rehearse(&self) -> (Vec<Nodes>, u64) {
        let disk = self.disk.fork();
        let mut trees = vec![rig::visible(&rig::nodes(&disk))];
        self.run(disk.root(), &mut || {
            trees.push(rig::visible(&rig::nodes(&disk)));
        });
        (trees, disk.calls_count())
    }
}

/// One session of random operations.
pub(crate) fn commit(dice: &mut Dice, large: bool) -> Commit {
    let count = 1 + dice.below(9);
    let operations = (0..count).map(|_| operation(dice, large));
    Commit {
        operations: operations.collect(),
        checkpoint: dice.below(4) == 0,
    }
}

fn operation(dice: &mut Dice, large: bool) -> Operation {
    match dice.below(16) {
        0..=4 => Operation::Write(path(dice), content(dice, large)),
        5 => Operation::Append(path(dice), content(dice, false)),
        6 => Operation::Truncate(path(dice), dice.next() % 600),
        7 | 8 => Operation::MakeDirectory((*dice.pick(&DIRECTORIES)).to_owned()),
        9 => Operation::Remove(path(dice)),
        10 => Operation::Remove((*dice.pick(&DIRECTORIES)).to_owned()),
        11 | 12 => Operation::Rename(path(dice), path(dice)),
        13 => Operation::Rename(
            (*dice.pick(&DIRECTORIES)).to_owned(),
            (*dice.pick(&DIRECTORIES)).to_owned(),
        ),
        14 => Operation::Copy(path(dice), path(dice)),
        _ => Operation::Link("a/f".to_owned(), path(dice)),
    }
}

/// A file's path or, rarely, that of a directory, so that kinds change.
fn path(dice: &mut Dice) -> String {
    let file = dice.pick(&FILES);
    match dice.below(8) {
        0 => (*dice.pick(&DIRECTORIES)).to_owned(),
        1 | 2 => (*file).to_owned(),
        _ => format!("{}/{file}", dice.pick(&DIRECTORIES)),
    }
}

fn content(dice: &mut Dice, large: bool) -> Vec<u8> {
    let count = match dice.below(8) {
        0 => 0,
        1..=4 => 1 + dice.below(40),
        5 => 512,
        6 => 700 + dice.below(900),
        _ if large => (1 << 20) + 1 + dice.below(99_999),
        _ => 2_000,
    };
    // Some contents begin as others do, and some have sectors of zeros.
    let byte = u8::try_from(dice.below(4)).expect("small");
    let mut bytes = vec![byte; count];
    if let Some(last) = bytes.last_mut() {
        *last = u8::try_from(dice.below(250)).expect("small");
    }
    bytes
}

/// Does one thing, when the session lets it.
pub(crate) fn act(session: &Session, operation: &Operation) {
    let done = match operation {
        Operation::Write(path, bytes) => session.write(path, bytes),
        Operation::Append(path, bytes) => session.append(path, bytes),
        Operation::Truncate(path, size) => session.truncate(path, *size),
        Operation::MakeDirectory(path) => session.mkdir(path),
        Operation::Remove(path) => session.remove_all(path),
        Operation::Rename(source, target) => session.rename(source, target),
        Operation::Copy(source, target) => session.copy(source, target),
        Operation::Link(target, path) => session.symlink(target, path),
    };
    // What the session refuses is no part of the change.
    drop(done);
}
