//! `Chunk`: written bytes of one stretch of a file, held together with the charge that paid for them.
//!
//! **Invariant:** a chunk stands at a fixed file offset (`home`), lies inside one cell of
//! [`CELL_BYTES`], and its charge covers its whole buffer. Bytes change only while one piece holds it.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::error::Result;
use crate::meter::{Charge, Meter};

/// Files are cut into cells of this size; no chunk crosses a border, so no step costs more than a cell.
pub(super) const CELL_BYTES: u64 = 64 * 1024;

/// What a chunk takes beside its buffer: its header, its charge and the allocator's two headers.
pub(super) const CHUNK_BYTES: u64 = 96;

pub(super) struct Chunk {
    home: u64,
    bytes: Box<[u8]>,
    charge: Charge,
}

/// Written bytes of a file, as they were when asked for. Cheap to clone; keeps the bytes alive.
#[derive(Clone)]
pub(crate) struct DataSlice {
    chunk: Arc<Chunk>,
    start: usize,
    len: usize,
}

impl Chunk {
    /// Makes a chunk of zeros for `window`, charged before it is allocated.
    pub(super) fn charged(meter: &Arc<Meter>, window: Range<u64>) -> Result<Self> {
        let len = window.end - window.start;
        debug_assert!(window.start / CELL_BYTES == (window.end - 1) / CELL_BYTES);
        let charge = meter.charge(CHUNK_BYTES + len)?;
        let bytes = vec![0; in_cell(len)].into_boxed_slice();
        Ok(Self {
            home: window.start,
            bytes,
            charge,
        })
    }

    /// The stretch of the file that the buffer has room for; a piece may use less of it.
    pub(super) fn window(&self) -> Range<u64> {
        self.home..self.home + self.bytes.len() as u64
    }

    /// What is charged for it.
    pub(super) fn held_bytes(&self) -> u64 {
        self.charge.bytes()
    }

    /// The bytes at a stretch of the file, which lies in the window.
    pub(super) fn at(&self, range: Range<u64>) -> &[u8] {
        &self.bytes[in_cell(range.start - self.home)..in_cell(range.end - self.home)]
    }

    pub(super) fn at_mut(&mut self, range: Range<u64>) -> &mut [u8] {
        &mut self.bytes[in_cell(range.start - self.home)..in_cell(range.end - self.home)]
    }

    pub(super) fn slice(self: &Arc<Self>, range: Range<u64>) -> DataSlice {
        DataSlice {
            chunk: Arc::clone(self),
            start: in_cell(range.start - self.home),
            len: in_cell(range.end - range.start),
        }
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({:?})", self.window())
    }
}

impl DataSlice {
    pub(super) fn chunk(&self) -> &Arc<Chunk> {
        &self.chunk
    }
}

impl Deref for DataSlice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.chunk.bytes[self.start..self.start + self.len]
    }
}

impl AsRef<[u8]> for DataSlice {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for DataSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataSlice({} bytes)", self.len)
    }
}

/// Turns a length inside one cell into an index.
fn in_cell(len: u64) -> usize {
    usize::try_from(len).expect("a cell is far smaller than the address space")
}
