//! `Mark`: a session's state at one moment, kept to tell later what changed since; O(1) to take.

use crate::core::{Core, Marked};
use crate::inode::Ino;
use crate::reads::Reads;
use crate::tree::Tree;

/// A state that was saved, or that is about to be.
#[derive(Debug)]
pub(crate) struct Mark {
    /// Records since the last one that stands alone.
    pub(super) number: u64,
    /// Names of the base below this number are in the records.
    pub(super) next_ino: u64,
    pub(super) start: Tree,
    pub(super) tree: Tree,
    pub(super) savepoints: Vec<Marked>,
    pub(super) reads: Reads,
}

/// How a tree is written: by what differs from another that the reader has.
pub(super) struct TreeChange<'a> {
    pub(super) now: &'a Tree,
    pub(super) earlier: &'a Tree,
    pub(super) inos: Vec<Ino>,
}

/// Which tree the reader begins from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// The present tree of the record before.
    Present,
    /// The savepoint just before in the same record.
    Preceding,
}

/// How a savepoint is written.
pub(super) enum SavepointChange<'a> {
    /// It is the one at this index of the record before.
    Same(usize),
    New(Reference, TreeChange<'a>),
}

/// What a record says of the trees.
pub(super) struct Plan<'a> {
    pub(super) start: TreeChange<'a>,
    pub(super) savepoints: Vec<(&'a Marked, SavepointChange<'a>)>,
    pub(super) tree: (Reference, TreeChange<'a>),
}

impl Mark {
    /// Before the first record.
    pub(super) fn empty() -> Self {
        Self {
            number: 0,
            next_ino: 0,
            start: Tree::default(),
            tree: Tree::default(),
            savepoints: Vec::new(),
            reads: Reads::default(),
        }
    }

    pub(super) fn of(core: &Core, number: u64, next_ino: u64) -> Self {
        Self {
            number,
            next_ino,
            start: core.start.clone(),
            tree: core.tree.clone(),
            savepoints: core.savepoints.clone(),
            reads: core.reads.mark(),
        }
    }
}

impl<'a> TreeChange<'a> {
    fn new(now: &'a Tree, earlier: &'a Tree) -> Self {
        let inos = now.differing(earlier);
        Self { now, earlier, inos }
    }
}

impl<'a> Plan<'a> {
    pub(super) fn new(now: &'a Mark, earlier: &'a Mark) -> Self {
        let mut savepoints: Vec<(&Marked, SavepointChange<'_>)> = Vec::new();
        let mut preceding = None;
        for marked in &now.savepoints {
            let same = |was: &Marked| was.is_same(marked);
            let change = match earlier.savepoints.iter().position(same) {
                Some(index) => SavepointChange::Same(index),
                None => {
                    let (reference, change) = nearest(&marked.tree, &earlier.tree, preceding);
                    SavepointChange::New(reference, change)
                }
            };
            savepoints.push((marked, change));
            preceding = Some(&marked.tree);
        }
        Self {
            start: TreeChange::new(&now.start, &earlier.start),
            savepoints,
            tree: nearest(&now.tree, &earlier.tree, preceding),
        }
    }

    /// Whether the record would say nothing, given how many savepoints there were.
    pub(super) fn is_empty(&self, savepoints_before: usize) -> bool {
        let mut savepoints = self.savepoints.iter().enumerate();
        let same = savepoints.all(
            |(index, (_, change))| matches!(change, SavepointChange::Same(was) if *was == index),
        );
        let (reference, tree) = &self.tree;
        same && self.savepoints.len() == savepoints_before
            && self.start.inos.is_empty()
            && *reference == Reference::Present
            && tree.inos.is_empty()
    }

    /// Every tree that is written.
    pub(super) fn trees(&self) -> impl Iterator<Item = &TreeChange<'a>> {
        let savepoints = self
            .savepoints
            .iter()
            .filter_map(|(_, change)| match change {
                SavepointChange::Same(_) => None,
                SavepointChange::New(_, change) => Some(change),
            });
        savepoints.chain([&self.start, &self.tree.1])
    }
}

/// The shorter way to write a tree: after a restore it is nearer to a savepoint.
fn nearest<'a>(
    now: &'a Tree,
    present: &'a Tree,
    preceding: Option<&'a Tree>,
) -> (Reference, TreeChange<'a>) {
    let change = TreeChange::new(now, present);
    match preceding.map(|preceding| TreeChange::new(now, preceding)) {
        Some(shorter) if shorter.inos.len() < change.inos.len() => (Reference::Preceding, shorter),
        _ => (Reference::Present, change),
    }
}
