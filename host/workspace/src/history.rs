//! History: every version of every file that a commit replaced, removed or renamed.
//!
//! **Invariant:** history answers from change files and objects whose digests fit, or it fails; the
//! index only says where to look. What was committed and is not yet in a change file is not in it.

mod catalog;
mod doctor;
mod error;
mod index;
mod lineage;
mod present;
mod retention;
mod revert;
mod shelf;
mod unified;
mod versions;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use store::disk::Dir;

pub use catalog::{Entry, LogFilter, LogPage, Touched};
pub use doctor::{Finding, FindingKind, Report, Severity};
pub use error::{HistoryError, Result};
pub use lineage::VersionKind;
pub use retention::{GcNeeds, GcReport, Retention};
pub use revert::{Merge, UndoOutcome};
pub use versions::{Availability, FileVersion, VersionContent, VersionSelector, Versions};

use self::catalog::{Catalog, PAGE_CHANGES_MAX, by_prefix};
use self::index::Index;
pub(crate) use self::retention::Stock;
pub(crate) use self::shelf::CHANGES_NAME;
use self::shelf::{Shelf, is_damage};
use self::versions::{generation_of, is_id_prefix};
use crate::change::{ChangeFile, ChangeId};
use crate::objects::Objects;

/// Digits of a change id that name it at least, so that a typing error does not.
pub const PREFIX_DIGITS_MIN: usize = 4;

/// What history may take; every figure protects the host from what stands in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Changes of one store.
    pub changes_max: usize,
    /// Bytes of one change file.
    pub change_bytes_max: u64,
    /// Bytes of one version that is read into memory.
    pub content_bytes_max: u64,
    /// Bytes of a diff.
    pub diff_bytes_max: usize,
    /// Versions of one path, and paths of one diff.
    pub versions_max: usize,
}

/// The history of one base, over its store.
pub struct History {
    store: Arc<dyn Dir>,
    root: Arc<dyn Dir>,
    limits: HistoryLimits,
    shelf: Shelf,
    objects: Objects,
    known: Mutex<Known>,
}

/// What was found on the shelf.
struct Known {
    catalog: Catalog,
    /// Names of change files that cannot be used, each with the reason.
    damaged: Vec<(String, HistoryError)>,
    /// The oldest generation from which on no change is missing, and the newest; 0 without changes.
    horizon: u64,
    newest: u64,
}

impl History {
    /// Opens the history of the base at `root`, whose store is the folder `store`.
    ///
    /// Whatever is missing in the index is added, and an index that cannot be used is made again. The
    /// caller has written the change files of what was committed before.
    ///
    /// # Errors
    ///
    /// `Io`; `Limit` over `changes_max`.
    pub fn open(store: Arc<dyn Dir>, root: Arc<dyn Dir>, limits: HistoryLimits) -> Result<Self> {
        let index = Index::open(&store).map_err(|e| HistoryError::io(index::INDEX_NAME, e))?;
        let catalog = index.map_or_else(|| Catalog::Memory(Vec::new()), Catalog::Indexed);
        let shelf = Shelf::open(&store, &limits).map_err(shelf_error)?;
        let objects = Objects::open(&store).map_err(objects_error)?;
        Self::with((store, root), limits, catalog, (shelf, objects))
    }

    /// Opens the history in a store that is not to be written to, or cannot be. The index is left
    /// alone and every change file read instead; a folder that is missing is taken for an empty one.
    ///
    /// # Errors
    ///
    /// As [`History::open`].
    pub fn open_unwritten(
        store: Arc<dyn Dir>,
        root: Arc<dyn Dir>,
        limits: HistoryLimits,
    ) -> Result<Self> {
        let shelf = Shelf::find(&store, &limits).map_err(shelf_error)?;
        let objects = Objects::find(&store).map_err(objects_error)?;
        let catalog = Catalog::Memory(Vec::new());
        Self::with((store, root), limits, catalog, (shelf, objects))
    }

    fn with(
        (store, root): (Arc<dyn Dir>, Arc<dyn Dir>),
        limits: HistoryLimits,
        catalog: Catalog,
        (shelf, objects): (Shelf, Objects),
    ) -> Result<Self> {
        let history = Self {
            store,
            root,
            limits,
            shelf,
            objects,
            known: Mutex::new(Known {
                catalog,
                damaged: Vec::new(),
                horizon: 0,
                newest: 0,
            }),
        };
        history.refresh()?;
        Ok(history)
    }

    /// Takes notice of change files that came and went since this was opened.
    ///
    /// # Errors
    ///
    /// As [`History::open`].
    pub fn refresh(&self) -> Result<()> {
        let mut known = self.known.lock();
        let refreshed = self.refresh_known(&mut known)?;
        refreshed.or_else(|error| self.without_index(&mut known, &error))
    }

    /// Lists changes, newest first: those below generation `below`, or all, and at most `count`.
    ///
    /// # Errors
    ///
    /// `Io`. Damaged change files are not in it; [`History::damaged`] names them.
    pub fn log(&self, filter: &LogFilter, below: Option<u64>, count: usize) -> Result<LogPage> {
        let count = count.clamp(1, PAGE_CHANGES_MAX);
        let below = below.unwrap_or(u64::MAX);
        let mut entries = self.ask(|catalog| catalog.log(filter, below, count))?;
        let more = entries.len() > count;
        entries.truncate(count);
        let last = entries.last().map(|entry| entry.generation);
        Ok(LogPage {
            next: last.filter(|_| more),
            entries,
        })
    }

