//! The real disk, and the only file of the project that hands names to the kernel.
//!
//! Every call is (directory handle, one component); a path is resolved by `openat2` beneath the
//! handle, or where that is missing by an `O_PATH|O_NOFOLLOW` walk. No call follows a link, and no
//! handle is inherited by a child process.

use std::any::Any;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::fs::{
    Access, AtFlags, FileType, Mode, OFlags, RenameFlags, ResolveFlags, SeekFrom, Statx,
    StatxAttributes,
};
use rustix::io::{Errno, retry_on_intr};

use super::handle::{DESCRIPTION, HeldLock, RealFile, describe, fingerprint, kind, told_bytes};
use super::listing::ListingBuilder;
use super::{Dir, Durability, File, FileKind, Fingerprint, Listing, LockGuard, RenameMode};
use crate::Name;

/// Longest path in bytes, separators included, that one walk takes, and longest link target.
const PATH_BYTES_MAX: usize = 4095;
/// How often a resolution that raced with a rename is repeated before the slower way is taken.
const RACE_RETRIES_MAX: u32 = 32;
/// The permissions that a new object may have: never setuid, setgid, sticky or writable by others.
const CREATE_MODE_MASK: u32 = 0o755;

const PINNED: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const READABLE_DIR: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
/// Opening must not block on a FIFO, make a terminal ours, or leak into a child.
const GUARDED: OFlags = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);
const CONFINED: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// Whether this process was found unable to use `openat2` (an old kernel or a seccomp filter).
static OPENAT2_MISSING: AtomicBool = AtomicBool::new(false);

/// A directory of the real disk.
#[derive(Debug)]
pub struct RealDir {
    /// `O_PATH`: good for resolving, not for reading.
    handle: OwnedFd,
    /// Kept from the first flush on, so that a write error between two flushes is reported.
    flushing: OnceLock<OwnedFd>,
    resolver: Resolver,
}

/// How names become handles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resolver {
    /// `openat2`, until it is found missing.
    Kernel,
    /// One component after the other.
    Components,
}

impl RealDir {
    /// Pins the directory of a capability as the root of a tree.
    ///
    /// # Errors
    ///
    /// Those of opening the directory again.
    pub fn open(root: cap_std::fs::Dir) -> io::Result<Arc<dyn Dir>> {
        Self::pin(root, Resolver::Kernel)
    }

    /// As [`RealDir::open`], but never uses `openat2`: what happens by itself where the kernel has
    /// none. For tests, which hold both ways to the same promises.
    ///
    /// # Errors
    ///
    /// Those of opening the directory again.
    pub fn open_without_openat2(root: cap_std::fs::Dir) -> io::Result<Arc<dyn Dir>> {
        Self::pin(root, Resolver::Components)
    }

    fn pin(root: cap_std::fs::Dir, resolver: Resolver) -> io::Result<Arc<dyn Dir>> {
        let given = OwnedFd::from(root);
        // Opened again, because the given handle may lack close-on-exec.
        let handle = retry_on_intr(|| rustix::fs::openat(&given, c".", PINNED, Mode::empty()))?;
        Ok(Arc::new(Self::new(handle, resolver)))
    }

    fn new(handle: OwnedFd, resolver: Resolver) -> Self {
        Self {
            handle,
            flushing: OnceLock::new(),
            resolver,
        }
    }

    /// Opens this directory once more for reading, with a position and a lock of its own.
    fn reopen(&self) -> rustix::io::Result<OwnedFd> {
        retry_on_intr(|| rustix::fs::openat(&self.handle, c".", READABLE_DIR, Mode::empty()))
    }

    fn flushing(&self) -> io::Result<&OwnedFd> {
        if let Some(handle) = self.flushing.get() {
            return Ok(handle);
        }
        let handle = self.reopen()?;
        Ok(self.flushing.get_or_init(|| handle))
    }

