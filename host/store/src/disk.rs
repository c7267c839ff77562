//! The door to the file system: directories and files held by handle, entries named by one [`Name`].
//!
//! The trait cannot express a path that leaves its directory, and no implementation follows a link.
//! Bases read and the commit protocol writes through it; tests put a failing disk in its place.

pub mod crash;
pub mod fault;
mod handle;
mod listing;
mod real;

use std::any::Any;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::Name;

pub use crash::CrashDisk;
pub use fault::FaultDir;
pub use listing::{DirItem, Listing};
pub use real::RealDir;

/// What kind of object an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link, which is data here: nothing follows it.
    Symlink,
    /// A FIFO, socket or device. It can be listed and removed, never opened.
    Other,
}

/// What identifies one version of one object: equal fingerprints mean that it has not changed.
///
/// `ctime_ns` carries the proof. The kernel advances it on every write, truncate, chmod, chown, link,
/// unlink of one of several names, rename and `utimensat`, and no unprivileged program can set it
/// back; `mtime_ns` and `size` alone are easily restored (`touch -r`). Reading changes nothing here.
/// Two limits: a rename or chmod changes the fingerprint of unchanged bytes, which a digest clears;
/// and where the clock of a file system is coarse, an object changed twice within one tick can keep
/// its fingerprint, so a *young* object is compared by digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// Device number of the file system that holds the object.
    pub dev: u64,
    /// Inode number. A replaced file has another one.
    pub ino: u64,
    /// Last change of content or metadata, nanoseconds since 1970.
    pub ctime_ns: i128,
    /// Last change of content as the file system states it, nanoseconds since 1970; can be forged.
    pub mtime_ns: i128,
    /// Length in bytes; for a link that of its target, for a directory whatever the kernel says.
    pub size: u64,
    /// Permission bits with setuid, setgid and sticky (`0o7777`), without the file type.
    pub mode: u32,
    /// Kind of the object.
    pub kind: FileKind,
}

/// What [`Dir::rename`] does with an object that already has the new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RenameMode {
    /// Replaces it, in one step.
    Replace,
    /// Fails with `AlreadyExists`.
    NoReplace,
    /// Swaps the two, in one step; both must exist.
    Exchange,
}

/// What a file system promises about data that has been flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Durability {
    /// Flushed data survives a loss of power: ext4, xfs, btrfs.
    PowerLoss,
    /// Data survives the death of the process only: tmpfs.
    ProcessCrash,
    /// Nothing is known: network, overlay, FUSE and others.
    Unknown,
}

/// One directory, held by handle.
///
/// Methods that take a name resolve exactly that one component below the handle; [`Dir::walk`] is
/// the only one that takes several. No method follows a link, leaves the mounted file system by
/// `walk` or `open`, or blocks on a FIFO. The handle stays on its directory when that is renamed.
/// Errors are those of the system unless a method says otherwise; `EINTR` is retried except by the
/// flushing methods, whose outcome must not be asked for twice.
pub trait Dir: Send + Sync + fmt::Debug {
    /// Opens the directory at `path` below this one; the empty path is this directory again.
    ///
    /// # Errors
    ///
    /// `ELOOP` when a component is a link, `NotADirectory` when it is another object, `CrossesDevices`
    /// when it is a mount point, `InvalidFilename` when the path is longer than 4,095 bytes.
    fn walk(&self, path: &[Name]) -> io::Result<Arc<dyn Dir>>;

    /// Describes the object `name`; a link is described itself.
    fn stat(&self, name: &Name) -> io::Result<Fingerprint>;

    /// Describes this directory.
    fn stat_self(&self) -> io::Result<Fingerprint>;

    /// Lists the directory, at most `entries_max` entries including skipped ones.
    ///
    /// # Errors
    ///
    /// `QuotaExceeded` when there are more: a part of a directory is never taken for the whole.
    fn list(&self, entries_max: usize) -> io::Result<Listing>;

    /// Reads the target of the link `name`.
    ///
    /// # Errors
    ///
    /// `InvalidData` when it is not UTF-8 or longer than 4,095 bytes, `InvalidInput` for another kind.
    fn read_link(&self, name: &Name) -> io::Result<String>;

    /// Opens the regular file `name` for reading.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` when it is anything but a regular file, without blocking or waking anyone.
    fn open(&self, name: &Name) -> io::Result<Arc<dyn File>>;

    /// Opens the regular file `name` for reading and writing. For files of the store itself, such as
    /// the journal: an agent's files are never written in place.
    ///
    /// # Errors
    ///
    /// As [`Dir::open`], and `PermissionDenied` when the file has a second name somewhere.
    fn open_writable(&self, name: &Name) -> io::Result<Arc<dyn File>>;

