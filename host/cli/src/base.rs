//! One directory of the operator's, opened as a base, and the durable sessions over it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use store::disk::RealDir;
use vfs::Limits;
use workspace::durable::SessionId;
use workspace::{
    BaseHandle, DurableSession, DurableStore, History, Workspace, WorkspaceError, WorkspaceOptions,
};

use crate::ambient;
use crate::args::{BaseArgs, SessionArgs};
use crate::exit::Failure;
use crate::registry::{self, Registry};
use crate::system::{self, RandomIds, SystemClock};

/// A base in a workspace of its own.
pub(crate) struct OpenBase {
    /// Its directory, without links on the way.
    pub(crate) path: PathBuf,
    pub(crate) workspace: Arc<Workspace>,
    pub(crate) handle: Arc<BaseHandle>,
}

/// A durable session that this process owns.
pub(crate) struct OpenSession {
    // Given back before its base is closed.
    pub(crate) session: DurableSession,
    pub(crate) base: OpenBase,
}

/// Sets up the workspace of one command, which others read the name of where they wait for it.
pub(crate) fn new_workspace(command: &str, session_limits: Limits) -> Workspace {
    Workspace::new(WorkspaceOptions {
        session_limits,
        clock: Arc::new(SystemClock),
        ids: Arc::new(RandomIds),
        boot: ambient::boot(),
        owner: system::owner(command),
        ..WorkspaceOptions::default()
    })
}

/// Opens a directory as a base of a workspace.
pub(crate) fn open_handle(workspace: &Workspace, path: &Path) -> Result<Arc<BaseHandle>, Failure> {
    let (dir, name, place) = ambient::open_base(path)?;
    let root = RealDir::open(dir);
    let root = root.map_err(|error| Failure::io("cannot open the base", path, &error))?;
    let base = workspace.directory_at(root, &name, Arc::new(place));
    base.map_err(|error| Failure::base(&error))
}

impl OpenBase {
    /// Opens a directory for one command.
    pub(crate) fn open(path: &Path, command: &str) -> Result<Self, Failure> {
        // A directory that is not there is reported under the name that it was asked for by.
        let path = ambient::canonical(path).unwrap_or_else(|_| path.to_owned());
        let workspace = new_workspace(command, Limits::default());
        let handle = open_handle(&workspace, &path)?;
        Ok(Self {
            path,
            workspace: Arc::new(workspace),
            handle,
        })
    }

    /// Opens the directory that was named, or else the nearest one from here upwards that has a store.
    pub(crate) fn find(args: &BaseArgs, command: &str) -> Result<Self, Failure> {
        if let Some(path) = &args.base {
            return Self::open(path, command);
        }
        let here = system::current_dir();
        let mut above = here.iter().flat_map(|dir| dir.ancestors());
        let found = above.find(|dir| registry::has_store(dir));
        Self::open(found.unwrap_or(Path::new(".")), command)
    }

    /// The base's name.
    pub(crate) fn name(&self) -> &str {
        self.handle.name()
    }

    /// Whether anything was ever kept of it.
    pub(crate) fn has_store(&self) -> bool {
        registry::has_store(&self.path)
    }

    /// Its durable sessions; its store is made when there is none.
    pub(crate) fn store(&self) -> Result<DurableStore, Failure> {
        let store = self.workspace.durable_store(&self.handle);
        store.map_err(|error| Failure::base(&error))
    }

    /// Its history; a base without one has nothing to show.
    pub(crate) fn history(&self) -> Result<History, Failure> {
        let history = self.workspace.history(&self.handle);
        history
            .map_err(|error| Failure::base(&error))?
            .ok_or_else(|| Failure::no_history(self.name()))
    }

    /// Opens one of its sessions.
    pub(crate) fn session(self, id: &SessionId) -> Result<OpenSession, Failure> {
        let session = self.take_session(id);
        let session = session.map_err(|error| Failure::base(&error))?;
        Ok(OpenSession {
            session,
            base: self,
        })
    }

    /// Takes one of its sessions, which is given back before the base is closed.
    pub(crate) fn take_session(&self, id: &SessionId) -> Result<DurableSession, WorkspaceError> {
        let store = self.workspace.durable_store(&self.handle)?;
        let session = self.workspace.open_durable(&self.handle, &store, id)?;
        if session.torn_bytes() > 0 {
            let bytes = session.torn_bytes();
            tracing::info!(%id, bytes, "what an earlier command had not finished was dropped");
        }
        Ok(session)
    }
}

impl OpenSession {
    /// Finds a session wherever it is, and opens it.
    pub(crate) fn open(args: &SessionArgs, command: &str) -> Result<Self, Failure> {
        let found = Registry::open().find(&args.session, args.base.as_deref())?;
        OpenBase::open(&found.base, command)?.session(&found.id)
    }

    /// Makes everything that was done durable.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        self.session
            .save()
            .map_err(|error| Failure::durable(&error))
    }

    pub(crate) fn id(&self) -> String {
        self.session.session_id().to_string()
    }
}