    fn describe_entry(&self, name: &Name) -> rustix::io::Result<Statx> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        retry_on_intr(|| rustix::fs::statx(&self.handle, name.as_str(), flags, DESCRIPTION))
    }

    /// Opens a regular file that exists. Its kind is asked first, because the mere opening of a
    /// device or FIFO can be noticed, and again afterwards, because it may have been swapped.
    fn open_regular(&self, name: &Name, access: OFlags) -> io::Result<(OwnedFd, Statx)> {
        require_regular(name, &self.describe_entry(name)?)?;
        let handle = self
            .resolver
            .open_file(&self.handle, name, access | GUARDED);
        let handle = handle.map_err(|errno| match errno {
            Errno::LOOP | Errno::NXIO | Errno::ISDIR => not_regular(name),
            _ => errno.into(),
        })?;
        let statx = describe(&handle)?;
        require_regular(name, &statx)?;
        settle(&handle);
        Ok((handle, statx))
    }
}

/// Waits for a write that is under way: its time stands in the fingerprint from its beginning, its
/// bytes only at its end, so that a reader between the two would see a mixture and no change.
///
/// The kernel looks for data under the lock that writers hold; the position is used by nobody.
fn settle(file: &OwnedFd) {
    let _position: rustix::io::Result<u64> =
        retry_on_intr(|| rustix::fs::seek(file, SeekFrom::Data(0)));
}

impl Dir for RealDir {
    fn walk(&self, path: &[Name]) -> io::Result<Arc<dyn Dir>> {
        let handle = self.resolver.open_directory(&self.handle, path)?;
        Ok(Arc::new(Self::new(handle, self.resolver)))
    }

    fn stat(&self, name: &Name) -> io::Result<Fingerprint> {
        Ok(fingerprint(&self.describe_entry(name)?))
    }

    fn stat_self(&self) -> io::Result<Fingerprint> {
        Ok(fingerprint(&describe(&self.handle)?))
    }

