//! The typed error of a workspace: what went wrong, over which base, and what to do.

use std::fmt;
use std::sync::Arc;

use vfs::ErrorKind;

use crate::change::ChangeId;
use crate::durable::DurableError;

/// Result of a workspace.
pub type Result<T, E = WorkspaceError> = std::result::Result<T, E>;

/// Everything that can go wrong in a workspace. A conflict is no error but an outcome.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The session failed.
    #[error(transparent)]
    Session(#[from] vfs::Error),
    /// A durable session cannot be begun, opened or saved.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// The session was not begun in this workspace.
    #[error("session {session} was not begun in this workspace")]
    UnknownSession {
        /// The session's id.
        session: String,
    },
    /// A limit of the workspace was reached; nothing was taken.
    #[error("limit '{which}' reached: {used} of {limit} in use")]
    Limit {
        /// The limit's name.
        which: &'static str,
        /// What is in use, or was asked for when that alone is too much.
        used: u64,
        /// The limit.
        limit: u64,
    },
    /// Another commit to the base did not end in time.
    #[error(
        "base {base} is being committed to by somebody else since {waited_ms} ms; try again when that has ended"
    )]
    Busy {
        /// The base.
        base: String,
        /// How long was waited.
        waited_ms: u64,
    },
    /// The system failed before anything of the base was touched, or all of it was put back. The
    /// session is open.
    #[error("base {base}: nothing was committed, input/output error at '{path}'")]
    Io {
        /// The base.
        base: String,
        /// Where in the base.
        path: String,
        /// The system's own error.
        source: Arc<std::io::Error>,
    },
    /// A commit met somebody else and was taken back, and just then somebody else took a place that
    /// it had left. Their version stands there; the one before it is kept. The session is open.
    #[error(
        "base {base}: nothing was committed, and somebody else wrote '{path}' while it was taken back; the version before that is kept in {kept}"
    )]
    Interfered {
        /// The base.
        base: String,
        /// Where they wrote; the first such path.
        path: String,
        /// The folder, below the base, that holds what stood there and at any other such path.
        kept: String,
    },
    /// A commit failed half way and could not be taken back. Nothing is lost: what is missing in
    /// the base is in the staging folder. The session is open.
    #[error(
        "base {base} needs recovery: a commit stopped half way at '{path}'; what was taken out of the base is kept in {staging}"
    )]
    NeedsRecovery {
        /// The base.
        base: String,
        /// The folder, below the base, that holds what was taken out.
        staging: String,
        /// Where the commit could not be taken back.
        path: String,
        /// Why.
        source: Arc<std::io::Error>,
    },
    /// The change is applied and visible, and the flush that makes it durable failed. The session
    /// is committed.
    #[error(
        "base {base}: change {change} is applied but could not be flushed to the disk; what it replaced is kept in {staging}"
    )]
    NotDurable {
        /// The base.
        base: String,
        /// The change.
        change: ChangeId,
        /// The folder, below the base, that holds what the change removed or replaced.
        staging: String,
        /// The system's own error.
        source: Arc<std::io::Error>,
    },
    /// An earlier commit left the base in doubt.
    #[error(
        "base {base} takes no commits after an earlier one could not be flushed or taken back; mend the cause and open the base again"
    )]
    Poisoned {
        /// The base.
        base: String,
    },
}

impl WorkspaceError {
    /// Tells what the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Session(error) => error.kind(),
            Self::Durable(error) => error.kind(),
            Self::UnknownSession { .. } => ErrorKind::NotFound,
            Self::Limit { .. } => ErrorKind::Limit,
            Self::Busy { .. } => ErrorKind::Retry,
            Self::Interfered { .. } => ErrorKind::Conflict,
            Self::Io { source, .. } => io_kind(source),
            Self::NeedsRecovery { .. } | Self::NotDurable { .. } | Self::Poisoned { .. } => {
                ErrorKind::Internal
            }
        }
    }

    pub(crate) fn io(base: &str, path: impl fmt::Display, source: std::io::Error) -> Self {
        Self::Io {
            base: base.to_owned(),
            path: path.to_string(),
            source: Arc::new(source),
        }
    }
}

pub(crate) fn io_kind(error: &std::io::Error) -> ErrorKind {
    use std::io::ErrorKind as Io;
    match error.kind() {
        Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::Limit,
        Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::Denied,
        Io::NotFound | Io::NotADirectory => ErrorKind::NotFound,
        _ => ErrorKind::Internal,
    }
}
