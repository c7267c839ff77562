//! The saved state of a session: what another process needs to go on with it.
//!
//! A state is a list of records. The first holds everything; each later one what changed since the
//! one before. Contents are not in them but in the session's spill.

use std::sync::Arc;

use crate::base::Base;
use crate::error::{Error, Result};
use crate::session::{Session, SessionOptions};

/// What changed in a session since it was saved last, as bytes for its log.
#[derive(Debug)]
#[must_use = "a state that is not appended to the log is saved again by the next save"]
pub struct SavedState {
    /// The record; empty when nothing changed.
    pub bytes: Vec<u8>,
    /// Whether the record stands alone, so that all before it can be forgotten.
    pub whole: bool,
}

impl Session {
    /// Encodes what changed since the last save, everything the first time, and moves the contents
    /// into the spill before. The caller appends the record to its log and calls [`Session::saved`].
    ///
    /// # Errors
    ///
    /// `Unsupported` in a session that is nested or has no spill; `Io` from the spill; `Closed`.
    pub fn save(&self) -> Result<SavedState> {
        Err(Error::Unsupported {
            detail: "saving a session".to_owned(),
        })
    }

    /// Encodes the whole state, such as for a log that is written anew.
    ///
    /// # Errors
    ///
    /// As [`Session::save`].
    pub fn save_whole(&self) -> Result<SavedState> {
        self.save()
    }

    /// Takes note that a record is in the log: the next save begins from it.
    pub fn saved(&self, state: SavedState) {
        drop(state);
    }

    /// A session from the records that were saved of one, in order, over a spill that has the same
    /// bytes at the same offsets. No handle is open in it. Without a record it is a new session.
    ///
    /// # Errors
    ///
    /// `Invalid` for records that no session saved; `Quota` when the state is over its limits.
    pub fn load(base: Arc<dyn Base>, options: SessionOptions, records: &[Vec<u8>]) -> Result<Self> {
        if records.is_empty() {
            return Ok(Self::begin(base, options));
        }
        Err(Error::Unsupported {
            detail: "loading a session".to_owned(),
        })
    }
}
