//! A directory of the host as a base, read lazily through the confined door of `store`.
//!
//! Only regular files, directories and links are served, and never the store's own folder. A file
//! is checked against the version the session saw before and after every read.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, File, FileKind, Fingerprint};

use super::{Base, BaseEntry, BaseFile, BaseStat, BaseVersion};
use crate::error::{Error, Result};
use crate::limits::LISTING_ENTRIES;
use crate::path::VPath;
use crate::reserved;
use crate::time::Timestamp;
use crate::{Kind, Name};

/// `ELOOP`, for which the standard library has no stable name.
const LINK_ERRNO: i32 = 40;

/// A live directory, held by a handle that was opened once.
#[derive(Debug)]
pub struct DirectoryBase {
    root: Arc<dyn Dir>,
    name: String,
}

impl DirectoryBase {
    /// A base over the directory `root`; `name` is for messages only.
    pub fn new(root: Arc<dyn Dir>, name: impl Into<String>) -> Self {
        Self {
            root,
            name: name.into(),
        }
    }

    /// The handle that everything is reached through.
    pub fn root(&self) -> &Arc<dyn Dir> {
        &self.root
    }

    fn fingerprint(&self, path: &VPath) -> io::Result<Fingerprint> {
        match path.split() {
            None => self.root.stat_self(),
            Some(([], name)) => self.root.stat(name),
            Some((parent, name)) => self.root.walk(parent)?.stat(name),
        }
    }

    /// What it means that a described object does not open: it may be another by now, such as a link
    /// in the place of a file.
    fn refused(&self, path: &VPath, expected: &BaseStat, error: io::Error) -> Error {
        match self.fingerprint(path) {
            Ok(now) if BaseVersion::Host(now) != expected.version => Error::Stale {
                path: path.to_string(),
            },
            _ => stale_or_io(path, error),
        }
    }

    fn parent<'a>(&self, path: &'a VPath) -> Result<(Arc<dyn Dir>, &'a Name)> {
        let Some((parent, name)) = path.split() else {
            return Err(Error::IsADirectory {
                path: path.to_string(),
            });
        };
        if parent.is_empty() {
            return Ok((self.root.clone(), name));
        }
        let dir = self.root.walk(parent).map_err(|e| stale_or_io(path, e))?;
        Ok((dir, name))
    }
}

impl Base for DirectoryBase {
    fn name(&self) -> &str {
        &self.name
    }

    fn describe(&self, path: &VPath) -> Result<Option<BaseStat>> {
        if reserved::is_store(path) {
            return Ok(None);
        }
        match self.fingerprint(path) {
            Ok(fingerprint) => Ok(base_stat(&fingerprint)),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(Error::io(path, error)),
        }
    }

    fn list(&self, path: &VPath, entries_max: usize) -> Result<Arc<[BaseEntry]>> {
        let listed = if path.is_root() {
            self.root.list(entries_max)
        } else {
            self.root
                .walk(path.components())
                .and_then(|dir| dir.list(entries_max))
        };
        let listing = listed.map_err(|error| match error.kind() {
            io::ErrorKind::QuotaExceeded => Error::Quota {
                which: LISTING_ENTRIES,
                used: entries_max as u64,
                limit: entries_max as u64,
            },
            _ => stale_or_io(path, error),
        })?;
        let entries = listing.items.into_iter().filter_map(|item| {
            let kind = kind_of(item.kind)?;
            let hidden = path.is_root() && reserved::is_store_name(&item.name);
            (!hidden).then_some(BaseEntry {
                name: item.name,
                kind,
            })
        });
        Ok(entries.collect())
    }

    fn open(&self, path: &VPath, expected: &BaseStat) -> Result<Arc<dyn BaseFile>> {
        let (dir, name) = self.parent(path)?;
        let file = dir
            .open(name)
            .map_err(|e| self.refused(path, expected, e))?;
        let opened = DirectoryFile {
            file,
            expected: expected.version,
            path: path.clone(),
        };
        opened.check()?;
        Ok(Arc::new(opened))
    }

    fn read_link(&self, path: &VPath, expected: &BaseStat) -> Result<Arc<str>> {
        let (dir, name) = self.parent(path)?;
        let target = dir
            .read_link(name)
            .map_err(|e| self.refused(path, expected, e))?;
        let now = dir.stat(name).map_err(|e| stale_or_io(path, e))?;
        if BaseVersion::Host(now) != expected.version {
            return Err(Error::Stale {
                path: path.to_string(),
            });
        }
        Ok(target.into())
    }
}

/// One file of the host, held open, that must stay the version it was.
#[derive(Debug)]
struct DirectoryFile {
    file: Arc<dyn File>,
    expected: BaseVersion,
    path: VPath,
}

impl DirectoryFile {
    fn check(&self) -> Result<()> {
        let now = self.file.stat().map_err(|e| Error::io(&self.path, e))?;
        if BaseVersion::Host(now) == self.expected {
            return Ok(());
        }
        Err(Error::Stale {
            path: self.path.to_string(),
        })
    }
}

impl BaseFile for DirectoryFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset.saturating_add(filled as u64);
            let rest = &mut buffer[filled..];
            match self
                .file
                .read_at(rest, at)
                .map_err(|e| Error::io(&self.path, e))?
            {
                0 => break,
                count => filled += count,
            }
        }
        // Checked after the read: whatever was written before it shows in the fingerprint now.
        self.check()?;
        Ok(filled)
    }
}

fn base_stat(fingerprint: &Fingerprint) -> Option<BaseStat> {
    let kind = kind_of(fingerprint.kind)?;
    Some(BaseStat {
        kind,
        size: if kind == Kind::Directory {
            0
        } else {
            fingerprint.size
        },
        executable: fingerprint.mode & 0o111 != 0,
        modified: Timestamp::from_nanoseconds(fingerprint.mtime_ns),
        changed: Timestamp::from_nanoseconds(fingerprint.ctime_ns),
        version: BaseVersion::Host(*fingerprint),
    })
}

fn kind_of(kind: FileKind) -> Option<Kind> {
    match kind {
        FileKind::Directory => Some(Kind::Directory),
        FileKind::File => Some(Kind::File),
        FileKind::Symlink => Some(Kind::Symlink),
        FileKind::Other => None,
    }
}

/// Whether an error means that nothing of ours stands there: a part is missing or is no directory.
///
/// A link in place of a directory is refused by the door with `ELOOP`, another file system with
/// `EXDEV`: both are outside of what a base serves.
fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, NotADirectory, NotFound};
    let is_link = error.raw_os_error() == Some(LINK_ERRNO);
    is_link || matches!(error.kind(), NotFound | NotADirectory | CrossesDevices)
}

/// The object was there when it was described, so its absence now is a change underneath.
fn stale_or_io(path: &VPath, error: io::Error) -> Error {
    if is_absence(&error) {
        return Error::Stale {
            path: path.to_string(),
        };
    }
    Error::io(path, error)
}
