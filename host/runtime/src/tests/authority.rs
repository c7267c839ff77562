//! An authority for tests: grants the base `vfs://granted` and nested commits, nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use vfs::{DenialReason, Error, Merged, Session, SessionOptions};

use crate::{AuthorityError, BeginRequest, CommitReport, SessionAuthority};

/// Keeps every session that it began.
#[derive(Default)]
pub(crate) struct TestAuthority {
    pub(crate) begun: Mutex<Vec<Session>>,
    ids: AtomicU64,
}

impl TestAuthority {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn options(&self) -> SessionOptions {
        let id = format!("begun-{}", self.ids.fetch_add(1, Ordering::Relaxed));
        SessionOptions {
            id,
            ..SessionOptions::default()
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
    fn begin(&self, base: &str, _request: BeginRequest) -> Result<Session, Error> {
        match base {
            "vfs://granted" => Ok(self.keep(super::session(&self.options().id))),
            "vfs://panic" => panic!("the authority is broken"),
            _ => Err(denied("the base is not granted", "base")),
        }
    }

    fn open(&self, _id: &str) -> Result<Session, Error> {
        Err(denied("the session is not granted", "open"))
    }

    fn begin_nested(&self, parent: &Session, _request: BeginRequest) -> Result<Session, Error> {
        Ok(self.keep(parent.begin_nested(self.options())?))
    }

    fn fork(&self, session: &Session, _request: BeginRequest) -> Result<Session, Error> {
        Ok(self.keep(session.fork(self.options())?))
    }

    fn commit(
        &self,
        session: &Session,
        _message: Option<String>,
    ) -> Result<CommitReport, AuthorityError> {
        if session.parent().is_none() {
            return Err(denied("the task may not commit", "commit").into());
        }
        let entries = session.changes()?;
        match session
            .seal()?
            .merge_into_parent("change", &vfs::MergeOptions::default())?
        {
            Merged::Applied { .. } => Ok(CommitReport {
                id: "change".to_owned(),
                generation: 1,
                entries,
            }),
            Merged::Conflicted(conflicts) => Err(AuthorityError::Conflicted(conflicts)),
        }
    }

    fn rollback(&self, session: &Session) -> Result<(), Error> {
        session.rollback()
    }
}
