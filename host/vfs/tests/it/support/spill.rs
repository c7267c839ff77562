//! A spill in memory that a test can break and look at.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use session_fs_vfs::Spill;

/// Bytes appended so far, which another session can be loaded over.
#[derive(Debug, Default)]
pub(crate) struct MemorySpill {
    bytes: Mutex<Vec<u8>>,
    appends: AtomicU64,
    broken: AtomicBool,
}

impl MemorySpill {
    /// Lets every call fail from now on, or none.
    pub(crate) fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::Relaxed);
    }

    /// How often bytes were appended.
    pub(crate) fn appends(&self) -> u64 {
        self.appends.load(Ordering::Relaxed)
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.lock().len()
    }

    fn check(&self) -> io::Result<()> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left"));
        }
        Ok(())
    }
}

impl Spill for MemorySpill {
    fn append(&self, bytes: &[u8]) -> io::Result<u64> {
        self.check()?;
        self.appends.fetch_add(1, Ordering::Relaxed);
        let mut held = self.bytes.lock();
        let offset = held.len() as u64;
        held.extend_from_slice(bytes);
        Ok(offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.check()?;
        let held = self.bytes.lock();
        let start = usize::try_from(offset).ok();
        let end = start.and_then(|start| start.checked_add(buffer.len()));
        let bytes = start.zip(end).and_then(|(start, end)| held.get(start..end));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
