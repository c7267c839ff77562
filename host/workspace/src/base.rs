//! A base of a workspace: its generation, and the lock that one commit at a time holds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use vfs::{Base, DirectoryBase, Session};

use crate::error::{Result, WorkspaceError};

/// What sessions are begun over and committed to. One directory, or one name of a memory base, has
/// one handle per workspace.
pub struct BaseHandle {
    name: String,
    pub(crate) target: Target,
    generation: AtomicU64,
    poisoned: AtomicBool,
    commit: Mutex<()>,
}

/// What kind of base it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseKind {
    /// A live directory of the host, `file://`.
    Directory,
    /// A tree in memory, `vfs://`, that lasts as long as its workspace.
    Memory,
}

/// What a commit applies to.
pub(crate) enum Target {
    Directory(Arc<DirectoryBase>),
    /// The session that holds the tree; the sessions of the base are nested in it.
    Memory(Session),
}

impl BaseHandle {
    pub(crate) fn new(name: String, target: Target) -> Arc<Self> {
        Arc::new(Self {
            name,
            target,
            generation: AtomicU64::new(0),
            poisoned: AtomicBool::new(false),
            commit: Mutex::new(()),
        })
    }

    /// The base's name for messages, such as `file:///srv/project` or `vfs://scratch`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of base it is.
    pub fn kind(&self) -> BaseKind {
        match self.target {
            Target::Directory(_) => BaseKind::Directory,
            Target::Memory(_) => BaseKind::Memory,
        }
    }

    /// How many commits were applied through this handle.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Waits for the turn to commit.
    pub(crate) fn turn(&self, wait_ms_max: u64) -> Result<MutexGuard<'_, ()>> {
        let guard = self.commit.try_lock_for(Duration::from_millis(wait_ms_max));
        let guard = guard.ok_or_else(|| self.busy(wait_ms_max))?;
        if self.poisoned.load(Ordering::Acquire) {
            return Err(WorkspaceError::Poisoned {
                base: self.name.clone(),
            });
        }
        Ok(guard)
    }

    pub(crate) fn busy(&self, waited_ms: u64) -> WorkspaceError {
        WorkspaceError::Busy {
            base: self.name.clone(),
            waited_ms,
        }
    }

    /// Refuses commits from now on: what is on the disk is in doubt.
    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    /// Counts an applied commit; the caller has the turn.
    pub(crate) fn advance(&self) -> u64 {
        self.generation.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// The base that sessions read.
    pub(crate) fn tree(&self) -> Arc<dyn Base> {
        match &self.target {
            Target::Directory(base) => base.clone(),
            Target::Memory(head) => head.base(),
        }
    }
}

impl fmt::Debug for BaseHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BaseHandle")
            .field("name", &self.name)
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}
