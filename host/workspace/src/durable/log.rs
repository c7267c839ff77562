//! The log of a durable session: saved states, and between them the bytes that it keeps outside of
//! memory.
//!
//! Both are in one file, so that one write and one flush acknowledge an operation. Whoever has the
//! owner's lock of the session has the only `Log` over its file.

mod compact;
mod scan;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use store::Name;
use store::disk::{Dir, File};
use vfs::Clock;

pub(super) use self::compact::{Live, log_new_name};
pub(super) use self::scan::LogError;
use self::scan::Scan;
use super::frame::{Frame, FrameKeys, FrameKind, HEADER_BYTES};

/// Longest payload of one data frame: what has to be read and checked for one byte of it.
pub(super) const DATA_BYTES_MAX: usize = 64 << 10;
/// What a disk writes in one piece: what a crash kept from it reads as zeros.
const BLOCK_BYTES: u64 = 512;
/// Frames that are held back for the next write.
const PENDING_BYTES_MAX: usize = 256 << 10;

/// The file of the log.
pub(super) fn log_name() -> Name {
    Name::new("log").expect("a plain name")
}

/// An open log. All methods may be called from any thread.
pub(super) struct Log {
    keys: FrameKeys,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

/// What opening a log found in it.
pub(super) struct Opened {
    pub(super) log: Log,
    /// The records of the saved states, in order.
    pub(super) records: Vec<Vec<u8>>,
    /// Bytes after the last acknowledged save, which were dropped.
    pub(super) torn_bytes: u64,
}

/// One open file of the log, and what is known of it.
struct Inner {
    file: Arc<dyn File>,
    epoch: u64,
    /// Number of the last acknowledged save.
    save: u64,
    /// Frames up to here were handed to the system, those after the last save without a flush.
    written: u64,
    /// Frames that go to `written`.
    pending: Vec<u8>,
    /// The first offset that no byte has yet.
    spilled: u64,
    /// Data frames in the order of their offsets.
    extents: Vec<Extent>,
    /// Bytes of state frames in the file.
    state_bytes: u64,
    /// Length of the file at which it is worth a look whether to compact it.
    compact_at: u64,
    /// The payload that was read last, by its offset.
    cached: Option<(u64, Vec<u8>)>,
    /// A flush failed: what is on the disk is in doubt until the log is opened again.
    failed: bool,
}

/// The payload of one data frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Extent {
    /// The offset by which the session names its first byte.
    start: u64,
    /// Where the frame begins in the file.
    at: u64,
    len: u32,
}

impl Log {
    /// Makes the empty file.
    pub(super) fn create(
        dir: &dyn Dir,
        keys: FrameKeys,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let file = dir.create(&log_name(), 0o600)?;
        Ok(Self {
            keys,
            clock,
            inner: Mutex::new(Inner::new(file, 1, 0, 0)),
        })
    }

    /// Opens the file, drops what was never acknowledged, and reads the saved states.
    pub(super) fn open(
        dir: &dyn Dir,
        keys: FrameKeys,
        clock: Arc<dyn Clock>,
    ) -> Result<Opened, LogError> {
        let file = dir.open_writable(&log_name())?;
        let scan = scan::scan(&file, &keys)?;
        if scan.torn_bytes > 0 {
            // Flushed, so that later frames never mix with the old ones in one block.
            file.set_len(scan.end)?;
            file.sync_data()?;
        }
        let opened = Self::scanned(file, scan, keys, clock);
        opened.log.touch();
        Ok(opened)
    }

    /// Reads the saved states of a log that is not to be written to, or cannot be. Whoever owns the
    /// session may go on meanwhile: what was acknowledged stays in the file that is open here.
    pub(super) fn open_unwritten(
        dir: &dyn Dir,
        keys: FrameKeys,
        clock: Arc<dyn Clock>,
    ) -> Result<Opened, LogError> {
        let file = dir.open(&log_name())?;
        let scan = scan::scan(&file, &keys)?;
        Ok(Self::scanned(file, scan, keys, clock))
    }

    fn scanned(file: Arc<dyn File>, scan: Scan, keys: FrameKeys, clock: Arc<dyn Clock>) -> Opened {
        let mut inner = Inner::new(file, scan.epoch, scan.save, scan.spilled);
        inner.written = scan.end;
        inner.extents = scan.extents;
        inner.state_bytes = scan.state_bytes;
        let inner = Mutex::new(inner);
        Opened {
            log: Self { keys, clock, inner },
            records: scan.records,
            torn_bytes: scan.torn_bytes,
        }
    }

