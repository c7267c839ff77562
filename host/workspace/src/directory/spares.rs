//! Spare files: empty ones in the staging folder, made while nobody waits. A new file of a commit is
//! one of them with another name, because a system that has just removed many files takes long to
//! create one.
//!
//! **Invariant:** a spare is only used by a process that has the turn. It is made without: whoever
//! recovers the store may remove it, and who wanted it creates a file instead.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;
use store::disk::{Dir, RenameMode};
use vfs::{Name, Timestamp};

use super::compose::{FILE_MODE, finish};
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
    is_closed: AtomicBool,
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

    fn missing_count(&self) -> usize {
        let wanted_count = self.wanted_count.load(Ordering::Acquire);
        wanted_count.saturating_sub(self.free.lock().len())
    }

    /// Makes as many as are wanted, as far as the system lets it. `number` is one that no transaction
    /// has, so that nobody else's have these names.
    pub(super) fn fill(&self, staging: &dyn Dir, number: u64) {
        let create = |spare: &Name| staging.create(spare, FILE_MODE).map(drop);
        self.fill_by(staging, number, create);
    }

    fn fill_by(
        &self,
        staging: &dyn Dir,
        number: u64,
        mut create: impl FnMut(&Name) -> io::Result<()>,
    ) {
        self.is_due.store(false, Ordering::Release);
        let missing = self.missing_count();
        for index in 0..missing {
            let spare = name(&format!("{SPARE_PREFIX}{number:016x}-{index}"));
            // Without them a commit creates its files. One that asks for a spare meanwhile does not
            // wait for this.
            if self.is_closed.load(Ordering::Acquire) || create(&spare).is_err() {
                return;
            }
            if let Err(late) = self.add(spare) {
                // As in `clear`, which has not seen it.
                drop(staging.unlink(&late));
                return;
            }
        }
    }

    /// Adds a spare; gives it back when all of them are removed.
    fn add(&self, spare: Name) -> Result<(), Name> {
        let mut free = self.free.lock();
        if self.is_closed.load(Ordering::Acquire) {
            return Err(spare);
        }
        free.push(spare);
        Ok(())
    }

    /// Makes a spare the file of a slot, with this content; `None` when there is none that would do.
    pub(super) fn put(
        &self,
        staging: &Arc<dyn Dir>,
        slot: &Name,
        (mode, modified): (Mode, Option<Timestamp>),
        bytes: &[u8],
    ) -> Option<()> {
        // Nothing written, and it would keep the time at which it was made.
        let is_fit = !bytes.is_empty() && (mode.exact || mode.bits == FILE_MODE);
        let spare = self.free.lock().pop_if(|_| is_fit)?;
        // In the slot it is whole: a recovery may find it there.
        let put = || -> io::Result<()> {
            let file = staging.open_writable(&spare)?;
            if mode.exact {
                file.set_mode(mode.bits)?;
            }
            file.write_at(bytes, 0)?;
            // Somebody who fills what is empty may have been here.
            file.set_len(bytes.len() as u64)?;
            finish(&*file, mode, modified)?;
            staging.rename(&spare, &**staging, slot, RenameMode::Replace)
        };
        put()
            .inspect_err(|_| {
                // Whatever stays is removed by the next opening of the store.
                drop(staging.unlink(&spare));
            })
            .ok()
    }

    /// Removes all of them, for good.
    pub(super) fn clear(&self, staging: &dyn Dir) {
        let free = std::mem::take(&mut *{
            let free = self.free.lock();
            self.is_closed.store(true, Ordering::Release);
            free
        });
        for spare in free {
            // The next opening of the store does it otherwise.
            drop(staging.unlink(&spare));
        }
    }
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;
    use cap_tempfile::TempDir;
    use store::disk::RealDir;

    use super::*;

    /// Creating a file may take long: a commit that asked for a spare meanwhile waited for it.
    #[test]
    fn nobody_waits_for_a_spare_that_is_made_and_one_that_comes_too_late_goes() {
        let folder = TempDir::new(ambient_authority()).expect("a folder");
        let staging = RealDir::open(folder.try_clone().expect("a handle")).expect("a directory");
        let spares = Spares::default();
        spares.want(3);
        let mut made_count = 0;
        spares.fill_by(&*staging, 1, |spare| {
            assert!(spares.free.try_lock().is_some(), "whoever asks is answered");
            made_count += 1;
            if made_count == 2 {
                spares.clear(&*staging);
            }
            staging.create(spare, FILE_MODE).map(drop)
        });
        assert_eq!(made_count, 2);
        assert_eq!(folder.entries().expect("listed").count(), 0);
        assert_eq!(spares.free.lock().len(), 0);
    }
}
