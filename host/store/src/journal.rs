//! `Journal`: the file that makes a commit durable with one write and one flush.
//!
//! Payloads are opaque and hostile; every record is sealed with the key of the store and chained to the
//! one before it. **Invariant:** from the tail on there is no byte of an append of this epoch that was
//! not acknowledged, so what was once dropped never comes back. A failed write or flush closes the
//! journal; `Journal::open` writes again what it serves before it serves it. Bytes: `docs/formats.md`.

mod disk;
mod error;
mod frame;
mod header;
mod identity;
mod limits;
mod open;
mod pair;
mod scan;

use std::fmt;
use std::sync::Arc;

use crate::disk::File;

pub use error::JournalError;
pub use identity::StoreIdentity;
pub use limits::JournalLimits;
pub use pair::JournalPair;

use frame::{ALIGN_BYTES, ALIGN_LEN, FrameHead, Salt, frame_bytes};
use header::{Chosen, Header, choose, slot_offset};

/// Result of an operation on the journal.
pub type Result<T> = std::result::Result<T, JournalError>;

const SLOT_BYTES: u64 = 4096;
/// Where the record area begins: behind both header slots.
const AREA_START: u64 = 2 * SLOT_BYTES;
/// How much of the append buffer is kept between appends.
const BUFFER_KEPT_BYTES: usize = 1 << 20;

/// One record that was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number: the first record of a store has 1, and there are no gaps.
    pub sequence: u64,
    /// The bytes that were appended.
    pub payload: Vec<u8>,
}

/// Where a journal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How often it was recycled, counted from 1.
    pub epoch: u64,
    /// Number that the next record gets.
    pub next_sequence: u64,
    /// Digest of the record before that, across epochs; zeros when there is none.
    pub last_digest: [u8; 32],
}

/// An open journal. There is one writer at a time: the caller holds the lock of the store.
pub struct Journal {
    file: Arc<dyn File>,
    identity: StoreIdentity,
    limits: JournalLimits,
    header: Header,
    slot: u8,
    salt: Salt,
    /// Where the next record begins in the file.
    tail: u64,
    /// What stands at the tail, as far as the area goes; another writer would change it.
    tail_block: [u8; ALIGN_LEN],
    next_sequence: u64,
    last_digest: [u8; 32],
    buffer: Vec<u8>,
    is_poisoned: bool,
}

