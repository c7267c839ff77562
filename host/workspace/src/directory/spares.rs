//! Spare files: empty ones in the staging folder, made while nobody waits. A new file of a commit is
//! one of them with another name, because a system that has just removed many files takes long to
//! create one.
//!
//! **Invariant:** a spare belongs to the store that made it, whose process had the turn then. Another
//! process that recovers the store removes it, and whoever wants it creates a file instead.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use store::disk::{Dir, File, RenameMode};
use vfs::Name;

use super::compose::FILE_MODE;
use super::folder::name;
use super::transaction::Mode;

/// Spare files that one store keeps.
const SPARES_MAX: usize = 64;
/// What their names begin with.
pub(crate) const SPARE_PREFIX: &str = "spare-";

/// The spare files of an open store.
#[derive(Debug, Default)]
pub(super) struct Spares {
    free: Mutex<Vec<Name>>,
    /// How many the last commit could have used.
    wanted_count: AtomicUsize,
    /// Whether somebody is about to make more of them.
    is_due: AtomicBool,
}

impl Spares {
    /// Notes how many new files a commit has: the next one may have as many.
    pub(super) fn want(&self, count: usize) {
        self.wanted_count
            .store(count.min(SPARES_MAX), Ordering::Release);
    }

    /// Tells whoever asks first that it is to [`fill`](Self::fill) up.
    pub(super) fn claim_filling(&self) -> bool {
        self.missing_count() > 0 && !self.is_due.swap(true, Ordering::AcqRel)
    }

    /// Leaves the filling to the next one who asks.
    pub(super) fn give_up_filling(&self) {
        self.is_due.store(false, Ordering::Release);
    }

    fn missing_count(&self) -> usize {
        let wanted_count = self.wanted_count.load(Ordering::Acquire);
        wanted_count.saturating_sub(self.free.lock().len())
    }

    /// Makes as many as are wanted, as far as the system lets it. `number` is one that no transaction
    /// has, so that nobody else's have these names.
    pub(super) fn fill(&self, staging: &dyn Dir, number: u64) {
        self.is_due.store(false, Ordering::Release);
        let missing = self.missing_count();
        for index in 0..missing {
            let spare = name(&format!("{SPARE_PREFIX}{number:016x}-{index}"));
            // Without them a commit creates its files.
            if staging.create(&spare, FILE_MODE).is_err() {
                return;
            }
            self.free.lock().push(spare);
        }
    }

    /// Makes a spare the file of a slot, with this content; `None` when there is none that would do.
    pub(super) fn put(
        &self,
        staging: &Arc<dyn Dir>,
        (slot, mode): (&Name, Mode),
        bytes: &[u8],
    ) -> Option<Arc<dyn File>> {
        // Nothing written, and it would keep the time at which it was made.
        let is_fit = !bytes.is_empty() && (mode.exact || mode.bits == FILE_MODE);
        let spare = self.free.lock().pop_if(|_| is_fit)?;
        let put = || -> io::Result<Arc<dyn File>> {
            let file = staging.open_writable(&spare)?;
            file.write_at(bytes, 0)?;
            staging.rename(&spare, &**staging, slot, RenameMode::Replace)?;
            Ok(file)
        };
        put()
            .inspect_err(|_| {
                // Whatever stays is removed by the next opening of the store.
                drop(staging.unlink(&spare));
            })
            .ok()
    }

    /// Removes all of them.
    pub(super) fn clear(&self, staging: &dyn Dir) {
        for spare in std::mem::take(&mut *self.free.lock()) {
            // The next opening of the store does it otherwise.
            drop(staging.unlink(&spare));
        }
    }
}
