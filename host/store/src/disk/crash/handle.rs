//! The handles that programs hold: [`Dir`] and [`File`] of one simulated disk.
//!
//! Each call is decided under the lock of the disk; after a crash all of them fail with `EIO`.

use std::any::Any;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use super::device::Device;
use super::inode::{Body, Ino, ROOT};
use super::names::Place;
use super::platter::Scope;
use super::state::Origin;
use crate::Name;
use crate::disk::listing::ListingBuilder;
use crate::disk::{Dir, Durability, File, FileKind, Fingerprint, Listing, LockGuard, RenameMode};

const EBADF: i32 = 9;
const EXDEV: i32 = 18;
const EFBIG: i32 = 27;
const NS_PER_S: i128 = 1_000_000_000;

/// A directory of a simulated disk.
#[derive(Debug)]
pub(super) struct CrashDir {
    device: Arc<Device>,
    ino: Ino,
}

impl CrashDir {
    pub(super) fn root(device: Arc<Device>) -> Arc<dyn Dir> {
        Arc::new(Self { device, ino: ROOT })
    }

    fn place<'a>(&self, name: &'a Name) -> Place<'a> {
        Place {
            dir: self.ino,
            name,
        }
    }

    fn open_file(&self, name: &Name, is_writable: bool) -> io::Result<Arc<dyn File>> {
        let ino = self.device.read(|state| {
            let ino = state.lookup(self.place(name))?;
            let inode = state.inode(ino);
            if inode.kind() != FileKind::File {
                return Err(denied(
                    name,
                    "is not a regular file, and only those are opened",
                ));
            }
            if is_writable && inode.links != 1 {
                return Err(denied(
                    name,
                    "has another name, through which the write would show",
                ));
            }
            Ok(ino)
        })?;
        Ok(self.file(ino, name, is_writable))
    }

    fn file(&self, ino: Ino, name: &Name, is_writable: bool) -> Arc<dyn File> {
        Arc::new(CrashFile {
            device: self.device.clone(),
            ino,
            name: name.clone(),
            is_writable,
        })
    }
}

impl Dir for CrashDir {
    fn walk(&self, path: &[Name]) -> io::Result<Arc<dyn Dir>> {
        let ino = self.device.read(|state| state.walk(self.ino, path))?;
        Ok(Arc::new(Self {
            device: self.device.clone(),
            ino,
        }))
    }

    fn stat(&self, name: &Name) -> io::Result<Fingerprint> {
        self.device.read(|state| {
            let ino = state.lookup(self.place(name))?;
            Ok(state.inode(ino).fingerprint(ino))
        })
    }

    fn stat_self(&self) -> io::Result<Fingerprint> {
        self.device
            .read(|state| Ok(state.inode(self.ino).fingerprint(self.ino)))
    }

    fn list(&self, entries_max: usize) -> io::Result<Listing> {
        self.device.read(|state| {
            let mut listing = ListingBuilder::new(entries_max);
            for (name, ino) in state.entries(self.ino) {
                listing.add(name.as_bytes(), |_| Ok(state.inode(*ino).kind()))?;
            }
            Ok(listing.finish())
        })
    }

    fn read_link(&self, name: &Name) -> io::Result<String> {
        self.device.read(|state| {
            let ino = state.lookup(self.place(name))?;
            match &state.inode(ino).body {
                Body::Symlink(target) => Ok(target.to_string()),
                Body::File(_) | Body::Directory(_) => Err(io::ErrorKind::InvalidInput.into()),
            }
        })
    }

    fn open(&self, name: &Name) -> io::Result<Arc<dyn File>> {
        self.open_file(name, false)
    }

    fn open_writable(&self, name: &Name) -> io::Result<Arc<dyn File>> {
        self.open_file(name, true)
    }

    fn create(&self, name: &Name, mode: u32) -> io::Result<Arc<dyn File>> {
        let place = self.place(name);
        let ino = self.device.change("create", name, |state, call| {
            state.create(place, call, mode)
        })?;
        Ok(self.file(ino, name, true))
    }

    fn mkdir(&self, name: &Name, mode: u32) -> io::Result<()> {
        let place = self.place(name);
        self.device
            .change("mkdir", name, |state, call| state.mkdir(place, call, mode))
    }

    fn symlink(&self, target: &str, name: &Name) -> io::Result<()> {
        let place = self.place(name);
        self.device.change("symlink", name, |state, call| {
            state.symlink(place, call, target)
        })
    }

    fn unlink(&self, name: &Name) -> io::Result<()> {
        let place = self.place(name);
        self.device
            .change("unlink", name, |state, call| state.unlink(place, call))
    }

    fn rmdir(&self, name: &Name) -> io::Result<()> {
        let place = self.place(name);
        self.device
            .change("rmdir", name, |state, call| state.rmdir(place, call))
    }

