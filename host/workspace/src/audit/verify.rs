//! Verifying a log: every line, every segment, and that the end is where the head says.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, File};

use super::chain::{Chain, HEAD_BYTES, Head, Link};
use super::line::{LINE_BYTES_MAX, LogEvent};
use super::scan::{
    Follow, LineFault, Lines, Next, before_segment, header, read_start, segment_name, segments,
};
use super::writer::head_name;
use super::{AuditError, AuditLog, AuditReader, AuditResult};

/// What a verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Number of the first line that is kept.
    pub first_number: u64,
    /// Number of the last good line, before the first fault.
    pub last_number: u64,
    /// Good lines, before the first fault.
    pub lines_count: u64,
    /// Good lines that say that something is missing: after a crash, a full disk, a lost head.
    pub losses_count: u64,
    /// Bytes of a line that somebody is writing, or that a crash left unfinished, after the last.
    pub unfinished_bytes: u64,
    /// The verdict.
    pub verdict: AuditVerdict,
}

/// Whether a log is as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditVerdict {
    /// It is.
    Intact,
    /// It is not, from here on.
    Tampered(AuditFault),
}

/// The first place where a log is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditFault {
    /// A line is wrong.
    Line {
        /// The segment's file.
        segment: String,
        /// The number that the line should have.
        number: u64,
        /// What is wrong.
        fault: LineFault,
    },
    /// A segment is missing, or is not the one that its name says.
    Segment {
        /// The segment's file.
        segment: String,
    },
    /// The log ends before the line that its head names: the end was cut off.
    Cut {
        /// Number of the last line that is there.
        last: u64,
        /// Number of the last line as the head says.
        expected: u64,
    },
    /// The head is missing, or was not written by this log.
    Head,
}

impl AuditLog {
    /// Verifies the whole log. What is pending is written first.
    ///
    /// # Errors
    ///
    /// `Detached`, `Unreadable`. A log that was tampered with is no error but the verdict.
    pub fn verify(&self) -> AuditResult<Verified> {
        self.core.with_writer(|_, writer, _| {
            // Held when nobody else is writing, so that the head is not older than the lines.
            let _lock = writer.dir.try_lock();
            verify(&*writer.dir, &writer.chain).map_err(AuditError::unreadable)
        })
    }
}

impl AuditReader {
    /// Verifies the whole log as it stands, like [`verify_folder`].
    ///
    /// # Errors
    ///
    /// `Unreadable`.
    pub fn verify(&self) -> AuditResult<Verified> {
        let _lock = self.dir.try_lock();
        verify(&*self.dir, &self.chain).map_err(AuditError::unreadable)
    }
}

/// Verifies the log in a folder and writes nothing: what [`AuditLog::open`] would mend is reported.
///
/// # Errors
///
/// `Unreadable`.
pub fn verify_folder(dir: &dyn Dir, key: &[u8; 32]) -> AuditResult<Verified> {
    let _lock = dir.try_lock();
    verify(dir, &Chain::new(key)).map_err(AuditError::unreadable)
}

/// A verification under way.
struct Verification<'a> {
    chain: &'a Chain,
    head: Head,
    follow: Follow,
    /// Whether the line that the head names was passed, with its link.
    head_met: bool,
    report: Verified,
}

fn verify(dir: &dyn Dir, chain: &Chain) -> io::Result<Verified> {
    let present = segments(dir)?;
    let Some(head) = stored_head(dir, chain)? else {
        let nothing = present.is_empty() && dir.stat(&head_name()).is_err();
        let verdict = if nothing {
            AuditVerdict::Intact
        } else {
            AuditVerdict::Tampered(AuditFault::Head)
        };
        return Ok(report(verdict));
    };
    let mut verification = Verification {
        chain,
        head,
        follow: Follow::after(&Head::EMPTY),
        head_met: head.number == 0,
        report: report(AuditVerdict::Intact),
    };
    let fault = verification.run(dir, &present)?;
    let Verification {
        follow, mut report, ..
    } = verification;
    report.last_number = follow.number;
    report.verdict = fault.map_or(AuditVerdict::Intact, AuditVerdict::Tampered);
    Ok(report)
}

fn report(verdict: AuditVerdict) -> Verified {
    Verified {
        first_number: 1,
        last_number: 0,
        lines_count: 0,
        losses_count: 0,
        unfinished_bytes: 0,
        verdict,
    }
}

