//! Compacting `Pieces`: written bytes that stand in the pristine version become kept again.
//!
//! **Invariant:** the content stays equal and never takes more memory than before. Scratch memory is
//! one window, an index of at most 8 MiB and one hunk per [`KEEP_BYTES_MIN`] bytes.

use std::ops::Range;
use std::sync::Arc;

use super::chunk::{Chunk, DataSlice};
use super::delta::{Differ, Hunk, common_suffix, push};
use super::write::cells;
use super::{Piece, Pieces, Segment};
use crate::error::{Error, Result};
use crate::meter::Meter;

/// Written bytes are compared in stretches of this size, so that a large file is not copied at once.
const WINDOW_BYTES: usize = 1 << 20;

/// A kept stretch between written ones costs two pieces and a chunk, which is about this much.
const KEEP_BYTES_MIN: u64 = 256;

impl Pieces {
    /// Makes equal content that keeps as much of `pristine` as is worth a piece.
    ///
    /// The content must stand over that version; content equal to it comes out
    /// [`Pieces::is_pristine`], and other content that keeps nothing yet with its digest. Time is linear in the written bytes and `pristine`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] from the spill, [`Error::Quota`] when the meter refuses what has to be copied, and [`Error::Invalid`] when
    /// `pristine` is shorter than what is kept of it. This content is unchanged in any case.
    pub(crate) fn compact_against(&self, meter: &Arc<Meter>, pristine: &[u8]) -> Result<Self> {
        if self.chunks().next().is_none() {
            return Ok(self.clone());
        }
        let suffix = self.suffix_in(pristine)?;
        let hunks = self.hunks_before(self.len - suffix as u64, pristine, suffix)?;
        let compacted = self.rebuild(meter, pristine, &worthwhile(&hunks))?;
        let better = compacted.memory_bytes() < self.memory_bytes();
        let is_pristine = compacted.is_pristine(pristine.len() as u64);
        let mut made = if better { compacted } else { self.clone() };
        if !is_pristine && let Ok(digest) = self.digest_written() {
            made.note_other(digest);
        }
        Ok(made)
    }

    /// How many bytes at the end are those at the end of `pristine`.
    fn suffix_in(&self, pristine: &[u8]) -> Result<usize> {
        let mut buf = vec![0; WINDOW_BYTES.min(pristine.len())];
        let mut suffix = 0;
        loop {
            let end = self.len - suffix as u64;
            let rest = &pristine[..pristine.len() - suffix];
            let len = buf
                .len()
                .min(rest.len())
                .min(usize::try_from(end).unwrap_or(usize::MAX));
            self.read_at(&mut buf[..len], end - len as u64, &mut fetch_from(pristine))?;
            let equal = common_suffix(&buf[..len], rest);
            suffix += equal;
            if len == 0 || equal < len {
                return Ok(suffix);
            }
        }
    }

    fn hunks_before(&self, end: u64, pristine: &[u8], suffix: usize) -> Result<Vec<Hunk>> {
        let mut differ = Differ::new(pristine);
        let mut window = Vec::new();
        for segment in self.segments(0..end) {
            if let Segment::Data(bytes) = &segment
                && window.len() + bytes.len() <= WINDOW_BYTES
            {
                append(&mut window, bytes)?;
                continue;
            }
            differ.feed(&window);
            window.clear();
            match segment {
                Segment::Data(bytes) => append(&mut window, &bytes)?,
                Segment::Zero { len } => differ.zero(len),
                Segment::Keep { offset, len } => {
                    let kept = kept_in(pristine, offset, len)?;
                    differ.keep(kept.start, kept.len());
                }
            }
        }
        differ.feed(&window);
        differ.keep(pristine.len() - suffix, suffix);
        Ok(differ.finish())
    }

