//! The one translation of the session's errors to `session-fs` errors.

use vfs::{Conflict, DenialReason, Error, Status};
use wasmtime::component::ResourceTableError;

use super::convert;
use crate::authority::AuthorityError;
use crate::bindings::agent::session_fs::host::types as wit;

/// What a method of `session-fs` fails with.
#[derive(Debug)]
pub(crate) enum SessionError {
    /// The session refused or failed.
    Session(Error),
    /// The base moved under the session.
    Conflicted(Vec<Conflict>),
    /// The guest broke the rules of the boundary.
    Trap(wasmtime::Error),
}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        Self::Session(error)
    }
}

impl From<AuthorityError> for SessionError {
    fn from(error: AuthorityError) -> Self {
        match error {
            AuthorityError::Session(error) => Self::Session(error),
            AuthorityError::Conflicted(conflicts) => Self::Conflicted(conflicts),
        }
    }
}

impl From<ResourceTableError> for SessionError {
    fn from(error: ResourceTableError) -> Self {
        Self::Trap(error.into())
    }
}

pub(super) fn conflict_out(conflicts: &[Conflict]) -> wit::Error {
    wit::Error::Conflict(conflicts.iter().map(convert::conflict).collect())
}

/// The error that a guest sees for an error of the session.
pub(super) fn error_out(error: Error) -> wit::Error {
    let text = error.to_string();
    match error {
        Error::NotFound { path } => wit::Error::NotFound(path),
        Error::AlreadyExists { path } => wit::Error::AlreadyExists(path),
        Error::NotADirectory { path } => wit::Error::NotADirectory(path),
        Error::IsADirectory { path } => wit::Error::IsADirectory(path),
        Error::NotEmpty { path } => wit::Error::NotEmpty(path),
        Error::NotALink { path } => wit::Error::NotALink(path),
        Error::Busy { path } => wit::Error::Busy(path),
        Error::NoSuchSavepoint { name } => wit::Error::NoSuchSavepoint(name),
        Error::TooManyLinks { path } => wit::Error::TooManyLinks(path),
        Error::Denied {
            path,
            reason,
            detail,
            grant,
        } => {
            let reason = denial_reason(reason);
            wit::Error::Denied(wit::Denial {
                path,
                reason,
                detail,
                grant,
            })
        }
        Error::InvalidPath { path, reason } => wit::Error::InvalidPath(wit::BadPath {
            path,
            reason: reason.to_string(),
        }),
        Error::EditMismatch {
            path,
            expected,
            found,
        } => wit::Error::EditMismatch(wit::EditMismatch {
            path,
            expected,
            found,
        }),
        Error::FileTooLarge { limit, .. } => quota("file-bytes-max", limit, limit),
        Error::Quota { which, used, limit } => quota(which, used, limit),
        Error::Closed {
            status: Status::Orphaned { ancestor, ended },
            ..
        } => wit::Error::Orphaned(wit::Orphan {
            ancestor,
            change: match *ended {
                Status::Committed(change) => Some(change),
                _ => None,
            },
        }),
        Error::Closed { .. } => wit::Error::Closed(text),
        Error::Stale { path } => wit::Error::Stale(path),
        Error::Unsupported { detail } => wit::Error::Unsupported(detail),
        Error::Io { path, source } => wit::Error::Io(wit::IoFailure {
            path,
            cause: source.to_string(),
        }),
        Error::Invalid { .. } | Error::CrossSession | Error::BadDescriptor => {
            wit::Error::Invalid(text)
        }
    }
}

fn quota(which: &str, used: u64, limit: u64) -> wit::Error {
    wit::Error::Quota(wit::QuotaExceeded {
        which: which.to_owned(),
        used,
        limit,
    })
}

fn denial_reason(reason: DenialReason) -> wit::DenialReason {
    match reason {
        DenialReason::Confinement => wit::DenialReason::Confinement,
        DenialReason::Capability => wit::DenialReason::Capability,
        DenialReason::ReadOnly => wit::DenialReason::ReadOnly,
    }
}