    /// Keeps bytes and returns the offset that they have from now on. They are durable with the
    /// next save.
    pub(super) fn append(&self, bytes: &[u8]) -> io::Result<u64> {
        let mut inner = self.inner.lock();
        let offset = inner.spilled;
        for part in bytes.chunks(DATA_BYTES_MAX) {
            inner.flush_pending(&self.keys, part.len() + HEADER_BYTES)?;
            let start = inner.spilled;
            inner.push_data(&self.keys, start, part)?;
        }
        Ok(offset)
    }

    /// Fills `buf` with the bytes that were kept from `offset` on.
    pub(super) fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let mut inner = self.inner.lock();
        let (mut rest, mut offset) = (buf, offset);
        while !rest.is_empty() {
            let extent = inner.extent(offset)?;
            let payload = inner.payload(&self.keys, extent)?;
            let from = usize::try_from(offset - extent.start).expect("within a payload");
            let len = rest.len().min(payload.len() - from);
            let (part, next) = rest.split_at_mut(len);
            part.copy_from_slice(&payload[from..from + len]);
            rest = next;
            offset += len as u64;
        }
        Ok(())
    }

    /// Makes a state durable, and every byte that was kept before: one write, one flush.
    ///
    /// # Errors
    ///
    /// Those of the system; the log then ends with the save before. After a failed flush every
    /// later call fails until the log is opened again.
    pub(super) fn save(&self, state: &[u8]) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.save_state(&self.keys, state, |file| touch(file, &*self.clock))
    }

    /// Bytes that the file has.
    pub(super) fn bytes(&self) -> u64 {
        let inner = self.inner.lock();
        inner.written + inner.pending.len() as u64
    }

    /// Notes that the log was used now. Only expiry depends on it.
    fn touch(&self) {
        touch(&*self.inner.lock().file, &*self.clock);
    }
}

/// Sets the time of a log to that of the session's clock.
fn touch(file: &dyn File, clock: &dyn Clock) {
    // A file system that refuses keeps its own time, which is as good.
    file.set_mtime(clock.now().as_nanoseconds()).ok();
}

impl Inner {
    fn new(file: Arc<dyn File>, epoch: u64, save: u64, spilled: u64) -> Self {
        Self {
            file,
            epoch,
            save,
            written: 0,
            pending: Vec::new(),
            spilled,
            extents: Vec::new(),
            state_bytes: 0,
            compact_at: 0,
            cached: None,
            failed: false,
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other(
                "an earlier flush of the session's log failed; open the session again",
            ));
        }
        Ok(())
    }

    /// Makes room for so many bytes more in what is held back.
    fn flush_pending(&mut self, keys: &FrameKeys, extra: usize) -> io::Result<()> {
        self.check()?;
        if self.pending.len() + extra <= PENDING_BYTES_MAX {
            return Ok(());
        }
        self.pad(keys)?;
        // After a failure the same bytes are written to the same place again.
        self.file.write_at(&self.pending, self.written)?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Ends what is held back with a block, so that no block is written twice before it is flushed:
    /// after a crash it then reads as zeros or as it was written.
    fn pad(&mut self, keys: &FrameKeys) -> io::Result<()> {
        let end = self.written + self.pending.len() as u64;
        if end.is_multiple_of(BLOCK_BYTES) {
            return Ok(());
        }
        let missing = (end + HEADER_BYTES as u64).next_multiple_of(BLOCK_BYTES) - end;
        let len = usize::try_from(missing).expect("less than two blocks") - HEADER_BYTES;
        self.push(keys, FrameKind::Pad, self.spilled, &vec![0xff; len])?;
        Ok(())
    }

    fn push(
        &mut self,
        keys: &FrameKeys,
        kind: FrameKind,
        start: u64,
        payload: &[u8],
    ) -> io::Result<u64> {
        let len = u32::try_from(payload.len());
        let frame = Frame {
            kind,
            epoch: self.epoch,
            save: self.save + 1,
            start,
            len: len.map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?,
            payload: keys.of_payload(payload),
        };
        let at = self.written + self.pending.len() as u64;
        self.pending.extend_from_slice(&frame.encode(keys, at));
        self.pending.extend_from_slice(payload);
        Ok(at)
    }

    /// Appends one data frame, whose first byte gets the offset `start`.
    fn push_data(&mut self, keys: &FrameKeys, start: u64, payload: &[u8]) -> io::Result<()> {
        let end = start.checked_add(payload.len() as u64);
        let end = end.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let at = self.push(keys, FrameKind::Data, start, payload)?;
        self.extents.push(Extent {
            start,
            at,
            len: u32::try_from(payload.len()).expect("a frame is short"),
        });
        self.spilled = end;
        Ok(())
    }

    fn save_state(
        &mut self,
        keys: &FrameKeys,
        state: &[u8],
        before_flush: impl FnOnce(&dyn File),
    ) -> io::Result<()> {
        self.check()?;
        let held_back = self.pending.len();
        self.push(keys, FrameKind::State, self.spilled, state)?;
        if let Err(error) = self.file.write_at(&self.pending, self.written) {
            self.pending.truncate(held_back);
            self.take_back();
            return Err(error);
        }
        before_flush(&*self.file);
        if let Err(error) = self.file.sync_data() {
            self.failed = true;
            return Err(error);
        }
        self.written += self.pending.len() as u64;
        self.state_bytes += (self.pending.len() - held_back) as u64;
        self.save += 1;
        self.pending.clear();
        Ok(())
    }

    /// Cuts off a save that was written in part, so that the next one does not mix with it.
    fn take_back(&mut self) {
        let cut = self.file.set_len(self.written);
        self.failed = cut.and_then(|()| self.file.sync_data()).is_err();
    }

    fn extent(&self, offset: u64) -> io::Result<Extent> {
        let after = self
            .extents
            .partition_point(|extent| extent.start <= offset);
        let extent = after.checked_sub(1).map(|index| self.extents[index]);
        extent
            .filter(|extent| offset - extent.start < u64::from(extent.len))
            .ok_or_else(|| damaged(&format!("it holds nothing at offset {offset}")))
    }

    /// The payload of a data frame, checked.
    fn payload(&mut self, keys: &FrameKeys, extent: Extent) -> io::Result<&[u8]> {
        let len = extent.len as usize;
        if let Some(behind) = extent.at.checked_sub(self.written) {
            let from = usize::try_from(behind).expect("within what is held back") + HEADER_BYTES;
            return Ok(&self.pending[from..from + len]);
        }
        if self
            .cached
            .as_ref()
            .is_none_or(|(start, _)| *start != extent.start)
        {
            let payload = read_payload(&*self.file, keys, extent)?;
            self.cached = Some((extent.start, payload));
        }
        let cached = self.cached.as_ref().map(|(_, payload)| &payload[..]);
        Ok(cached.expect("it was just put there"))
    }
}

