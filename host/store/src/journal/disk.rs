//! Whole reads, zeros and rewrites on the journal's file, in steps of bounded memory.

use super::{JournalError, Result};
use crate::disk::File;

/// How much is read or written at once where the length is not that of a record.
pub(super) const CHUNK_BYTES: usize = 256 << 10;

/// Reads until `buf` is full or the file ends; returns how many bytes came.
pub(super) fn read_up_to(file: &dyn File, buf: &mut [u8], offset: u64) -> Result<usize> {
    let mut done = 0;
    while done < buf.len() {
        match file.read_at(&mut buf[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(source) => return Err(JournalError::io("read")(source)),
        }
    }
    Ok(done)
}

/// Fills `buf`; a file that ends before is damaged, because its length was checked.
pub(super) fn read_full(file: &dyn File, buf: &mut [u8], offset: u64) -> Result<()> {
    let count = read_up_to(file, buf, offset)?;
    if count < buf.len() {
        let offset = offset + count as u64;
        let reason = "the file became shorter while it was read";
        return Err(JournalError::Corrupt { offset, reason });
    }
    Ok(())
}

/// Writes real zeros, not a reservation, so that a later flush there changes no metadata.
pub(super) fn write_zeros(file: &dyn File, start: u64, end: u64) -> Result<()> {
    let zeros = vec![0; chunk_len(start, end)];
    let mut offset = start;
    while offset < end {
        let zeros = &zeros[..chunk_len(offset, end)];
        file.write_at(zeros, offset)
            .map_err(JournalError::io("write zeros to"))?;
        offset += zeros.len() as u64;
    }
    Ok(())
}

/// Writes the bytes that stand there once more, so that the next flush has to write them.
pub(super) fn rewrite(file: &dyn File, start: u64, end: u64) -> Result<()> {
    let mut chunk = vec![0; chunk_len(start, end)];
    let mut offset = start;
    while offset < end {
        let chunk = &mut chunk[..chunk_len(offset, end)];
        read_full(file, chunk, offset)?;
        file.write_at(chunk, offset)
            .map_err(JournalError::io("write"))?;
        offset += chunk.len() as u64;
    }
    Ok(())
}

/// Length of the next step from `offset` towards `end`.
pub(super) fn chunk_len(offset: u64, end: u64) -> usize {
    usize::try_from(end.saturating_sub(offset)).map_or(CHUNK_BYTES, |len| len.min(CHUNK_BYTES))
}
