//! The audit log of a base: every operation of every session, append-only, each line chained to all
//! before it by a keyed digest.
//!
//! **Invariant:** an operation never fails on account of its log. What cannot be written is kept up
//! to a bound, then counted, and the count becomes a line; [`AuditLog::ready`] fails meanwhile, and
//! with it every commit. Contents are never logged.

mod chain;
mod error;
mod export;
mod line;
mod observer;
mod read;
mod retain;
mod scan;
mod text;
mod verify;
mod writer;

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use store::disk::Dir;
use vfs::{Clock, Operation, Timestamp};

use self::line::{Event, Identity, LogEvent, push_event, push_operation};
use self::text::TimeText;
use self::writer::{Refusal, Stamp, Writer};

pub use self::error::{AuditError, AuditResult};
pub use self::export::ExportFormat;
pub use self::line::{AuditEntry, LogEvent as AuditLogEvent};
pub(crate) use self::observer::Life;
pub use self::observer::{AuditObserver, AuditSubject};
pub use self::read::{AuditFilter, AuditPage, AuditPageRequest};
pub use self::retain::AuditRetention;
pub use self::scan::LineFault;
pub use self::verify::{AuditFault, AuditVerdict, Verified, verify_folder};

/// What an audit log may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLimits {
    /// Bytes of lines kept in memory while they cannot be written; what comes then is lost, and
    /// counted. One line of at most 64 KiB may go over it.
    pub buffer_bytes_max: usize,
    /// Bytes of lines in memory at which they are written out.
    pub write_bytes: usize,
    /// Bytes of a segment at which the next one begins.
    pub segment_bytes_max: u64,
    /// Lines of one session, so that a loop in a guest cannot fill the disk; later operations are
    /// counted, and the count becomes a line at the session's end.
    pub session_lines_max: u64,
}

impl Default for AuditLimits {
    fn default() -> Self {
        Self {
            buffer_bytes_max: 16 << 20,
            write_bytes: 64 << 10,
            segment_bytes_max: 16 << 20,
            session_lines_max: 1_000_000,
        }
    }
}

/// Whether the log can be written.
#[derive(Clone, Debug, Default)]
pub struct AuditHealth {
    /// Bytes of lines that are not written yet.
    pub pending_bytes: usize,
    /// Operations that were lost and have no line yet that says so.
    pub lost_count: u64,
    /// What the last attempt to write failed with.
    pub failure: Option<AuditError>,
}

/// The audit log of one base. All methods may be called from any thread.
pub struct AuditLog {
    limits: AuditLimits,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    /// Middles of lines, each with a line break, in order.
    pending: Vec<u8>,
    times: TimeText,
    lost_count: u64,
    failure: Option<AuditError>,
    /// Pending bytes at which writing is tried next; after a failure not at every operation.
    try_at_bytes: usize,
    writer: Option<Writer>,
}

impl AuditLog {
    /// A log without a folder: lines are kept in memory until it is [attached](Self::attach) to one.
    pub fn detached(limits: AuditLimits, clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = State {
            pending: Vec::new(),
            times: TimeText::new(),
            lost_count: 0,
            failure: None,
            try_at_bytes: limits.write_bytes,
            writer: None,
        };
        Arc::new(Self {
            limits,
            clock,
            state: Mutex::new(state),
        })
    }

    /// The log in a folder, which may be empty.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::attach`].
    pub fn open(
        dir: Arc<dyn Dir>,
        key: &[u8; 32],
        limits: AuditLimits,
        clock: Arc<dyn Clock>,
    ) -> AuditResult<Arc<Self>> {
        let log = Self::detached(limits, clock);
        log.attach(dir, key)?;
        Ok(log)
    }

    /// Gives the log its folder and the store's key, and writes what was kept. What a crash left
    /// behind is mended first, and a line says so. A log that has a folder keeps it.
    ///
    /// # Errors
    ///
    /// `Unwritten`; the log has its folder then and tries again later. Another process that is
    /// writing just now is no error.
    pub fn attach(&self, dir: Arc<dyn Dir>, key: &[u8; 32]) -> AuditResult<()> {
        let mut state = self.state.lock();
        if state.writer.is_none() {
            state.writer = Some(Writer::new(dir, key));
        }
        match self.write_out(&mut state) {
            Err(AuditError::Busy) => Ok(()),
            written => written,
        }
    }

    /// Whether the log has its folder.
    pub fn is_attached(&self) -> bool {
        self.state.lock().writer.is_some()
    }

