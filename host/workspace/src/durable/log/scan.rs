//! Reading a log from its beginning: which saves were acknowledged, and what comes after them.
//!
//! A save that was cut off by a crash is dropped, and only the last one can have been: the next is
//! not written before the one before it is flushed. Anything else that is not as it was written is
//! damage, and is said so rather than dropped.

use std::io;
use std::sync::Arc;

use store::disk::File;

use super::super::error::DurableError;
use super::super::frame::{Frame, FrameKeys, FrameKind, HEADER_BYTES, MAGIC};
use super::super::id::SessionId;
use super::{BLOCK_BYTES, Extent, read_exact_at, read_payload};

/// Bytes that are read at once.
const WINDOW_BYTES: usize = 64 << 10;

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum LogError {
    /// It is not as it was written.
    #[error("{0}")]
    Corrupt(String),
    /// The system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl LogError {
    /// The same of a session.
    pub(in super::super) fn of(self, id: &SessionId) -> DurableError {
        match self {
            Self::Corrupt(detail) => DurableError::corrupt(id, detail),
            Self::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                DurableError::corrupt(id, "its file 'log' is missing")
            }
            Self::Io(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                ) =>
            {
                DurableError::corrupt(id, error.to_string())
            }
            Self::Io(error) => DurableError::io(id, "reading its log", error),
        }
    }
}

/// What a log holds up to its last acknowledged save.
pub(super) struct Scan {
    pub(super) epoch: u64,
    pub(super) save: u64,
    pub(super) end: u64,
    pub(super) spilled: u64,
    pub(super) extents: Vec<Extent>,
    pub(super) records: Vec<Vec<u8>>,
    pub(super) state_bytes: u64,
    pub(super) torn_bytes: u64,
}

/// Reads a log from its beginning.
pub(super) fn scan(file: &Arc<dyn File>, keys: &FrameKeys) -> Result<Scan, LogError> {
    let mut scanner = Scanner::new(file, keys)?;
    let mut stop = scanner.walk()?;
    if !scanner.last_save_is_whole()? {
        scanner.marks.pop();
        stop = Stop::Bad;
    }
    let Some(mark) = scanner.marks.last().copied() else {
        return Err(LogError::Corrupt("its log holds no saved state".to_owned()));
    };
    if stop == Stop::Bad && !scanner.is_torn(&mark)? {
        let Mark { end, save, .. } = mark;
        return Err(LogError::Corrupt(format!(
            "its log was changed after byte {end}, where save {save} ends"
        )));
    }
    scanner.extents.truncate(mark.extents);
    scanner.records.truncate(mark.records);
    let records_bytes: usize = scanner.records.iter().map(Vec::len).sum();
    Ok(Scan {
        epoch: scanner.epoch,
        save: mark.save,
        end: mark.end,
        spilled: mark.spilled,
        state_bytes: (records_bytes + scanner.records.len() * HEADER_BYTES) as u64,
        extents: scanner.extents,
        records: scanner.records,
        torn_bytes: scanner.len - mark.end,
    })
}

/// Why the walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// The file is over, after a save or within one.
    End,
    /// A frame is not as it was written.
    Bad,
}

/// The state of the walk after a save.
#[derive(Clone, Copy, Debug)]
struct Mark {
    end: u64,
    save: u64,
    spilled: u64,
    extents: usize,
    records: usize,
}

