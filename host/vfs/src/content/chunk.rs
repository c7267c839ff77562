//! `Chunk`: written bytes of one stretch of a file, in memory or in a spill, paid for while they live.
//!
//! **Invariant:** a chunk stands at a fixed file offset (`home`), lies inside one cell of
//! [`CELL_BYTES`], and what it holds in memory is charged. Bytes change only while one piece holds
//! it; they leave memory at any time, for all who share it at once, and never come back.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::error::Result;
use crate::meter::Meter;
use crate::spill::{Spill, read_failed};

/// Files are cut into cells of this size; no chunk crosses a border, so no step costs more than a cell.
pub(crate) const CELL_BYTES: u64 = 64 * 1024;

/// What a chunk takes beside its buffer: its header, its place in a spill and the allocator's own.
pub(crate) const CHUNK_BYTES: u64 = 96;

pub(crate) struct Chunk {
    home: u64,
    len: u32,
    /// Has [`CHUNK_BYTES`] of this chunk, and its bytes while they are in memory.
    meter: Arc<Meter>,
    store: RwLock<Store>,
}

/// Where the bytes are. As large as a box of bytes alone.
enum Store {
    Memory(Box<[u8]>),
    Spilled(Box<Place>),
}

/// A stretch of a spill.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) spill: Arc<dyn Spill>,
    pub(crate) offset: u64,
}

/// Written bytes of a file, as they were when asked for. Cheap to clone; keeps the bytes alive.
#[derive(Clone)]
pub(crate) struct DataSlice {
    chunk: Arc<Chunk>,
    start: u64,
    len: usize,
}

impl Chunk {
    /// Makes a chunk of zeros for `window`, charged before it is allocated.
    pub(super) fn charged(meter: &Arc<Meter>, window: Range<u64>) -> Result<Self> {
        let len = window.end - window.start;
        debug_assert!(window.start / CELL_BYTES == (window.end - 1) / CELL_BYTES);
        meter.take(CHUNK_BYTES + len)?;
        let bytes = vec![0; in_cell(len)].into_boxed_slice();
        Ok(Self::new(meter, window, Store::Memory(bytes)))
    }

    /// A chunk whose bytes stand in a spill already.
    pub(crate) fn spilled(meter: &Arc<Meter>, window: Range<u64>, place: Place) -> Result<Self> {
        debug_assert!(window.start / CELL_BYTES == (window.end - 1) / CELL_BYTES);
        meter.take(CHUNK_BYTES)?;
        Ok(Self::new(meter, window, Store::Spilled(Box::new(place))))
    }

    fn new(meter: &Arc<Meter>, window: Range<u64>, store: Store) -> Self {
        let len = window.end - window.start;
        Self {
            home: window.start,
            len: u32::try_from(len).expect("a cell is far smaller than that"),
            meter: Arc::clone(meter),
            store: RwLock::new(store),
        }
    }

    /// The stretch of the file that the buffer has room for; a piece may use less of it.
    pub(crate) fn window(&self) -> Range<u64> {
        self.home..self.home + u64::from(self.len)
    }

    /// Bytes of its buffer, wherever that is.
    pub(crate) fn len(&self) -> u64 {
        u64::from(self.len)
    }

    /// Who pays for it.
    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// What is charged for it.
    pub(super) fn held_bytes(&self) -> u64 {
        CHUNK_BYTES + self.memory_len()
    }

    /// Bytes of the buffer while it is in memory; else 0.
    pub(crate) fn memory_len(&self) -> u64 {
        match *self.store.read() {
            Store::Memory(_) => self.len(),
            Store::Spilled(_) => 0,
        }
    }

    /// Where the bytes stand when they left memory.
    pub(crate) fn place(&self) -> Option<Place> {
        match &*self.store.read() {
            Store::Memory(_) => None,
            Store::Spilled(place) => Some(Place::clone(place)),
        }
    }

    /// Copies the bytes at a stretch of the file, which lies in the window and is as long as `buffer`.
    pub(crate) fn read(&self, start: u64, buffer: &mut [u8]) -> Result<()> {
        let from = start - self.home;
        let place = match &*self.store.read() {
            Store::Memory(bytes) => {
                let from = in_cell(from);
                buffer.copy_from_slice(&bytes[from..from + buffer.len()]);
                return Ok(());
            }
            Store::Spilled(place) => Place::clone(place),
        };
        let read = place.spill.read_at(buffer, place.offset + from);
        read.map_err(|source| read_failed(&source))
    }

    /// The bytes to change, which lie in the window; `None` when they left memory.
    pub(super) fn at_mut(&mut self, range: Range<u64>) -> Option<&mut [u8]> {
        let (start, end) = (range.start - self.home, range.end - self.home);
        match self.store.get_mut() {
            Store::Memory(bytes) => Some(&mut bytes[in_cell(start)..in_cell(end)]),
            Store::Spilled(_) => None,
        }
    }

    /// Whether the bytes can be changed, once nobody shares them.
    pub(super) fn is_in_memory(&mut self) -> bool {
        matches!(self.store.get_mut(), Store::Memory(_))
    }

    /// Lets the bytes go, which stand in the spill now. Tells whether they were still in memory.
    pub(crate) fn leave_memory(&self, place: Place) -> bool {
        let mut store = self.store.write();
        if matches!(*store, Store::Spilled(_)) {
            return false;
        }
        *store = Store::Spilled(Box::new(place));
        self.meter.give_back(self.len());
        true
    }

    pub(super) fn slice(self: &Arc<Self>, range: Range<u64>) -> DataSlice {
        DataSlice {
            chunk: Arc::clone(self),
            start: range.start,
            len: in_cell(range.end - range.start),
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let bytes = match self.store.get_mut() {
            Store::Memory(_) => u64::from(self.len),
            Store::Spilled(_) => 0,
        };
        self.meter.give_back(CHUNK_BYTES + bytes);
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

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Copies all of it into a buffer of its length.
    pub(crate) fn copy_to(&self, buffer: &mut [u8]) -> Result<()> {
        self.chunk.read(self.start, buffer)
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
