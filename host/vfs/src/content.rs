//! `Pieces`: the content of a file as what differs from its pristine version.
//!
//! **Invariants:** a clone is O(1) and never changes afterwards; a refused write changes nothing;
//! what is held for written bytes is charged before it is taken, and is at most about twice the
//! bytes that are live. Called by the session's file operations and by the commit.

mod chunk;
mod compact;
mod delta;
mod digested;
mod resident;
mod saved;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use imbl::OrdMap;

use self::chunk::DataSlice;
pub(crate) use self::chunk::{CELL_BYTES, Chunk};
pub(crate) use self::resident::Mover;
pub(crate) use self::saved::{PieceChanges, Places, SavedPiece};
use crate::Digest;
use crate::error::Result;
use crate::meter::{Charge, Meter};

/// The largest length of a file, as POSIX counts it: offsets are signed there.
pub(crate) const CONTENT_BYTES_MAX: u64 = i64::MAX as u64;

/// What a node of the index takes; it holds 16 pieces and is at least half full but for the last.
const INDEX_NODE_BYTES: u64 = 576;
const INDEX_NODE_PIECES: u64 = 8;

/// The content of one file: kept stretches of its pristine version, written bytes and holes.
///
/// `Clone` is O(1) and shares everything; the clone is a snapshot that later writes do not reach.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pieces {
    /// Pieces by their offset, disjoint. What none covers is the pristine byte at the same offset
    /// below `kept`, and zero from there on.
    index: OrdMap<u64, Piece>,
    kept: u64,
    len: u64,
    /// Pays for the nodes of `index`; shared with the clones that share the nodes.
    index_charge: Option<Arc<Charge>>,
    /// Of these very bytes, which are others than the pristine ones.
    digest: Option<Box<Digest>>,
}

/// A stretch of content, in the order of the file.
#[derive(Clone, Debug)]
pub(crate) enum Segment {
    /// `len` bytes of the pristine version, from `offset` there.
    Keep {
        /// Offset in the pristine version.
        offset: u64,
        /// Length in bytes.
        len: u64,
    },
    /// Written bytes.
    Data(DataSlice),
    /// A hole of `len` zero bytes.
    Zero {
        /// Length in bytes.
        len: u64,
    },
}

#[derive(Clone, Debug)]
enum Piece {
    /// Bytes of the chunk, at the same file offset as the piece.
    Data {
        chunk: Arc<Chunk>,
        len: u64,
    },
    Keep {
        offset: u64,
        len: u64,
    },
    Zero {
        len: u64,
    },
}

impl Pieces {
    /// The unchanged content of a pristine version of `len` bytes. Holds nothing.
    pub(crate) fn pristine(len: u64) -> Self {
        Self {
            kept: len,
            len,
            ..Self::default()
        }
    }

    /// Empty content. Holds nothing.
    pub(crate) fn empty() -> Self {
        Self::default()
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Tells whether this is the whole pristine version of `pristine_len` bytes and nothing else.
    pub(crate) fn is_pristine(&self, pristine_len: u64) -> bool {
        self.index.is_empty() && self.len == pristine_len && self.kept == pristine_len
    }

    /// Tells, in O(1), that nothing was written since one was cloned from the other. May miss it.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.index.ptr_eq(&other.index) && self.len == other.len && self.kept == other.kept
    }

    /// Number of written bytes that are live. Walks the pieces.
    pub(crate) fn data_bytes(&self) -> u64 {
        self.chunks().map(|(_, len)| len).sum()
    }

