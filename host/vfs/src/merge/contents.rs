//! The contents of the sides of a merge: comparing them, reading them, and carrying what a session
//! kept of an old version over to a base that no longer has it.

use std::sync::Arc;

use super::text::MERGE_BYTES_MAX;
use crate::base::{Base, BaseFile, BaseStat, BaseVersion};
use crate::content::{Pieces, Segment};
use crate::error::{Error, Result};
use crate::inode::Ino;
use crate::limits::READ_BYTES_MAX;
use crate::lookup::{Content, View};
use crate::path::VPath;
use crate::reads::World;

/// One side's version of a file.
#[derive(Clone, Debug)]
pub(super) struct FileSide {
    pub(super) content: Content,
    pub(super) executable: bool,
    base: Arc<dyn Base>,
}

impl FileSide {
    /// The file of this number in a state; `None` when it is none there.
    pub(super) fn of(view: &mut View<'_>, ino: Ino) -> Result<Option<Self>> {
        let executable = view.node(ino)?.executable();
        let base = view.world.base.get();
        let side = view.content(ino)?.map(|content| Self {
            content,
            executable,
            base,
        });
        Ok(side)
    }

    /// Whether two versions have the same bytes; `None` when one of them is gone from its base.
    pub(super) fn same_bytes(&self, other: &Self) -> Result<Option<bool>> {
        let len = self.content.pieces.len();
        if len != other.content.pieces.len() {
            return Ok(Some(false));
        }
        if self.is_known_same(other) {
            return Ok(Some(true));
        }
        readable(self.compare(other))
    }

    fn compare(&self, other: &Self) -> Result<bool> {
        let (mut mine, mut yours) = (Reader::new(self), Reader::new(other));
        let (mut offset, step) = (0, READ_BYTES_MAX as u64);
        while offset < self.content.pieces.len() {
            if mine.read(offset, step)? != yours.read(offset, step)? {
                return Ok(false);
            }
            offset += step;
        }
        Ok(true)
    }

    /// Whether nothing need be read to see that the bytes are the same.
    fn is_known_same(&self, other: &Self) -> bool {
        let (one, two) = (&self.content, &other.content);
        let pristine = |content: &Content| {
            let origin = content.origin.as_ref();
            origin.is_some_and(|(_, stat)| content.pieces.is_pristine(stat.size))
        };
        let host = |content: &Content| {
            let origin = content.origin.as_ref();
            origin.is_none_or(|(_, stat)| matches!(stat.version, BaseVersion::Host(_)))
        };
        // Another base may number its versions alike.
        let comparable = Arc::ptr_eq(&self.base, &other.base) || host(one);
        let pieces = one.pieces.same(&two.pieces) || (pristine(one) && pristine(two));
        comparable && one.origin == two.origin && pieces
    }

    /// The whole content; `None` when it is gone from the base.
    ///
    /// Not over [`MERGE_BYTES_MAX`] by more than a byte: more is not merged.
    pub(super) fn bytes(&self) -> Result<Option<Vec<u8>>> {
        let most = MERGE_BYTES_MAX as u64 + 1;
        readable(Reader::new(self).read(0, most))
    }

    /// The same content without anything kept of its base; `None` when that is gone.
    pub(super) fn freed(&self, world: &World) -> Result<Option<Pieces>> {
        readable(self.free(world))
    }

    fn free(&self, world: &World) -> Result<Pieces> {
        let mut pieces = self.content.pieces.clone();
        let mut reader = Reader::new(self);
        let mut at = 0;
        for segment in self.content.pieces.segments(0..u64::MAX) {
            let end = at + segment.len();
            if matches!(segment, Segment::Keep { .. }) {
                while at < end {
                    let bytes = reader.read(at, (end - at).min(READ_BYTES_MAX as u64))?;
                    world.write(&mut pieces, at, &bytes)?;
                    at += bytes.len() as u64;
                }
            }
            at = end;
        }
        Ok(pieces)
    }
}

/// Reads one version, keeping its base file open.
struct Reader<'a> {
    side: &'a FileSide,
    file: Option<Arc<dyn BaseFile>>,
}

impl<'a> Reader<'a> {
    fn new(side: &'a FileSide) -> Self {
        Self { side, file: None }
    }

    fn read(&mut self, offset: u64, bytes_max: u64) -> Result<Vec<u8>> {
        let Content {
            pieces,
            origin,
            pristine,
        } = &self.side.content;
        let len = pieces.len().saturating_sub(offset).min(bytes_max);
        let len = usize::try_from(len).map_err(|_| Error::invalid("the file is too large"))?;
        let mut bytes = vec![0; len];
        pieces.read_at(&mut bytes, offset, &mut |at, buffer| {
            let (path, stat) = origin.as_ref().ok_or(Error::BadDescriptor)?;
            match fetch(&mut self.file, &self.side.base, (path, stat), at, buffer) {
                Err(error @ Error::Stale { .. }) => match pristine {
                    Some(pristine) if pristine.read(buffer, at)? => Ok(()),
                    _ => Err(error),
                },
                fetched => fetched,
            }
        })?;
        Ok(bytes)
    }
}

/// Fills a buffer from a file of the base, which is opened the first time.
fn fetch(
    opened: &mut Option<Arc<dyn BaseFile>>,
    base: &Arc<dyn Base>,
    (path, stat): (&VPath, &BaseStat),
    offset: u64,
    buffer: &mut [u8],
) -> Result<()> {
    let file = match opened {
        Some(file) => file,
        None => opened.insert(base.open(path, stat)?),
    };
    if file.read_at(buffer, offset)? < buffer.len() {
        return Err(Error::Stale {
            path: path.to_string(),
        });
    }
    Ok(())
}

/// A version that was overwritten outside is no failure of the merge.
fn readable<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(Error::Stale { .. }) => Ok(None),
        read => read.map(Some),
    }
}
