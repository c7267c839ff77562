//! What is done to an object that is already open: no name appears here, so nothing can be swapped.
//!
//! `RealFile` is the file of the real disk; `describe` makes the fingerprint for both kinds of handle,
//! `told_bytes` the room from what a file system tells.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{
    AtFlags, FallocateFlags, FlockOperation, Mode, StatVfs, Statx, StatxFlags, Timespec, Timestamps,
};
use rustix::io::{Errno, retry_on_intr};

use super::{File, FileKind, Fingerprint};

const NS_PER_S: i128 = 1_000_000_000;

/// A regular file of the real disk.
#[derive(Debug)]
pub(super) struct RealFile {
    handle: OwnedFd,
}

impl RealFile {
    /// Takes a handle that was found to be a regular file.
    pub(super) fn new(handle: OwnedFd) -> Self {
        Self { handle }
    }
}

impl File for RealFile {
    fn stat(&self) -> io::Result<Fingerprint> {
        Ok(fingerprint(&describe(&self.handle)?))
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        check_range(offset, buf.len())?;
        Ok(retry_on_intr(|| {
            rustix::io::pread(&self.handle, &mut *buf, offset)
        })?)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        check_range(offset, bytes.len())?;
        let (mut rest, mut offset) = (bytes, offset);
        while !rest.is_empty() {
            let written = retry_on_intr(|| rustix::io::pwrite(&self.handle, rest, offset))?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            rest = &rest[written..];
            offset += written as u64;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        check_range(len, 0)?;
        Ok(retry_on_intr(|| rustix::fs::ftruncate(&self.handle, len))?)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        check_range(len, 0)?;
        let flags = FallocateFlags::empty();
        Ok(retry_on_intr(|| {
            rustix::fs::fallocate(&self.handle, flags, 0, len)
        })?)
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        let mode = Mode::from_raw_mode(mode & 0o777);
        Ok(retry_on_intr(|| rustix::fs::fchmod(&self.handle, mode))?)
    }

    fn set_mtime(&self, ns: i128) -> io::Result<()> {
        let times = Timestamps {
            last_access: OMIT,
            last_modification: timespec(ns)?,
        };
        Ok(retry_on_intr(|| {
            rustix::fs::futimens(&self.handle, &times)
        })?)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(rustix::fs::fdatasync(&self.handle)?)
    }
}

/// The lock of a directory. Unlocks by name of the operation, not only by closing: a child process
/// that was forked a moment ago may still share the handle.
pub(super) struct HeldLock(OwnedFd);

impl HeldLock {
    /// Locks the directory behind `handle`, a description of its own, unless somebody else has.
    pub(super) fn try_new(handle: OwnedFd) -> io::Result<Option<Self>> {
        let exclusive = FlockOperation::NonBlockingLockExclusive;
        match retry_on_intr(|| rustix::fs::flock(&handle, exclusive)) {
            Ok(()) => Ok(Some(Self(handle))),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        // Closing the handle comes next and releases the lock too.
        rustix::fs::flock(&self.0, FlockOperation::Unlock).ok();
    }
}

/// Everything the kernel says about the object behind `handle`.
pub(super) fn describe(handle: impl AsFd) -> rustix::io::Result<Statx> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::NO_AUTOMOUNT;
    retry_on_intr(|| rustix::fs::statx(&handle, c"", flags, DESCRIPTION))
}

/// What is asked of the kernel for a description.
pub(super) const DESCRIPTION: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::MNT_ID);

/// Takes from a description what identifies the version of the object.
pub(super) fn fingerprint(statx: &Statx) -> Fingerprint {
    Fingerprint {
        dev: rustix::fs::makedev(statx.stx_dev_major, statx.stx_dev_minor),
        ino: statx.stx_ino,
        ctime_ns: nanoseconds(statx.stx_ctime.tv_sec, statx.stx_ctime.tv_nsec),
        mtime_ns: nanoseconds(statx.stx_mtime.tv_sec, statx.stx_mtime.tv_nsec),
        size: statx.stx_size,
        mode: u32::from(statx.stx_mode) & 0o7777,
        kind: kind(rustix::fs::FileType::from_raw_mode(u32::from(
            statx.stx_mode,
        ))),
    }
}

/// The kind as this crate divides them.
pub(super) fn kind(file_type: rustix::fs::FileType) -> FileKind {
    match file_type {
        rustix::fs::FileType::Directory => FileKind::Directory,
        rustix::fs::FileType::RegularFile => FileKind::File,
        rustix::fs::FileType::Symlink => FileKind::Symlink,
        _ => FileKind::Other,
    }
}

const OMIT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: rustix::fs::UTIME_OMIT,
};

/// The bytes that a file system says are free; `None` when it tells nothing, or more than there can be.
/// A part of them is for root alone.
pub(super) fn told_bytes(found: &StatVfs, is_root: bool) -> Option<u64> {
    // A file system that tells nothing says zero of everything.
    let is_told = found.f_blocks > 0;
    let free_count = match is_root {
        true => found.f_bfree,
        false => found.f_bavail,
    };
    free_count.checked_mul(found.f_frsize).filter(|_| is_told)
}

fn timespec(ns: i128) -> io::Result<Timespec> {
    let seconds =
        i64::try_from(ns.div_euclid(NS_PER_S)).map_err(|_| io::ErrorKind::InvalidInput)?;
    let rest = i64::try_from(ns.rem_euclid(NS_PER_S)).expect("the remainder is below a second");
    Ok(Timespec {
        tv_sec: seconds,
        tv_nsec: rest,
    })
}

fn nanoseconds(seconds: i64, nanoseconds: u32) -> i128 {
    i128::from(seconds) * NS_PER_S + i128::from(nanoseconds)
}

/// Refuses what the kernel's signed offsets cannot express, with the error it has for too large.
fn check_range(offset: u64, len: usize) -> io::Result<()> {
    let end = offset
        .checked_add(len as u64)
        .and_then(|end| i64::try_from(end).ok());
    end.map(drop).ok_or_else(|| Errno::FBIG.into())
}

#[cfg(test)]
mod tests {
    use rustix::fs::StatVfsMountFlags;

    use super::*;

    fn told(blocks: u64, free: u64, available: u64) -> StatVfs {
        StatVfs {
            f_bsize: 1 << 20,
            f_frsize: 4096,
            f_blocks: blocks,
            f_bfree: free,
            f_bavail: available,
            f_files: 0,
            f_ffree: 0,
            f_favail: 0,
            f_fsid: 0,
            f_flag: StatVfsMountFlags::empty(),
            f_namemax: 255,
        }
    }

    #[test]
    fn a_file_system_that_tells_no_room_is_not_a_full_one() {
        for is_root in [false, true] {
            assert_eq!(told_bytes(&told(0, 0, 0), is_root), None);
            assert_eq!(told_bytes(&told(100, 0, 0), is_root), Some(0), "full");
            assert_eq!(
                told_bytes(&told(u64::MAX, u64::MAX, u64::MAX), is_root),
                None
            );
        }
    }

    #[test]
    fn the_room_that_is_kept_for_root_is_free_for_root_alone() {
        let found = told(100, 7, 2);
        assert_eq!(told_bytes(&found, true), Some(7 * 4096));
        assert_eq!(told_bytes(&found, false), Some(2 * 4096));
        assert_eq!(told_bytes(&told(100, 5, 0), false), Some(0));
    }
}
