//! Writing into `Pieces`: plan and pay for every cell first, then change, so a refusal changes nothing.
//!
//! **Invariant:** neighbouring written bytes of a cell end up in one chunk, whatever the order and
//! size of the writes; a chunk that a clone shares is never changed, only its touched pages copied.

use std::ops::Range;
use std::sync::Arc;

use super::chunk::{CELL_BYTES, Chunk};
use super::{CONTENT_BYTES_MAX, Piece, Pieces, Segment};
use crate::error::{Error, Result};
use crate::meter::Meter;

/// A shared chunk is copied in pages of this size, so that it never falls into small slices.
const PAGE_BYTES: u64 = 4096;

/// A hole up to this size between written bytes is filled: another piece would cost more.
const HOLE_BYTES_MIN: u64 = 64;

/// Room for growth is half of what is live, and at least this.
const SLACK_BYTES_MIN: u64 = 32;

/// A chunk is left as it is below this size, however little of it is live.
const RELIEF_BYTES_MIN: u64 = 256;

/// How many pieces are looked at when deciding whether to let a chunk go: that must stay cheap.
const SLICES_MAX: usize = 64;

/// What will happen to one cell: `extent` becomes one piece of `target`.
struct Plan {
    write: Range<u64>,
    extent: Range<u64>,
    target: Target,
}

enum Target {
    /// The chunk of the piece at this key, which nobody else holds and which has the room.
    Grown(u64),
    Fresh(Chunk),
}

/// A piece of written bytes that a write overlaps or touches.
struct Neighbour {
    range: Range<u64>,
    window: Range<u64>,
    unique: bool,
}

impl Pieces {
    /// Writes `bytes` at `offset`. A gap past the end becomes a hole; no bytes, no change.
    ///
    /// # Errors
    ///
    /// [`Error::Quota`] when the meter refuses and [`Error::Invalid`] when the write ends past
    /// [`CONTENT_BYTES_MAX`]; the content is unchanged then.
    pub(crate) fn write(&mut self, meter: &Arc<Meter>, offset: u64, bytes: &[u8]) -> Result<()> {
        let end = offset
            .checked_add(bytes.len() as u64)
            .filter(|end| *end <= CONTENT_BYTES_MAX)
            .ok_or_else(|| Error::invalid("the write ends past the largest file offset"))?;
        if bytes.is_empty() {
            return Ok(());
        }
        self.digest = None;
        if self.write_in_place(offset..end, bytes) {
            return Ok(());
        }
        let cells: Vec<_> = cells(offset..end).collect();
        self.reserve_index(meter, cells.len() + 4)?;
        let plans: Result<Vec<_>> = cells
            .into_iter()
            .map(|cell| self.plan(meter, cell))
            .collect();
        let plans = plans.inspect_err(|_| self.release_index())?;
        for plan in plans {
            self.carry_out(plan, offset, bytes);
        }
        self.len = self.len.max(end);
        self.release_index();
        Ok(())
    }

    /// The common case: overwrites, or appends to, a chunk that only this content holds.
    fn write_in_place(&mut self, write: Range<u64>, bytes: &[u8]) -> bool {
        let Some((&key, Piece::Data { chunk, len })) = self.index.get_prev(&write.start) else {
            return false;
        };
        let held = key..key + len;
        if write.start > held.end || write.end > chunk.window().end {
            return false;
        }
        let reach = write.end.saturating_add(HOLE_BYTES_MIN);
        let next = self.index.get_next(&held.end).map(|(next, _)| *next);
        if write.end > held.end && next.is_some_and(|next| next <= reach) {
            return false;
        }
        let Some(Piece::Data { chunk, len }) = self.index.get_mut(&key) else {
            return false;
        };
        let own = Arc::get_mut(chunk).and_then(|chunk| chunk.at_mut(write.clone()));
        let Some(own) = own else {
            return false;
        };
        own.copy_from_slice(bytes);
        *len = held.end.max(write.end) - key;
        self.len = self.len.max(write.end);
        true
    }

    /// Decides what a write inside one cell comes to, and pays for it. Leaves the content as it is.
    fn plan(&mut self, meter: &Arc<Meter>, write: Range<u64>) -> Result<Plan> {
        let left = self.left_of(&write);
        let right = self.right_of(&write);
        let sides = [left.as_ref(), right.as_ref()];
        let extent = extent(&write, sides);
        // What is shared may leave memory at any moment, and then reading it may fail: it is
        // gathered here, where that changes nothing, and so into a fresh chunk.
        let grown = sides
            .into_iter()
            .flatten()
            .filter(|side| side.unique && contains(&side.window, &extent))
            .filter(|_| {
                !sides
                    .iter()
                    .flatten()
                    .any(|side| side.is_shared_source(&write, &extent))
            })
            .max_by_key(|side| side.range.end - side.range.start);
        let target = match grown {
            Some(side) => Target::Grown(side.range.start),
            None => Target::Fresh(self.gathered(meter, &write, &extent, sides)?),
        };
        Ok(Plan {
            write,
            extent,
            target,
        })
    }

