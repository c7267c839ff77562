//! `Shelf`: the folder `changes`, one file per change under the change's id.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, FileKind, RenameMode};
use vfs::Name;

use super::HistoryLimits;
use super::error::{HistoryError, Result};
use crate::change::{ChangeFile, ChangeId, DecodeError};
use crate::objects::{open_if_there, open_or_make};

/// The folder of the store that holds the change files.
pub(crate) const CHANGES_NAME: &str = "changes";
/// What the name of a change file that is set aside ends with.
const DAMAGED_SUFFIX: &str = ".damaged";

/// The change files of one store.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    /// Absent where it is missing and nothing may be written.
    dir: Option<Arc<dyn Dir>>,
    changes_max: usize,
    change_bytes_max: u64,
}

/// What the folder holds, by name.
#[derive(Debug, Default)]
pub(super) struct Shelved {
    /// Ids of the changes, sorted.
    pub(super) ids: Vec<ChangeId>,
    /// Names that are those of no change.
    pub(super) strays: Vec<String>,
}

impl Shelf {
    /// Opens the folder, and makes it when it is missing.
    pub(super) fn open(store: &Arc<dyn Dir>, limits: &HistoryLimits) -> io::Result<Self> {
        let dir = open_or_make(&**store, &name(CHANGES_NAME))?;
        Ok(Self::of(Some(dir), limits))
    }

    /// Opens the folder to be read; where it is missing there are no changes, and no folder is made.
    pub(super) fn find(store: &Arc<dyn Dir>, limits: &HistoryLimits) -> io::Result<Self> {
        let dir = open_if_there(&**store, &name(CHANGES_NAME))?;
        Ok(Self::of(dir, limits))
    }

    fn of(dir: Option<Arc<dyn Dir>>, limits: &HistoryLimits) -> Self {
        Self {
            dir,
            changes_max: limits.changes_max,
            change_bytes_max: limits.change_bytes_max,
        }
    }

    fn dir(&self) -> io::Result<&Arc<dyn Dir>> {
        self.dir
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The names in the folder.
    pub(super) fn list(&self) -> Result<Shelved> {
        let mut shelved = Shelved::default();
        let Some(dir) = &self.dir else {
            return Ok(shelved);
        };
        let listing = dir
            .list(self.changes_max)
            .map_err(|error| match error.kind() {
                io::ErrorKind::QuotaExceeded => HistoryError::Limit {
                    which: "changes",
                    limit: self.changes_max as u64,
                },
                _ => HistoryError::io(CHANGES_NAME, error),
            })?;
        for item in listing.items {
            match item.name.parse() {
                Ok(id) if item.kind == FileKind::File => shelved.ids.push(id),
                _ => shelved.strays.push(item.name.to_string()),
            }
        }
        shelved.strays.extend(listing.skipped);
        Ok(shelved)
    }

    /// Reads one change file and checks that it holds the change that its name says.
    pub(super) fn read(&self, id: &ChangeId) -> Result<(ChangeFile, u64)> {
        let file_name = id.to_string();
        let failed = |error| HistoryError::io(format!("{CHANGES_NAME}/{file_name}"), error);
        let opened = self.dir().and_then(|dir| dir.open(&name(&file_name)));
        let file = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => HistoryError::UnknownChange {
                id: file_name.clone(),
            },
            _ => failed(error),
        })?;
        let size = file.stat().map_err(failed)?.size;
        let limit = self.change_bytes_max;
        let Some(len) = usize::try_from(size).ok().filter(|_| size <= limit) else {
            let which = "change-bytes";
            return Err(HistoryError::Limit { which, limit });
        };
        let mut bytes = vec![0; len];
        let mut read = 0;
        while read < len {
            match file
                .read_at(&mut bytes[read..], read as u64)
                .map_err(failed)?
            {
                0 => break,
                count => read += count,
            }
        }
        bytes.truncate(read);
        let change = ChangeFile::decode(&bytes).map_err(|source| HistoryError::Damaged {
            file: file_name.clone(),
            source,
        })?;
        // What the index can count by; no store gets there.
        if change.generation == 0 || i64::try_from(change.generation).is_err() {
            let (offset, what) = (len, "generation");
            let source = DecodeError::Malformed { offset, what };
            let file = file_name.clone();
            return Err(HistoryError::Damaged { file, source });
        }
        match change.id() {
            found if found == *id => Ok((change, size)),
            found => Err(HistoryError::Misnamed {
                file: file_name.clone(),
                found,
            }),
        }
    }

    /// Removes a change file; one that is not there is no error.
    pub(super) fn remove(&self, id: &ChangeId) -> io::Result<()> {
        let unlink = |dir: &Arc<dyn Dir>| dir.unlink(&name(&id.to_string()));
        match self.dir().and_then(unlink) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Renames a file that is no sound change file, so that history works without it; its bytes stay.
    pub(super) fn set_aside(&self, file_name: &str) -> io::Result<()> {
        let aside = name(&format!("{file_name}{DAMAGED_SUFFIX}"));
        let dir = &**self.dir()?;
        dir.rename(&name(file_name), dir, &aside, RenameMode::NoReplace)
    }

    /// Whether a stray is one that was set aside.
    pub(super) fn is_set_aside(stray: &str) -> bool {
        stray.ends_with(DAMAGED_SUFFIX)
    }

    /// Flushes the removals.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.dir()?.sync()
    }
}

/// Whether an error is about one file's bytes, and not about the system.
pub(super) fn is_damage(error: &HistoryError) -> bool {
    let which = "change-bytes";
    matches!(
        error,
        HistoryError::Damaged { .. } | HistoryError::Misnamed { .. }
    ) || matches!(error, HistoryError::Limit { which: found, .. } if *found == which)
}

fn name(text: &str) -> Name {
    Name::new(text).expect("change ids and fixed words are names")
}