    /// What is held for this content, shared or not, as it is charged. Walks the pieces.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let held: BTreeMap<_, _> = self
            .chunks()
            .map(|(chunk, _)| (Arc::as_ptr(chunk), chunk.held_bytes()))
            .collect();
        held.values().sum::<u64>() + index_bytes(self.index.len())
    }

    /// Sets the length. What is cut off is let go; what is added is a hole.
    ///
    /// Takes no memory, apart from copying a small rest out of a large chunk, which is left undone
    /// when the meter refuses it. The caller has checked `len` against its limit.
    pub(crate) fn set_len(&mut self, len: u64) {
        self.digest = None;
        if len < self.len {
            self.kept = self.kept.min(len);
            let loosened = self.cut(len..u64::MAX);
            self.relieve(loosened);
            self.release_index();
        }
        self.len = len;
    }

    /// The segments of `range`, cut to the length of the content. Adjacent ones may be of one kind.
    pub(crate) fn segments(&self, range: Range<u64>) -> impl Iterator<Item = Segment> + '_ {
        let end = range.end.min(self.len);
        let mut at = range.start.min(end);
        let first = self.covering(at).map_or(at, |(key, _)| key);
        let mut rest = self.index.range(first..end).peekable();
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let segment = match rest.next_if(|(key, _)| **key <= at) {
                Some((key, piece)) => piece.segment(*key, at..end.min(key + piece.len())),
                None => self.background(at..rest.peek().map_or(end, |(key, _)| **key)),
            };
            at += segment.len();
            Some(segment)
        })
    }

    /// Fills `buf` with the content from `offset` on; returns how much there was, 0 at the end.
    ///
    /// `fetch` fills a buffer with the pristine bytes from an offset on.
    ///
    /// # Errors
    ///
    /// What `fetch` returns; [`Error::Io`](crate::Error::Io) from the spill.
    pub(crate) fn read_at(
        &self,
        buf: &mut [u8],
        offset: u64,
        fetch: &mut dyn FnMut(u64, &mut [u8]) -> Result<()>,
    ) -> Result<usize> {
        let mut rest = &mut *buf;
        let mut read = 0;
        for segment in self.segments(offset..offset.saturating_add(rest.len() as u64)) {
            let len = usize::try_from(segment.len()).expect("a segment fits the buffer it is for");
            let (part, next) = std::mem::take(&mut rest).split_at_mut(len);
            match segment {
                Segment::Keep { offset, .. } => fetch(offset, part)?,
                Segment::Data(bytes) => bytes.copy_to(part)?,
                Segment::Zero { .. } => part.fill(0),
            }
            rest = next;
            read += len;
        }
        Ok(read)
    }

    fn chunks(&self) -> impl Iterator<Item = (&Arc<Chunk>, u64)> {
        self.index.values().filter_map(|piece| match piece {
            Piece::Data { chunk, len } => Some((chunk, *len)),
            Piece::Keep { .. } | Piece::Zero { .. } => None,
        })
    }

    /// The piece that holds the byte at `offset`.
    fn covering(&self, offset: u64) -> Option<(u64, &Piece)> {
        let (key, piece) = self.index.get_prev(&offset)?;
        (key + piece.len() > offset).then_some((*key, piece))
    }

    /// What stands where no piece does, as far as it is of one kind.
    fn background(&self, range: Range<u64>) -> Segment {
        if range.start < self.kept {
            let len = range.end.min(self.kept) - range.start;
            Segment::Keep {
                offset: range.start,
                len,
            }
        } else {
            Segment::Zero {
                len: range.end - range.start,
            }
        }
    }

    /// Takes every piece out of `range`, splitting those that reach over its ends. Returns the
    /// chunks that are used less now and may still be used elsewhere in this content.
    fn cut(&mut self, range: Range<u64>) -> Vec<Arc<Chunk>> {
        let mut loosened = Vec::new();
        let before = self.covering(range.start).map(|(key, _)| key);
        if let Some(key) = before.filter(|key| *key < range.start)
            && let Some(piece) = self.index.get_mut(&key)
        {
            let tail = piece.part(key, range.end);
            piece.set_len(range.start - key);
            loosened.extend(piece.used_outside(&range));
            self.put_back(range.end, tail);
        }
        while let Some(key) = self.key_from(range.start).filter(|key| *key < range.end) {
            let Some(piece) = self.index.remove(&key) else {
                break;
            };
            loosened.extend(piece.used_outside(&range));
            self.put_back(range.end, piece.part(key, range.end));
        }
        loosened
    }

    fn key_from(&self, offset: u64) -> Option<u64> {
        self.index.get_next(&offset).map(|(key, _)| *key)
    }

    fn put_back(&mut self, key: u64, tail: Option<Piece>) {
        if let Some(piece) = tail {
            self.index.insert(key, piece);
        }
    }

    /// Makes sure that the index may grow by `extra` pieces and that no clone pays for it.
    fn reserve_index(&mut self, meter: &Arc<Meter>, extra: usize) -> Result<()> {
        let needed = index_bytes(self.index.len() + extra);
        match self.index_charge.as_mut().and_then(Arc::get_mut) {
            Some(charge) if Arc::ptr_eq(charge.meter(), meter) => {
                charge.grow(needed.saturating_sub(charge.bytes()))
            }
            _ => {
                self.index_charge = Some(Arc::new(meter.charge(needed)?));
                Ok(())
            }
        }
    }

    /// Gives back what the index no longer needs.
    fn release_index(&mut self) {
        if self.index.is_empty() {
            self.index_charge = None;
        }
        let needed = index_bytes(self.index.len());
        if let Some(charge) = self.index_charge.as_mut().and_then(Arc::get_mut) {
            charge.shrink(charge.bytes().saturating_sub(needed));
        }
    }
}

impl Segment {
    /// Length in bytes; never zero in what [`Pieces::segments`] yields.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Keep { len, .. } | Self::Zero { len } => *len,
            Self::Data(bytes) => bytes.len() as u64,
        }
    }
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Data { len, .. } | Self::Keep { len, .. } | Self::Zero { len } => *len,
        }
    }

    fn set_len(&mut self, new: u64) {
        match self {
            Self::Data { len, .. } | Self::Keep { len, .. } | Self::Zero { len } => *len = new,
        }
    }

    /// The chunk of the piece, when a part of it lies outside `range`.
    fn used_outside(&self, range: &Range<u64>) -> Option<Arc<Chunk>> {
        let Self::Data { chunk, .. } = self else {
            return None;
        };
        let window = chunk.window();
        (window.start < range.start || window.end > range.end).then(|| Arc::clone(chunk))
    }

    /// What remains of the piece, which stands at `key`, from `from` on.
    fn part(&self, key: u64, from: u64) -> Option<Self> {
        let len = (key + self.len())
            .checked_sub(from)
            .filter(|len| *len > 0)?;
        Some(match self {
            Self::Data { chunk, .. } => Self::Data {
                chunk: Arc::clone(chunk),
                len,
            },
            Self::Keep { offset, .. } => Self::Keep {
                offset: offset + (from - key),
                len,
            },
            Self::Zero { .. } => Self::Zero { len },
        })
    }

    fn segment(&self, key: u64, range: Range<u64>) -> Segment {
        let len = range.end - range.start;
        match self {
            Self::Data { chunk, .. } => Segment::Data(chunk.slice(range)),
            Self::Keep { offset, .. } => Segment::Keep {
                offset: offset + (range.start - key),
                len,
            },
            Self::Zero { .. } => Segment::Zero { len },
        }
    }
}

/// What an index of so many pieces takes.
fn index_bytes(pieces: usize) -> u64 {
    match pieces as u64 {
        0 => 0,
        pieces => (pieces / INDEX_NODE_PIECES + 1) * INDEX_NODE_BYTES,
    }
}
