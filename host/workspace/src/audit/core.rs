//! What is pending of a log, and writing it out.
//!
//! Two locks, so that no operation waits for the disk: the front takes records, the back writes
//! lines. **Invariant:** whoever holds both took the back first, and the front only for a moment.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use vfs::{Clock, Operation, Timestamp};

use super::line::{Event, Identity, LogEvent};
use super::record::{KEPT_BYTES_MAX, Records};
use super::text::TimeText;
use super::writer::{Refusal, Stamp, Writer};
use super::{AuditError, AuditHealth, AuditLimits, AuditResult};

/// How often `write_bytes` may be waiting for the thread that writes before an operation writes.
const BACKLOG_FACTOR: usize = 16;

/// A log without its thread.
pub(super) struct Core {
    pub(super) limits: AuditLimits,
    clock: Arc<dyn Clock>,
    front: Mutex<Front>,
    back: Mutex<Back>,
}

struct Front {
    records: Records,
    /// Bytes that the back has and that are not written.
    behind_bytes: usize,
    lost_count: u64,
    failure: Option<AuditError>,
    /// Pending bytes at which writing is tried next; after a failure not at every operation.
    try_at_bytes: usize,
    is_asked: bool,
    is_attached: bool,
}

/// What writes.
struct Back {
    /// Middles of lines, each with a line break, that come before the records of the front.
    middles: Vec<u8>,
    /// Empty, in exchange for the records of the front.
    spare: Records,
    times: TimeText,
    writer: Option<Writer>,
}

/// When what is pending is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Later,
    /// By the thread.
    Soon,
    /// By whoever made the call.
    Now,
}

impl Core {
    pub(super) fn new(limits: AuditLimits, clock: Arc<dyn Clock>) -> Self {
        let front = Front {
            records: Records::default(),
            behind_bytes: 0,
            lost_count: 0,
            failure: None,
            try_at_bytes: limits.write_bytes,
            is_asked: false,
            is_attached: false,
        };
        let back = Back {
            middles: Vec::new(),
            spare: Records::default(),
            times: TimeText::new(),
            writer: None,
        };
        Self {
            limits,
            clock,
            front: Mutex::new(front),
            back: Mutex::new(back),
        }
    }

    /// Keeps an operation.
    pub(super) fn keep(&self, identity: &Arc<Identity>, operation: &Operation<'_>) -> Due {
        self.keep_with(operation.calls, |records, time| {
            records.push(time, identity, operation);
        })
    }

    /// Keeps what the log says of a session.
    pub(super) fn keep_event(&self, identity: &Arc<Identity>, event: &Event<'_>) -> Due {
        self.keep_with(event.calls, |records, time| {
            records.push_event(time, identity, event);
        })
    }

    fn keep_with(&self, calls: u64, push: impl FnOnce(&mut Records, Timestamp)) -> Due {
        let mut front = self.front.lock();
        // Nothing is lost for want of memory while the disk is well: whoever comes then waits for it.
        while front.is_well() && !front.has_room(&self.limits) {
            drop(front);
            let written = self.write_out();
            front = self.front.lock();
            if written.is_err() {
                break;
            }
        }
        // A loss that has no line yet comes before what follows it.
        if front.lost_count == 0 && front.has_room(&self.limits) {
            // Under the lock, so that the lines are in the order of their times.
            let time = self.clock.now();
            push(&mut front.records, time);
        } else {
            front.lost_count = front.lost_count.saturating_add(calls);
        }
        front.due(&self.limits)
    }

    /// Gives the log its folder, unless it has one.
    pub(super) fn attach(&self, writer: impl FnOnce() -> Writer) {
        let mut back = self.back.lock();
        back.writer.get_or_insert_with(writer);
        self.front.lock().is_attached = true;
    }

    pub(super) fn is_attached(&self) -> bool {
        self.front.lock().is_attached
    }

    pub(super) fn health(&self) -> AuditHealth {
        let front = self.front.lock();
        AuditHealth {
            pending_bytes: front.pending_bytes(),
            lost_count: front.lost_count,
            failure: front.failure.clone(),
        }
    }

