//! Durable sessions of a workspace: the store's, with the workspace's limits, clock and accounts.

use std::sync::Arc;

use vfs::{Failure, Operation, OperationKind, Session, SessionOptions};

use super::error::DurableError;
use super::{DurableOptions, DurableSession, DurableStore, GivenUp, SessionId};
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

    /// Removes a damaged session as [`DurableStore::give_up`] does, and has the audit log of the base
    /// tell who did, and what came of it.
    ///
    /// # Errors
    ///
    /// As [`DurableStore::give_up`].
    pub fn give_up_durable(
        &self,
        base: &Arc<BaseHandle>,
        store: &DurableStore,
        id: &SessionId,
    ) -> Result<GivenUp> {
        require_directory(base)?;
        // What is known of it goes with it.
        let known = store.summary(id).map(|summary| summary.metadata);
        let given_up = store.give_up(id);
        let outcome = match &given_up {
            Ok(_) => Ok(()),
            // There is no such session to tell of.
            Err(DurableError::NotFound { .. }) => return Ok(given_up?),
            Err(error) => Err(Failure {
                kind: error.kind(),
                denial: None,
                limit: None,
            }),
        };
        let by = format!("damaged, given up by {}", self.options.owner);
        if let Some(observer) =
            base.observer(id.as_str(), &known.unwrap_or_default(), Life::Resumed)
        {
            observer.note(&Operation {
                target: Some(&by),
                outcome,
                ..Operation::new(OperationKind::Rollback)
            });
        }
        Ok(given_up?)
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
