//! What a session changed: objects that left their place, objects that arrived at one, and files
//! that were updated where they stand.
//!
//! Departures are named by where things stood when the session began and arrivals by where they
//! stand now, so that any shuffle of names, swaps included, is applied by taking away everything
//! that departed and then putting down everything that arrived.

mod collect;
mod entries;
mod select;

use std::sync::Arc;

pub(crate) use collect::differing_names;
pub use entries::{ChangeEntry, ChangeKind};

use crate::Kind;
use crate::base::BaseStat;
use crate::inode::Ino;
use crate::path::VPath;
use crate::time::Timestamp;

/// What a session changed, each list sorted by path.
#[derive(Clone, Debug, Default)]
pub struct ChangeSet {
    /// Objects that are no longer where they stood.
    pub departures: Vec<Departure>,
    /// Objects that stand where they did not.
    pub arrivals: Vec<Arrival>,
    /// Files that changed where they stand.
    pub updates: Vec<Update>,
}

/// An object that is no longer where it stood. What was below a removed directory is listed too;
/// what is below a moved one went along.
#[derive(Clone, Debug)]
pub struct Departure {
    /// Where it stood.
    pub path: VPath,
    /// What it was.
    pub before: Side,
    /// Where it went; `None` when it was removed.
    pub moved_to: Option<VPath>,
}

/// An object that stands where it did not.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Where it stands.
    pub path: VPath,
    /// What it is.
    pub after: Side,
    /// Where it came from; `None` when it is new.
    pub moved_from: Option<VPath>,
    /// Whether a moved file also has other content or another mode than it had.
    pub changed: bool,
}

/// A file that changed where it stands.
#[derive(Clone, Debug)]
pub struct Update {
    /// Where it stood; its directory may have moved.
    pub source: VPath,
    /// Where it stands.
    pub path: VPath,
    /// What it was.
    pub before: Side,
    /// What it is.
    pub after: Side,
    /// Whether its content or mode changed, and not only its time.
    pub changed: bool,
}

/// One version of one object.
#[derive(Clone, Debug)]
pub struct Side {
    /// What it is.
    pub kind: Kind,
    /// Bytes of a file's content or of a link's target.
    pub size: u64,
    /// Whether a file may be executed.
    pub executable: bool,
    /// Where a link leads.
    pub target: Option<Arc<str>>,
    /// The version of the base's object as the session saw it; `None` for what the base never had.
    pub seen: Option<BaseStat>,
    /// A time that the session set on purpose and that a commit has to keep.
    pub modified: Option<Timestamp>,
    pub(crate) ino: Ino,
    pub(crate) moment: Moment,
}

/// Which state of a session an object is looked up in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    Start,
    Now,
}

impl ChangeSet {
    /// Whether the session changed nothing.
    pub fn is_empty(&self) -> bool {
        self.departures.is_empty() && self.arrivals.is_empty() && self.updates.is_empty()
    }

    /// How many changes there are.
    pub(crate) fn len(&self) -> usize {
        self.departures.len() + self.arrivals.len() + self.updates.len()
    }

    /// The changes that have no part in the paths told; a rename has two.
    pub(crate) fn without(&self, drops: impl Fn(&VPath) -> bool) -> Self {
        let other = |path: &Option<VPath>| path.as_ref().is_some_and(&drops);
        let mut rest = self.clone();
        rest.departures
            .retain(|gone| !drops(&gone.path) && !other(&gone.moved_to));
        rest.arrivals
            .retain(|come| !drops(&come.path) && !other(&come.moved_from));
        rest.updates
            .retain(|update| !drops(&update.path) && !drops(&update.source));
        rest
    }

    /// What departed from a path.
    pub(crate) fn departure(&self, path: &VPath) -> Option<&Departure> {
        let found = self.departures.binary_search_by(|gone| gone.path.cmp(path));
        found.ok().map(|index| &self.departures[index])
    }

    /// What arrived at a path.
    pub(crate) fn arrival(&self, path: &VPath) -> Option<&Arrival> {
        let found = self.arrivals.binary_search_by(|come| come.path.cmp(path));
        found.ok().map(|index| &self.arrivals[index])
    }

    /// What was updated at a path.
    pub(crate) fn update(&self, path: &VPath) -> Option<&Update> {
        let found = self
            .updates
            .binary_search_by(|update| update.path.cmp(path));
        found.ok().map(|index| &self.updates[index])
    }

    /// The same, path by path, for a person or a program to read.
    pub fn entries(&self) -> Vec<ChangeEntry> {
        entries::entries(self)
    }
}
