//! Inodes: what a session holds of a file, directory or link that differs from its base.
//!
//! An inode number stands for one object for as long as its session lives: it survives copy-up,
//! rename and unlink. What is not held here is read from the base under the same number.

use std::sync::Arc;

use imbl::OrdMap;
use smallvec::SmallVec;

use crate::base::BaseStat;
use crate::content::Pieces;
use crate::meter::Charge;
use crate::time::Timestamp;
use crate::{Kind, Name};

/// Bytes charged for an inode and its share of the persistent map that it stands in.
pub(crate) const INODE_BYTES: u64 = 280;
/// Bytes charged for a name in a directory, besides the name itself.
pub(crate) const SLOT_BYTES: u64 = 128;

/// The number of an object; the same in a session, its forks and the sessions nested in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ino(pub(crate) u64);

impl Ino {
    /// The root directory of every tree.
    pub(crate) const ROOT: Self = Self(1);
}

/// An object that the session changed, made or moved.
#[derive(Debug)]
pub(crate) struct Inode {
    /// Every name of the object; none once it is removed and only handles hold it.
    pub(crate) links: SmallVec<[Link; 1]>,
    pub(crate) body: Body,
    pub(crate) times: Times,
    /// Never read: gives the memory back when the last state that shares this inode goes.
    pub(crate) _charge: Charge,
}

/// One name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Link {
    pub(crate) parent: Ino,
    pub(crate) name: Name,
}

/// What an object is.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Directory(Directory),
    File(File),
    Symlink(Arc<str>),
}

/// A directory: what differs from the base directory of the same number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    /// Whether names that are not in `slots` are looked up in the base.
    pub(crate) has_base: bool,
    pub(crate) slots: OrdMap<Name, Slot>,
}

/// What a directory says of one name.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// The object; `None` when the base's object of that name was removed.
    pub(crate) target: Option<(Ino, Kind)>,
    /// Never read: gives the memory back with the slot.
    pub(crate) _charge: Arc<Charge>,
}

/// A file: pieces of new bytes over its pristine version.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) origin: Option<Origin>,
    pub(crate) pieces: Pieces,
    pub(crate) executable: bool,
}

/// The version of a base file that a file's kept pieces come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) ino: Ino,
    /// Shared with the read set.
    pub(crate) stat: Arc<BaseStat>,
}

/// When an object was last used and changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) accessed: Option<Timestamp>,
    pub(crate) modified: Option<Timestamp>,
    pub(crate) changed: Option<Timestamp>,
    /// Whether the session set `modified` itself, so that a commit must keep it.
    pub(crate) explicit: bool,
}

impl Link {
    /// Not after any name of a directory.
    pub(crate) fn first_in(parent: Ino) -> Self {
        let name = Name::new("\u{1}").expect("no other name is before this one");
        Self { parent, name }
    }
}

impl PartialEq for Slot {
    fn eq(&self, other: &Self) -> bool {
        self.target == other.target
    }
}

impl Inode {
    pub(crate) fn kind(&self) -> Kind {
        match self.body {
            Body::Directory(_) => Kind::Directory,
            Body::File(_) => Kind::File,
            Body::Symlink(_) => Kind::Symlink,
        }
    }

    pub(crate) fn size(&self) -> u64 {
        match &self.body {
            Body::Directory(_) => 0,
            Body::File(file) => file.pieces.len(),
            Body::Symlink(target) => target.len() as u64,
        }
    }

    pub(crate) fn as_directory(&self) -> Option<&Directory> {
        match &self.body {
            Body::Directory(directory) => Some(directory),
            _ => None,
        }
    }

    pub(crate) fn as_file(&self) -> Option<&File> {
        match &self.body {
            Body::File(file) => Some(file),
            _ => None,
        }
    }
}

impl Times {
    /// Times of an object that comes to be now.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            accessed: Some(now),
            modified: Some(now),
            changed: Some(now),
            explicit: false,
        }
    }

    /// Records that the content changed.
    pub(crate) fn touch(&mut self, now: Timestamp) {
        self.modified = Some(now);
        self.changed = Some(now);
        self.explicit = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of an entry of the map of inodes, which is at least half full, and of a counted box.
    const SHARE_BYTES: usize = 2 * (size_of::<Ino>() + size_of::<usize>()) + 16;

    #[test]
    fn what_is_charged_covers_what_an_inode_takes() {
        let taken = size_of::<Inode>() + SHARE_BYTES;
        assert!(taken as u64 <= INODE_BYTES, "{taken}");
    }
}
