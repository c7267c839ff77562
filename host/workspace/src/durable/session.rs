//! `DurableSession`: a session whose saved states survive its process.
//!
//! **Invariant:** what `save` acknowledged is there after any crash; what it did not may be gone,
//! and never in part.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use parking_lot::Mutex;
use vfs::{SavedState, Session, SessionOptions, Spill, Status};

use super::error::{DurableError, Result};
use super::folder::Folder;
use super::log::{Live, Log};
use super::meta::{End, Life, Meta};
use super::{DurableOptions, DurableStore, SessionId};
use crate::change::ChangeId;
use crate::commit::CommitOutcome;
use crate::error::WorkspaceError;

/// A session that this process owns. Dropping it keeps what was saved, for whoever opens it next.
pub struct DurableSession {
    session: Session,
    spill: Arc<LogSpill>,
    folder: Arc<Folder>,
    store: DurableStore,
    /// Held while `meta` or the log is written, so that states reach the log in their order.
    meta: Mutex<Meta>,
    torn_bytes: u64,
}

/// What a durable session is made of.
pub(super) struct Parts {
    pub(super) store: DurableStore,
    pub(super) folder: Arc<Folder>,
    pub(super) spill: Arc<LogSpill>,
    pub(super) session: Session,
    pub(super) meta: Meta,
    pub(super) torn_bytes: u64,
}

/// The log as the session's place for bytes. It keeps the folder owned for as long as anything may
/// be read from it.
#[derive(Debug)]
pub(super) struct LogSpill {
    log: Log,
    _folder: Arc<Folder>,
}

impl LogSpill {
    pub(super) fn new(log: Log, folder: Arc<Folder>) -> Arc<Self> {
        Arc::new(Self {
            log,
            _folder: folder,
        })
    }
}

impl Spill for LogSpill {
    fn append(&self, bytes: &[u8]) -> io::Result<u64> {
        self.log.append(bytes)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.log.read_at(buffer, offset)
    }
}