    /// Creates the regular file `name`, open for reading and writing, with `mode & 0o755` less the
    /// umask of the process.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` when anything has that name, a dangling link included.
    fn create(&self, name: &Name, mode: u32) -> io::Result<Arc<dyn File>>;

    /// Creates the directory `name` with `mode & 0o755` less the umask of the process.
    fn mkdir(&self, name: &Name, mode: u32) -> io::Result<()>;

    /// Creates the link `name`. The target is data and is not checked here.
    fn symlink(&self, target: &str, name: &Name) -> io::Result<()>;

    /// Removes `name`, which is not a directory.
    fn unlink(&self, name: &Name) -> io::Result<()>;

    /// Removes the empty directory `name`.
    fn rmdir(&self, name: &Name) -> io::Result<()>;

    /// Renames `name` to `to_name` in `to`, a directory of the same implementation.
    ///
    /// # Errors
    ///
    /// `InvalidInput` when the file system does not know the mode, when `to` is of another
    /// implementation, or when a directory would move into itself.
    fn rename(&self, name: &Name, to: &dyn Dir, to_name: &Name, mode: RenameMode)
    -> io::Result<()>;

    /// Flushes the entries of this directory.
    ///
    /// # Errors
    ///
    /// After any error the state on disk is unknown; a second call may succeed without having
    /// written anything.
    fn sync(&self) -> io::Result<()>;

    /// Flushes the whole file system, and reports write errors since this handle's first flush.
    ///
    /// # Errors
    ///
    /// As [`Dir::sync`].
    fn sync_fs(&self) -> io::Result<()>;

    /// Checks that entries can be made, renamed and removed here: rights, a read-only file system,
    /// an immutable or append-only directory.
    ///
    /// # Errors
    ///
    /// What the attempt would fail with, as far as it is known beforehand.
    fn check_writable(&self) -> io::Result<()>;

    /// Describes the object `name`, and checks that nothing about the object itself keeps it from
    /// being renamed or removed.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` when it is immutable or append-only.
    fn stat_movable(&self, name: &Name) -> io::Result<Fingerprint>;

    /// A path by which a library that opens files itself reaches this directory for as long as the
    /// handle lives; `None` when it is not a directory of the kernel's.
    fn os_path(&self) -> Option<PathBuf>;

    /// How many more files, directories and links the file system takes from this process; `None`
    /// where it makes room for them as they come.
    fn free_inodes(&self) -> io::Result<Option<u64>>;

    /// How many more bytes the file system takes from this process, as it says itself; `None` where
    /// nothing is known. A file system that compresses takes more.
    fn free_bytes(&self) -> io::Result<Option<u64>>;

    /// What a flush is worth here.
    fn durability(&self) -> io::Result<Durability>;

    /// Takes the exclusive advisory lock of this directory, or returns `None` when it is held, be it
    /// by another process or by another handle of this one.
    fn try_lock(&self) -> io::Result<Option<LockGuard>>;

    /// The implementation itself, for [`Dir::rename`] between two of the same.
    fn as_any(&self) -> &dyn Any;
}

/// One regular file, held by handle.
pub trait File: Send + Sync + fmt::Debug {
    /// Describes the file.
    fn stat(&self) -> io::Result<Fingerprint>;

    /// Reads into `buf` from `offset`; fewer bytes than asked for may come, 0 only at the end.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`. After an error any prefix may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts or extends the file with zeros to `len` bytes.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Reserves room on the disk for the first `len` bytes and makes the file at least that long;
    /// what was not written reads as zeros.
    ///
    /// # Errors
    ///
    /// `Unsupported` where the file system cannot reserve.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Sets the permission bits to exactly `mode & 0o777`: never setuid, setgid or sticky.
    fn set_mode(&self, mode: u32) -> io::Result<()>;

    /// Sets the time of the last change of content, nanoseconds since 1970.
    fn set_mtime(&self, ns: i128) -> io::Result<()>;

    /// Flushes the content, and the metadata needed to read it back.
    ///
    /// # Errors
    ///
    /// As [`Dir::sync`].
    fn sync_data(&self) -> io::Result<()>;
}

/// Holds the lock of a directory until it is dropped.
#[must_use = "the lock is released when the guard is dropped"]
pub struct LockGuard {
    _held: Box<dyn Any + Send + Sync>,
}

impl LockGuard {
    /// Makes a guard of whatever releases the lock when dropped.
    pub fn new(held: impl Any + Send + Sync) -> Self {
        Self {
            _held: Box::new(held),
        }
    }
}

impl fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockGuard").finish_non_exhaustive()
    }
}
