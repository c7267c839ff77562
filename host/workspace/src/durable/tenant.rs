//! Durable sessions of a workspace: the store's, with the workspace's limits, clock and accounts.

use std::sync::Arc;

use vfs::{Session, SessionOptions};

use super::error::DurableError;
use super::{DurableOptions, DurableSession, DurableStore, SessionId};
use crate::audit::Life;
use crate::base::{BaseHandle, BaseKind};
use crate::commit::{CommitOptions, CommitOutcome};
use crate::error::Result;
use crate::registry::Origin;
use crate::workspace::{BeginOptions, Workspace};

impl Workspace {
    /// Begins a session over a directory that is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// `Limit` as [`Workspace::begin`]; `Durable` over the store's limits, over a base in memory,
    /// or when the disk fails. Nothing is left of the session then.
    pub fn begin_durable(
        &self,
        base: &Arc<BaseHandle>,
        store: &DurableStore,
        options: BeginOptions,
        durable: &DurableOptions,
    ) -> Result<DurableSession> {
        require_directory(base)?;
        let (tree, generation) = base.tree();
        let origin = Origin {
            base: base.clone(),
            generation,
        };
        let options = lasting(base, self.session_options(origin, options)?);
        Ok(store.begin(&tree, generation, options, durable)?)
    }

    /// Goes on with a session as it was saved last, whichever process that was.
    ///
    /// # Errors
    ///
    /// `Durable` with `NotFound`, `SessionBusy`, `Committed`, `RolledBack`, `Expired`, `Corrupt`,
    /// `Newer` or `Io`; `Limit`.
    pub fn open_durable(
        &self,
        base: &Arc<BaseHandle>,
        store: &DurableStore,
        id: &SessionId,
    ) -> Result<DurableSession> {
        require_directory(base)?;
        let taken = store.take(id)?;
        let origin = Origin {
            base: base.clone(),
            generation: taken.base_generation(),
        };
        let observer = base.observer(id.as_str(), taken.metadata(), Life::Resumed);
        let options = self.options_of(id.to_string(), origin, None)?;
        let options = SessionOptions {
            observer,
            ..options
        };
        // What the session saw of an earlier generation is in its read set.
        let (tree, _) = base.tree();
        Ok(taken.load(tree, options)?)
    }

    /// Begins a durable session beside another, from its present state.
    ///
    /// # Errors
    ///
    /// As [`Workspace::begin_durable`] and [`Workspace::fork`].
    pub fn fork_durable(
        &self,
        session: &DurableSession,
        options: BeginOptions,
        durable: &DurableOptions,
    ) -> Result<DurableSession> {
        let origin = self.origin(session.session())?;
        let base = origin.base.clone();
        let options = lasting(&base, self.session_options(origin, options)?);
        Ok(session.fork(options, durable)?)
    }

    /// Commits a durable session, once: no crash lets it be committed again. When only a part of it
    /// is committed, the rest is saved and stays open.
    ///
    /// # Errors
    ///
    /// As [`Workspace::commit`]; `Durable` when the commit could not begin.
    pub fn commit_durable(
        &self,
        session: &DurableSession,
        options: &CommitOptions,
    ) -> Result<CommitOutcome> {
        session.settle(|session: &Session| self.commit(session, options))
    }
}

/// The same, audited as a session that outlives its process.
fn lasting(base: &BaseHandle, options: SessionOptions) -> SessionOptions {
    SessionOptions {
        observer: base.observer(&options.id, &options.metadata, Life::Begun),
        ..options
    }
}

/// Sessions over a base in memory end with their process.
fn require_directory(base: &BaseHandle) -> Result<(), DurableError> {
    match base.kind() {
        BaseKind::Directory => Ok(()),
        BaseKind::Memory => Err(DurableError::MemoryBase {
            base: base.name().to_owned(),
        }),
    }
}
