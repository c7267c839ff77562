//! `JournalError`: everything that can go wrong with the journal, by what the caller must do.

use std::io;

/// Says why the journal refused or failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// There is a journal already. It was not touched; open it.
    #[error("the journal exists already: open it, it may hold committed changes")]
    Exists,
    /// There is no file `journal`.
    #[error("there is no journal in the store: create it, or restore it with its store")]
    Missing,
    /// The limits contradict each other.
    #[error("journal limits contradict each other: {reason}")]
    Limits {
        /// What does not fit together.
        reason: &'static str,
    },
    /// A newer program wrote this journal. Nothing of it was read.
    #[error(
        "the journal has format version {found}, this program knows up to {supported}: \
         use the program that wrote it"
    )]
    Newer {
        /// Version in the file.
        found: u16,
        /// Newest version that this program reads.
        supported: u16,
    },
    /// The journal belongs to another store, or the key of this store is not the one it was written with.
    #[error(
        "the journal belongs to another store: put back the journal or the identity of this store"
    )]
    Foreign,
    /// Bytes that were flushed are not there any more. Nothing was served and nothing written.
    #[error(
        "the journal is damaged at byte {offset}: {reason}; \
         committed changes may be lost, keep the file and restore it from a copy"
    )]
    Corrupt {
        /// Where in the file the first damage is.
        offset: u64,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The records do not fit. Nothing was written: recycle the journal, or grow it where that is allowed.
    #[error(
        "the journal has no room for {needed_bytes} bytes ({free_bytes} free, at most {bytes_max} \
         in all): recycle it first, or make the change smaller"
    )]
    Full {
        /// Room that the records take.
        needed_bytes: u64,
        /// Room that is left: for `append` without growing, for `grow_for` at the limit.
        free_bytes: u64,
        /// Limit of the record area.
        bytes_max: u64,
    },
    /// A payload is longer than the limit allows. Nothing was written.
    #[error(
        "a journal record of {bytes} bytes is over the limit of {bytes_max}: make the change smaller or raise the limit"
    )]
    RecordTooLong {
        /// Length of the payload.
        bytes: u64,
        /// Limit of one payload.
        bytes_max: u64,
    },
    /// The journal was grown under a higher limit than the one it is opened with.
    #[error(
        "the journal has {bytes} bytes, over the limit of {bytes_max}: open it with the limit that it was written with"
    )]
    TooLong {
        /// Length of its record area.
        bytes: u64,
        /// Limit of the record area.
        bytes_max: u64,
    },
    /// Every sequence number or epoch has been used.
    #[error("the journal has no sequence number left")]
    Exhausted,
    /// A write or flush failed before, so what is on the disk is unknown. Open the journal again.
    #[error("the journal is closed because a write or flush failed: open it again and recover")]
    Poisoned,
    /// The disk failed.
    #[error("could not {action} the journal")]
    Io {
        /// What was attempted, such as `"flush"`.
        action: &'static str,
        /// Error of the system.
        source: io::Error,
    },
}

impl JournalError {
    /// Makes the closure that turns an error of the system into one of the journal's.
    pub(super) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}
