//! Where a session keeps bytes that are not to stay in memory.
//!
//! **Invariant:** a failing spill never changes what a session holds: bytes leave memory only after
//! they were appended, and a piece that cannot be read back is an error, never zeros.

use std::sync::Arc;
use std::{fmt, io};

use crate::error::Error;

/// A store of bytes that only grows. An offset stays valid for the session's life.
///
/// Whoever implements it decides what survives: a session asks for nothing but the same bytes at
/// the same offset. It is called while the session is locked, so it must not call the session.
pub trait Spill: Send + Sync + fmt::Debug {
    /// Appends bytes and returns the offset of the first.
    ///
    /// # Errors
    ///
    /// Any; the session then is as it was, and what was appended in part is never read.
    fn append(&self, bytes: &[u8]) -> io::Result<u64>;

    /// Fills `buffer` with the bytes from `offset` on, or fails.
    ///
    /// # Errors
    ///
    /// Any; whoever reads the content gets it as [`Error::Io`].
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

/// The error of a spill that does not take bytes.
pub(crate) fn append_failed(source: &io::Error) -> Error {
    failed("cannot move contents of the session out of memory", source)
}

/// The error of a spill that does not give bytes back.
pub(crate) fn read_failed(source: &io::Error) -> Error {
    failed("cannot read contents that left memory", source)
}

/// Appends bytes, taking no offset on trust that overflows.
pub(crate) fn append(spill: &Arc<dyn Spill>, bytes: &[u8]) -> Result<u64, Error> {
    let offset = spill
        .append(bytes)
        .map_err(|source| append_failed(&source))?;
    match offset.checked_add(bytes.len() as u64) {
        Some(_) => Ok(offset),
        None => Err(append_failed(&io::Error::other(
            "the spill gave an impossible offset",
        ))),
    }
}

fn failed(what: &str, source: &io::Error) -> Error {
    Error::Io {
        path: None,
        source: Arc::new(io::Error::new(source.kind(), format!("{what}: {source}"))),
    }
}