    fn list(&self, entries_max: usize) -> io::Result<Listing> {
        let mut listing = ListingBuilder::new(entries_max);
        let mut entries = rustix::fs::Dir::new(self.reopen()?)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            listing.add(entry.file_name().to_bytes(), |name| {
                match entry.file_type() {
                    FileType::Unknown => self.stat(name).map(|found| found.kind),
                    known => Ok(kind(known)),
                }
            })?;
        }
        Ok(listing.finish())
    }

    fn read_link(&self, name: &Name) -> io::Result<String> {
        let mut buf = [0; PATH_BYTES_MAX + 1];
        let len = retry_on_intr(|| {
            rustix::fs::readlinkat_raw(&self.handle, name.as_str(), &mut buf[..])
        })?;
        if len > PATH_BYTES_MAX {
            return Err(invalid_data(name, "is longer than 4095 bytes"));
        }
        let target = std::str::from_utf8(&buf[..len]);
        target
            .map(str::to_owned)
            .map_err(|_| invalid_data(name, "is not UTF-8"))
    }

    fn open(&self, name: &Name) -> io::Result<Arc<dyn File>> {
        let (handle, _) = self.open_regular(name, OFlags::RDONLY)?;
        Ok(Arc::new(RealFile::new(handle)))
    }

    fn open_writable(&self, name: &Name) -> io::Result<Arc<dyn File>> {
        let (handle, statx) = self.open_regular(name, OFlags::RDWR)?;
        if statx.stx_nlink != 1 {
            return Err(denied(
                name,
                "has another name, through which the write would show",
            ));
        }
        Ok(Arc::new(RealFile::new(handle)))
    }

    fn create(&self, name: &Name, mode: u32) -> io::Result<Arc<dyn File>> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | GUARDED;
        let mode = Mode::from_raw_mode(mode & CREATE_MODE_MASK);
        let handle =
            retry_on_intr(|| rustix::fs::openat(&self.handle, name.as_str(), flags, mode))?;
        Ok(Arc::new(RealFile::new(handle)))
    }

    fn mkdir(&self, name: &Name, mode: u32) -> io::Result<()> {
        let mode = Mode::from_raw_mode(mode & CREATE_MODE_MASK);
        Ok(retry_on_intr(|| {
            rustix::fs::mkdirat(&self.handle, name.as_str(), mode)
        })?)
    }

    fn symlink(&self, target: &str, name: &Name) -> io::Result<()> {
        Ok(retry_on_intr(|| {
            rustix::fs::symlinkat(target, &self.handle, name.as_str())
        })?)
    }

    fn unlink(&self, name: &Name) -> io::Result<()> {
        let flags = AtFlags::empty();
        Ok(retry_on_intr(|| {
            rustix::fs::unlinkat(&self.handle, name.as_str(), flags)
        })?)
    }

    fn rmdir(&self, name: &Name) -> io::Result<()> {
        let flags = AtFlags::REMOVEDIR;
        Ok(retry_on_intr(|| {
            rustix::fs::unlinkat(&self.handle, name.as_str(), flags)
        })?)
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
        let flags = match mode {
            RenameMode::Replace => RenameFlags::empty(),
            RenameMode::NoReplace => RenameFlags::NOREPLACE,
            RenameMode::Exchange => RenameFlags::EXCHANGE,
        };
        let (from, to) = (
            (&self.handle, name.as_str()),
            (&to.handle, to_name.as_str()),
        );
        Ok(retry_on_intr(|| {
            rustix::fs::renameat_with(from.0, from.1, to.0, to.1, flags)
        })?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.flushing()?)?)
    }

    fn sync_fs(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(self.flushing()?)?)
    }

    fn check_writable(&self) -> io::Result<()> {
        require_movable(&describe(&self.handle)?)?;
        let access = Access::WRITE_OK | Access::EXEC_OK;
        let flags = AtFlags::EACCESS;
        let checked = retry_on_intr(|| rustix::fs::accessat(&self.handle, c".", access, flags));
        match checked {
            // Without faccessat2 (Linux 5.8) the attempt itself has to show it.
            Err(Errno::NOSYS | Errno::INVAL) => Ok(()),
            checked => Ok(checked?),
        }
    }

    fn stat_movable(&self, name: &Name) -> io::Result<Fingerprint> {
        let statx = self.describe_entry(name)?;
        require_movable(&statx)?;
        Ok(fingerprint(&statx))
    }

    fn os_path(&self) -> Option<PathBuf> {
        let handle = self.handle.as_raw_fd();
        Some(PathBuf::from(format!("/proc/self/fd/{handle}")))
    }

    fn free_inodes(&self) -> io::Result<Option<u64>> {
        let found = retry_on_intr(|| rustix::fs::fstatvfs(&self.handle))?;
        // btrfs, for one, has no number of them and says 0.
        Ok((found.f_files > 0).then_some(found.f_favail))
    }

    fn free_bytes(&self) -> io::Result<Option<u64>> {
        let found = retry_on_intr(|| rustix::fs::fstatvfs(&self.handle))?;
        Ok(told_bytes(&found, rustix::process::geteuid().is_root()))
    }

    fn durability(&self) -> io::Result<Durability> {
        let statfs = retry_on_intr(|| rustix::fs::fstatfs(&self.handle))?;
        // Magic numbers of statfs(2). ext2, ext3 and ext4 share one.
        Ok(match u32::try_from(statfs.f_type) {
            Ok(0xEF53 | 0x5846_5342 | 0x9123_683E) => Durability::PowerLoss,
            Ok(0x0102_1994 | 0x8584_58F6) => Durability::ProcessCrash,
            _ => Durability::Unknown,
        })
    }

    fn try_lock(&self) -> io::Result<Option<LockGuard>> {
        Ok(HeldLock::try_new(self.reopen()?)?.map(LockGuard::new))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Resolver {
    fn open_directory(self, from: &OwnedFd, path: &[Name]) -> rustix::io::Result<OwnedFd> {
        let joined = if path.is_empty() {
            ".".to_owned()
        } else {
            join(path)?
        };
        match self.openat2(from, &joined, PINNED) {
            Some(result) => result,
            None => walk_components(from, path),
        }
    }

    fn open_file(self, from: &OwnedFd, name: &Name, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        match self.openat2(from, name, flags) {
            Some(result) => result,
            None => open_component(from, name, flags),
        }
    }

    /// Resolves by `openat2`; `None` means that the components must be walked instead.
    fn openat2(
        self,
        from: &OwnedFd,
        path: &str,
        flags: OFlags,
    ) -> Option<rustix::io::Result<OwnedFd>> {
        if self == Self::Components || OPENAT2_MISSING.load(Ordering::Relaxed) {
            return None;
        }
        for _ in 0..RACE_RETRIES_MAX {
            match rustix::fs::openat2(from, path, flags, Mode::empty(), CONFINED) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(Errno::NOSYS | Errno::PERM) if openat2_is_missing(from) => {
                    OPENAT2_MISSING.store(true, Ordering::Relaxed);
                    return None;
                }
                result => return Some(result),
            }
        }
        None
    }
}