impl Verification<'_> {
    fn run(&mut self, dir: &dyn Dir, present: &[u64]) -> io::Result<Option<AuditFault>> {
        // What is before the first is on its way out; what is after the last begins where it ended.
        let first = self.head.first;
        let kept = present.iter().copied().filter(|it| *it >= first);
        let last = present.last().copied().unwrap_or(0).max(self.head.segment);
        let mut kept = kept.peekable();
        for segment in first..=last {
            if kept.next_if_eq(&segment).is_none() {
                return Ok(Some(missing(segment)));
            }
            let file = dir.open(&segment_name(segment))?;
            if segment == first
                && let Some(fault) = self.begin(&file, segment)?
            {
                return Ok(Some(fault));
            }
            if let Some(fault) = self.segment(&file, segment, segment == last)? {
                return Ok(Some(fault));
            }
        }
        Ok((!self.head_met).then_some(AuditFault::Cut {
            last: self.follow.number,
            expected: self.head.number,
        }))
    }

    /// Finds what the first line that is kept follows.
    fn begin(&mut self, file: &Arc<dyn File>, segment: u64) -> io::Result<Option<AuditFault>> {
        let before = header(file)?.as_ref().and_then(before_segment);
        let Some(before) = before else {
            return Ok(Some(AuditFault::Line {
                segment: segment_name(segment).to_string(),
                number: self.follow.number + 1,
                fault: LineFault::Malformed,
            }));
        };
        if segment == 1 && (before.number, before.link) != (0, Chain::start()) {
            return Ok(Some(missing(segment)));
        }
        self.report.first_number = before.number + 1;
        self.follow = before;
        Ok(None)
    }

    fn segment(
        &mut self,
        file: &Arc<dyn File>,
        segment: u64,
        is_last: bool,
    ) -> io::Result<Option<AuditFault>> {
        let mut lines = Lines::new(file.clone(), 0);
        let (mut good_bytes, mut is_first) = (0_u64, true);
        loop {
            let line = match lines.next()? {
                Next::End => return Ok(None),
                Next::Unfinished if is_last && self.head_met => {
                    let size = file.stat()?.size;
                    self.report.unfinished_bytes = size.saturating_sub(good_bytes);
                    let too_long = self.report.unfinished_bytes > LINE_BYTES_MAX as u64;
                    return Ok(too_long.then(|| self.wrong(segment, LineFault::Malformed)));
                }
                Next::Unfinished => return Ok(Some(self.unfinished(segment, is_last))),
                Next::Line(line) => line,
            };
            let entry = match self.follow.take(self.chain, line) {
                Ok(entry) => entry,
                Err(fault) => return Ok(Some(self.wrong(segment, fault))),
            };
            let is_header = entry.operation == LogEvent::Segment.as_str();
            let named = entry.path.as_deref() == Some(&*segment_name(segment));
            if is_first != is_header || (is_header && !named) {
                return Ok(Some(missing(segment)));
            }
            is_first = false;
            good_bytes += line.len() as u64;
            self.report.lines_count += 1;
            self.report.losses_count += u64::from(LogEvent::is_loss(&entry.operation));
            if let Some(fault) = self.meet_head(segment, good_bytes) {
                return Ok(Some(fault));
            }
        }
    }

    /// Checks the line that the head names against what the head says of it.
    fn meet_head(&mut self, segment: u64, bytes: u64) -> Option<AuditFault> {
        if self.follow.number != self.head.number {
            return None;
        }
        let link: Link = self.follow.link;
        self.head_met = true;
        let same = (segment, bytes, link) == (self.head.segment, self.head.bytes, self.head.link);
        (!same).then_some(AuditFault::Head)
    }

    fn unfinished(&self, segment: u64, is_last: bool) -> AuditFault {
        if is_last {
            return AuditFault::Cut {
                last: self.follow.number,
                expected: self.head.number,
            };
        }
        self.wrong(segment, LineFault::Malformed)
    }

    fn wrong(&self, segment: u64, fault: LineFault) -> AuditFault {
        AuditFault::Line {
            segment: segment_name(segment).to_string(),
            number: self.follow.number + 1,
            fault,
        }
    }
}

fn missing(segment: u64) -> AuditFault {
    AuditFault::Segment {
        segment: segment_name(segment).to_string(),
    }
}

fn stored_head(dir: &dyn Dir, chain: &Chain) -> io::Result<Option<Head>> {
    let file = match dir.open(&head_name()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = [0; HEAD_BYTES + 1];
    let count = read_start(&*file, &mut bytes)?;
    Ok(Head::decode(&bytes[..count], chain))
}
