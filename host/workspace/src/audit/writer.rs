//! Writing lines to the segments of a log, which other processes may write as well.
//!
//! Everything happens under the folder's lock: catch up with what stands there, append, write the
//! head. **Invariant:** lines are in the file before the head says so; what a crash leaves behind the
//! head is taken when it is whole and cut off, with a line about it, when it is not.

mod recover;

use std::io;
use std::sync::Arc;

use store::Name;
use store::disk::{Dir, File};
use vfs::Timestamp;

use super::AuditLimits;
use super::chain::{CHAIN_DIGITS, Chain, Head, Link};
use super::line::{Event, Identity, LINE_END, LogEvent, push_chained, push_event};
use super::scan::segment_name;
use super::text::TimeText;

/// Bytes of lines that are written at once.
const BATCH_BYTES: usize = 1 << 20;

/// The files of one log.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) dir: Arc<dyn Dir>,
    pub(super) chain: Chain,
    /// Where the log ended when it was last looked at; `None` before that.
    head: Option<Head>,
    /// Segment and offset of an append that failed and could not be cut off: what stands from there
    /// on is to be written again.
    torn: Option<(u64, u64)>,
    segment_file: Option<(u64, Arc<dyn File>)>,
    head_file: Option<Arc<dyn File>>,
    /// Middles of lines of the log's own that come first.
    pub(super) notes: Vec<u8>,
}

/// Why nothing was written.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Somebody else is writing.
    Busy,
    Io(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The time of a write, for the lines of the log's own.
pub(super) struct Stamp<'a> {
    pub(super) times: &'a mut TimeText,
    pub(super) now: Timestamp,
}

impl Writer {
    pub(super) fn new(dir: Arc<dyn Dir>, key: &[u8; 32]) -> Self {
        Self {
            dir,
            chain: Chain::new(key),
            head: None,
            torn: None,
            segment_file: None,
            head_file: None,
            notes: Vec::new(),
        }
    }

    /// Whether everything is written and the head says so, as far as this process knows.
    pub(super) fn is_settled(&self) -> bool {
        self.notes.is_empty()
            && self.torn.is_none()
            && self.head.is_some()
            && self.head_file.is_some()
    }

    /// Appends lines, given by their middles, each with a line break; takes out what was written.
    pub(super) fn append(
        &mut self,
        middles: &mut Vec<u8>,
        limits: &AuditLimits,
        stamp: &mut Stamp<'_>,
    ) -> Result<(), Refusal> {
        let _lock = self.dir.try_lock()?.ok_or(Refusal::Busy)?;
        let mut head = self.catch_up(limits, stamp)?;
        if middles.is_empty() && self.notes.is_empty() && head.segment == 0 {
            return Ok(());
        }
        while !middles.is_empty() || !self.notes.is_empty() {
            if head.segment == 0 || head.bytes >= limits.segment_bytes_max {
                head = self.begin_segment(&head, stamp)?;
            }
            let notes = std::mem::take(&mut self.notes);
            let (batch, taken) = batch(middles);
            let written = self.put(&head, &[&notes, batch]);
            match written {
                Ok(after) => head = after,
                Err(error) => {
                    self.notes = notes;
                    return Err(error.into());
                }
            }
            middles.drain(..taken);
            self.write_head(&head)?;
        }
        if self.head != Some(head) || self.head_file.is_none() {
            self.write_head(&head)?;
        }
        Ok(())
    }

    /// Writes the notes, and a head that says where the log begins.
    pub(super) fn write_notes(&mut self, head: Head) -> io::Result<()> {
        let notes = std::mem::take(&mut self.notes);
        let after = if notes.is_empty() {
            head
        } else {
            self.put(&head, &[&notes])?
        };
        self.write_head(&after)
    }

