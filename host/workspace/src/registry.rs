//! Which base each session belongs to.
//!
//! **Invariant:** a session is listed from its beginning until it is settled or its last handle is
//! dropped, whichever comes first; nothing here keeps a session alive.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::base::BaseHandle;
use crate::error::{Result, WorkspaceError};

/// The sessions of one workspace.
#[derive(Debug)]
pub(crate) struct Registry {
    sessions_max: usize,
    origins: Mutex<HashMap<String, Origin>>,
}

/// Where a session comes from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) base: Arc<BaseHandle>,
    /// The base's generation when the session began.
    pub(crate) generation: u64,
}

/// A session's place in the registry, given up when it is dropped together with the session.
pub(crate) struct Tenure {
    registry: Weak<Registry>,
    session: String,
}

impl Registry {
    pub(crate) fn new(sessions_max: usize) -> Arc<Self> {
        Arc::new(Self {
            sessions_max,
            origins: Mutex::default(),
        })
    }

    /// Lists a session that is about to begin.
    pub(crate) fn enter(self: &Arc<Self>, session: &str, origin: Origin) -> Result<Tenure> {
        let mut origins = self.origins.lock();
        if origins.len() >= self.sessions_max {
            return Err(WorkspaceError::Limit {
                which: "sessions",
                used: origins.len() as u64,
                limit: self.sessions_max as u64,
            });
        }
        origins.insert(session.to_owned(), origin);
        Ok(Tenure {
            registry: Arc::downgrade(self),
            session: session.to_owned(),
        })
    }

    pub(crate) fn origin(&self, session: &str) -> Option<Origin> {
        self.origins.lock().get(session).cloned()
    }

    /// Notes that a session was moved onto another generation of its base.
    pub(crate) fn advance(&self, session: &str, generation: u64) {
        if let Some(origin) = self.origins.lock().get_mut(session) {
            origin.generation = generation;
        }
    }

    /// The oldest generation of a base that a session began from.
    pub(crate) fn generation_min(&self, base: &Arc<BaseHandle>) -> Option<u64> {
        let origins = self.origins.lock();
        let of_base = origins
            .values()
            .filter(|origin| Arc::ptr_eq(&origin.base, base));
        of_base.map(|origin| origin.generation).min()
    }

    pub(crate) fn leave(&self, session: &str) {
        // Dropped after the lock is released: it may be the last handle of its base.
        let left = self.origins.lock().remove(session);
        drop(left);
    }

    pub(crate) fn sessions_count(&self) -> usize {
        self.origins.lock().len()
    }
}

impl Drop for Tenure {
    fn drop(&mut self) {
        if let Some(registry) = self.registry.upgrade() {
            registry.leave(&self.session);
        }
    }
}
