//! Moving written bytes out of memory into a spill, many small ones by one append.
//!
//! **Invariant:** a chunk lets its bytes go only after they were appended; a failed append leaves
//! every chunk that was not appended yet as it was.

use std::sync::Arc;

use super::chunk::{CELL_BYTES, Chunk, Place};
use super::{Piece, Pieces};
use crate::error::Result;
use crate::meter::Meter;
use crate::spill::{self, Spill};

/// Bytes appended at once when many small contents leave memory together; scratch memory.
const APPEND_BYTES: usize = 1 << 20;

/// Chunks on their way into a spill.
pub(crate) struct Mover<'a> {
    spill: &'a Arc<dyn Spill>,
    batch: Vec<u8>,
    waiting: Vec<(Arc<Chunk>, u64)>,
    /// Where the bytes of chunks stand that were in another spill already, and stay there.
    pub(crate) copied: Vec<(Arc<Chunk>, u64)>,
}

impl<'a> Mover<'a> {
    pub(crate) fn new(spill: &'a Arc<dyn Spill>) -> Self {
        Self {
            spill,
            batch: Vec::new(),
            waiting: Vec::new(),
            copied: Vec::new(),
        }
    }

    /// Takes a chunk along with the next append.
    pub(crate) fn add(&mut self, chunk: &Arc<Chunk>) -> Result<()> {
        let len = usize::try_from(chunk.len()).expect("a chunk is far smaller than memory");
        if self.batch.len() + len > APPEND_BYTES {
            self.flush()?;
        }
        let start = self.batch.len();
        self.batch.resize(start + len, 0);
        let read = chunk.read(chunk.window().start, &mut self.batch[start..]);
        if read.is_err() {
            self.batch.truncate(start);
        }
        read?;
        self.waiting.push((Arc::clone(chunk), start as u64));
        Ok(())
    }

    /// Appends what was taken along, and lets it go from memory.
    pub(crate) fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let first = spill::append(self.spill, &self.batch)?;
        self.batch.clear();
        for (chunk, at) in self.waiting.drain(..) {
            let offset = first + at;
            let spill = Arc::clone(self.spill);
            if !chunk.leave_memory(Place { spill, offset }) {
                self.copied.push((chunk, offset));
            }
        }
        Ok(())
    }
}

impl Pieces {
    /// The chunks whose bytes are in memory. One that is used twice comes twice.
    pub(crate) fn resident(&self) -> impl Iterator<Item = &Arc<Chunk>> {
        let chunks = self.chunks().map(|(chunk, _)| chunk);
        chunks.filter(|chunk| chunk.memory_len() > 0)
    }

    /// Moves every chunk out of memory.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::Error::Io) from the spill; the content reads the same in any case.
    pub(crate) fn leave_memory(&self, spill: &Arc<dyn Spill>) -> Result<()> {
        let mut mover = Mover::new(spill);
        for chunk in self.resident() {
            mover.add(chunk)?;
        }
        mover.flush()
    }

    /// Content that `read` gives from first to last byte, in memory or, where there is one, in a
    /// spill.
    pub(crate) fn stored(
        meter: &Arc<Meter>,
        spill: Option<&Arc<dyn Spill>>,
        len: u64,
        read: &mut dyn FnMut(u64, &mut [u8]) -> Result<()>,
    ) -> Result<Self> {
        let mut pieces = Self::empty();
        let mut buffer = Vec::new();
        while pieces.len < len {
            let at = pieces.len;
            let part = (len - at).min(APPEND_BYTES as u64);
            let size = usize::try_from(part).expect("at most what is appended at once");
            buffer.resize(size, 0);
            read(at, &mut buffer)?;
            match spill {
                None => pieces.write(meter, at, &buffer)?,
                Some(spill) => {
                    let offset = spill::append(spill, &buffer)?;
                    pieces.place_spilled(meter, spill, at..at + part, offset)?;
                }
            }
        }
        Ok(pieces)
    }

    /// Adds bytes at the end that stand in a spill already.
    fn place_spilled(
        &mut self,
        meter: &Arc<Meter>,
        spill: &Arc<dyn Spill>,
        range: std::ops::Range<u64>,
        offset: u64,
    ) -> Result<()> {
        for cell in super::write::cells(range.clone()) {
            debug_assert!(cell.end - cell.start <= CELL_BYTES);
            let place = Place {
                spill: Arc::clone(spill),
                offset: offset + (cell.start - range.start),
            };
            let chunk = Arc::new(Chunk::spilled(meter, cell.clone(), place)?);
            let len = cell.end - cell.start;
            self.place(meter, cell.start, Piece::Data { chunk, len })?;
            self.len = cell.end;
        }
        Ok(())
    }
}
