//! An authority for tests: grants one base in memory, nested commits, and more only when told so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use runtime::{AuthorityError, BeginRequest, CommitReport, SessionAuthority};
use vfs::{DenialReason, EmptyBase, Error, Merged, Metadata, Session, SessionOptions};

/// The base that is granted.
pub(crate) const GRANTED: &str = "vfs://granted";

/// One that is not.
pub(crate) const NOT_GRANTED: &str = "vfs://secret";

/// Keeps every session that was begun through it.
pub(crate) struct TestAuthority {
    own: Session,
    may_commit: bool,
    begun: Mutex<Vec<Session>>,
    ids: AtomicU64,
}

impl TestAuthority {
    pub(crate) fn new(own: Session, may_commit: bool) -> Arc<Self> {
        Arc::new(Self {
            own,
            may_commit,
            begun: Mutex::default(),
            ids: AtomicU64::new(0),
        })
    }

    /// The sessions of the run apart from its own, in the order they were begun in.
    pub(crate) fn begun(&self) -> Vec<Session> {
        self.begun.lock().clone()
    }

    fn options(&self, request: BeginRequest) -> SessionOptions {
        let id = format!("begun-{}", self.ids.fetch_add(1, Ordering::Relaxed));
        let BeginRequest { purpose, labels } = request;
        let metadata = Metadata {
            purpose,
            labels,
            ..Metadata::default()
        };
        SessionOptions {
            id,
            metadata,
            ..super::scene::options()
        }
    }

    fn keep(&self, session: Session) -> Session {
        self.begun.lock().push(session.clone());
        session
    }
}

fn denied(detail: &str, grant: &str) -> Error {
    Error::Denied {
        path: None,
        reason: DenialReason::Capability,
        detail: detail.to_owned(),
        grant: Some(grant.to_owned()),
    }
}

impl SessionAuthority for TestAuthority {
    fn begin(&self, base: &str, request: BeginRequest) -> Result<Session, Error> {
        if base != GRANTED {
            return Err(denied("the base was not granted", &format!("begin={base}")));
        }
        let base = Arc::new(EmptyBase::new(GRANTED));
        Ok(self.keep(Session::begin(base, self.options(request))))
    }

    fn open(&self, _id: &str) -> Result<Session, Error> {
        Err(denied("only sessions of this run can be opened", "none"))
    }

    fn begin_nested(&self, parent: &Session, request: BeginRequest) -> Result<Session, Error> {
        Ok(self.keep(parent.begin_nested(self.options(request))?))
    }

    fn fork(&self, session: &Session, request: BeginRequest) -> Result<Session, Error> {
        Ok(self.keep(session.fork(self.options(request))?))
    }

    fn commit(
        &self,
        session: &Session,
        _message: Option<String>,
    ) -> Result<CommitReport, AuthorityError> {
        if session.is_same(&self.own) && !self.may_commit {
            return Err(denied("the host commits this session", "commit").into());
        }
        let entries = session.changes()?;
        let report = CommitReport {
            id: "change".to_owned(),
            generation: 1,
            entries,
        };
        let sealed = session.seal()?;
        if session.parent().is_none() {
            sealed.finish("change");
            return Ok(report);
        }
        match sealed.merge_into_parent("change", &vfs::MergeOptions::default())? {
            Merged::Applied { .. } => Ok(report),
            Merged::Conflicted(conflicts) => Err(AuthorityError::Conflicted(conflicts)),
        }
    }

    fn rollback(&self, session: &Session) -> Result<(), Error> {
        session.rollback()
    }
}
