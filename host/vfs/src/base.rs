//! What a session starts from, read lazily: a directory of the host, or nothing at all.
//!
//! A base is only ever read here. Paths are canonical; the base resolves no link and no `..`.

mod directory;
mod empty;

use std::fmt;
use std::sync::Arc;

pub use directory::DirectoryBase;
pub use empty::EmptyBase;
use store::disk::Fingerprint;

use crate::error::Result;
use crate::path::VPath;
use crate::time::Timestamp;
use crate::{Kind, Name};

/// A file tree that sessions begin from.
pub trait Base: Send + Sync + fmt::Debug {
    /// The base's name for messages, such as `file:///srv/project`.
    fn name(&self) -> &str;

    /// Describes what stands at a path; `None` when nothing does.
    ///
    /// Objects that are no file, directory or link (devices, sockets, pipes) are not there.
    fn describe(&self, path: &VPath) -> Result<Option<BaseStat>>;

    /// Lists a directory in the byte order of the names, at most `entries_max` of them.
    fn list(&self, path: &VPath, entries_max: usize) -> Result<Arc<[BaseEntry]>>;

    /// Opens the version of a file that was described, or fails with `Error::Stale`.
    fn open(&self, path: &VPath, expected: &BaseStat) -> Result<Arc<dyn BaseFile>>;

    /// Reads the version of a link that was described, or fails with `Error::Stale`.
    fn read_link(&self, path: &VPath, expected: &BaseStat) -> Result<Arc<str>>;
}

/// One version of one file of a base, held open.
pub trait BaseFile: Send + Sync + fmt::Debug {
    /// Fills as much of `buffer` as the file has from `offset` on.
    ///
    /// Fails with `Error::Stale` when the file is no longer the version that was opened, so that
    /// old and new bytes are never mixed.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize>;
}

/// What is known of one object of a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseStat {
    /// What it is.
    pub kind: Kind,
    /// Bytes of content, or of a link's target; 0 for a directory.
    pub size: u64,
    /// Whether a file may be executed.
    pub executable: bool,
    /// When the content last changed.
    pub modified: Option<Timestamp>,
    /// When the object last changed in any way.
    pub changed: Option<Timestamp>,
    /// Which version it is.
    pub version: BaseVersion,
}

/// Tells two versions of one object apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseVersion {
    /// Of a file of the host.
    Host(Fingerprint),
    /// Of an object that is numbered by its base.
    Number(u64),
}

/// One name of a directory of a base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseEntry {
    /// The name.
    pub name: Name,
    /// What it stands for.
    pub kind: Kind,
}

impl BaseStat {
    /// Whether what a session saw as `self` is still so.
    ///
    /// A directory is the same as long as it is the same object: its entries are compared one by
    /// one.
    pub fn same_version(&self, now: &Self) -> bool {
        match (self.version, now.version) {
            (BaseVersion::Host(seen), BaseVersion::Host(now)) if self.kind == Kind::Directory => {
                (seen.dev, seen.ino, seen.kind) == (now.dev, now.ino, now.kind)
            }
            (seen, now) => seen == now,
        }
    }
}