/// Reads every byte of a log, and changes nothing.
pub(super) fn read_through(dir: &dyn Dir, keys: &FrameKeys) -> Result<(), LogError> {
    let file = dir.open(&log_name())?;
    let scan = scan::scan(&file, keys)?;
    for extent in scan.extents {
        read_payload(&*file, keys, extent)?;
    }
    Ok(())
}

/// Looks at the first frame of a log and at nothing else: it was whole before the session was there.
pub(super) fn look(dir: &dyn Dir, keys: &FrameKeys) -> Result<(), LogError> {
    let file = dir.open(&log_name())?;
    let len = file.stat()?.size;
    let corrupt = |detail: String| Err(LogError::Corrupt(detail));
    if len < HEADER_BYTES as u64 {
        return corrupt(format!("its log has {len} bytes and no saved state"));
    }
    let mut header = [0; HEADER_BYTES];
    read_exact_at(&*file, &mut header, 0)?;
    let Some(frame) = Frame::decode(&header, keys, 0) else {
        return corrupt("its log does not begin as it was written".to_owned());
    };
    if u64::from(frame.len) > len - HEADER_BYTES as u64 {
        return corrupt(format!("its log was cut off after {len} bytes"));
    }
    if frame.len as usize <= DATA_BYTES_MAX {
        let mut payload = vec![0; frame.len as usize];
        read_exact_at(&*file, &mut payload, HEADER_BYTES as u64)?;
        if keys.of_payload(&payload) != frame.payload {
            return corrupt("the first frame of its log is not as it was written".to_owned());
        }
    }
    Ok(())
}

/// Reads the payload of a data frame and checks it.
fn read_payload(file: &dyn File, keys: &FrameKeys, extent: Extent) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEADER_BYTES + extent.len as usize];
    read_exact_at(file, &mut bytes, extent.at)?;
    let frame = Frame::decode(&bytes, keys, extent.at);
    bytes.drain(..HEADER_BYTES);
    let is_expected = |frame: &Frame| {
        let named = (frame.kind, frame.start, frame.len);
        named == (FrameKind::Data, extent.start, extent.len)
            && frame.payload == keys.of_payload(&bytes)
    };
    if frame.as_ref().is_some_and(is_expected) {
        return Ok(bytes);
    }
    Err(damaged(&format!("the frame at byte {}", extent.at)))
}

/// Fills the buffer; a file that ends before is an error.
fn read_exact_at(file: &dyn File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    let (mut rest, mut offset) = (buf, offset);
    while !rest.is_empty() {
        match file.read_at(rest, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                rest = &mut rest[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the session's log is damaged: {what}"),
    )
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").finish_non_exhaustive()
    }
}
