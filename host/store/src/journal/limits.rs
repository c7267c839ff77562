//! `JournalLimits`: how much of the disk and of memory the journal may take.

use super::frame::{ALIGN_BYTES, frame_bytes};
use super::{JournalError, Result};

/// How long the journal and its records may become. The two headers, 8 KiB, come on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalLimits {
    /// Length of the record area of a new journal, rounded up to a multiple of 64.
    pub bytes_initial: u64,
    /// Length to which the record area may grow; also bounds the memory that `open` takes.
    pub bytes_max: u64,
    /// Longest payload of one record.
    pub record_bytes_max: u64,
}

impl JournalLimits {
    /// Length of the record area of a new journal.
    pub(super) fn area_bytes_initial(&self) -> u64 {
        self.bytes_initial
            .checked_next_multiple_of(ALIGN_BYTES)
            .unwrap_or(u64::MAX)
    }

    pub(super) fn check(&self) -> Result<()> {
        let reason = if self.bytes_max > (1 << 62) {
            "no file is that long"
        } else if self.area_bytes_initial() > self.bytes_max {
            "the initial length is over the maximum"
        } else if frame_bytes(self.record_bytes_max).is_none_or(|bytes| bytes > self.bytes_max) {
            "the longest record does not fit into the longest journal"
        } else {
            return Ok(());
        };
        Err(JournalError::Limits { reason })
    }
}
