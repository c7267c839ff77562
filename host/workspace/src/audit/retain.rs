//! Retention: whole segments go, oldest first, and the log stays verifiable from the first one left.

use vfs::Timestamp;

use super::line::{Event, LogEvent};
use super::scan::{header, segment_name, segments};
use super::writer::{Refusal, Stamp, Writer};
use super::{AuditError, AuditLimits, AuditLog, AuditResult};

/// What is kept of a log; the segment that is written to always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditRetention {
    /// Segments at most.
    pub segments_max: Option<u64>,
    /// Segments whose last line is older than this go.
    pub since: Option<Timestamp>,
}

impl AuditLog {
    /// Removes old segments; returns how many lines went. A line says so, and the head where the log
    /// begins now, so that nobody else can remove a segment unnoticed.
    ///
    /// # Errors
    ///
    /// `Detached`, `Busy`, `Unwritten`; what was not removed is removed the next time.
    pub fn retain(&self, retention: &AuditRetention) -> AuditResult<u64> {
        self.core.with_writer(|written, writer, stamp| {
            written?;
            let retained = writer.retain(retention, &self.core.limits, stamp);
            retained.map_err(AuditError::from)
        })
    }
}

impl Writer {
    fn retain(
        &mut self,
        retention: &AuditRetention,
        limits: &AuditLimits,
        stamp: &mut Stamp<'_>,
    ) -> Result<u64, Refusal> {
        let _lock = self.dir.try_lock()?.ok_or(Refusal::Busy)?;
        let mut head = self.catch_up(limits, stamp)?;
        if head.segment == 0 {
            return Ok(0);
        }
        let before = self.first_number(head.first)?;
        head.first = self.first_kept(&head, retention)?;
        let lines_count = match (before, self.first_number(head.first)?) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => 0,
        };
        if lines_count > 0 {
            let event = Event {
                path: Some(&*segment_name(head.first)),
                calls: lines_count,
                ..Event::new(LogEvent::Retained)
            };
            stamp.push(&mut self.notes, &event);
        }
        self.write_notes(head)?;
        for segment in segments(&*self.dir)? {
            if segment < head.first {
                self.dir.unlink(&segment_name(segment))?;
            }
        }
        Ok(lines_count)
    }

    fn first_kept(
        &self,
        head: &super::chain::Head,
        retention: &AuditRetention,
    ) -> Result<u64, Refusal> {
        let by_count = retention
            .segments_max
            .map_or(0, |most| (head.segment + 1).saturating_sub(most.max(1)));
        let mut first = head.first.max(by_count);
        while let Some(since) = retention.since
            && first < head.segment
        {
            // A segment ends no later than the next one begins.
            let file = self.dir.open(&segment_name(first + 1))?;
            if header(&file)?.is_none_or(|next| next.time >= since) {
                break;
            }
            first += 1;
        }
        Ok(first.min(head.segment))
    }

    fn first_number(&self, segment: u64) -> Result<Option<u64>, Refusal> {
        match self.dir.open(&segment_name(segment)) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            file => Ok(header(&file?)?.map(|header| header.number)),
        }
    }
}