    /// A chunk for an extent with all that stands there but the bytes about to be written.
    fn gathered(
        &self,
        meter: &Arc<Meter>,
        write: &Range<u64>,
        extent: &Range<u64>,
        sides: [Option<&Neighbour>; 2],
    ) -> Result<Chunk> {
        let mut chunk = Chunk::charged(meter, window(extent, sides))?;
        self.gather(&mut chunk, extent.start..write.start)?;
        self.gather(&mut chunk, write.end..extent.end)?;
        Ok(chunk)
    }

    /// The written piece that the start of `write` overlaps, touches or nearly touches.
    fn left_of(&mut self, write: &Range<u64>) -> Option<Neighbour> {
        let key = *self.index.get_prev(&write.start)?.0;
        self.neighbour(key, write).filter(|side| {
            side.range.end >= write.start || {
                side.range.end >= self.kept && write.start - side.range.end <= HOLE_BYTES_MIN
            }
        })
    }

    /// The written piece, other than the left one, that the end of `write` overlaps or touches.
    fn right_of(&mut self, write: &Range<u64>) -> Option<Neighbour> {
        if let Some((&key, piece)) = self.index.get_prev(&write.end) {
            let end = key + piece.len();
            if key > write.start && end >= write.end {
                return self.neighbour(key, write);
            }
            if end > write.end {
                return None;
            }
        }
        let key = *self.index.get_next(&write.end)?.0;
        let near = write.end >= self.kept && key - write.end <= HOLE_BYTES_MIN;
        self.neighbour(key, write).filter(|_| near)
    }

    fn neighbour(&mut self, key: u64, write: &Range<u64>) -> Option<Neighbour> {
        if key / CELL_BYTES != write.start / CELL_BYTES {
            return None;
        }
        // Takes the nodes for itself, so that the count tells whether a clone holds the chunk too.
        let Piece::Data { chunk, len } = self.index.get_mut(&key)? else {
            return None;
        };
        let range = key..key + *len;
        let unique = Arc::get_mut(chunk).is_some_and(Chunk::is_in_memory);
        Some(Neighbour {
            range,
            window: chunk.window(),
            unique,
        })
    }

    fn carry_out(&mut self, plan: Plan, offset: u64, bytes: &[u8]) {
        let Plan {
            write,
            extent,
            target,
        } = plan;
        let mut chunk = match target {
            Target::Fresh(chunk) => Arc::new(chunk),
            Target::Grown(key) => match self.index.remove(&key) {
                Some(Piece::Data { chunk, len }) => {
                    self.grow(chunk, &(key..key + len), &write, &extent)
                }
                _ => unreachable!("the plan found written bytes at this key"),
            },
        };
        Arc::get_mut(&mut chunk)
            .and_then(|own| own.at_mut(write.clone()))
            .expect("the plan found or made a chunk that nobody else holds")
            .copy_from_slice(part_of(bytes, offset, &write));
        let loosened = self.cut(extent.clone());
        self.index.insert(
            extent.start,
            Piece::Data {
                chunk,
                len: extent.end - extent.start,
            },
        );
        self.relieve(loosened);
    }

    /// Brings into a chunk of ours, which holds `held`, what else stands in the extent.
    fn grow(
        &self,
        mut chunk: Arc<Chunk>,
        held: &Range<u64>,
        write: &Range<u64>,
        extent: &Range<u64>,
    ) -> Arc<Chunk> {
        let own = Arc::get_mut(&mut chunk).expect("the plan found that nobody else holds it");
        for gap in [extent.start..write.start, write.end..extent.end] {
            for part in [
                gap.start..gap.end.min(held.start),
                gap.start.max(held.end)..gap.end,
            ] {
                let gathered = self.gather(own, part);
                gathered.expect("chunks of ours alone stay in memory while we change them");
            }
        }
        chunk
    }

    /// Copies what the content holds at `range`, written bytes and holes, into a chunk of ours.
    fn gather(&self, chunk: &mut Chunk, range: Range<u64>) -> Result<()> {
        if range.start >= range.end {
            return Ok(());
        }
        let own = chunk.at_mut(range.clone());
        let own = own.expect("bytes are gathered into memory");
        own.fill(0);
        let mut rest = own;
        for segment in self.segments(range) {
            debug_assert!(
                !matches!(segment, Segment::Keep { .. }),
                "kept bytes are not written"
            );
            let len = usize::try_from(segment.len()).expect("a segment fits what it is for");
            let (part, next) = rest.split_at_mut(len);
            if let Segment::Data(bytes) = segment {
                bytes.copy_to(part)?;
            }
            rest = next;
        }
        Ok(())
    }

