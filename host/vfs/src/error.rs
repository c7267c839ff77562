//! The typed error of the session engine: what went wrong, at which path, and what to do.
//!
//! Every edge (WIT, `wasi:filesystem`, the command line) translates it once, in one file.

use std::fmt;
use std::sync::Arc;

use crate::session::Status;

/// Result of the session engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a denial says where the rules allow no change.
pub(crate) const NOT_WRITABLE: &str = "the path may not be written";

/// Everything that can go wrong inside a session.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Nothing stands at the path.
    #[error("'{path}' does not exist")]
    NotFound {
        /// The path as asked for.
        path: String,
    },
    /// Something stands at the path already.
    #[error("'{path}' exists already")]
    AlreadyExists {
        /// The path as asked for.
        path: String,
    },
    /// A directory was needed.
    #[error("'{path}' is not a directory")]
    NotADirectory {
        /// The path as asked for.
        path: String,
    },
    /// Something other than a directory was needed.
    #[error("'{path}' is a directory")]
    IsADirectory {
        /// The path as asked for.
        path: String,
    },
    /// The path is not a symbolic link.
    #[error("'{path}' is not a symbolic link")]
    NotALink {
        /// The path as asked for.
        path: String,
    },
    /// The directory still has entries.
    #[error("directory '{path}' is not empty; remove what is in it or use remove-all")]
    NotEmpty {
        /// The path as asked for.
        path: String,
    },
    /// More links on the way than [`crate::path::SYMLINK_HOPS_MAX`].
    #[error("'{path}' leads through too many symbolic links")]
    TooManyLinks {
        /// The path as asked for.
        path: String,
    },
    /// The action is not allowed here.
    #[error("{}denied: {detail}{}", Prefix(path.as_deref()), Grant(grant.as_deref()))]
    Denied {
        /// The path as asked for, where there is one.
        path: Option<String>,
        /// Which rule denied it.
        reason: DenialReason,
        /// The rule in words.
        detail: String,
        /// The grant that would allow it; `None` when no grant would.
        grant: Option<String>,
    },
    /// The path is not well formed.
    #[error("'{path}' is not a valid path: {reason}")]
    InvalidPath {
        /// The path as asked for, shortened when it is over long.
        path: String,
        /// What is wrong with it.
        reason: PathFault,
    },
    /// An argument other than a path is not usable.
    #[error("{detail}")]
    Invalid {
        /// What is wrong, in words.
        detail: String,
    },
    /// The text to replace stands another number of times than expected.
    #[error("expected the text {expected} times in '{path}' and found it {found} times")]
    EditMismatch {
        /// The file.
        path: String,
        /// How often the caller expected it.
        expected: u32,
        /// How often it stands there; counting stops one above `expected`.
        found: u32,
    },
    /// The object is in use in a way that forbids this, such as renaming the root.
    #[error("'{path}' is busy")]
    Busy {
        /// The path as asked for.
        path: String,
    },
    /// The two ends of a rename or a link belong to different sessions.
    #[error("the two paths belong to different sessions")]
    CrossSession,
    /// The handle does not allow this, or what it held was undone by a restore.
    #[error("the handle does not allow this")]
    BadDescriptor,
    /// The file would grow over its limit.
    #[error("'{path}' would grow over {limit} bytes")]
    FileTooLarge {
        /// The file.
        path: String,
        /// `Limits::file_bytes_max`.
        limit: u64,
    },
    /// A limit was reached; nothing was taken.
    #[error("limit '{which}' reached: {used} of {limit} in use")]
    Quota {
        /// The limit's name.
        which: &'static str,
        /// What is in use, without what was asked for.
        used: u64,
        /// The limit.
        limit: u64,
    },
    /// The session is no longer open.
    #[error("session {session} is {status}")]
    Closed {
        /// The session's id.
        session: String,
        /// Its state.
        status: Status,
    },
    /// The base changed here after the session had seen it.
    #[error("'{path}' changed in the base after the session saw it; roll back and begin again")]
    Stale {
        /// The path in the base.
        path: String,
    },
    /// This cannot be done here.
    #[error("{detail} is not supported")]
    Unsupported {
        /// What is not supported.
        detail: String,
    },
    /// The session has no savepoint of this name.
    #[error("no savepoint '{name}'")]
    NoSuchSavepoint {
        /// The name as asked for.
        name: String,
    },
    /// The system below failed.
    #[error("{}input/output error", Prefix(path.as_deref()))]
    Io {
        /// The path in the base, where there is one.
        path: Option<String>,
        /// The system's own error.
        source: Arc<std::io::Error>,
    },
}