    fn rebuild(&self, meter: &Arc<Meter>, pristine: &[u8], hunks: &[Hunk]) -> Result<Self> {
        let mut made = Self::pristine(kept_in_place(hunks));
        made.len = self.len;
        let mut at = 0;
        for hunk in hunks {
            let range = at..at + hunk.len();
            at = range.end;
            match *hunk {
                Hunk::Keep { offset, .. } if offset == range.start => {}
                Hunk::Keep { offset, len } => {
                    made.place(meter, range.start, Piece::Keep { offset, len })?;
                }
                Hunk::Zero { .. } if range.start < made.kept => {
                    let len = range.end.min(made.kept) - range.start;
                    made.place(meter, range.start, Piece::Zero { len })?;
                }
                Hunk::Zero { .. } => {}
                Hunk::Data { .. } => {
                    for cell in cells(range) {
                        let piece = self.data_for(meter, pristine, cell.clone())?;
                        made.place(meter, cell.start, piece)?;
                    }
                }
            }
        }
        Ok(made)
    }

    pub(super) fn place(&mut self, meter: &Arc<Meter>, key: u64, piece: Piece) -> Result<()> {
        self.reserve_index(meter, 1)?;
        self.index.insert(key, piece);
        Ok(())
    }

    /// The bytes of a stretch of one cell: shared where one chunk is mostly that, else copied.
    fn data_for(&self, meter: &Arc<Meter>, pristine: &[u8], range: Range<u64>) -> Result<Piece> {
        let len = range.end - range.start;
        if let Some(Segment::Data(bytes)) = self.segments(range.clone()).next()
            && bytes.len() as u64 == len
            && len * 2 >= bytes.chunk().window().end - bytes.chunk().window().start
        {
            return Ok(Piece::Data {
                chunk: Arc::clone(bytes.chunk()),
                len,
            });
        }
        let mut chunk = Chunk::charged(meter, range.clone())?;
        let own = chunk.at_mut(range.clone());
        let own = own.expect("a new chunk is in memory");
        self.read_at(own, range.start, &mut fetch_from(pristine))?;
        Ok(Piece::Data {
            chunk: Arc::new(chunk),
            len,
        })
    }
}

fn append(window: &mut Vec<u8>, bytes: &DataSlice) -> Result<()> {
    let start = window.len();
    window.resize(start + bytes.len(), 0);
    bytes.copy_to(&mut window[start..])
}

/// Turns kept stretches that cost more than they save into written ones.
fn worthwhile(hunks: &[Hunk]) -> Vec<Hunk> {
    let mut kept = Vec::with_capacity(hunks.len());
    for (number, hunk) in hunks.iter().enumerate() {
        let is_data = |hunk: Option<&Hunk>| matches!(hunk, Some(Hunk::Data { .. }));
        let between = is_data(kept.last()) && is_data(hunks.get(number + 1));
        match *hunk {
            Hunk::Keep { len, .. } if between && len < KEEP_BYTES_MIN => {
                push(&mut kept, Hunk::Data { len });
            }
            hunk => push(&mut kept, hunk),
        }
    }
    kept
}

/// Where the last stretch ends that is kept at its own offset: up to there that costs no piece.
fn kept_in_place(hunks: &[Hunk]) -> u64 {
    let (mut at, mut kept) = (0, 0);
    for hunk in hunks {
        let in_place = matches!(*hunk, Hunk::Keep { offset, .. } if offset == at);
        at += hunk.len();
        if in_place {
            kept = at;
        }
    }
    kept
}

fn fetch_from(pristine: &[u8]) -> impl FnMut(u64, &mut [u8]) -> Result<()> + '_ {
    |offset, buf| {
        let kept = kept_in(pristine, offset, buf.len() as u64)?;
        buf.copy_from_slice(&pristine[kept]);
        Ok(())
    }
}

fn kept_in(pristine: &[u8], offset: u64, len: u64) -> Result<Range<usize>> {
    let end = offset
        .checked_add(len)
        .filter(|end| *end <= pristine.len() as u64);
    let index = |at: u64| usize::try_from(at).ok();
    end.and_then(|end| Some(index(offset)?..index(end)?))
        .ok_or_else(|| Error::invalid("the pristine version is shorter than what is kept of it"))
}