impl Journal {
    /// Appends one record for each payload, all as one batch: one write and one flush.
    ///
    /// Returns their sequence numbers, which are consecutive. When it returns, the records are durable.
    /// No payloads, no call.
    ///
    /// # Errors
    ///
    /// `Full` and `RecordTooLong`: nothing was written. After `Io` the records are each there or not, a
    /// record never without the ones before it, and the journal is closed (`Poisoned`).
    pub fn append(&mut self, payloads: &[&[u8]]) -> Result<Vec<u64>> {
        self.check_usable()?;
        if payloads.is_empty() {
            return Ok(Vec::new());
        }
        let needed_bytes =
            self.needed_bytes(payloads.iter().map(|payload| payload.len() as u64))?;
        if needed_bytes > self.free_bytes() {
            return Err(self.full(needed_bytes, self.free_bytes()));
        }
        let first = self.next_sequence;
        let next = first
            .checked_add(payloads.len() as u64)
            .ok_or(JournalError::Exhausted)?;
        let last_digest = self.encode_batch(payloads);
        let tail = self.tail + needed_bytes;
        self.is_poisoned = true;
        self.file
            .write_at(&self.buffer, self.tail)
            .map_err(JournalError::io("append to"))?;
        self.flush()?;
        self.is_poisoned = false;
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT_BYTES);
        self.tail = tail;
        self.tail_block = [0; ALIGN_LEN];
        self.next_sequence = next;
        self.last_digest = last_digest;
        Ok((first..next).collect())
    }

    /// Whether payloads of these lengths can be appended as one batch without growing.
    pub fn fits(&self, payload_lens: &[u64]) -> bool {
        self.needed_bytes(payload_lens.iter().copied())
            .is_ok_and(|needed| needed <= self.free_bytes())
    }

    /// Makes room for payloads of these lengths, doubling the area as often as that takes.
    ///
    /// # Errors
    ///
    /// `Full` when that is more than the limit, `RecordTooLong`; both before anything was written. `Io`:
    /// when the disk is full the journal is as it was and goes on; after another failure it is closed.
    pub fn grow_for(&mut self, payload_lens: &[u64]) -> Result<()> {
        self.check_usable()?;
        let needed_bytes = self.needed_bytes(payload_lens.iter().copied())?;
        if needed_bytes <= self.free_bytes() {
            return Ok(());
        }
        let bytes_max = self.limits.bytes_max / ALIGN_BYTES * ALIGN_BYTES;
        let free_at_most = bytes_max.saturating_sub(self.used_bytes());
        if needed_bytes > free_at_most {
            return Err(self.full(needed_bytes, free_at_most));
        }
        let mut area_bytes = self.header.area_bytes.max(ALIGN_BYTES);
        while area_bytes < self.used_bytes() + needed_bytes {
            area_bytes = area_bytes.saturating_mul(2).min(bytes_max);
        }
        self.grow_to(area_bytes)
    }

    /// Begins a new epoch: every record up to now is done, and the journal is empty again.
    ///
    /// One small write and one flush; nothing at all when there is no record.
    ///
    /// # Errors
    ///
    /// `Io`; when the write or the flush failed, the records may come back and the journal is closed.
    pub fn recycle(&mut self) -> Result<()> {
        self.check_usable()?;
        if self.is_empty() {
            return Ok(());
        }
        self.begin_epoch()
    }

    /// Begins an epoch whose first record continues one of another journal; this one is empty.
    ///
    /// One small write and one flush.
    fn begin_at(&mut self, first_sequence: u64, last_digest: [u8; 32]) -> Result<()> {
        self.check_usable()?;
        debug_assert!(self.is_empty(), "its records would be lost");
        self.next_sequence = first_sequence;
        self.last_digest = last_digest;
        self.begin_epoch()
    }

    fn begin_epoch(&mut self) -> Result<()> {
        let epoch = self.header.epoch.checked_add(1);
        let header = Header {
            epoch: epoch.ok_or(JournalError::Exhausted)?,
            first_sequence: self.next_sequence,
            last_digest: self.last_digest,
            ..self.header.clone()
        };
        let tail_block = read_block(&*self.file, AREA_START)?;
        self.replace_header(header)?;
        self.salt = self.identity.salt(self.header.epoch);
        self.tail = AREA_START;
        self.tail_block = tail_block;
        Ok(())
    }

    /// Number of the first record of the epoch, and the digest of the one before it.
    fn start(&self) -> (u64, [u8; 32]) {
        (self.header.first_sequence, self.header.last_digest)
    }

    fn first_sequence(&self) -> u64 {
        self.header.first_sequence
    }

    /// Whether a failure has closed it: what is in it is known after it was opened again.
    pub fn is_closed(&self) -> bool {
        self.is_poisoned
    }

    /// Whether there is no record since the last recycle.
    pub fn is_empty(&self) -> bool {
        self.tail == AREA_START
    }

    /// Number that the next record gets.
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Where the journal stands.
    pub fn head(&self) -> Head {
        Head {
            epoch: self.header.epoch,
            next_sequence: self.next_sequence,
            last_digest: self.last_digest,
        }
    }

    /// How much of the record area the records take.
    pub fn used_bytes(&self) -> u64 {
        self.tail - AREA_START
    }

    /// Length of the record area. The file is 8 KiB longer.
    pub fn bytes(&self) -> u64 {
        self.header.area_bytes
    }

    /// Whether somebody else has written since this journal was opened or last written, which a caller
    /// asks after taking the lock again. When it is so, this journal must be opened anew.
    ///
    /// Two small reads. A file that was put in place of this one is not noticed.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`], and `Poisoned`.
    pub fn moved_on(&self) -> Result<bool> {
        self.check_usable()?;
        let chosen = read_headers(&*self.file, &self.identity)?;
        if chosen.header != self.header || chosen.other_is_damaged {
            return Ok(true);
        }
        // At the end of the area nobody appends without writing a header first.
        Ok(self.tail < self.header.area_end()
            && read_block(&*self.file, self.tail)? != self.tail_block)
    }

    /// Encodes the batch into the buffer, with one block of zeros behind it where there is room.
    fn encode_batch(&mut self, payloads: &[&[u8]]) -> [u8; 32] {
        self.buffer.clear();
        let mut previous = self.last_digest;
        for (sequence, payload) in (self.next_sequence..).zip(payloads) {
            let head = FrameHead {
                sequence,
                offset: self.tail + self.buffer.len() as u64,
                batch_offset: self.tail,
                payload_bytes: payload.len() as u64,
                previous,
            };
            previous = head.encode(&self.identity, &self.salt, payload, &mut self.buffer);
        }
        if self.tail + (self.buffer.len() as u64) < self.header.area_end() {
            self.buffer.extend([0; ALIGN_LEN]);
        }
        previous
    }

    fn grow_to(&mut self, area_bytes: u64) -> Result<()> {
        let header = Header {
            area_bytes,
            ..self.header.clone()
        };
        let area_end = self.header.area_end();
        if let Err(error) = disk::write_zeros(&*self.file, area_end, header.area_end()) {
            // Nobody relies on what is behind the area. The room is given back if that works.
            drop(self.file.set_len(area_end));
            return Err(error);
        }
        self.is_poisoned = true;
        self.flush()?;
        self.replace_header(header)
    }

    /// Writes `header` with the next number to the slot that does not hold the present one.
    fn replace_header(&mut self, mut header: Header) -> Result<()> {
        let number = self.header.number.checked_add(1);
        header.number = number.ok_or(JournalError::Exhausted)?;
        self.is_poisoned = true;
        self.write_header(&header, 1 - self.slot)?;
        self.flush()?;
        self.is_poisoned = false;
        self.header = header;
        self.slot = 1 - self.slot;
        Ok(())
    }

    fn write_header(&self, header: &Header, slot: u8) -> Result<()> {
        self.file
            .write_at(&header.encode(&self.identity), slot_offset(slot))
            .map_err(JournalError::io("write the header of"))
    }

    fn flush(&self) -> Result<()> {
        self.file.sync_data().map_err(JournalError::io("flush"))
    }

    fn check_usable(&self) -> Result<()> {
        if self.is_poisoned {
            return Err(JournalError::Poisoned);
        }
        Ok(())
    }

    fn free_bytes(&self) -> u64 {
        self.header.area_end() - self.tail
    }

    fn full(&self, needed_bytes: u64, free_bytes: u64) -> JournalError {
        JournalError::Full {
            needed_bytes,
            free_bytes,
            bytes_max: self.limits.bytes_max,
        }
    }

    /// Room that one batch of these payloads takes.
    fn needed_bytes(&self, payload_lens: impl Iterator<Item = u64>) -> Result<u64> {
        let bytes_max = self.limits.record_bytes_max;
        let mut needed = 0_u64;
        for bytes in payload_lens {
            let frame = frame_bytes(bytes).filter(|_| bytes <= bytes_max);
            let frame = frame.ok_or(JournalError::RecordTooLong { bytes, bytes_max })?;
            needed = needed.saturating_add(frame);
        }
        Ok(needed)
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("header", &self.header)
            .field("tail", &self.tail)
            .field("next_sequence", &self.next_sequence)
            .field("is_poisoned", &self.is_poisoned)
            .finish_non_exhaustive()
    }
}

fn read_headers(file: &dyn File, identity: &StoreIdentity) -> Result<Chosen> {
    let mut bytes = vec![0; 2 * 4096];
    let count = disk::read_up_to(file, &mut bytes, 0)?;
    choose(&bytes[..count], identity)
}

fn read_block(file: &dyn File, offset: u64) -> Result<[u8; ALIGN_LEN]> {
    let mut block = [0; ALIGN_LEN];
    disk::read_full(file, &mut block, offset)?;
    Ok(block)
}

/// Takes the next `N` bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*bytes)
}
