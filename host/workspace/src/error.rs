//! The typed error of a workspace: what went wrong, over which base, and what to do.

use std::fmt;
use std::sync::Arc;

use store::journal::JournalError;
use vfs::ErrorKind;
use vfs::reserved::STORE_NAME;

use crate::audit::AuditError;
use crate::change::{ChangeId, DecodeError};
use crate::durable::DurableError;
use crate::history::HistoryError;

/// What is found where a directory was removed.
pub(crate) const GONE: &str = "since there is no such directory any more";

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
    /// session is open. Where a strict commit could not be put back to its end, the base takes no
    /// commits until it is opened again, which completes that.
    #[error("base {base}: input/output error at '{path}'")]
    Io {
        /// The base.
        base: String,
        /// Where in the base.
        path: String,
        /// The system's own error.
        source: Arc<std::io::Error>,
    },
    /// The directory is not where it was any more; nothing was written anywhere. The session is open.
    #[error("base {base}: {found}; put the directory back and try again")]
    Away {
        /// The base.
        base: String,
        /// What is where the directory was.
        found: &'static str,
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
    /// The change is committed, and the directory could not be brought to it. Nothing is lost: what
    /// is missing is in the store, and the next opening of the base completes it.
    #[error(
        "base {base} needs recovery: change {change} is committed and stopped at '{path}' on its way into the directory; open the base again to complete it"
    )]
    NeedsRecovery {
        /// The base.
        base: String,
        /// The change.
        change: ChangeId,
        /// Where it stopped.
        path: String,
        /// Why.
        source: Arc<std::io::Error>,
    },
    /// The flush that decides about the change failed, or for a strict commit the one that decides
    /// whether it is taken back. Whether it is committed is found when the base is opened again; until
    /// then the directory is as it was, but for what a strict commit had changed already.
    #[error(
        "base {base}: whether change {change} is committed is not known, since the disk failed to take it; open the base again to find out"
    )]
    InDoubt {
        /// The base.
        base: String,
        /// The change.
        change: ChangeId,
        /// Why.
        source: Arc<StoreError>,
    },
    /// The store of a base cannot be used. The directory is as it was.
    #[error("base {base}: its store in .session-fs cannot be used")]
    Store {
        /// The base.
        base: String,
        /// Why.
        source: Arc<StoreError>,
    },
    /// What sessions did cannot be logged. The session is open.
    #[error("base {base}: the audit log cannot be kept")]
    Audit {
        /// The base.
        base: String,
        /// Why.
        source: AuditError,
    },
    /// The history of a base cannot be read.
    #[error(transparent)]
    History(#[from] Arc<HistoryError>),
    /// An earlier commit left the base in doubt.
    #[error(
        "base {base} takes no commits after an earlier one could not be flushed or completed; mend the cause and open the base again"
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
            Self::UnknownSession { .. } | Self::Away { .. } => ErrorKind::NotFound,
            Self::Limit { .. } => ErrorKind::Limit,
            Self::Busy { .. } => ErrorKind::Retry,
            Self::Interfered { .. } => ErrorKind::Conflict,
            Self::Io { source, .. } => io_kind(source),
            Self::Store { source, .. } => source.kind(),
            Self::History(source) => source.kind(),
            Self::Audit { source, .. } => match source {
                AuditError::Busy => ErrorKind::Retry,
                _ => ErrorKind::Internal,
            },
            Self::NeedsRecovery { .. } | Self::InDoubt { .. } | Self::Poisoned { .. } => {
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

/// What is wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system failed.
    #[error("input/output error at '{what}'")]
    Io {
        /// The file or folder of the store.
        what: String,
        /// The system's own error.
        source: std::io::Error,
    },
    /// The journal failed or is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is no room for a record, and none could be made: the change is not recorded.
    #[error("no room in the journal could be made; nothing was recorded")]
    NoRoom {
        /// What failed.
        source: Box<Self>,
    },
    /// The journal cannot be made longer. Nothing was recorded, and it goes on as it was.
    #[error(
        "the journal has no room for the change, and the disk none for the journal; nothing was recorded"
    )]
    Cramped {
        /// What the system says.
        source: JournalError,
    },
    /// Somebody else was at the disk for so long. Nothing was recorded; what was begun before goes on.
    #[error("the disk was at somebody else's change for over {waited_ms} ms")]
    Busy {
        /// How long was waited.
        waited_ms: u64,
    },
    /// A record of the journal is authentic and makes no sense.
    #[error("record {sequence} of the journal cannot be read")]
    Record {
        /// Its number.
        sequence: u64,
        /// Why.
        source: DecodeError,
    },
    /// An earlier failure left the store in doubt.
    #[error("an earlier failure left the store in doubt; open the base again")]
    Poisoned,
    /// A file of the store is not what was written.
    #[error("'{what}' is damaged: {detail}; `session-fs doctor` tells what can be saved")]
    Damaged {
        /// The file.
        what: String,
        /// How.
        detail: String,
    },
    /// A file of the store was written by a newer program.
    #[error(
        "'{what}' has format {found}, and this program reads up to {supported}; use a newer one"
    )]
    Newer {
        /// The file.
        what: String,
        /// Its format.
        found: u16,
        /// The newest that is known here.
        supported: u16,
    },
}

impl StoreError {
    pub(crate) fn io(what: impl fmt::Display, source: std::io::Error) -> Self {
        Self::Io {
            what: what.to_string(),
            source,
        }
    }

    pub(crate) fn at(self, base: &str) -> WorkspaceError {
        match self {
            // Making its folder fails so only in a directory that was removed.
            Self::Io { what, source }
                if what == STORE_NAME && source.kind() == std::io::ErrorKind::NotFound =>
            {
                WorkspaceError::Away {
                    base: base.to_owned(),
                    found: GONE,
                }
            }
            Self::Busy { waited_ms } => WorkspaceError::Busy {
                base: base.to_owned(),
                waited_ms,
            },
            Self::Io { what, source } => {
                let path = match what == STORE_NAME {
                    true => what,
                    false => format!("{STORE_NAME}/{what}"),
                };
                WorkspaceError::io(base, path, source)
            }
            other => WorkspaceError::Store {
                base: base.to_owned(),
                source: Arc::new(other),
            },
        }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => io_kind(source),
            Self::NoRoom { source } => source.kind(),
            Self::Cramped {
                source: JournalError::Io { source, .. },
            } => io_kind(source),
            Self::Newer { .. } => ErrorKind::Invalid,
            Self::Busy { .. } => ErrorKind::Retry,
            _ => ErrorKind::Internal,
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
