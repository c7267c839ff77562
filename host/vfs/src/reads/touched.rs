//! What a nested session read of the state it began from, for a merge that asks that none of it
//! moved. Its own changes are read too; they are told apart by the merge.

use imbl::OrdSet;

use crate::inode::{Ino, Link};

/// How an object was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Touch {
    /// Its size, mode or times.
    Stat,
    /// Its bytes, or where it leads.
    Content,
    /// Its entries.
    Listing,
}

/// Everything that was read. Cloning is O(1).
#[derive(Clone, Debug, Default)]
pub(crate) struct Touched {
    names: OrdSet<Link>,
    objects: OrdSet<(Ino, Touch)>,
}

impl Touched {
    pub(crate) fn has_name(&self, link: &Link) -> bool {
        self.names.contains(link)
    }

    pub(crate) fn has(&self, ino: Ino, how: Touch) -> bool {
        self.objects.contains(&(ino, how))
    }

    pub(super) fn add_name(&mut self, link: Link) {
        self.names.insert(link);
    }

    pub(super) fn add(&mut self, ino: Ino, how: Touch) {
        self.objects.insert((ino, how));
    }

    /// Adds what a session nested in this one read.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.names.extend(other.names.iter().cloned());
        self.objects.extend(other.objects.iter().copied());
    }
}