struct Scanner<'a> {
    file: &'a dyn File,
    keys: &'a FrameKeys,
    len: u64,
    at: u64,
    epoch: u64,
    /// The save that the next frame belongs to; 0 before the first frame.
    save: u64,
    spilled: u64,
    extents: Vec<Extent>,
    records: Vec<Vec<u8>>,
    marks: Vec<Mark>,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Scanner<'a> {
    fn new(file: &'a Arc<dyn File>, keys: &'a FrameKeys) -> io::Result<Self> {
        Ok(Self {
            file: &**file,
            keys,
            len: file.stat()?.size,
            at: 0,
            epoch: 0,
            save: 0,
            spilled: 0,
            extents: Vec::new(),
            records: Vec::new(),
            marks: Vec::new(),
            window: Vec::new(),
            window_at: 0,
        })
    }

    fn walk(&mut self) -> Result<Stop, LogError> {
        while self.len - self.at >= HEADER_BYTES as u64 {
            let at = self.at;
            let keys = self.keys;
            let Some(frame) = Frame::decode(self.bytes(at, HEADER_BYTES)?, keys, at) else {
                return Ok(Stop::Bad);
            };
            self.check_order(&frame)?;
            let payload_at = at + HEADER_BYTES as u64;
            // A header that fits its place has the length that was written.
            if u64::from(frame.len) > self.len - payload_at {
                return Ok(Stop::End);
            }
            if !self.take(&frame, payload_at)? {
                return Ok(Stop::Bad);
            }
        }
        Ok(Stop::End)
    }

    /// Takes the frame at the present place; `false` when its payload is not what was written.
    fn take(&mut self, frame: &Frame, payload_at: u64) -> Result<bool, LogError> {
        let end = payload_at + u64::from(frame.len);
        if frame.kind == FrameKind::Data {
            self.extents.push(Extent {
                start: frame.start,
                at: self.at,
                len: frame.len,
            });
            self.spilled = frame.start + u64::from(frame.len);
            self.at = end;
            return Ok(true);
        }
        if frame.kind == FrameKind::Pad {
            self.at = end;
            return Ok(true);
        }
        let keys = self.keys;
        let payload = self.bytes(payload_at, frame.len as usize)?;
        if keys.of_payload(payload) != frame.payload {
            return Ok(false);
        }
        let record = payload.to_vec();
        self.records.push(record);
        self.at = end;
        self.spilled = frame.start;
        self.marks.push(Mark {
            end,
            save: frame.save,
            spilled: frame.start,
            extents: self.extents.len(),
            records: self.records.len(),
        });
        self.save = frame.save.saturating_add(1);
        Ok(true)
    }

    /// Refuses a frame that was written here but is not the next one.
    fn check_order(&mut self, frame: &Frame) -> Result<(), LogError> {
        if self.save == 0 {
            self.epoch = frame.epoch;
            self.save = frame.save;
        }
        let is_next = (frame.epoch, frame.save) == (self.epoch, self.save);
        let is_after =
            frame.start >= self.spilled && frame.start.checked_add(u64::from(frame.len)).is_some();
        if is_next && is_after && frame.save > 0 {
            return Ok(());
        }
        Err(LogError::Corrupt(format!(
            "the frame at byte {} of its log does not follow the one before",
            self.at
        )))
    }

    /// Whether the data of the last save is all there.
    ///
    /// Of the first save it is: the file got its name after its flush. Of those between as well:
    /// each was flushed before the next was written.
    fn last_save_is_whole(&self) -> io::Result<bool> {
        let [.., before, last] = &self.marks[..] else {
            return Ok(true);
        };
        for extent in &self.extents[before.extents..last.extents] {
            match read_payload(self.file, self.keys, *extent) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Whether a crash explains what follows the last good save: nothing of a later save is there,
    /// and some block was never written.
    fn is_torn(&mut self, mark: &Mark) -> io::Result<bool> {
        let mut at = mark.end;
        let mut has_gap = false;
        while at < self.len {
            let block_end = (at / BLOCK_BYTES + 1) * BLOCK_BYTES;
            let len = usize::try_from(block_end.min(self.len) - at).expect("one block");
            has_gap |= self.bytes(at, len)?.iter().all(|byte| *byte == 0);
            at = block_end;
        }
        Ok(has_gap && !self.has_later_save(mark)?)
    }

    fn has_later_save(&mut self, mark: &Mark) -> io::Result<bool> {
        for at in mark.end..self.len.saturating_sub(HEADER_BYTES as u64 - 1) {
            if self.bytes(at, MAGIC.len())? != MAGIC {
                continue;
            }
            let keys = self.keys;
            let frame = Frame::decode(self.bytes(at, HEADER_BYTES)?, keys, at);
            if frame.is_some_and(|frame| frame.save > mark.save.saturating_add(1)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Bytes of the file, all of which the caller knows to be there.
    fn bytes(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        let window_end = self.window_at + self.window.len() as u64;
        if at < self.window_at || at + len as u64 > window_end {
            let there = usize::try_from(self.len - at).unwrap_or(usize::MAX);
            self.window.clear();
            self.window.resize(len.max(WINDOW_BYTES).min(there), 0);
            self.window_at = at;
            read_exact_at(self.file, &mut self.window, at)?;
        }
        let from = usize::try_from(at - self.window_at).expect("within the window");
        Ok(&self.window[from..from + len])
    }
}
