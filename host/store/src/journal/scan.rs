//! The scan of an epoch: which records count, where they end, and whether what follows is harmless.
//!
//! It only reads. An append that was never acknowledged may have left any of its bytes behind the last
//! good record; it is dropped. Any sign that a flushed record is gone stops everything.

use super::disk::{chunk_len, read_full, read_up_to};
use super::frame::{ALIGN_LEN, FrameHead, HEAD_LEN, Salt, frame_bytes, starts_like_a_frame};
use super::header::Header;
use super::{AREA_START, JournalError, JournalLimits, Record, Result, StoreIdentity};
use crate::disk::File;

/// What the scan found.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) records: Vec<Record>,
    /// Where the next record begins.
    pub(super) tail: u64,
    /// Where the last batch of the records begins; the tail when there is none.
    pub(super) batch_offset: u64,
    pub(super) next_sequence: u64,
    pub(super) last_digest: [u8; 32],
    /// Whether there are only zeros from the tail to the end of the area.
    pub(super) rest_is_zero: bool,
}

struct Scanner<'a> {
    file: &'a dyn File,
    identity: &'a StoreIdentity,
    limits: &'a JournalLimits,
    header: &'a Header,
    salt: Salt,
    found: Scan,
}

/// Reads the records of the epoch of `header` in a file of `file_bytes` bytes.
///
/// # Errors
///
/// `Corrupt` when records that were flushed are damaged or missing: a good head of a later batch
/// stands behind a bad record, a head is out of order or beyond the area, or a record of the next
/// epoch exists although the header of that epoch does not.
pub(super) fn scan(
    file: &dyn File,
    identity: &StoreIdentity,
    limits: &JournalLimits,
    header: &Header,
    file_bytes: u64,
) -> Result<Scan> {
    let found = Scan {
        records: Vec::new(),
        tail: AREA_START,
        batch_offset: AREA_START,
        next_sequence: header.first_sequence,
        last_digest: header.last_digest,
        rest_is_zero: true,
    };
    let mut scanner = Scanner {
        file,
        identity,
        limits,
        header,
        salt: identity.salt(header.epoch),
        found,
    };
    while scanner.next_record()? {}
    let end_max = AREA_START.saturating_add(limits.bytes_max);
    scanner.search_rest(file_bytes.min(end_max).max(header.area_end()))?;
    Ok(scanner.found)
}

impl Scanner<'_> {
    /// Takes the record at the tail; `false` when there is none that counts.
    fn next_record(&mut self) -> Result<bool> {
        let tail = self.found.tail;
        let Some(head) = self.head_at(tail, &self.salt)? else {
            return Ok(false);
        };
        let frame_len = self.check_head(&head)?;
        let mut frame = vec![0; frame_len];
        read_full(self.file, &mut frame, tail)?;
        let Some((payload, digest)) = head.open(self.identity, frame) else {
            return Ok(false);
        };
        let found = &mut self.found;
        found.records.push(Record {
            sequence: head.sequence,
            payload,
        });
        found.tail = tail + frame_len as u64;
        found.batch_offset = head.batch_offset;
        found.next_sequence = head
            .sequence
            .checked_add(1)
            .ok_or(JournalError::Exhausted)?;
        found.last_digest = digest;
        Ok(true)
    }

    /// Checks a sealed head at the tail; returns the length of its frame.
    ///
    /// The seal says that we wrote it in this epoch, and nothing of an append that was dropped survives
    /// `Journal::open`. So a head that does not continue what stands before it means lost records.
    fn check_head(&self, head: &FrameHead) -> Result<usize> {
        let found = &self.found;
        let corrupt = |reason| JournalError::Corrupt {
            offset: found.tail,
            reason,
        };
        let continues = head.sequence == found.next_sequence
            && head.previous == found.last_digest
            && (head.batch_offset == head.offset || head.batch_offset == found.batch_offset);
        if !continues {
            return Err(corrupt("the record does not continue the ones before it"));
        }
        let room = self.header.area_end() - found.tail;
        let frame = frame_bytes(head.payload_bytes)
            .filter(|&bytes| bytes <= room)
            .ok_or_else(|| {
                corrupt("the record ends beyond the area, whose newest header is lost")
            })?;
        if head.payload_bytes > self.limits.record_bytes_max {
            return Err(JournalError::RecordTooLong {
                bytes: head.payload_bytes,
                bytes_max: self.limits.record_bytes_max,
            });
        }
        usize::try_from(frame).map_err(|_| JournalError::RecordTooLong {
            bytes: head.payload_bytes,
            bytes_max: usize::MAX as u64,
        })
    }

    /// The sealed head at `offset`; `None` when there is none, or it belongs elsewhere.
    fn head_at(&self, offset: u64, salt: &Salt) -> Result<Option<FrameHead>> {
        let mut bytes = [0; HEAD_LEN];
        let count = read_up_to(self.file, &mut bytes, offset)?;
        let head = FrameHead::decode(&bytes[..count], self.identity, salt);
        Ok(head.filter(|head| head.offset == offset))
    }

    /// Looks behind the tail, up to `end`, for signs of lost records.
    fn search_rest(&mut self, end: u64) -> Result<()> {
        let next_salt = self
            .header
            .epoch
            .checked_add(1)
            .map(|epoch| self.identity.salt(epoch));
        let mut chunk = vec![0; chunk_len(self.found.tail, end)];
        let mut offset = self.found.tail;
        while offset < end {
            let chunk = &mut chunk[..chunk_len(offset, end)];
            let count = read_up_to(self.file, chunk, offset)?;
            for (block, at) in chunk[..count]
                .chunks(ALIGN_LEN)
                .zip((offset..).step_by(ALIGN_LEN))
            {
                self.check_block(block, at, next_salt.as_ref())?;
            }
            offset += chunk.len() as u64;
        }
        Ok(())
    }

    fn check_block(&mut self, block: &[u8], at: u64, next_salt: Option<&Salt>) -> Result<()> {
        let area_end = self.header.area_end();
        if at < area_end && block.iter().any(|&byte| byte != 0) {
            self.found.rest_is_zero = false;
        }
        if !starts_like_a_frame(block) {
            return Ok(());
        }
        let corrupt = |offset, reason| Err(JournalError::Corrupt { offset, reason });
        if let Some(salt) = next_salt
            && self.head_at(at, salt)?.is_some()
        {
            return corrupt(at, "a record of a later epoch, whose header is lost");
        }
        let tail = self.found.tail;
        match self.head_at(at, &self.salt)? {
            Some(head) if head.batch_offset > tail => {
                corrupt(tail, "a record that was flushed before a later one is bad")
            }
            Some(_) if at >= area_end => {
                corrupt(at, "a record beyond the area, whose newest header is lost")
            }
            _ => Ok(()),
        }
    }
}
