//! Settling: what becomes of a session once its run has ended.

use std::sync::Arc;

use runtime::RunReport;
use vfs::{ChangeEntry, Conflict, Session, Status};
use workspace::{ChangeInfo, CommitOptions, CommitOutcome, Workspace};

use crate::authority::{OwnEnd, TaskAuthority};
use crate::error::SupervisorError;
use crate::job::{Plan, Policy};

/// A job at its end.
#[derive(Debug)]
pub struct Finished {
    /// The session that the agent worked in.
    pub session_id: String,
    /// How the run ended, what was refused to it and what it took.
    pub report: RunReport,
    /// What became of the session.
    pub settlement: Settlement,
}

/// What became of a session.
#[derive(Debug)]
pub enum Settlement {
    /// What it changed was applied.
    Committed(ChangeInfo),
    /// The run succeeded and had changed nothing.
    Unchanged,
    /// The base moved under it: nothing was applied, or would be, and the session is open for the
    /// caller.
    Conflicted {
        /// Every path that the base and the session both changed.
        conflicts: Vec<Conflict>,
        /// The session.
        held: Held,
    },
    /// The run succeeded and the session is open for the caller to decide.
    Held(Held),
    /// The run succeeded, and the session was rolled back after its changes were taken down.
    DryRun {
        /// What it would have changed.
        entries: Vec<ChangeEntry>,
        /// The same as a unified diff.
        diff: String,
    },
    /// The run did not succeed, and nothing of it is left.
    RolledBack,
    /// The session could not be settled, though its run may have succeeded. The error says what is
    /// where; a session that was still open is rolled back.
    Failed(SupervisorError),
}

/// An open session that waits for a decision; dropped undecided, it is rolled back.
#[derive(Debug)]
pub struct Held {
    rollback: RollbackOnDrop,
    options: CommitOptions,
}

impl Held {
    /// The session.
    pub fn session(&self) -> &Session {
        &self.rollback.session
    }

    /// Commits the session.
    ///
    /// # Errors
    ///
    /// As [`Workspace::commit`]; the session is rolled back then.
    pub fn commit(self) -> Result<Settlement, SupervisorError> {
        let Self { rollback, options } = self;
        commit(rollback, options)
    }

    /// Rolls the session back.
    pub fn discard(self) {
        drop(self);
    }
}

/// Settles a session by how its run ended and what the job's policy says.
pub(crate) fn settle(
    workspace: &Arc<Workspace>,
    session: &Session,
    report: &RunReport,
    plan: &Plan,
    authority: &TaskAuthority,
) -> Result<Settlement, SupervisorError> {
    let succeeded = report.outcome.is_success();
    let rollback = RollbackOnDrop::new(workspace, session);
    match authority.take_own_end() {
        // The guest committed the session itself, as it was granted; how it went on after that
        // cannot undo it.
        Some(OwnEnd::Committed(change)) => return Ok(Settlement::Committed(change)),
        Some(OwnEnd::Unchanged) if succeeded => return Ok(Settlement::Unchanged),
        Some(OwnEnd::Failed(error)) => return Err(error.into()),
        Some(OwnEnd::Unchanged) | None => {}
    }
    if !succeeded || session.status() != Status::Open {
        drop(rollback);
        return Ok(Settlement::RolledBack);
    }
    match plan.policy {
        Policy::Commit => {
            plan.review.check(session, &[])?;
            commit(rollback, plan.commit.clone())
        }
        Policy::Hold => Ok(Settlement::Held(Held {
            rollback,
            options: plan.commit.clone(),
        })),
        Policy::DryRun => {
            let preview = workspace.preview(session, &plan.commit)?;
            let conflicts = preview.rebased.conflicts;
            if !conflicts.is_empty() {
                let options = plan.commit.clone();
                let held = Held { rollback, options };
                return Ok(Settlement::Conflicted { conflicts, held });
            }
            let diff = preview.diff.map_or_else(|| session.diff(), Ok)?;
            drop(rollback);
            let entries = preview.entries;
            Ok(Settlement::DryRun { entries, diff })
        }
    }
}

fn commit(rollback: RollbackOnDrop, options: CommitOptions) -> Result<Settlement, SupervisorError> {
    match rollback.workspace.commit(&rollback.session, &options)? {
        CommitOutcome::Applied(change) => Ok(Settlement::Committed(change)),
        CommitOutcome::Unchanged => Ok(Settlement::Unchanged),
        CommitOutcome::Conflicted(conflicts) => Ok(Settlement::Conflicted {
            conflicts,
            held: Held { rollback, options },
        }),
    }
}

/// Rolls a session back when it is dropped undecided, so that no way out leaves one open.
#[derive(Debug)]
pub(crate) struct RollbackOnDrop {
    workspace: Arc<Workspace>,
    session: Session,
    armed: bool,
}

impl RollbackOnDrop {
    pub(crate) fn new(workspace: &Arc<Workspace>, session: &Session) -> Self {
        Self {
            workspace: workspace.clone(),
            session: session.clone(),
            armed: true,
        }
    }

    /// Leaves the session to whoever holds it now.
    pub(crate) fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for RollbackOnDrop {
    fn drop(&mut self) {
        if self.armed && self.session.status() == Status::Open {
            // The only error is a session that another handle settled meanwhile.
            drop(self.workspace.rollback(&self.session));
        }
    }
}
