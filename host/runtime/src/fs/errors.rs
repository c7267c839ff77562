//! The one translation of the session's errors to `wasi:filesystem` error codes.

use vfs::{DenialReason, Error, PathFault};
use wasmtime::component::ResourceTableError;

use crate::bindings::filesystem::wasi::filesystem::types::ErrorCode;

/// What a method of `wasi:filesystem` fails with.
///
/// It carries the session's error whole, so that the code is chosen and the true cause is logged at
/// the same place: where the failure leaves for the guest.
#[derive(Debug)]
pub(crate) enum FsError {
    /// The session refused or failed.
    Session(Error),
    /// The translation itself refused.
    Code(ErrorCode),
    /// The guest broke the rules of the boundary, such as using a handle twice.
    Trap(wasmtime::Error),
}

impl From<Error> for FsError {
    fn from(error: Error) -> Self {
        Self::Session(error)
    }
}

impl From<ErrorCode> for FsError {
    fn from(code: ErrorCode) -> Self {
        Self::Code(code)
    }
}

impl From<ResourceTableError> for FsError {
    fn from(error: ResourceTableError) -> Self {
        Self::Trap(error.into())
    }
}

/// The code that a guest sees for an error of the session.
pub(crate) fn code(error: &Error) -> ErrorCode {
    match error {
        Error::NotFound { .. } | Error::NoSuchSavepoint { .. } => ErrorCode::NoEntry,
        Error::AlreadyExists { .. } => ErrorCode::Exist,
        Error::NotADirectory { .. } => ErrorCode::NotDirectory,
        Error::IsADirectory { .. } => ErrorCode::IsDirectory,
        Error::NotEmpty { .. } => ErrorCode::NotEmpty,
        Error::TooManyLinks { .. } => ErrorCode::Loop,
        Error::Denied { reason, .. } => denial(*reason),
        Error::InvalidPath { reason, .. } => path_fault(*reason),
        Error::NotALink { .. } | Error::Invalid { .. } | Error::EditMismatch { .. } => {
            ErrorCode::Invalid
        }
        Error::Busy { .. } => ErrorCode::Busy,
        Error::CrossSession => ErrorCode::CrossDevice,
        Error::BadDescriptor | Error::Closed { .. } => ErrorCode::BadDescriptor,
        Error::FileTooLarge { .. } => ErrorCode::FileTooLarge,
        Error::Quota { .. } => ErrorCode::Quota,
        Error::Unsupported { .. } => ErrorCode::Unsupported,
        Error::Stale { .. } | Error::Io { .. } => ErrorCode::Io,
    }
}

fn denial(reason: DenialReason) -> ErrorCode {
    match reason {
        DenialReason::Confinement => ErrorCode::NotPermitted,
        DenialReason::Capability => ErrorCode::Access,
        DenialReason::ReadOnly => ErrorCode::ReadOnly,
    }
}

fn path_fault(fault: PathFault) -> ErrorCode {
    match fault {
        PathFault::Empty => ErrorCode::NoEntry,
        PathFault::Nul => ErrorCode::Invalid,
        PathFault::NameTooLong | PathFault::TooLong | PathFault::TooDeep => ErrorCode::NameTooLong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_tells_its_reason() {
        for (reason, expected) in [
            (DenialReason::Confinement, ErrorCode::NotPermitted),
            (DenialReason::Capability, ErrorCode::Access),
            (DenialReason::ReadOnly, ErrorCode::ReadOnly),
        ] {
            let error = Error::Denied {
                path: None,
                reason,
                detail: String::new(),
                grant: None,
            };
            assert_eq!(code(&error), expected);
        }
    }

    #[test]
    fn limits_are_told_from_failures() {
        let path = "x".to_owned();
        let quota = Error::Quota {
            which: "handles-max",
            used: 1,
            limit: 1,
        };
        for (error, expected) in [
            (quota, ErrorCode::Quota),
            (
                Error::FileTooLarge {
                    path: path.clone(),
                    limit: 1,
                },
                ErrorCode::FileTooLarge,
            ),
            (Error::Stale { path: path.clone() }, ErrorCode::Io),
            (Error::TooManyLinks { path }, ErrorCode::Loop),
            (Error::CrossSession, ErrorCode::CrossDevice),
        ] {
            assert_eq!(code(&error), expected);
        }
    }
}