/// Which rule denied an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenialReason {
    /// The path leads out of the session.
    Confinement,
    /// The task was not granted this.
    Capability,
    /// The session or the handle is read-only.
    ReadOnly,
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// It is empty where a name is needed.
    #[error("it is empty")]
    Empty,
    /// It holds a NUL byte.
    #[error("it holds a NUL byte")]
    Nul,
    /// A component is over 255 bytes.
    #[error("a component is longer than 255 bytes")]
    NameTooLong,
    /// It is over 4095 bytes.
    #[error("it is longer than 4095 bytes")]
    TooLong,
    /// It has more than 64 components.
    #[error("it is deeper than 64 components")]
    TooDeep,
}

/// What the caller should do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Roll back, begin again and repeat.
    Retry,
    /// Settle with what somebody else did.
    Conflict,
    /// Mend the call.
    Invalid,
    /// Use less, or ask for a higher limit.
    Limit,
    /// Look elsewhere.
    NotFound,
    /// Ask for the grant, or leave it.
    Denied,
    /// Nothing the caller can do; the system failed.
    Internal,
}

impl Error {
    /// Tells what the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } | Self::NoSuchSavepoint { .. } => ErrorKind::NotFound,
            Self::Denied { .. } => ErrorKind::Denied,
            Self::FileTooLarge { .. } | Self::Quota { .. } => ErrorKind::Limit,
            Self::Stale { .. } => ErrorKind::Retry,
            // The base is being committed to, and that takes its time.
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::TimedOut => {
                ErrorKind::Retry
            }
            Self::Io { .. } => ErrorKind::Internal,
            _ => ErrorKind::Invalid,
        }
    }

    /// The path that the error is about, where there is one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::NotFound { path }
            | Self::AlreadyExists { path }
            | Self::NotADirectory { path }
            | Self::IsADirectory { path }
            | Self::NotALink { path }
            | Self::NotEmpty { path }
            | Self::TooManyLinks { path }
            | Self::InvalidPath { path, .. }
            | Self::EditMismatch { path, .. }
            | Self::Busy { path }
            | Self::FileTooLarge { path, .. }
            | Self::Stale { path } => Some(path),
            Self::Denied { path, .. } | Self::Io { path, .. } => path.as_deref(),
            _ => None,
        }
    }

    /// An input/output error at a path of the base.
    pub fn io(path: impl fmt::Display, source: std::io::Error) -> Self {
        Self::Io {
            path: Some(path.to_string()),
            source: Arc::new(source),
        }
    }

    pub(crate) fn outside(path: &str) -> Self {
        Self::Denied {
            path: Some(path.to_owned()),
            reason: DenialReason::Confinement,
            detail: "the path leads out of the session".to_owned(),
            grant: None,
        }
    }

    /// The same denial of a path that was to be changed and may not even be read.
    #[must_use]
    pub(crate) fn of_a_write(self) -> Self {
        match self {
            Self::Denied {
                path,
                reason: DenialReason::Capability,
                grant: Some(grant),
                ..
            } => Self::Denied {
                path,
                reason: DenialReason::Capability,
                detail: NOT_WRITABLE.to_owned(),
                grant: Some(match grant.strip_prefix("read=") {
                    Some(glob) => format!("write={glob}"),
                    None => grant,
                }),
            },
            error => error,
        }
    }

    pub(crate) fn read_only(path: Option<&str>) -> Self {
        Self::Denied {
            path: path.map(str::to_owned),
            reason: DenialReason::ReadOnly,
            detail: "the session is read-only".to_owned(),
            grant: None,
        }
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::Invalid {
            detail: detail.into(),
        }
    }
}

struct Prefix<'a>(Option<&'a str>);

impl fmt::Display for Prefix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |path| write!(f, "'{path}': "))
    }
}

struct Grant<'a>(Option<&'a str>);

impl fmt::Display for Grant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |grant| {
            write!(f, "; the grant '{grant}' would allow it")
        })
    }
}
