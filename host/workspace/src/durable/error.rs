//! The typed error of durable sessions: which session, what is wrong with it, and what to do.

use std::io;
use std::sync::Arc;

use vfs::ErrorKind;

use super::id::{PREFIX_BYTES_MIN, SessionId};
use crate::change::ChangeId;

pub(super) type Result<T, E = DurableError> = std::result::Result<T, E>;

/// Why a durable session cannot be begun, opened or saved.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DurableError {
    /// There is no such session, or it was cleaned away.
    #[error("there is no durable session '{session}'; list the sessions to see which there are")]
    NotFound {
        /// The id or prefix as asked for.
        session: String,
    },
    /// The id could not be the name of a session.
    #[error(
        "'{id}' is not the id of a session: those have at most {} lower-case letters, digits and hyphens",
        SessionId::BYTES_MAX
    )]
    BadId {
        /// The id as asked for.
        id: String,
    },
    /// The beginning of an id is too short to be completed.
    #[error(
        "'{prefix}' is too short for the beginning of a session's id; give at least {PREFIX_BYTES_MIN} characters"
    )]
    ShortPrefix {
        /// The prefix as asked for.
        prefix: String,
    },
    /// Several sessions begin like this.
    #[error("'{prefix}' is the beginning of several sessions: {}; give more characters", candidates.join(", "))]
    Ambiguous {
        /// The prefix as asked for.
        prefix: String,
        /// The first of them, in their order.
        candidates: Vec<String>,
    },
    /// The base is gone with the process, and a session over it would be as well.
    #[error("{base} lives in memory, and a durable session needs a directory; begin a plain one")]
    MemoryBase {
        /// The base.
        base: String,
    },
    /// Somebody else works in the session.
    #[error(
        "session {session} is in use by {}; wait until that has ended, or end it",
        owner.as_deref().unwrap_or("another process")
    )]
    SessionBusy {
        /// The session.
        session: String,
        /// Who, as they called themselves; `None` when they have not said so.
        owner: Option<String>,
    },
    /// The session was not used for as long as it was to be kept.
    #[error("session {session} has expired and what it changed is gone; begin another")]
    Expired {
        /// The session.
        session: String,
    },
    /// The session was committed.
    #[error(
        "session {session} is already committed{}; begin another",
        change.map(|change| format!(" as {change}")).unwrap_or_default()
    )]
    Committed {
        /// The session.
        session: String,
        /// The change that was made; `None` when there was nothing to commit.
        change: Option<ChangeId>,
    },
    /// The session was rolled back.
    #[error("session {session} is rolled back and what it changed is gone; begin another")]
    RolledBack {
        /// The session.
        session: String,
    },
    /// The session itself refused.
    #[error("session {session}")]
    Session {
        /// The session.
        session: String,
        /// Why.
        source: vfs::Error,
    },
    /// What is on the disk is not what was written there. Nothing of it is removed.
    #[error(
        "session {session} is damaged: {detail}; it is kept as it is; restore its folder in .session-fs/sessions from a backup, or give it up"
    )]
    Corrupt {
        /// The session.
        session: String,
        /// What is wrong, and where.
        detail: String,
    },
    /// A session that can be read was to be given up as damaged. It is kept.
    #[error("session {session} is not damaged and was kept; roll it back to drop it")]
    NotDamaged {
        /// The session.
        session: String,
    },
    /// The session was written by a newer program.
    #[error(
        "session {session} has format {found}, and this program reads up to {known}; use a newer one"
    )]
    Newer {
        /// The session.
        session: String,
        /// Its format.
        found: u16,
        /// The newest format that is read.
        known: u16,
    },
    /// There are as many sessions as there may be.
    #[error("limit 'durable-sessions' reached: {used} of {limit} in use; commit or roll back some")]
    Limit {
        /// How many there are.
        used: u64,
        /// How many there may be.
        limit: u64,
    },
    /// The folder of sessions cannot be read.
    #[error("the folder of durable sessions cannot be read")]
    List {
        /// The system's own error.
        source: Arc<io::Error>,
    },
    /// The system failed. What was saved before is safe.
    #[error("session {session}: input/output error while {doing}")]
    Io {
        /// The session.
        session: String,
        /// What was being done.
        doing: &'static str,
        /// The system's own error.
        source: Arc<io::Error>,
    },
}

impl DurableError {
    /// Tells what the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } | Self::Expired { .. } => ErrorKind::NotFound,
            Self::SessionBusy { .. } => ErrorKind::Retry,
            Self::Limit { .. } => ErrorKind::Limit,
            Self::Session { source, .. } => source.kind(),
            Self::List { source } | Self::Io { source, .. } => crate::error::io_kind(source),
            Self::Corrupt { .. } | Self::Newer { .. } => ErrorKind::Internal,
            _ => ErrorKind::Invalid,
        }
    }

    pub(super) fn io(session: &SessionId, doing: &'static str, source: io::Error) -> Self {
        Self::Io {
            session: session.to_string(),
            doing,
            source: Arc::new(source),
        }
    }

    pub(crate) fn not_found(session: &SessionId) -> Self {
        Self::NotFound {
            session: session.to_string(),
        }
    }

    pub(super) fn corrupt(session: &SessionId, detail: impl Into<String>) -> Self {
        Self::Corrupt {
            session: session.to_string(),
            detail: detail.into(),
        }
    }
}
