//! Going through the lines of segments in bounded memory, and checking that each follows the last.

use std::io;
use std::sync::Arc;

use store::Name;
use store::disk::{Dir, File};

use super::chain::{CHAIN_DIGITS, Chain, Head, Link};
use super::line::{AuditEntry, CHAIN_MARK, LINE_BYTES_MAX, LINE_END};

/// Bytes read at once.
const READ_BYTES: usize = 64 << 10;
/// Segments of one log, so that a listing of the folder can be held in memory.
pub(super) const SEGMENTS_MAX: usize = 100_000;

/// The name of a segment's file.
pub(super) fn segment_name(segment: u64) -> Name {
    Name::new(&format!("{segment:08}.log")).expect("digits make a name")
}

/// The numbers of the segments in the folder, in order.
pub(super) fn segments(dir: &dyn Dir) -> io::Result<Vec<u64>> {
    let listing = dir.list(SEGMENTS_MAX)?;
    let number = |name: &Name| {
        let number = name.as_str().strip_suffix(".log")?.parse().ok()?;
        (segment_name(number) == *name).then_some(number)
    };
    let mut segments: Vec<u64> = listing
        .items
        .iter()
        .filter_map(|item| number(&item.name))
        .collect();
    segments.sort_unstable();
    Ok(segments)
}

/// Reads from the beginning of a file until the buffer is full or the file ends.
pub(super) fn read_start(file: &dyn File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut count = 0;
    while count < buffer.len() {
        match file.read_at(&mut buffer[count..], count as u64)? {
            0 => break,
            read => count += read,
        }
    }
    Ok(count)
}

/// The lines of one file from an offset on.
pub(super) struct Lines {
    file: Arc<dyn File>,
    buffer: Vec<u8>,
    /// Where in the buffer the next line begins.
    at: usize,
    /// Where in the file the buffer ends.
    read_to: u64,
}

/// What comes next in a file.
pub(super) enum Next<'a> {
    /// A line with its end.
    Line(&'a [u8]),
    /// Bytes without an end of line: a line that was not finished, or is longer than any.
    Unfinished,
    /// Nothing.
    End,
}

impl Lines {
    pub(super) fn new(file: Arc<dyn File>, from: u64) -> Self {
        Self {
            file,
            buffer: Vec::new(),
            at: 0,
            read_to: from,
        }
    }

    pub(super) fn next(&mut self) -> io::Result<Next<'_>> {
        loop {
            let unread = &self.buffer[self.at..];
            if let Some(length) = memchr::memchr(b'\n', unread) {
                let start = self.at;
                self.at += length + 1;
                return Ok(Next::Line(&self.buffer[start..self.at]));
            }
            if unread.len() > LINE_BYTES_MAX {
                return Ok(Next::Unfinished);
            }
            if self.fill()? == 0 {
                let done = self.at == self.buffer.len();
                return Ok(if done { Next::End } else { Next::Unfinished });
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let kept = self.buffer.len();
        self.buffer.resize(kept + READ_BYTES, 0);
        let read = self.file.read_at(&mut self.buffer[kept..], self.read_to);
        self.buffer
            .truncate(kept + read.as_ref().map_or(0, |count| *count));
        let count = read?;
        self.read_to += count as u64;
        Ok(count)
    }
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFault {
    /// It is not written as a line of the log is.
    Malformed,
    /// It has another number than the one that follows: lines were removed, added or swapped.
    Number {
        /// The number it has.
        found: u64,
    },
    /// It does not follow from the lines before it: it was changed.
    Changed,
}

/// Checks line after line.
#[derive(Clone, Debug)]
pub(super) struct Follow {
    /// Number of the last line.
    pub(super) number: u64,
    /// Its link.
    pub(super) link: Link,
    input: Vec<u8>,
}

impl Follow {
    /// Begins after the line that a head tells of.
    pub(super) fn after(head: &Head) -> Self {
        Self::new(head.number, head.link)
    }

    pub(super) fn new(number: u64, link: Link) -> Self {
        Self {
            number,
            link,
            input: Vec::new(),
        }
    }

    /// Takes a line when it is the next one.
    pub(super) fn take(&mut self, chain: &Chain, line: &[u8]) -> Result<AuditEntry, LineFault> {
        let entry = AuditEntry::parse(line).ok_or(LineFault::Malformed)?;
        if self.number.checked_add(1) != Some(entry.number) {
            return Err(LineFault::Number {
                found: entry.number,
            });
        }
        let (before, link) = line.split_at(line.len() - LINE_END.len() - CHAIN_DIGITS);
        debug_assert!(before.ends_with(CHAIN_MARK), "a parsed line has its mark");
        self.input.clear();
        self.input.extend_from_slice(&self.link);
        self.input.extend_from_slice(LINE_END);
        self.input.extend_from_slice(before);
        let expected = chain.link(&self.input);
        if link[..CHAIN_DIGITS] != expected {
            return Err(LineFault::Changed);
        }
        (self.number, self.link) = (entry.number, expected);
        Ok(entry)
    }
}

/// The first line of a segment.
pub(super) fn header(file: &Arc<dyn File>) -> io::Result<Option<AuditEntry>> {
    Ok(match Lines::new(file.clone(), 0).next()? {
        Next::Line(line) => AuditEntry::parse(line),
        _ => None,
    })
}

/// What the first line of a segment says that it follows; it is in the chain itself.
pub(super) fn before_segment(header: &AuditEntry) -> Option<Follow> {
    let link = header.target.as_ref()?.as_bytes().try_into().ok()?;
    Some(Follow::new(header.number.checked_sub(1)?, link))
}
