//! The typed error of the audit log.

use std::io;
use std::sync::Arc;

/// Result of the audit log.
pub type AuditResult<T> = Result<T, AuditError>;

/// What can go wrong with an audit log. A log that was tampered with is no error but a finding.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuditError {
    /// Another process is writing to the log; what is to be written is kept.
    #[error("the audit log is being written by another process; try again")]
    Busy,
    /// The log has no folder yet.
    #[error("the audit log has no folder yet; it is made with the first commit")]
    Detached,
    /// The disk failed; what is to be written is kept as far as there is room.
    #[error("the audit log cannot be written: {source}; no commit is made until it can")]
    Unwritten {
        /// The system's own error.
        source: Arc<io::Error>,
    },
    /// Operations were lost, since nothing could be written and the buffer was full.
    #[error(
        "{operations_count} operations could not be kept for the audit log; no commit is made until it can be written"
    )]
    Lost {
        /// How many.
        operations_count: u64,
    },
    /// The log cannot be read.
    #[error("the audit log cannot be read: {source}")]
    Unreadable {
        /// The system's own error.
        source: Arc<io::Error>,
    },
    /// A line is not what the log writes.
    #[error("line {number} of the audit log, in {segment}, cannot be read; verify the log")]
    Corrupt {
        /// The segment's file.
        segment: String,
        /// The number that the line should have.
        number: u64,
    },
    /// Whoever takes an export failed.
    #[error("the export of the audit log failed: {source}")]
    Sink {
        /// What the sink returned.
        source: Arc<io::Error>,
    },
}

impl AuditError {
    pub(super) fn unwritten(source: io::Error) -> Self {
        Self::Unwritten {
            source: Arc::new(source),
        }
    }

    pub(super) fn unreadable(source: io::Error) -> Self {
        Self::Unreadable {
            source: Arc::new(source),
        }
    }

    pub(super) fn sink(source: io::Error) -> Self {
        Self::Sink {
            source: Arc::new(source),
        }
    }
}