    /// Lets go of chunks of which less than half is live: copies that out, if it can be paid.
    pub(super) fn relieve(&mut self, chunks: Vec<Arc<Chunk>>) {
        let Some(meter) = self
            .index_charge
            .as_ref()
            .map(|charge| Arc::clone(charge.meter()))
        else {
            return;
        };
        for chunk in chunks {
            let held = chunk.memory_len();
            let slices = if held < RELIEF_BYTES_MIN {
                Vec::new()
            } else {
                self.slices_of(&chunk)
            };
            let live: u64 = slices.iter().map(|slice| slice.end - slice.start).sum();
            if live * 2 >= held {
                continue;
            }
            for slice in slices {
                let Ok(mut own) = Chunk::charged(&meter, slice.clone()) else {
                    return;
                };
                let copied = own.at_mut(slice.clone());
                let copied = copied.map(|copied| chunk.read(slice.start, copied));
                if !matches!(copied, Some(Ok(()))) {
                    return;
                }
                let piece = Piece::Data {
                    chunk: Arc::new(own),
                    len: slice.end - slice.start,
                };
                self.index.insert(slice.start, piece);
            }
        }
    }

    /// The stretches for which a chunk is used; none when its window holds too many pieces to tell.
    fn slices_of(&self, chunk: &Arc<Chunk>) -> Vec<Range<u64>> {
        let pieces = || self.index.range(chunk.window());
        if pieces().nth(SLICES_MAX).is_some() {
            return Vec::new();
        }
        let slices = pieces().filter_map(|(key, piece)| match piece {
            Piece::Data { chunk: other, len } if Arc::ptr_eq(chunk, other) => Some(*key..key + len),
            _ => None,
        });
        slices.collect()
    }
}

impl Neighbour {
    /// Whether bytes that others share have to be copied out of it.
    fn is_shared_source(&self, write: &Range<u64>, extent: &Range<u64>) -> bool {
        let Range { start, end } = self.range;
        let before = start.max(extent.start) < end.min(write.start);
        let after = start.max(write.end) < end.min(extent.end);
        !self.unique && (before || after)
    }
}

/// Cuts a range at the borders of the cells.
pub(super) fn cells(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        let start = at;
        at = range.end.min((start / CELL_BYTES + 1) * CELL_BYTES);
        (start < at).then_some(start..at)
    })
}

/// What becomes one piece: the write, its neighbours where they are ours or small, else their pages.
fn extent(write: &Range<u64>, sides: [Option<&Neighbour>; 2]) -> Range<u64> {
    let mut extent = write.clone();
    for side in sides.into_iter().flatten() {
        let Range { start, end } = side.range;
        let overlaps = start < write.end && end > write.start;
        if side.unique || end - start <= PAGE_BYTES {
            extent = extent.start.min(start)..extent.end.max(end);
        } else if overlaps {
            let page_start = write.start / PAGE_BYTES * PAGE_BYTES;
            let page_end = write.end.next_multiple_of(PAGE_BYTES);
            extent.start = extent.start.min(start.max(page_start));
            extent.end = extent.end.max(end.min(page_end));
        }
    }
    extent
}

/// The room to take for an extent: more on the side on which a chunk of ours has just outgrown its own.
fn window(extent: &Range<u64>, sides: [Option<&Neighbour>; 2]) -> Range<u64> {
    let half = (extent.end - extent.start) / 2;
    let (mut before, mut after) = (0, 0);
    for side in sides.into_iter().flatten().filter(|side| side.unique) {
        if side.range.end < extent.end {
            after = half.max(SLACK_BYTES_MIN);
        } else {
            after = after.max(half.min(side.window.end - side.range.end));
        }
        if side.range.start > extent.start {
            before = half.max(SLACK_BYTES_MIN);
        } else {
            before = before.max(half.min(side.range.start - side.window.start));
        }
    }
    let cell_start = extent.start / CELL_BYTES * CELL_BYTES;
    let start = extent.start.saturating_sub(before).max(cell_start);
    start..(extent.end + after).min(cell_start + CELL_BYTES)
}

fn contains(outer: &Range<u64>, inner: &Range<u64>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn part_of<'a>(bytes: &'a [u8], offset: u64, range: &Range<u64>) -> &'a [u8] {
    let index = |at: u64| usize::try_from(at - offset).expect("the range lies in the bytes");
    &bytes[index(range.start)..index(range.end)]
}
