//! Room on the disk that a commit can count on: a file that takes it beforehand and gives it back in
//! the moment in which an already committed change would not fit.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use store::disk::{Dir, File};

use super::folder::{FILE_MODE, name};
use crate::error::StoreError;

/// Bytes of all contents in the record of one commit, and of all commits under way at once.
pub(super) const INLINE_BYTES_MAX: u64 = 4 << 20;
/// The same with what the names and inodes of many small files take.
pub(super) const RESERVE_BYTES: u64 = INLINE_BYTES_MAX + (2 << 20);

/// Inodes that stay free beside those of the changes under way and the change files of what is not
/// checkpointed: for the 256 folders of the objects, and what somebody else makes in that moment.
const INODES_SPARE: u64 = 320;

/// The reserve of one store.
#[derive(Debug)]
pub(super) struct Reserve {
    file: Arc<dyn File>,
    /// Whether it holds its room.
    held: AtomicBool,
    /// Whether the file system can reserve at all.
    possible: AtomicBool,
    /// Of all changes under way.
    promised_inodes: Arc<AtomicU64>,
}

/// Inodes that no other commit of this process counts on as long as this lives.
#[derive(Debug)]
pub(super) struct PromisedInodes {
    promised: Arc<AtomicU64>,
    count: u64,
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
            promised_inodes: Arc::default(),
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

    /// Makes sure that a change finds so many inodes, and that each of `pending_count` changes finds
    /// one for its change file. Unlike bytes they are counted and not held: another program may take
    /// them meanwhile.
    ///
    /// # Errors
    ///
    /// `StorageFull` when there are too few; those of the system.
    pub(super) fn promise_inodes(
        &self,
        root: &dyn Dir,
        count: u64,
        pending_count: u64,
    ) -> io::Result<PromisedInodes> {
        let before = self.promised_inodes.fetch_add(count, Ordering::AcqRel);
        let promised = PromisedInodes {
            promised: self.promised_inodes.clone(),
            count,
        };
        check_inodes(root, before, count, pending_count)?;
        Ok(promised)
    }

    /// Bytes that the reserve does not hold yet and is going to ask for.
    pub(super) fn missing_bytes(&self) -> io::Result<u64> {
        if !self.possible.load(Ordering::Acquire) {
            return Ok(0);
        }
        Ok(RESERVE_BYTES.saturating_sub(self.file.stat()?.size))
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

impl Drop for PromisedInodes {
    fn drop(&mut self) {
        self.promised.fetch_sub(self.count, Ordering::AcqRel);
    }
}

/// Checks that so many inodes are free beside those that are promised already.
pub(super) fn check_inodes(
    root: &dyn Dir,
    promised: u64,
    count: u64,
    pending_count: u64,
) -> io::Result<()> {
    let needed = [count, pending_count, INODES_SPARE]
        .into_iter()
        .fold(promised, u64::saturating_add);
    match root.free_inodes()? {
        Some(free) if free < needed => {
            let detail = format!("{free} inodes are free and {needed} have to be");
            Err(io::Error::new(io::ErrorKind::StorageFull, detail))
        }
        _ => Ok(()),
    }
}

fn is_impossible(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput
    )
}

/// Does one thing that takes room on the disk, with the reserve when there is none otherwise. It must
/// be one that does nothing when it fails.
pub(super) fn with_reserve<T>(
    reserve: Option<&Reserve>,
    act: impl Fn() -> io::Result<T>,
) -> io::Result<T> {
    match act() {
        Err(error) if reserve.is_some_and(|reserve| reserve.release(&error)) => act(),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use store::disk::fault::{Fault, FaultPlan};
    use store::disk::{CrashDisk, FaultDir};

    use super::*;

    #[test]
    fn inodes_are_counted_with_what_is_under_way_and_what_is_not_checkpointed() {
        let (disk, plan) = (CrashDisk::default(), FaultPlan::new(Fault::NEVER));
        let root = FaultDir::wrap(disk.root(), plan.clone());
        let reserve = Reserve::open(&*root).expect("opens");
        let promise = |count, pending| reserve.promise_inodes(&*root, count, pending);
        let first = promise(u64::MAX - 9, 9).expect("nobody counts");
        drop(first);
        plan.limit_inodes(Some(INODES_SPARE + 10));
        let first = promise(6, 4).expect("it is just enough");
        for (count, pending) in [(1, 4), (0, 5), (u64::MAX, 0)] {
            let refused = promise(count, pending).expect_err("too few");
            assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        }
        let second = promise(0, 4).expect("a refused one counts no more");
        drop((first, second));
        assert!(promise(7, 4).is_err() && promise(6, 4).is_ok());
    }
}
