//! Content as a state record has it: pieces by their places in a spill, and what differs between two
//! versions of them.

use std::collections::HashMap;
use std::sync::Arc;

use imbl::ordmap::DiffItem;

use super::chunk::{CELL_BYTES, Chunk, Place};
use super::{CONTENT_BYTES_MAX, Piece, Pieces};
use crate::error::Result;
use crate::meter::Meter;
use crate::spill::Spill;

/// One piece as it is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SavedPiece {
    /// Bytes of the spill from `offset` on.
    Data {
        len: u64,
        offset: u64,
    },
    /// Bytes of the pristine version from `offset` on.
    Keep {
        len: u64,
        offset: u64,
    },
    Zero {
        len: u64,
    },
}

/// What differs between two versions: the piece that stands at an offset, or that none does any
/// more. In order.
pub(crate) type PieceChanges = Vec<(u64, Option<SavedPiece>)>;

/// Where the contents of a session stand in its own spill.
#[derive(Debug)]
pub(crate) struct Places<'a> {
    pub(crate) spill: &'a Arc<dyn Spill>,
    /// Copies of chunks that stand in the spill of another session, by their address.
    pub(crate) copied: &'a HashMap<usize, (Arc<Chunk>, u64)>,
}

impl Places<'_> {
    /// Where a chunk's first byte stands; `None` when it is not in the spill yet.
    pub(crate) fn offset(&self, chunk: &Arc<Chunk>) -> Option<u64> {
        match chunk.place() {
            Some(place) if Arc::ptr_eq(&place.spill, self.spill) => Some(place.offset),
            _ => {
                let copy = self.copied.get(&Arc::as_ptr(chunk).addr());
                copy.map(|(_, offset)| *offset)
            }
        }
    }
}

/// Equal when they are the very same.
impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Data { chunk, len },
                Self::Data {
                    chunk: other,
                    len: other_len,
                },
            ) => len == other_len && Arc::ptr_eq(chunk, other),
            (
                Self::Keep { offset, len },
                Self::Keep {
                    offset: other,
                    len: other_len,
                },
            ) => (offset, len) == (other, other_len),
            (Self::Zero { len }, Self::Zero { len: other }) => len == other,
            _ => false,
        }
    }
}

impl Pieces {
    /// Up to where the pristine version shows where no piece stands.
    pub(crate) fn kept(&self) -> u64 {
        self.kept
    }

    /// The chunks of the pieces that `earlier` does not have.
    pub(crate) fn new_chunks<'a>(
        &'a self,
        earlier: &'a Self,
    ) -> impl Iterator<Item = &'a Arc<Chunk>> {
        let changes = earlier.index.diff(&self.index);
        changes.filter_map(|item| match item {
            DiffItem::Add(_, Piece::Data { chunk, .. })
            | DiffItem::Update {
                new: (_, Piece::Data { chunk, .. }),
                ..
            } => Some(chunk),
            _ => None,
        })
    }

    /// What differs from `earlier`, at the cost of that. `None` when a chunk is not in the spill.
    pub(crate) fn changes(&self, earlier: &Self, places: &Places<'_>) -> Option<PieceChanges> {
        let items = earlier.index.diff(&self.index);
        let changes = items.map(|item| match item {
            DiffItem::Add(key, piece)
            | DiffItem::Update {
                new: (key, piece), ..
            } => Some((*key, Some(piece.saved(*key, places)?))),
            DiffItem::Remove(key, _) => Some((*key, None)),
        });
        changes.collect()
    }

    /// The content of `self` with these changes; `None` when they do not make sense.
    ///
    /// # Errors
    ///
    /// [`Error::Quota`](crate::Error::Quota).
    pub(crate) fn changed(
        &self,
        meter: &Arc<Meter>,
        spill: Option<&Arc<dyn Spill>>,
        (kept, len): (u64, u64),
        changes: &PieceChanges,
    ) -> Result<Option<Self>> {
        let mut made = self.clone();
        made.digest = None;
        (made.kept, made.len) = (kept, len);
        made.reserve_index(meter, changes.len())?;
        for (key, change) in changes {
            let Some(saved) = change else {
                if made.index.remove(key).is_none() {
                    return Ok(None);
                }
                continue;
            };
            let Some(piece) = saved.piece(meter, spill, *key)? else {
                return Ok(None);
            };
            made.index.insert(*key, piece);
        }
        made.release_index();
        Ok(Some(made).filter(Self::is_sound))
    }

    /// Whether pieces are in order, disjoint and inside the content.
    fn is_sound(&self) -> bool {
        let mut end = 0;
        let disjoint = self.index.iter().all(|(key, piece)| {
            let in_order = *key >= end;
            let next = key.checked_add(piece.len());
            end = next.unwrap_or(u64::MAX);
            in_order && next.is_some_and(|next| next <= self.len)
        });
        disjoint && self.kept <= self.len && self.len <= CONTENT_BYTES_MAX
    }
}

impl Piece {
    fn saved(&self, key: u64, places: &Places<'_>) -> Option<SavedPiece> {
        Some(match self {
            Self::Data { chunk, len } => SavedPiece::Data {
                len: *len,
                offset: places.offset(chunk)? + (key - chunk.window().start),
            },
            Self::Keep { offset, len } => SavedPiece::Keep {
                len: *len,
                offset: *offset,
            },
            Self::Zero { len } => SavedPiece::Zero { len: *len },
        })
    }
}

impl SavedPiece {
    /// The piece at an offset of its file; `None` when there can be none.
    fn piece(
        self,
        meter: &Arc<Meter>,
        spill: Option<&Arc<dyn Spill>>,
        key: u64,
    ) -> Result<Option<Piece>> {
        let (Self::Data { len, .. } | Self::Keep { len, .. } | Self::Zero { len }) = self;
        let Some(end) = key.checked_add(len).filter(|end| *end > key) else {
            return Ok(None);
        };
        Ok(match self {
            Self::Zero { len } => Some(Piece::Zero { len }),
            Self::Keep { len, offset } => offset
                .checked_add(len)
                .filter(|end| *end <= CONTENT_BYTES_MAX)
                .map(|_| Piece::Keep { offset, len }),
            Self::Data { len, offset } => {
                let one_cell = key / CELL_BYTES == (end - 1) / CELL_BYTES;
                let fits = offset.checked_add(len).is_some();
                let (Some(spill), true) = (spill, one_cell && fits) else {
                    return Ok(None);
                };
                let spill = Arc::clone(spill);
                let chunk = Chunk::spilled(meter, key..end, Place { spill, offset })?;
                Some(Piece::Data {
                    chunk: Arc::new(chunk),
                    len,
                })
            }
        })
    }
}