    /// Writes everything that is pending.
    pub(super) fn write_out(&self) -> AuditResult<()> {
        self.write_with(&mut self.back.lock())
    }

    /// The same, and flushes the files to the disk.
    pub(super) fn sync(&self) -> AuditResult<()> {
        let mut back = self.back.lock();
        self.write_with(&mut back)?;
        let writer = back.writer.as_ref().ok_or(AuditError::Detached)?;
        let synced = writer.sync().map_err(AuditError::unwritten);
        self.front.lock().failure = synced.as_ref().err().cloned();
        synced
    }

    /// Does something with the folder while nobody of this process writes to it. What is pending was
    /// written, or `written` says why not.
    pub(super) fn with_writer<R>(
        &self,
        run: impl FnOnce(AuditResult<()>, &mut Writer, &mut Stamp<'_>) -> AuditResult<R>,
    ) -> AuditResult<R> {
        let mut back = self.back.lock();
        let written = self.write_with(&mut back);
        let Back { times, writer, .. } = &mut *back;
        let writer = writer.as_mut().ok_or(AuditError::Detached)?;
        let now = self.clock.now();
        run(written, writer, &mut Stamp { times, now })
    }

    fn write_with(&self, back: &mut Back) -> AuditResult<()> {
        let written = self.try_write(back);
        let mut front = self.front.lock();
        // Between processes that take turns, and before there is a folder, nothing is wrong.
        front.failure = match &written {
            Err(AuditError::Busy | AuditError::Detached) => front.failure.take(),
            outcome => outcome.as_ref().err().cloned(),
        };
        front.behind_bytes = back.middles.len();
        front.try_at_bytes = front.behind_bytes + self.limits.write_bytes;
        written
    }

    fn try_write(&self, back: &mut Back) -> AuditResult<()> {
        let Back {
            middles,
            spare,
            times,
            writer,
        } = back;
        let writer = writer.as_mut().ok_or(AuditError::Detached)?;
        loop {
            let now = self.take_records(spare);
            if spare.is_empty() && middles.is_empty() && writer.is_settled() {
                return Ok(());
            }
            spare.render(middles, times);
            let mut stamp = Stamp { times, now };
            let appended = writer.append(middles, &self.limits, &mut stamp);
            appended.map_err(AuditError::from)?;
            middles.shrink_to(KEPT_BYTES_MAX);
            let mut front = self.front.lock();
            front.behind_bytes = 0;
            if front.lost_count == 0 {
                return Ok(());
            }
            let event = Event {
                calls: std::mem::take(&mut front.lost_count),
                ..Event::new(LogEvent::Lost)
            };
            drop(front);
            stamp.push(middles, &event);
        }
    }

    /// Takes the records of the front; tells a time that none of them is after.
    fn take_records(&self, spare: &mut Records) -> Timestamp {
        let mut front = self.front.lock();
        front.is_asked = false;
        front.behind_bytes += front.records.bytes();
        front.try_at_bytes = front.behind_bytes + self.limits.write_bytes;
        std::mem::swap(&mut front.records, spare);
        self.clock.now()
    }
}

impl Front {
    fn pending_bytes(&self) -> usize {
        self.records.bytes() + self.behind_bytes
    }

    fn has_room(&self, limits: &AuditLimits) -> bool {
        self.pending_bytes() < limits.buffer_bytes_max
    }

    /// Whether everything could be written, as far as that is known.
    fn is_well(&self) -> bool {
        self.is_attached && self.failure.is_none() && self.lost_count == 0
    }

    /// Whether there is enough to write.
    fn due(&mut self, limits: &AuditLimits) -> Due {
        let bytes = self.pending_bytes();
        if !self.is_attached || bytes < self.try_at_bytes {
            return Due::Later;
        }
        let backlog = limits.write_bytes.saturating_mul(BACKLOG_FACTOR);
        if bytes >= self.try_at_bytes.saturating_add(backlog) {
            return Due::Now;
        }
        match std::mem::replace(&mut self.is_asked, true) {
            true => Due::Later,
            false => Due::Soon,
        }
    }
}

impl From<Refusal> for AuditError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy => Self::Busy,
            Refusal::Io(error) => Self::unwritten(error),
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").finish_non_exhaustive()
    }
}
