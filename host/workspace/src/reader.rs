//! `StoreReader`: what is kept of a directory, for those who only look at it. It works where nothing
//! can be written: on a read-only file system, without the right to write, on a copy.

use std::fmt;
use std::sync::Arc;

use store::disk::Dir;
use vfs::Session;

use crate::audit::AuditReader;
use crate::base::BaseHandle;
use crate::directory::{StoreAccess, peek};
use crate::durable::{DurableContext, DurableError, DurableStore, SessionId, SessionSummary};
use crate::error::{Result, StoreError, WorkspaceError};
use crate::history::{History, HistoryLimits};
use crate::keeping::directory;
use crate::registry::Origin;
use crate::workspace::Workspace;

/// A store that is read as it stands. Nothing in it is written, recovered or cleaned up.
pub struct StoreReader {
    name: String,
    root: Arc<dyn Dir>,
    access: StoreAccess,
    waiting: Result<usize, Arc<StoreError>>,
    context: DurableContext,
}

impl Workspace {
    /// What is kept of a directory, to be looked at only; `None` when nothing is.
    ///
    /// # Errors
    ///
    /// `Io`, `Store` when it cannot be read; `Durable` for a base in memory.
    pub fn reader(&self, base: &Arc<BaseHandle>) -> Result<Option<StoreReader>> {
        let engine = directory(base)?;
        let found = peek(engine.root()).map_err(|error| error.at(base.name()))?;
        let Some((access, waiting)) = found else {
            return Ok(None);
        };
        let context = self.durable_context(engine, access.key);
        Ok(Some(StoreReader {
            name: base.name().to_owned(),
            root: engine.root().clone(),
            access,
            waiting: waiting.map_err(Arc::new),
            context,
        }))
    }

    /// A durable session as it was saved last, over what its directory holds now: read-only, owned by
    /// nobody, and no audit is told of it. What a commit had not brought into the directory when it
    /// was interrupted is not there.
    ///
    /// # Errors
    ///
    /// `Io`; `Durable` with `NotFound`, `Committed`, `RolledBack`, `Expired`, `Corrupt` or `Newer`;
    /// `Limit` over `sessions_max`.
    pub fn look_durable(
        &self,
        base: &Arc<BaseHandle>,
        reader: &StoreReader,
        id: &SessionId,
    ) -> Result<Session> {
        let store = reader.store()?.ok_or_else(|| DurableError::not_found(id))?;
        let (tree, generation) = base.tree();
        let origin = Origin {
            base: base.clone(),
            generation,
        };
        // Another place in the registry than that of the session, which may be open here as well.
        let options = self.options_of(self.options.ids.session_id(), origin, None)?;
        Ok(store.look(id, tree, options)?)
    }
}

impl StoreReader {
    /// How many commits are in the journal and not in the history yet. They come into it when the
    /// base is opened where it can be written to; until then the directory may lack them as well.
    ///
    /// # Errors
    ///
    /// Why the journal cannot be read.
    pub fn waiting_count(&self) -> Result<usize, Arc<StoreError>> {
        self.waiting.clone()
    }

    /// The history, as far as it was written. All of its change files are read for it.
    ///
    /// # Errors
    ///
    /// `History`.
    pub fn history(&self) -> Result<History> {
        let (root, dir) = (self.root.clone(), self.access.dir.clone());
        let history = History::open_unwritten(dir, root, HistoryLimits::default());
        Ok(history.map_err(Arc::new)?)
    }

    /// The durable sessions, in the order of their ids.
    ///
    /// # Errors
    ///
    /// `Io`; `Durable` when their folder cannot be read.
    pub fn sessions(&self) -> Result<Vec<SessionSummary>> {
        match self.store()? {
            Some(store) => Ok(store.sessions_as_they_are()?),
            None => Ok(Vec::new()),
        }
    }

    /// One durable session from outside.
    ///
    /// # Errors
    ///
    /// `Io`; `Durable` as [`DurableStore::summary`].
    pub fn summary(&self, id: &SessionId) -> Result<SessionSummary> {
        match self.store()? {
            Some(store) => Ok(store.summary(id)?),
            None => Err(DurableError::not_found(id).into()),
        }
    }

    /// The audit log, as far as it was written; `None` when there is none.
    ///
    /// # Errors
    ///
    /// `Io`.
    pub fn audit(&self) -> Result<Option<AuditReader>> {
        let dir = self.folder("audit")?;
        Ok(dir.map(|dir| AuditReader::new(dir, &self.access.key)))
    }

    fn store(&self) -> Result<Option<DurableStore>> {
        let sessions = self.folder("sessions")?;
        Ok(sessions.map(|dir| DurableStore::new(dir, self.context.clone())))
    }

    fn folder(&self, folder: &str) -> Result<Option<Arc<dyn Dir>>> {
        match self.access.dir.walk(&[crate::directory::name(folder)]) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let path = format!(".session-fs/{folder}");
                Err(WorkspaceError::io(&self.name, path, error))
            }
        }
    }
}

impl fmt::Debug for StoreReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreReader")
            .field("base", &&self.name)
            .finish_non_exhaustive()
    }
}
