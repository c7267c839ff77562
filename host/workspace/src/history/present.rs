//! The file that stands in the tree now: the newest version of it, when its digest fits, and an older
//! one when that only went to another path.

use std::io;

use store::digest::Hasher;
use store::disk::FileKind;
use vfs::{Digest, VPath};

use super::History;
use super::error::{HistoryError, Result};
use super::lineage::{State, content_after};
use crate::change::Version;

/// Bytes of a file that are read at once.
const STEP_BYTES: usize = 256 << 10;

/// The file that stands at a path of the tree now; it is read at most once to be compared.
pub(super) struct Present<'a> {
    history: &'a History,
    path: &'a VPath,
    digest: Option<Option<Digest>>,
}

impl<'a> Present<'a> {
    pub(super) fn new(history: &'a History, path: &'a VPath) -> Self {
        Self {
            history,
            path,
            digest: None,
        }
    }

    pub(super) fn is(&mut self, digest: &Digest, size: u64) -> Result<bool> {
        if let Some(known) = self.digest {
            return Ok(known == Some(*digest));
        }
        let mut hasher = Hasher::new();
        match self.pass(size, &mut |step| hasher.update(step))? {
            Some(true) => self.digest = Some(Some(hasher.finish())),
            Some(false) => return Ok(false),
            None => self.digest = Some(None),
        }
        Ok(self.digest == Some(Some(*digest)))
    }

    /// The same of the file at the path to which the content went that stood at a path in a
    /// generation, when it went anywhere.
    pub(super) fn is_elsewhere(
        &self,
        stood: (&VPath, u64),
        digest: &Digest,
        size: u64,
    ) -> Result<bool> {
        match self.elsewhere(stood, digest)? {
            Some(at) => Present::new(self.history, &at).is(digest, size),
            None => Ok(false),
        }
    }

    /// The bytes of that file.
    pub(super) fn read_elsewhere(
        &self,
        stood: (&VPath, u64),
        digest: &Digest,
        size: u64,
    ) -> Result<Option<Vec<u8>>> {
        match self.elsewhere(stood, digest)? {
            Some(at) => Present::new(self.history, &at).read(digest, size),
            None => Ok(None),
        }
    }

    fn elsewhere(&self, stood: (&VPath, u64), digest: &Digest) -> Result<Option<VPath>> {
        let at = self.history.whereabouts(stood, digest)?;
        Ok(at.filter(|at| at != self.path))
    }

    /// The bytes of the file when they have this digest.
    pub(super) fn read(&mut self, digest: &Digest, size: u64) -> Result<Option<Vec<u8>>> {
        let limit = self.history.limits.content_bytes_max;
        if size > limit {
            let which = "content-bytes";
            return Err(HistoryError::Limit { which, limit });
        }
        let mut bytes = Vec::new();
        let passed = self.pass(size, &mut |step| bytes.extend_from_slice(step))?;
        let is_wanted = passed == Some(true) && Digest::of(&bytes) == *digest;
        Ok(is_wanted.then_some(bytes))
    }

    /// Hands out the file when it has this size; `false` for another size, `None` without a file.
    fn pass(&self, size: u64, sink: &mut dyn FnMut(&[u8])) -> Result<Option<bool>> {
        let failed = |error| HistoryError::io(self.path, error);
        let Some((parent, name)) = self.path.split() else {
            return Ok(None);
        };
        let opened = self.history.root.walk(parent).and_then(|dir| {
            let found = dir.stat(name)?;
            let is_file = found.kind == FileKind::File;
            is_file.then(|| dir.open(name)).transpose()
        });
        let file = match opened {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(None),
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if file.stat().map_err(failed)?.size != size {
            return Ok(Some(false));
        }
        let mut buf = vec![0; STEP_BYTES];
        let mut offset = 0;
        // No further than the size that was asked for, should it grow meanwhile.
        while offset < size {
            let len = file.read_at(&mut buf, offset).map_err(failed)?;
            if len == 0 {
                break;
            }
            sink(&buf[..len]);
            offset += len as u64;
        }
        Ok(Some(true))
    }
}

impl History {
    /// Where the content stands now that stood at a path in a generation, as far as changes tell.
    fn whereabouts(
        &self,
        (path, generation): (&VPath, u64),
        digest: &Digest,
    ) -> Result<Option<VPath>> {
        let (mut at, mut bound) = (path.clone(), generation);
        while let Some((next, id)) = self.ask(|catalog| catalog.touching_next(&at, bound))? {
            let (file, _) = self.shelf.read(&id)?;
            match content_after(&file.change, &at, digest) {
                Some(after) => (at, bound) = (after, next),
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// What stands in the tree now, as far as a look at it tells.
    pub(super) fn present_state(&self, path: &VPath) -> Result<State> {
        let Some((parent, name)) = path.split() else {
            return Ok(State::Is(Version::Directory));
        };
        match self.root.walk(parent).and_then(|dir| dir.stat(name)) {
            Ok(found) if found.kind == FileKind::File => Ok(State::Is(Version::File {
                size: found.size,
                digest: None,
                executable: found.mode & 0o111 != 0,
                modified: None,
            })),
            Ok(_) => Ok(State::Unknown),
            Err(error) if is_absence(&error) => Ok(State::Absent),
            Err(error) => Err(HistoryError::io(path, error)),
        }
    }
}

/// Whether nothing stands there, be it for want of a directory above it or because a link or file is
/// in its place.
pub(super) fn is_absence(error: &io::Error) -> bool {
    // `ELOOP`, for which the standard library has no stable name.
    const LINK_ERRNO: i32 = 40;
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    ) || error.raw_os_error() == Some(LINK_ERRNO)
}
