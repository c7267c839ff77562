//! Comparing what stands in a directory with what a session saw or a commit put there.

use std::io;

use store::disk::{FileKind, Fingerprint};
use vfs::{BaseStat, BaseVersion, ConflictSide, Kind};

/// `ELOOP`, for which the standard library has no stable name.
const LINK_ERRNO: i32 = 40;

/// Whether what a session saw is still what stands there.
pub(super) fn is_as_seen(seen: Option<&BaseStat>, now: &Fingerprint) -> bool {
    seen.is_some_and(|seen| {
        let version = BaseVersion::Host(*now);
        seen.same_version(&BaseStat { version, ..*seen })
    })
}

/// The same for what was validated. A directory is the same as long as it is the same object.
pub(super) fn is_same(validated: &Fingerprint, now: &Fingerprint) -> bool {
    match validated.kind {
        FileKind::Directory => is_same_renamed(validated, now),
        _ => validated == now,
    }
}

/// Whether an object is the one it was, apart from the change of its name, which moves `ctime`.
///
/// A directory is the same as long as it is the same object.
pub(super) fn is_same_renamed(before: &Fingerprint, now: &Fingerprint) -> bool {
    let object = |version: &Fingerprint| (version.dev, version.ino, version.kind);
    let content = |version: &Fingerprint| (version.mtime_ns, version.size, version.mode);
    object(before) == object(now)
        && (before.kind == FileKind::Directory || content(before) == content(now))
}

/// One side of a conflict, from what stands there.
pub(super) fn side(now: &Fingerprint) -> ConflictSide {
    let kind = match now.kind {
        FileKind::Directory => Some(Kind::Directory),
        FileKind::File => Some(Kind::File),
        FileKind::Symlink => Some(Kind::Symlink),
        FileKind::Other => None,
    };
    let size = if kind == Some(Kind::Directory) {
        0
    } else {
        now.size
    };
    ConflictSide { kind, size }
}

/// Whether an error means that the name, or a directory on the way, is not there any more.
pub(super) fn is_absence(error: &io::Error) -> bool {
    use io::ErrorKind::{CrossesDevices, NotADirectory, NotFound};
    error.raw_os_error() == Some(LINK_ERRNO)
        || matches!(error.kind(), NotFound | NotADirectory | CrossesDevices)
}