/// Tells a call that is not available from a file that may not be opened.
fn openat2_is_missing(from: &OwnedFd) -> bool {
    let probe = rustix::fs::openat2(from, c".", PINNED, Mode::empty(), CONFINED);
    matches!(probe, Err(Errno::NOSYS | Errno::PERM))
}

fn join(path: &[Name]) -> rustix::io::Result<String> {
    let bytes = path.iter().map(|name| name.len() + 1).sum::<usize>() - 1;
    if bytes > PATH_BYTES_MAX {
        return Err(Errno::NAMETOOLONG);
    }
    let mut joined = String::with_capacity(bytes);
    for name in path {
        if !joined.is_empty() {
            joined.push('/');
        }
        joined.push_str(name);
    }
    Ok(joined)
}

fn walk_components(from: &OwnedFd, path: &[Name]) -> rustix::io::Result<OwnedFd> {
    let mut current = retry_on_intr(|| rustix::fs::openat(from, c".", PINNED, Mode::empty()))?;
    for name in path {
        current = open_component(&current, name, PINNED | OFlags::NOFOLLOW)?;
    }
    Ok(current)
}

/// Opens one component without following it or crossing into another mount.
fn open_component(from: &OwnedFd, name: &Name, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let opened = retry_on_intr(|| rustix::fs::openat(from, name.as_str(), flags, Mode::empty()));
    let opened = match opened {
        // What openat2 says of a link; only the error depends on this second look.
        Err(Errno::NOTDIR) if is_link(from, name) => return Err(Errno::LOOP),
        result => result?,
    };
    if mount(&describe(from)?) != mount(&describe(&opened)?) {
        return Err(Errno::XDEV);
    }
    Ok(opened)
}

fn is_link(from: &OwnedFd, name: &Name) -> bool {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let found = retry_on_intr(|| rustix::fs::statx(from, name.as_str(), flags, DESCRIPTION));
    found.is_ok_and(|statx| fingerprint(&statx).kind == FileKind::Symlink)
}

/// Identifies the mount: by its number (Linux 5.8), else by the device.
fn mount(statx: &Statx) -> u64 {
    if statx.stx_mask & rustix::fs::StatxFlags::MNT_ID.bits() != 0 {
        return statx.stx_mnt_id;
    }
    rustix::fs::makedev(statx.stx_dev_major, statx.stx_dev_minor)
}

fn require_regular(name: &Name, statx: &Statx) -> io::Result<()> {
    if fingerprint(statx).kind == FileKind::File {
        Ok(())
    } else {
        Err(not_regular(name))
    }
}

/// Refuses what no rename or removal succeeds on, whoever asks.
fn require_movable(statx: &Statx) -> rustix::io::Result<()> {
    let fixed = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
    if statx.stx_attributes.intersects(fixed) {
        return Err(Errno::PERM);
    }
    Ok(())
}

fn not_regular(name: &Name) -> io::Error {
    denied(name, "is not a regular file, and only those are opened")
}

fn denied(name: &Name, why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("{:?} {why}", name.as_str()),
    )
}

fn invalid_data(name: &Name, why: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the target of link {name:?} {why}"),
    )
}