    /// Finds a change by its id, the beginning of it or the generation that it made, and reads all of
    /// it. Digits that are both mean the generation.
    ///
    /// # Errors
    ///
    /// `UnknownChange`, `AmbiguousChange`; `BadVersion` for what can be neither; `Damaged`.
    pub fn show(&self, id: &str) -> Result<(ChangeId, ChangeFile)> {
        let id = self.find(id)?;
        Ok((id, self.shelf.read(&id)?.0))
    }

    /// Names of files among the changes that are damaged.
    pub fn damaged(&self) -> Vec<String> {
        let known = self.known.lock();
        let names = known.damaged.iter().map(|(file_name, _)| file_name.clone());
        names.collect()
    }

    /// The oldest and the newest generation between which no change is missing; `None` without
    /// changes. A commit that was taken back leaves a number that no change has.
    pub fn generations(&self) -> Option<(u64, u64)> {
        let known = self.known.lock();
        (known.newest > 0).then_some((known.horizon, known.newest))
    }

    /// The ids of sessions that begin so and of which there is a change, sorted; at most `count`.
    ///
    /// # Errors
    ///
    /// `Io`.
    pub fn sessions(&self, prefix: &str, count: usize) -> Result<Vec<String>> {
        self.ask(|catalog| catalog.sessions(prefix, count))
    }

    /// The change that an id, the beginning of one or a generation stands for.
    fn find(&self, id: &str) -> Result<ChangeId> {
        if let Some(generation) = generation_of(id) {
            let chain = self.ask(Catalog::chain)?;
            if let Some(member) = chain.iter().find(|it| it.generation == generation) {
                return Ok(member.id);
            }
            if !is_id_prefix(id) {
                let id = id.to_owned();
                return Err(HistoryError::UnknownChange { id });
            }
        } else if !is_id_prefix(id) {
            let text = id.to_owned();
            return Err(HistoryError::BadVersion { text });
        }
        let ids = self.ask(Catalog::ids)?;
        by_prefix(&ids, id)
    }

    /// Fails when a damaged change file hides what happened.
    fn require_sound(&self) -> Result<()> {
        let known = self.known.lock();
        match known.damaged.first() {
            Some((_, error)) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// Asks the catalog, and one without an index when the index fails.
    fn ask<R>(&self, question: impl Fn(&Catalog) -> rusqlite::Result<R>) -> Result<R> {
        let mut known = self.known.lock();
        match question(&known.catalog) {
            Ok(answer) => Ok(answer),
            Err(error) => {
                self.without_index(&mut known, &error)?;
                question(&known.catalog).map_err(|error| index_error(&error))
            }
        }
    }

    /// Gives the index up: reads the change files instead, and lets the next one make it again.
    fn without_index(&self, known: &mut Known, error: &rusqlite::Error) -> Result<()> {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        let code = error.sqlite_error_code();
        known.catalog = Catalog::Memory(Vec::new());
        if !matches!(code, Some(DatabaseBusy | DatabaseLocked)) {
            let removed = index::remove(&*self.store);
            removed.map_err(|e| HistoryError::io(index::INDEX_NAME, e))?;
        }
        self.refresh_known(known)?
            .map_err(|error| index_error(&error))
    }

    fn refresh_known(&self, known: &mut Known) -> Result<rusqlite::Result<()>> {
        let shelved = self.shelf.list()?;
        let indexed = match known.catalog.ids() {
            Ok(indexed) => indexed,
            Err(error) => return Ok(Err(error)),
        };
        let is_new = |id: &&ChangeId| indexed.binary_search(id).is_err();
        let is_gone = |id: &&ChangeId| shelved.ids.binary_search(id).is_err();
        let gone: Vec<ChangeId> = indexed.iter().filter(is_gone).copied().collect();
        let mut added = Vec::new();
        known.damaged.clear();
        for id in shelved.ids.iter().filter(is_new) {
            match self.shelf.read(id) {
                Ok((file, _)) => added.push(Entry::of(*id, &file)),
                // Another process dropped it just now.
                Err(HistoryError::UnknownChange { .. }) => {}
                Err(error) if is_damage(&error) => known.damaged.push((id.to_string(), error)),
                Err(error) => return Err(error),
            }
        }
        if added.is_empty() && gone.is_empty() {
            return Ok(known.measure());
        }
        let updated = known.catalog.update(added, &gone);
        Ok(updated.and_then(|()| known.measure()))
    }
}

impl Known {
    /// Finds the generations from which on nothing is missing.
    fn measure(&mut self) -> rusqlite::Result<()> {
        let chain = self.catalog.chain()?;
        self.newest = chain.last().map_or(0, |member| member.generation);
        let links = chain.iter().rev().zip(chain.iter().rev().skip(1));
        let linked = links.take_while(|(later, earlier)| later.previous == Some(earlier.id));
        let oldest = linked.last().map(|(_, earlier)| earlier.generation);
        self.horizon = oldest.unwrap_or(self.newest);
        Ok(())
    }
}

fn shelf_error(error: std::io::Error) -> HistoryError {
    HistoryError::io(CHANGES_NAME, error)
}

fn objects_error(error: std::io::Error) -> HistoryError {
    HistoryError::io(crate::objects::OBJECTS_NAME, error)
}

fn index_error(error: &rusqlite::Error) -> HistoryError {
    HistoryError::io(index::INDEX_NAME, std::io::Error::other(error.to_string()))
}

impl Default for HistoryLimits {
    fn default() -> Self {
        Self {
            changes_max: 1_000_000,
            change_bytes_max: 512 << 20,
            content_bytes_max: 64 << 20,
            diff_bytes_max: 16 << 20,
            versions_max: 100_000,
        }
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").finish_non_exhaustive()
    }
}
