//! Room on the disk that a commit can count on: a file that takes it beforehand and gives it back in
//! the moment in which an already committed change would not fit.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use store::disk::{Dir, File};

use super::folder::{FILE_MODE, name};
use crate::error::StoreError;

/// Bytes of all contents in the record of one commit, and of all commits under way at once.
pub(super) const INLINE_BYTES_MAX: u64 = 4 << 20;
/// The same with what the names and inodes of many small files take.
const RESERVE_BYTES: u64 = INLINE_BYTES_MAX + (2 << 20);

/// The reserve of one store.
#[derive(Debug)]
pub(super) struct Reserve {
    file: Arc<dyn File>,
    /// Whether it holds its room.
    held: AtomicBool,
    /// Whether the file system can reserve at all.
    possible: AtomicBool,
}

impl Reserve {
    /// Opens the file `reserve`, making it when it is missing.
    pub(super) fn open(store: &dyn Dir) -> Result<Self, StoreError> {
        let file_name = name("reserve");
        let fail = |error| StoreError::io(&file_name, error);
        let file = match store.open_writable(&file_name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                store.create(&file_name, FILE_MODE)
            }
            opened => opened,
        };
        let reserve = Self {
            file: file.map_err(fail)?,
            held: AtomicBool::new(false),
            possible: AtomicBool::new(true),
        };
        Ok(reserve)
    }

    /// Makes sure that the room is held.
    ///
    /// # Errors
    ///
    /// `StorageFull` and the like: no commit may begin now.
    pub(super) fn hold(&self) -> io::Result<()> {
        if self.held.load(Ordering::Acquire) || !self.possible.load(Ordering::Acquire) {
            return Ok(());
        }
        match self.file.allocate(RESERVE_BYTES) {
            Ok(()) => self.held.store(true, Ordering::Release),
            Err(error) if is_impossible(&error) => self.possible.store(false, Ordering::Release),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Gives the room back when `error` says that there is none; tells whether that may help.
    pub(super) fn release(&self, error: &io::Error) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        if !matches!(error.kind(), StorageFull | QuotaExceeded) {
            return false;
        }
        // A second thread that is out of room tries again too: the first made some for both.
        let held = self.held.swap(false, Ordering::AcqRel);
        !held || self.file.set_len(0).is_ok()
    }
}

fn is_impossible(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput
    )
}
