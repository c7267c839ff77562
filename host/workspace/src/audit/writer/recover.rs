//! Finding where the log ends: after a crash, after another process, and when the head is of no use.

use std::io;
use std::sync::Arc;

use store::disk::File;

use super::super::chain::{Head, Link};
use super::super::line::{Event, LogEvent};
use super::super::scan::{
    Follow, Lines, Next, before_segment, header, read_start, segment_name, segments,
};
use super::{AuditLimits, Stamp, Writer, head_name};

impl Writer {
    /// Where the log ends, checked against what stands there. The folder is locked.
    pub(in super::super) fn catch_up(
        &mut self,
        limits: &AuditLimits,
        stamp: &mut Stamp<'_>,
    ) -> io::Result<Head> {
        let stored = self.read_head()?;
        if let Some(head) = stored
            && self.head == stored
            && self.torn.is_none()
            && head.segment > 0
            && self.file(head.segment)?.stat()?.size == head.bytes
        {
            return Ok(head);
        }
        let mut head = match stored {
            Some(head) => head,
            None => self.head_from_segments(stamp)?,
        };
        head = self.end_of_segment(head, limits, stamp)?;
        while let Some(next) = self.next_segment(&head, stamp)? {
            head = next;
        }
        self.torn = None;
        self.head = None;
        Ok(head)
    }

    /// The head as it stands on the disk; `None` when there is none that can be trusted.
    pub(in super::super) fn read_head(&mut self) -> io::Result<Option<Head>> {
        let file = match &self.head_file {
            Some(file) => file.clone(),
            None => match self.dir.open_writable(&head_name()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                file => file?,
            },
        };
        let mut bytes = [0; super::super::chain::HEAD_BYTES + 1];
        let count = read_start(&*file, &mut bytes)?;
        self.head_file = Some(file);
        Ok(Head::decode(&bytes[..count], &self.chain))
    }

    /// Where the last segment begins whose first line can be read: the way without a head.
    fn head_from_segments(&mut self, stamp: &mut Stamp<'_>) -> io::Result<Head> {
        let present = segments(&*self.dir)?;
        let Some(first) = present.first().copied() else {
            return Ok(Head::EMPTY);
        };
        stamp.push(&mut self.notes, &Event::new(LogEvent::Head));
        for segment in present.iter().rev().copied() {
            let file = self.dir.open_writable(&segment_name(segment))?;
            if let Some(before) = header(&file)?.as_ref().and_then(before_segment) {
                return Ok(Head {
                    first,
                    segment,
                    bytes: 0,
                    number: before.number,
                    link: before.link,
                });
            }
        }
        // A crash while the first one began leaves just this.
        Ok(Head::EMPTY)
    }

    /// Moves the head to the end of its segment, and cuts off what is not whole there.
    fn end_of_segment(
        &mut self,
        head: Head,
        limits: &AuditLimits,
        stamp: &mut Stamp<'_>,
    ) -> io::Result<Head> {
        if head.segment == 0 {
            return Ok(head);
        }
        let full = Head {
            bytes: limits.segment_bytes_max.max(1),
            ..head
        };
        self.segment_file = None;
        let file = match self.file(head.segment) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.note_gap(0, stamp);
                return Ok(full);
            }
            file => file?,
        };
        let mut size = file.stat()?.size;
        if let Some((segment, from)) = self.torn
            && segment == head.segment
            && head.bytes <= from
            && from < size
        {
            // These lines are still to be written, and are not to stand there twice.
            file.set_len(from)?;
            size = from;
        }
        if size >= head.bytes {
            return self.take_rest(&file, head, stamp);
        }
        let Some(start) = header(&file)?.as_ref().and_then(before_segment) else {
            self.note_gap(0, stamp);
            return Ok(full);
        };
        let start = Head {
            bytes: 0,
            number: start.number,
            link: start.link,
            ..head
        };
        let found = self.take_rest(&file, start, stamp)?;
        self.note_gap(head.number.saturating_sub(found.number), stamp);
        Ok(found)
    }

    /// The segment after the head's, which a crash can leave behind; one without a line is removed.
    fn next_segment(&mut self, head: &Head, stamp: &mut Stamp<'_>) -> io::Result<Option<Head>> {
        let segment = head.segment + 1;
        let file = match self.file(segment) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let start = Head {
            segment,
            bytes: 0,
            ..*head
        };
        let found = self.take_rest(&file, start, stamp)?;
        if found.number > head.number {
            return Ok(Some(found));
        }
        self.segment_file = None;
        self.dir.unlink(&segment_name(segment))?;
        Ok(None)
    }

    /// Takes the whole lines behind the head and cuts off the rest.
    fn take_rest(
        &mut self,
        file: &Arc<dyn File>,
        head: Head,
        stamp: &mut Stamp<'_>,
    ) -> io::Result<Head> {
        let mut lines = Lines::new(file.clone(), head.bytes);
        let mut follow = Follow::after(&head);
        let mut good = head.bytes;
        while let Next::Line(line) = lines.next()? {
            if follow.take(&self.chain, line).is_err() {
                break;
            }
            good += line.len() as u64;
        }
        let size = file.stat()?.size;
        if size > good {
            file.set_len(good)?;
            let event = Event {
                bytes: size - good,
                ..Event::new(LogEvent::Cut)
            };
            stamp.push(&mut self.notes, &event);
        }
        Ok(at(head, good, follow.number, follow.link))
    }

    fn note_gap(&mut self, lines_count: u64, stamp: &mut Stamp<'_>) {
        let event = Event {
            calls: lines_count,
            ..Event::new(LogEvent::Gap)
        };
        stamp.push(&mut self.notes, &event);
    }
}

fn at(head: Head, bytes: u64, number: u64, link: Link) -> Head {
    Head {
        bytes,
        number,
        link,
        ..head
    }
}
