//! A base of a workspace: its generation, and the lock that one commit at a time holds.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use vfs::{Base, Metadata, Observer, Session};

use crate::audit::{AuditLog, AuditObserver, AuditSubject, Life};
use crate::directory::{Ability, Engine, View};
use crate::error::{Result, WorkspaceError};

/// What sessions are begun over and committed to. One directory, or one name of a memory base, has
/// one handle per workspace.
pub struct BaseHandle {
    name: String,
    pub(crate) target: Target,
    /// Of a memory base; a directory's is its engine's.
    generation: AtomicU64,
    /// Held by the commit to a memory base.
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
    Directory(Arc<Engine>),
    /// The session that holds the tree; the sessions of the base are nested in it.
    Memory(Session),
}

impl BaseHandle {
    pub(crate) fn new(name: String, target: Target) -> Arc<Self> {
        Arc::new(Self {
            name,
            target,
            generation: AtomicU64::new(0),
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

    /// The version of the base, as far as this process knows; every commit makes the next one.
    pub fn generation(&self) -> u64 {
        match &self.target {
            Target::Directory(engine) => engine.generation(),
            Target::Memory(_) => self.generation.load(Ordering::Acquire),
        }
    }

    /// Why the base takes no commits now; `None` when it does.
    pub fn trouble(&self) -> Option<WorkspaceError> {
        match &self.target {
            Target::Directory(engine) => engine.trouble(),
            Target::Memory(_) => None,
        }
    }

    /// What the file system of a directory can do; `None` in memory and before the first commit.
    pub fn ability(&self) -> Option<Ability> {
        match &self.target {
            Target::Directory(engine) => engine.ability(),
            Target::Memory(_) => None,
        }
    }

    /// Brings what was committed into history and empties the journal. Nothing depends on when that
    /// happens; it happens by itself when the journal fills and when the last handle is dropped.
    ///
    /// # Errors
    ///
    /// Those of the disk; the base takes no commits then until it is opened again.
    pub fn checkpoint(&self) -> Result<()> {
        match &self.target {
            Target::Directory(engine) => engine.checkpoint(),
            Target::Memory(_) => Ok(()),
        }
    }

    /// What the operations of the sessions of a directory are logged by; `None` in memory.
    pub fn audit(&self) -> Option<&Arc<AuditLog>> {
        match &self.target {
            Target::Directory(engine) => Some(engine.audit()),
            Target::Memory(_) => None,
        }
    }

    /// What is told of every operation of a session.
    pub(crate) fn observer(
        &self,
        session: &str,
        metadata: &Metadata,
        life: Life,
    ) -> Option<Arc<dyn Observer>> {
        let subject = AuditSubject {
            session,
            metadata,
            base: &self.name,
        };
        let log = self.audit()?;
        Some(AuditObserver::of_life(log, &subject, life))
    }

    /// Waits for the turn to commit.
    pub(crate) fn turn(&self, wait_ms_max: u64) -> Result<MutexGuard<'_, ()>> {
        let guard = self.commit.try_lock_for(Duration::from_millis(wait_ms_max));
        guard.ok_or_else(|| WorkspaceError::Busy {
            base: self.name.clone(),
            waited_ms: wait_ms_max,
        })
    }

    /// Counts an applied commit; the caller has the turn.
    pub(crate) fn advance(&self) -> u64 {
        self.generation.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// The base that sessions read, as it is now, and its generation.
    pub(crate) fn tree(&self) -> (Arc<dyn Base>, u64) {
        match &self.target {
            Target::Directory(engine) => {
                let view = View::new(engine);
                let generation = view.generation();
                (view, generation)
            }
            Target::Memory(head) => (head.base(), self.generation()),
        }
    }
}

impl Drop for BaseHandle {
    fn drop(&mut self) {
        // No job of a thread has a handle, so that none waits for itself here.
        if let Target::Directory(engine) = &self.target {
            engine.wait_for_threads();
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