    fn rename(
        &self,
        name: &Name,
        to: &dyn Dir,
        to_name: &Name,
        mode: RenameMode,
    ) -> io::Result<()> {
        let to = to.as_any().downcast_ref::<Self>().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "the target directory is of another disk",
            )
        })?;
        let (from, target) = (self.place(name), to.place(to_name));
        self.device.change("rename", name, |state, call| {
            if !Arc::ptr_eq(&self.device, &to.device) {
                return Err(io::Error::from_raw_os_error(EXDEV));
            }
            state.rename(from, target, call, mode)
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.device.flush("sync", "", Scope::Directory(self.ino))
    }

    fn sync_fs(&self) -> io::Result<()> {
        self.device.flush("sync_fs", "", Scope::All)
    }

    fn check_writable(&self) -> io::Result<()> {
        self.device.read(|_| Ok(()))
    }

    fn stat_movable(&self, name: &Name) -> io::Result<Fingerprint> {
        self.stat(name)
    }

    /// `None`: the kernel knows nothing of this disk.
    fn os_path(&self) -> Option<PathBuf> {
        None
    }

    fn free_inodes(&self) -> io::Result<Option<u64>> {
        self.device.read(|_| Ok(None))
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        self.device.read(|_| Ok(None))
    }

    fn durability(&self) -> io::Result<Durability> {
        self.device.read(|_| Ok(Durability::PowerLoss))
    }

    fn try_lock(&self) -> io::Result<Option<LockGuard>> {
        let is_ours = self.device.lock(self.ino)?;
        Ok(is_ours.then(|| {
            LockGuard::new(Held {
                device: Arc::downgrade(&self.device),
                ino: self.ino,
            })
        }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Gives the lock of a directory back when dropped.
#[derive(Debug)]
struct Held {
    device: Weak<Device>,
    ino: Ino,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(device) = self.device.upgrade() {
            device.unlock(self.ino);
        }
    }
}

/// A file of a simulated disk.
#[derive(Debug)]
struct CrashFile {
    device: Arc<Device>,
    ino: Ino,
    name: Name,
    is_writable: bool,
}

impl CrashFile {
    fn origin(&self, call: u64) -> Origin<'_> {
        Origin {
            call,
            name: &self.name,
        }
    }

    /// Fails with what the call fails with on a handle for reading.
    fn require_writable(&self, refusal: impl Into<io::Error>) -> io::Result<()> {
        if self.is_writable {
            Ok(())
        } else {
            Err(refusal.into())
        }
    }
}

impl File for CrashFile {
    fn stat(&self) -> io::Result<Fingerprint> {
        self.device
            .read(|state| Ok(state.inode(self.ino).fingerprint(self.ino)))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.device.read(|state| {
            check_range(offset, buf.len())?;
            let sector_bytes = state.options.sector_bytes;
            Ok(state.content(self.ino).read_at(sector_bytes, buf, offset))
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.device
            .change("file.write_at", &self.name, |state, call| {
                check_range(offset, bytes.len())?;
                if bytes.is_empty() {
                    return Ok(());
                }
                self.require_writable(io::Error::from_raw_os_error(EBADF))?;
                state.write(self.ino, self.origin(call), bytes, offset)
            })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.device
            .change("file.set_len", &self.name, |state, call| {
                check_range(len, 0)?;
                self.require_writable(io::ErrorKind::InvalidInput)?;
                state.resize(self.ino, self.origin(call), len)
            })
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.device
            .change("file.allocate", &self.name, |state, call| {
                check_range(len, 0)?;
                if len == 0 {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                self.require_writable(io::Error::from_raw_os_error(EBADF))?;
                let size = state.content(self.ino).size().max(len);
                state.resize(self.ino, self.origin(call), size)
            })
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.device
            .change("file.set_mode", &self.name, |state, call| {
                state.set_mode(self.ino, self.origin(call), mode & 0o777);
                Ok(())
            })
    }

    fn set_mtime(&self, ns: i128) -> io::Result<()> {
        self.device
            .change("file.set_mtime", &self.name, |state, call| {
                if i64::try_from(ns.div_euclid(NS_PER_S)).is_err() {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                state.set_mtime(self.ino, self.origin(call), ns);
                Ok(())
            })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.device
            .flush("file.sync_data", &self.name, Scope::File(self.ino))
    }
}

/// Refuses what the kernel's signed offsets cannot express.
fn check_range(offset: u64, len: usize) -> io::Result<()> {
    let end = offset
        .checked_add(len as u64)
        .and_then(|end| i64::try_from(end).ok());
    end.map(drop)
        .ok_or_else(|| io::Error::from_raw_os_error(EFBIG))
}

fn denied(name: &Name, why: &str) -> io::Error {
    let text = format!("{:?} {why}", name.as_str());
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}
