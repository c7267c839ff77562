//! What one run may begin and commit: the runtime's `SessionAuthority`, bounded by the grants.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use runtime::{AuthorityError, BeginRequest, CommitReport, SessionAuthority};
use vfs::{DenialReason, Failure, Operation, OperationKind, PathRules, Session, Status};
use workspace::{
    BeginOptions, ChangeInfo, CommitOptions, CommitOutcome, Workspace, WorkspaceError,
};

use crate::error::leaves_traces;
use crate::grants::Grants;
use crate::job::{OnStage, Stage};

/// The authority of one run.
pub(crate) struct TaskAuthority {
    workspace: Arc<Workspace>,
    own: Session,
    grants: Grants,
    /// Ids of the sessions that were begun over granted bases and are not settled.
    begun: Mutex<HashSet<String>>,
    /// What the guest's own commits came to, for whoever settles the run.
    own_end: Mutex<Option<OwnEnd>>,
    on_stage: OnStage,
}

/// How a session of the run ended before the run did, as far as it touched the run's base.
#[derive(Debug)]
pub(crate) enum OwnEnd {
    /// The guest committed its own session.
    Committed(ChangeInfo),
    /// The same, and there was nothing to commit.
    Unchanged,
    /// A commit left something that a person has to know of, whatever the guest made of it.
    Failed(WorkspaceError),
}

impl TaskAuthority {
    pub(crate) fn new(
        workspace: &Arc<Workspace>,
        own: &Session,
        grants: Grants,
        on_stage: OnStage,
    ) -> Self {
        let (workspace, own) = (workspace.clone(), own.clone());
        Self {
            workspace,
            own,
            grants,
            begun: Mutex::default(),
            own_end: Mutex::default(),
            on_stage,
        }
    }

    pub(crate) fn take_own_end(&self) -> Option<OwnEnd> {
        self.own_end.lock().take()
    }

    /// Whether a commit of the session goes no further than the task was granted.
    ///
    /// A nested session goes into its parent, and one over a granted base into that. Only the run's
    /// own session and its forks reach the run's base.
    fn may_commit(&self, session: &Session) -> bool {
        self.grants.commit || !self.reaches_base(session)
    }

    fn reaches_base(&self, session: &Session) -> bool {
        let beside_own = match (session.parent(), self.own.parent()) {
            (None, None) => true,
            (Some(parent), Some(own)) => parent.is_same(own),
            _ => false,
        };
        beside_own && !self.begun.lock().contains(session.id())
    }

    fn begin_options(&self, request: BeginRequest) -> BeginOptions {
        let own = self.own.metadata();
        BeginOptions {
            purpose: request.purpose,
            agent: own.agent.clone(),
            task_id: own.task_id.clone(),
            labels: request.labels,
            access: self.own.access(),
            // What is begun from a session has its rules anyway; those of its own base are no others'.
            rules: PathRules::guarded(),
            limits: Some(self.own.limits().clone()),
        }
    }

    fn note_begun(&self, session: &Session) {
        self.begun.lock().insert(session.id().to_owned());
    }

    /// Forgets a session that is settled: a guest may begin any number, one after the other.
    fn note_settled(&self, session: &Session) {
        if session.status() != Status::Open {
            self.begun.lock().remove(session.id());
        }
    }

    fn note_end(&self, session: &Session, end: OwnEnd) {
        if session.is_same(&self.own) || matches!(end, OwnEnd::Failed(_)) {
            *self.own_end.lock() = Some(end);
        }
    }
}

impl SessionAuthority for TaskAuthority {
    fn begin(&self, base: &str, request: BeginRequest) -> Result<Session, vfs::Error> {
        let Some(base) = self.grants.bases.get(base) else {
            let error = denied(
                format!("the base '{base}' was not granted"),
                format!("begin={base}"),
            );
            return Err(audited(&self.own, OperationKind::Begin, Some(base), error));
        };
        let session = self
            .workspace
            .begin(base, self.begin_options(request))
            .map_err(narrowed)?;
        self.note_begun(&session);
        Ok(session)
    }