    /// Writes what is pending to the files, where it outlives this process; not yet a loss of power.
    ///
    /// # Errors
    ///
    /// `Unwritten`, `Busy`, `Detached`; everything is kept then.
    pub fn flush(&self) -> AuditResult<()> {
        self.write_out(&mut self.state.lock())
    }

    /// The same, and flushes the files to the disk.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::flush`].
    pub fn sync(&self) -> AuditResult<()> {
        let mut state = self.state.lock();
        self.write_out(&mut state)?;
        let writer = state.writer.as_ref().ok_or(AuditError::Detached)?;
        let synced = writer.sync().map_err(AuditError::unwritten);
        state.failure = synced.as_ref().err().cloned();
        synced
    }

    /// Writes what is pending, and tells whether a commit may be made: only when nothing is being
    /// lost. A commit calls it first, so that no change reaches a base unaudited.
    ///
    /// # Errors
    ///
    /// `Unwritten` when the disk fails, `Lost` when operations are missing that no line tells of.
    pub fn ready(&self) -> AuditResult<()> {
        let mut state = self.state.lock();
        match self.write_out(&mut state) {
            Err(AuditError::Busy | AuditError::Detached) if state.lost_count > 0 => {
                Err(AuditError::Lost {
                    operations_count: state.lost_count,
                })
            }
            Err(AuditError::Busy | AuditError::Detached) => Ok(()),
            written => written,
        }
    }

    /// Whether the log can be written.
    pub fn health(&self) -> AuditHealth {
        let state = self.state.lock();
        AuditHealth {
            pending_bytes: state.pending.len(),
            lost_count: state.lost_count,
            failure: state.failure.clone(),
        }
    }

    /// Keeps the line of an operation; `now` writes it out at once.
    fn note(&self, identity: &Identity, operation: &Operation<'_>, now: bool) {
        let mut state = self.state.lock();
        let time = self.clock.now();
        if self.has_room(&mut state, operation.calls) {
            let State { pending, times, .. } = &mut *state;
            push_operation(pending, (times, time), identity, operation);
            pending.push(b'\n');
        }
        let due = now || state.pending.len() >= state.try_at_bytes;
        if due && state.writer.is_some() {
            // The failure is kept in the state, for `health` and `ready`.
            drop(self.write_out(&mut state));
        }
    }

    /// Keeps a line that the log says of a session.
    fn note_event(&self, identity: &Identity, event: &Event<'_>) {
        let mut state = self.state.lock();
        let time = self.clock.now();
        if self.has_room(&mut state, event.calls) {
            let State { pending, times, .. } = &mut *state;
            push_event(pending, (times, time), identity, event);
            pending.push(b'\n');
        }
    }

    fn has_room(&self, state: &mut State, calls: u64) -> bool {
        // A loss that has no line yet comes before what follows it.
        let room = state.pending.len() < self.limits.buffer_bytes_max && state.lost_count == 0;
        if !room {
            state.lost_count = state.lost_count.saturating_add(calls);
        }
        room
    }

    fn write_out(&self, state: &mut State) -> AuditResult<()> {
        let now = self.clock.now();
        let written = self.try_write(state, now);
        // Between processes that take turns, and before there is a folder, nothing is wrong.
        state.failure = match &written {
            Err(AuditError::Busy | AuditError::Detached) => state.failure.take(),
            outcome => outcome.as_ref().err().cloned(),
        };
        state.try_at_bytes = state.pending.len() + self.limits.write_bytes;
        written
    }

    fn try_write(&self, state: &mut State, now: Timestamp) -> AuditResult<()> {
        let State {
            pending,
            times,
            lost_count,
            writer,
            ..
        } = state;
        let writer = writer.as_mut().ok_or(AuditError::Detached)?;
        loop {
            let mut stamp = Stamp { times, now };
            let appended = writer.append(pending, &self.limits, &mut stamp);
            appended.map_err(|refusal| match refusal {
                Refusal::Busy => AuditError::Busy,
                Refusal::Io(error) => AuditError::unwritten(error),
            })?;
            if *lost_count == 0 {
                return Ok(());
            }
            let event = Event {
                calls: std::mem::take(lost_count),
                ..Event::new(LogEvent::Lost)
            };
            stamp.push(pending, &event);
        }
    }

    /// The folder and the key, after what is pending was written as far as it can be.
    fn with_writer<R>(&self, run: impl FnOnce(&mut Writer) -> AuditResult<R>) -> AuditResult<R> {
        let mut state = self.state.lock();
        drop(self.write_out(&mut state));
        run(state.writer.as_mut().ok_or(AuditError::Detached)?)
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        let mut state = self.state.lock();
        // Nobody is left to be told of a failure.
        drop(self.write_out(&mut state));
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").finish_non_exhaustive()
    }
}
