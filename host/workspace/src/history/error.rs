//! The typed error of history: what cannot be answered, and why.

use std::io;
use std::sync::Arc;

use vfs::{Digest, ErrorKind, VPath};

use crate::change::{ChangeId, DecodeError};
use crate::objects::ObjectError;

/// Result of history.
pub type Result<T, E = HistoryError> = std::result::Result<T, E>;

/// Everything that can go wrong in history. A conflict of an undo is no error but an outcome.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HistoryError {
    /// No change has this id, or one that begins so.
    #[error("history has no change '{id}'")]
    UnknownChange {
        /// What was asked for.
        id: String,
    },
    /// Several changes have ids that begin so.
    #[error("'{prefix}' is the beginning of several change ids; give more of it")]
    AmbiguousChange {
        /// What was asked for.
        prefix: String,
    },
    /// A version is not written as one.
    #[error("'{text}' is no version: give a generation, or 4 or more digits of a change id")]
    BadVersion {
        /// What was given.
        text: String,
    },
    /// No change that is kept says what stood there at that time.
    #[error("history does not know what stood at '{path}' {when}")]
    UnknownVersion {
        /// The path as asked for.
        path: VPath,
        /// The time, in words.
        when: String,
    },
    /// Nothing stood there at that time.
    #[error("nothing stood at '{path}' {when}")]
    Absent {
        /// The path as asked for.
        path: VPath,
        /// The time, in words.
        when: String,
    },
    /// The content was not kept: it was dropped, lost in a crash, or never replaced by a change.
    #[error("the content of that version of '{path}' is not kept")]
    NotKept {
        /// The path that it stood at.
        path: VPath,
        /// Its digest, where it is known.
        digest: Option<Digest>,
    },
    /// A directory has no content of its own.
    #[error("'{path}' was a directory at that time; name a file in it")]
    IsADirectory {
        /// The path that it stood at.
        path: VPath,
    },
    /// A file among the changes is not what was written there.
    #[error("change file '{file}' is damaged, and with it history; let doctor look at the store")]
    Damaged {
        /// Its name.
        file: String,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A change file holds another change than its name says.
    #[error("change file '{file}' holds change {found}; let doctor look at the store")]
    Misnamed {
        /// Its name.
        file: String,
        /// The change in it.
        found: ChangeId,
    },
    /// A limit was reached.
    #[error("limit '{which}' of history reached: more than {limit}")]
    Limit {
        /// The limit's name.
        which: &'static str,
        /// The limit.
        limit: u64,
    },
    /// An object cannot be read.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The session that is filled failed.
    #[error(transparent)]
    Session(#[from] vfs::Error),
    /// The system failed.
    #[error("input/output error in the store at '{path}'")]
    Io {
        /// Where in the store, or in the tree.
        path: String,
        /// The system's own error.
        source: Arc<io::Error>,
    },
}

impl HistoryError {
    /// Tells what the caller should do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownChange { .. }
            | Self::UnknownVersion { .. }
            | Self::Absent { .. }
            | Self::NotKept { .. }
            | Self::Object(ObjectError::Missing { .. }) => ErrorKind::NotFound,
            Self::AmbiguousChange { .. } | Self::BadVersion { .. } | Self::IsADirectory { .. } => {
                ErrorKind::Invalid
            }
            Self::Limit { .. } | Self::Object(ObjectError::TooLarge { .. }) => ErrorKind::Limit,
            Self::Session(error) => error.kind(),
            Self::Damaged { .. } | Self::Misnamed { .. } | Self::Object(_) | Self::Io { .. } => {
                ErrorKind::Internal
            }
        }
    }

    pub(crate) fn io(path: impl std::fmt::Display, source: io::Error) -> Self {
        Self::Io {
            path: path.to_string(),
            source: Arc::new(source),
        }
    }
}