    fn open(&self, id: &str) -> Result<Session, vfs::Error> {
        let error = vfs::Error::Denied {
            path: None,
            reason: DenialReason::Capability,
            detail: "only sessions begun in this run can be opened".to_owned(),
            grant: None,
        };
        Err(audited(&self.own, OperationKind::Resume, Some(id), error))
    }

    fn begin_nested(&self, parent: &Session, request: BeginRequest) -> Result<Session, vfs::Error> {
        self.workspace
            .begin_nested(parent, self.begin_options(request))
            .map_err(narrowed)
    }

    fn fork(&self, session: &Session, request: BeginRequest) -> Result<Session, vfs::Error> {
        let fork = self
            .workspace
            .fork(session, self.begin_options(request))
            .map_err(narrowed)?;
        if self.begun.lock().contains(session.id()) {
            self.note_begun(&fork);
        }
        Ok(fork)
    }

    fn commit(
        &self,
        session: &Session,
        message: Option<String>,
    ) -> Result<CommitReport, AuthorityError> {
        if !self.may_commit(session) {
            let detail = "the host commits this session when the run has succeeded".to_owned();
            let error = denied(detail, "commit".to_owned());
            return Err(audited(session, OperationKind::Commit, None, error).into());
        }
        if self.reaches_base(session)
            && let Err(error) = self.grants.review.check(session, &[])
        {
            return Err(audited(session, OperationKind::Commit, None, error).into());
        }
        let options = CommitOptions {
            message,
            ..CommitOptions::default()
        };
        (self.on_stage)(Stage::Committing);
        let committed = self.workspace.commit(session, &options);
        (self.on_stage)(Stage::Running);
        self.note_settled(session);
        match committed {
            Ok(CommitOutcome::Applied(change)) => {
                let report = report(&change);
                self.note_end(session, OwnEnd::Committed(change));
                Ok(report)
            }
            Ok(CommitOutcome::Unchanged) => {
                self.note_end(session, OwnEnd::Unchanged);
                Ok(CommitReport {
                    id: String::new(),
                    generation: 0,
                    entries: Vec::new(),
                })
            }
            Ok(CommitOutcome::Conflicted(conflicts)) => Err(AuthorityError::Conflicted(conflicts)),
            Err(error) => {
                if leaves_traces(&error) {
                    self.note_end(session, OwnEnd::Failed(error.clone()));
                }
                Err(narrowed(error).into())
            }
        }
    }

    fn rollback(&self, session: &Session) -> Result<(), vfs::Error> {
        // One whose parent ended has to give its memory back too.
        if !matches!(session.status(), Status::Open | Status::Orphaned { .. }) {
            return Ok(());
        }
        let rolled_back = self.workspace.rollback(session).map_err(narrowed);
        self.note_settled(session);
        rolled_back
    }
}

fn report(change: &ChangeInfo) -> CommitReport {
    CommitReport {
        id: change.id.to_string(),
        generation: change.generation,
        entries: change.entries.clone(),
    }
}

/// Has a denial written down on behalf of a session that was never asked.
fn audited(
    session: &Session,
    kind: OperationKind,
    target: Option<&str>,
    error: vfs::Error,
) -> vfs::Error {
    session.report(&Operation {
        target,
        outcome: Err(Failure::from(&error)),
        ..Operation::new(kind)
    });
    error
}

fn denied(detail: String, grant: String) -> vfs::Error {
    vfs::Error::Denied {
        path: None,
        reason: DenialReason::Capability,
        detail,
        grant: Some(grant),
    }
}

/// What a guest is told of a workspace's error: never a path or a name of the host.
fn narrowed(error: WorkspaceError) -> vfs::Error {
    match error {
        WorkspaceError::Session(error) => error,
        WorkspaceError::Limit { which, used, limit } => vfs::Error::Quota { which, used, limit },
        WorkspaceError::Io { path, source, .. } => vfs::Error::Io {
            path: Some(path),
            source,
        },
        error => {
            let cause = format!("the commit failed ({:?})", error.kind());
            vfs::Error::Io {
                path: None,
                source: Arc::new(std::io::Error::other(cause)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