impl DurableSession {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            session: parts.session,
            spill: parts.spill,
            folder: parts.folder,
            store: parts.store,
            meta: Mutex::new(parts.meta),
            torn_bytes: parts.torn_bytes,
        }
    }

    /// The session itself.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The session's id.
    pub fn session_id(&self) -> &SessionId {
        &self.folder.id
    }

    /// Bytes that an earlier process had written and never acknowledged; they were dropped when the
    /// session was opened.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// Bytes of its log.
    pub fn log_bytes(&self) -> u64 {
        self.spill.log.bytes()
    }

    /// Makes the present state durable: one write and one flush, and nothing when nothing changed.
    ///
    /// # Errors
    ///
    /// `Session` with `Closed`, `Io`: what was saved before is safe. After a failed flush the
    /// session cannot be saved any more; open it again.
    pub fn save(&self) -> Result<()> {
        let _turn = self.meta.lock();
        let state = self.session.save().map_err(|source| self.error(source))?;
        if state.bytes.is_empty() {
            return Ok(());
        }
        let sessions = &*self.store.sessions;
        self.folder
            .check_in_place(sessions)
            .and_then(|()| self.spill.log.save(&state.bytes))
            .map_err(|error| DurableError::io(&self.folder.id, "saving it", error))?;
        self.session.saved(state);
        // Data stays: a fork or an open handle may read what this session no longer holds. And the
        // state is saved: a failure to save room is not one of this call.
        self.compact(|_, _| Live::All).ok();
        Ok(())
    }

    /// Puts the first state into the log, changed or not.
    pub(super) fn save_first(&self) -> Result<()> {
        let state = self.session.save_whole();
        let state = state.map_err(|source| self.error(source))?;
        let saved = self.spill.log.save(&state.bytes);
        saved.map_err(|error| DurableError::io(&self.folder.id, "saving it", error))?;
        self.session.saved(state);
        Ok(())
    }

    /// Lets go of data that the session no longer needs, while nobody else can: it was just loaded.
    pub(super) fn compact_data(&self) {
        let _turn = self.meta.lock();
        // As in `save`, a failure to save room is none of whoever opens the session.
        let live = |session: &Session, state: &SavedState| {
            session.places(state).map_or(Live::All, Live::At)
        };
        self.compact(live).ok();
    }

    /// Throws away what the session changed, for good.
    ///
    /// # Errors
    ///
    /// `Session` with `Closed`, `Io`: the session is there when it is opened again.
    pub fn rollback(self) -> Result<()> {
        self.session
            .rollback()
            .map_err(|source| self.error(source))?;
        self.end(End::RolledBack)
    }

    /// Notes, before anything of a commit is recorded, that one may be: until [`Self::settled`] or
    /// [`Self::reopened`] whoever opens the session asks what came of it.
    ///
    /// # Errors
    ///
    /// `Io`: the commit must not go on.
    pub fn settling(&self) -> Result<()> {
        self.live(Life::Settling)
    }

    /// Notes that the commit did not happen.
    ///
    /// # Errors
    ///
    /// `Io`: whoever opens the session next finds out.
    pub fn reopened(&self) -> Result<()> {
        self.live(Life::Open)
    }

    /// Notes that the session was committed, as `change` unless there was nothing to commit. Of the
    /// folder only `meta` stays, so that this can be said until the store forgets it.
    ///
    /// # Errors
    ///
    /// `Io`: whoever opens the session next finds out from the history.
    pub fn settled(&self, change: Option<ChangeId>) -> Result<()> {
        self.end(End::Committed(change))
    }

    /// Commits by `commit`, so that no crash lets the session be committed twice. When only a part of
    /// it was, the rest is saved and stays open.
    ///
    /// # Errors
    ///
    /// Those of `commit`, and `Durable` when the commit could not begin. That a commit which was
    /// applied could not be noted here is no error: the next to open the session will do so.
    pub fn settle(
        &self,
        commit: impl FnOnce(&Session) -> crate::Result<CommitOutcome>,
    ) -> crate::Result<CommitOutcome> {
        self.settling()?;
        let outcome = commit(&self.session);
        match &outcome {
            // A part: the rest goes on. Where it cannot be saved, the part is in the session still,
            // and a rebase finds that the base has it.
            Ok(CommitOutcome::Applied(_)) if self.session.status() == Status::Open => {
                self.save().and_then(|()| self.reopened()).ok()
            }
            Ok(CommitOutcome::Applied(change)) => self.settled(Some(change.id)).ok(),
            // It is recorded; the next to open the base completes it.
            Err(WorkspaceError::NeedsRecovery { change, .. })
                if self.session.status() != Status::Open =>
            {
                self.settled(Some(*change)).ok()
            }
            Ok(CommitOutcome::Unchanged) => self.settled(None).ok(),
            Ok(CommitOutcome::Conflicted(_)) => self.reopened().ok(),
            // Whether it was recorded is for the history to say.
            Err(WorkspaceError::InDoubt { .. } | WorkspaceError::Poisoned { .. }) => None,
            // It was not, and what failed may be mended.
            Err(_) if self.session.status() == Status::Open => self.reopened().ok(),
            Err(_) => None,
        };
        outcome
    }

    /// Begins a durable session beside this one, from its present state.
    ///
    /// # Errors
    ///
    /// As [`DurableStore::fork`].
    pub fn fork(&self, options: SessionOptions, durable: &DurableOptions) -> Result<Self> {
        self.store.fork(self, options, durable)
    }

    /// The base's name, and its generation when the session began.
    pub(super) fn origin(&self) -> (String, u64) {
        let meta = self.meta.lock();
        (meta.base.clone(), meta.base_generation)
    }

    fn live(&self, life: Life) -> Result<()> {
        let mut meta = self.meta.lock();
        let changed = Meta {
            life,
            ..meta.clone()
        };
        changed.write(&*self.folder.dir, &self.store.context.key)?;
        *meta = changed;
        Ok(())
    }

    fn end(&self, end: End) -> Result<()> {
        self.store.end(&self.folder, &mut self.meta.lock(), end)
    }

    /// Rewrites the log when that makes it much shorter; the session keeps the data that `live` says.
    fn compact(&self, live: impl FnOnce(&Session, &SavedState) -> Live) -> Result<()> {
        if !self.spill.log.has_grown() {
            return Ok(());
        }
        let state = self.session.save_whole();
        let state = state.map_err(|source| self.error(source))?;
        let live = live(&self.session, &state);
        let log = &self.spill.log;
        if !log.is_worth_compacting(&live, state.bytes.len() as u64) {
            return Ok(());
        }
        let compacted = log.compact(&*self.folder.dir, &live, &state.bytes);
        compacted
            .map_err(|error| DurableError::io(&self.folder.id, "compacting its log", error))?;
        self.session.saved(state);
        Ok(())
    }

    fn error(&self, source: vfs::Error) -> DurableError {
        DurableError::Session {
            session: self.folder.id.to_string(),
            source,
        }
    }
}

impl Deref for DurableSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl fmt::Debug for DurableSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableSession")
            .field("id", &self.folder.id)
            .finish_non_exhaustive()
    }
}