    /// Writes lines behind the head, in one call; returns where the log ends then.
    fn put(&mut self, head: &Head, parts: &[&[u8]]) -> io::Result<Head> {
        let middles_bytes: usize = parts.iter().map(|part| part.len()).sum();
        // A middle grows by its number and its link.
        let mut out = Vec::with_capacity(middles_bytes + middles_bytes / 2);
        out.extend_from_slice(&head.link);
        out.extend_from_slice(LINE_END);
        let start = out.len();
        let mut after = *head;
        for part in parts {
            let mut from = 0;
            for end in memchr::memchr_iter(b'\n', part) {
                after.number += 1;
                push_chained(&mut out, &self.chain, after.number, &part[from..end]);
                from = end + 1;
            }
        }
        after.link = last_link(&out);
        let lines = &out[start..];
        let file = self.file(head.segment)?;
        if let Err(error) = file.write_at(lines, head.bytes) {
            if file.set_len(head.bytes).is_err() {
                self.torn = Some((head.segment, head.bytes));
            }
            return Err(error);
        }
        after.bytes += lines.len() as u64;
        Ok(after)
    }

    /// Begins the next segment. What is in the one before is flushed first, so that a loss of power
    /// takes lines from the last segment only.
    fn begin_segment(&mut self, head: &Head, stamp: &mut Stamp<'_>) -> io::Result<Head> {
        if head.segment > 0
            && let Ok(file) = self.file(head.segment)
        {
            file.sync_data()?;
        }
        let segment = head.segment + 1;
        let name = segment_name(segment);
        // When it fails, what stands there is looked at again before the next attempt.
        self.head = None;
        let file = self.dir.create(&name, 0o600)?;
        self.segment_file = Some((segment, file));
        let before = Head {
            segment,
            bytes: 0,
            ..*head
        };
        let mut header = Vec::new();
        let event = Event {
            path: Some(name.as_str()),
            target: std::str::from_utf8(&head.link).ok(),
            ..Event::new(LogEvent::Segment)
        };
        stamp.push(&mut header, &event);
        let after = match self.put(&before, &[&header]) {
            Ok(after) => after,
            Err(error) => {
                self.segment_file = None;
                drop(self.dir.unlink(&name));
                return Err(error);
            }
        };
        self.dir.sync()?;
        self.write_head(&after)?;
        Ok(after)
    }

    /// The segment's file, open for writing.
    fn file(&mut self, segment: u64) -> io::Result<Arc<dyn File>> {
        match &self.segment_file {
            Some((open, file)) if *open == segment => Ok(file.clone()),
            _ => {
                let file = self.dir.open_writable(&segment_name(segment))?;
                self.segment_file = Some((segment, file.clone()));
                Ok(file)
            }
        }
    }

    fn write_head(&mut self, head: &Head) -> io::Result<()> {
        let file = match &self.head_file {
            Some(file) => file.clone(),
            None => match self.dir.open_writable(&head_name()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.dir.create(&head_name(), 0o600)?
                }
                file => file?,
            },
        };
        // Until it is written whole, what stands there is looked at again.
        self.head = None;
        file.write_at(&head.encode(&self.chain), 0)?;
        self.head = Some(*head);
        self.head_file = Some(file);
        Ok(())
    }

    /// Flushes what was written to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        if let Some((_, file)) = &self.segment_file {
            file.sync_data()?;
        }
        self.head_file
            .as_ref()
            .map_or(Ok(()), |file| file.sync_data())
    }
}

impl Stamp<'_> {
    /// Appends the middle of a line of the log's own, with a line break.
    pub(super) fn push(&mut self, middles: &mut Vec<u8>, event: &Event<'_>) {
        push_event(middles, (self.times, self.now), &Identity::default(), event);
        middles.push(b'\n');
    }
}

/// The name of the head's file.
pub(super) fn head_name() -> Name {
    Name::new("head").expect("letters make a name")
}

/// The first middles, up to a bound, and how many bytes they take.
fn batch(middles: &[u8]) -> (&[u8], usize) {
    let most = middles.len().min(BATCH_BYTES);
    // A line is far shorter than a batch, so that one ends within.
    let end = memchr::memrchr(b'\n', &middles[..most]);
    let taken = end.map_or(middles.len(), |at| at + 1);
    (&middles[..taken], taken)
}

fn last_link(out: &[u8]) -> Link {
    let end = out.len() - LINE_END.len();
    let mut link = Chain::start();
    link.copy_from_slice(&out[end - CHAIN_DIGITS..end]);
    link
}
