//! The lease of a process: tells a `gc` in another process what of the history its sessions may
//! still ask for.
//!
//! `leases/<n>` is a folder that its process holds locked; the kernel gives the lock back when the
//! process ends, however that happens, and what is not locked is swept away. **Invariant:** leases
//! are made, renewed and looked at only by whoever has the turn.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, LockGuard};
use vfs::Name;

use super::folder::{self, FILE_MODE, name};
use crate::error::StoreError;

/// The folder of the store that holds the leases.
const LEASES_NAME: &str = "leases";
/// Leases of one base; each is a process that commits to it.
const LEASES_MAX: usize = 10_000;
/// A lease says less than it could by up to so many generations, and is seldom written.
const RENEWAL_GENERATIONS: u64 = 256;

/// The lease of this process, given up when dropped.
#[derive(Debug)]
pub(super) struct Lease {
    leases: Arc<dyn Dir>,
    name: Name,
    dir: Arc<dyn Dir>,
    generation: u64,
    _lock: LockGuard,
}

fn generation_name() -> Name {
    name("generation")
}

impl Lease {
    /// Keeps every change after `generation`. What ended processes left is removed first.
    pub(super) fn make(store: &Arc<dyn Dir>, generation: u64) -> Result<Self, StoreError> {
        let leases = folder::ensure(store, LEASES_NAME)?;
        let fail = |error| StoreError::io(LEASES_NAME, error);
        sweep(&*leases, None).map_err(fail)?;
        Self::make_in(leases, generation).map_err(fail)
    }

    fn make_in(leases: Arc<dyn Dir>, generation: u64) -> io::Result<Self> {
        for number in 0..LEASES_MAX {
            let name = name(&number.to_string());
            match leases.mkdir(&name, 0o700) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            let dir = leases.walk(std::slice::from_ref(&name))?;
            let Some(lock) = dir.try_lock()? else {
                continue;
            };
            let file = dir.create(&generation_name(), FILE_MODE)?;
            file.write_at(&generation.to_le_bytes(), 0)?;
            return Ok(Self {
                leases,
                name,
                dir,
                generation,
                _lock: lock,
            });
        }
        Err(io::ErrorKind::QuotaExceeded.into())
    }

    /// Lets go of the changes up to `generation`, when they are many.
    pub(super) fn renew(&mut self, generation: u64) -> Result<(), StoreError> {
        if generation < self.generation.saturating_add(RENEWAL_GENERATIONS) {
            return Ok(());
        }
        let file = self.dir.open_writable(&generation_name());
        let written = file.and_then(|file| file.write_at(&generation.to_le_bytes(), 0));
        written.map_err(|error| StoreError::io(LEASES_NAME, error))?;
        self.generation = generation;
        Ok(())
    }

    /// The oldest generation that the lease of another process tells of.
    pub(super) fn oldest(store: &dyn Dir, own: Option<&Self>) -> io::Result<Option<u64>> {
        match store.walk(&[name(LEASES_NAME)]) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            leases => sweep(&*leases?, own.map(|own| &own.name)),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // What stays is swept away by the next process.
        drop(remove(&*self.leases, &self.name, &*self.dir));
    }
}

/// Removes the leases that nobody holds; tells the oldest generation of those that others hold.
fn sweep(leases: &dyn Dir, own: Option<&Name>) -> io::Result<Option<u64>> {
    let mut oldest: Option<u64> = None;
    for item in leases.list(LEASES_MAX)?.items {
        if own == Some(&item.name) {
            continue;
        }
        let dir = match leases.walk(std::slice::from_ref(&item.name)) {
            // Its process has just given it up.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            dir => dir?,
        };
        match dir.try_lock()? {
            Some(_lock) => drop(remove(leases, &item.name, &*dir)),
            None => {
                let generation = read(&*dir);
                oldest = Some(oldest.map_or(generation, |oldest| oldest.min(generation)));
            }
        }
    }
    Ok(oldest)
}

/// The generation of a lease; what cannot be read may need everything.
fn read(dir: &dyn Dir) -> u64 {
    let mut bytes = [0; 8];
    let read = dir
        .open(&generation_name())
        .and_then(|file| file.read_at(&mut bytes, 0));
    match read {
        Ok(8) => u64::from_le_bytes(bytes),
        _ => 0,
    }
}

fn remove(leases: &dyn Dir, name: &Name, dir: &dyn Dir) -> io::Result<()> {
    match dir.unlink(&generation_name()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => leases.rmdir(name),
    }
}
