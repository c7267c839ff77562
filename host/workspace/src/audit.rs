//! The audit log of a base: every operation of every session, append-only, each line chained to all
//! before it by a keyed digest.
//!
//! **Invariant:** an operation never fails on account of its log. What cannot be written is kept up
//! to a bound, then counted, and the count becomes a line; [`AuditLog::ready`] fails meanwhile, and
//! with it every commit. Contents are never logged. A process that is killed takes with it what was
//! not written: nothing of a session that has ended, nor of what came before a commit.

mod chain;
mod core;
mod error;
mod export;
mod line;
mod observer;
mod pump;
mod read;
mod record;
mod retain;
mod scan;
mod text;
mod verify;
mod writer;

use std::fmt;
use std::sync::{Arc, OnceLock};

use store::disk::Dir;
use vfs::{Clock, Operation};

use self::core::{Core, Due};
use self::line::{Event, Identity};
use self::pump::Pump;
use self::writer::Writer;

pub use self::error::{AuditError, AuditResult};
pub use self::export::ExportFormat;
pub use self::line::{AuditEntry, LogEvent as AuditLogEvent};
pub(crate) use self::observer::Life;
pub use self::observer::{AuditObserver, AuditSubject};
pub use self::read::{AuditFilter, AuditPage, AuditPageRequest, AuditReader};
pub use self::retain::AuditRetention;
pub use self::scan::LineFault;
pub use self::verify::{AuditFault, AuditVerdict, Verified, verify_folder};

/// What an audit log may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLimits {
    /// Bytes kept in memory while they cannot be written; what comes then is lost, and counted. One
    /// operation may go over it, and the lines that are made of what is kept take two or three times
    /// as much while they are written.
    pub buffer_bytes_max: usize,
    /// Bytes in memory at which they are written out: by a thread of the log, or by whoever is at
    /// work once it is that much behind 16 times.
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
    /// Bytes of operations and lines that are not written yet.
    pub pending_bytes: usize,
    /// Operations that were lost and have no line yet that says so.
    pub lost_count: u64,
    /// What the last attempt to write failed with.
    pub failure: Option<AuditError>,
}

/// The audit log of one base. All methods may be called from any thread.
pub struct AuditLog {
    core: Arc<Core>,
    /// Begun when there is first enough to write; `None` inside where the system has no thread.
    pump: OnceLock<Option<Pump>>,
}

impl AuditLog {
    /// A log without a folder: lines are kept in memory until it is [attached](Self::attach) to one.
    pub fn detached(limits: AuditLimits, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            core: Arc::new(Core::new(limits, clock)),
            pump: OnceLock::new(),
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
        self.core.attach(|| Writer::new(dir, key));
        match self.core.write_out() {
            Err(AuditError::Busy) => Ok(()),
            written => written,
        }
    }

    /// Whether the log has its folder.
    pub fn is_attached(&self) -> bool {
        self.core.is_attached()
    }

    /// Writes what is pending to the files, where it outlives this process; not yet a loss of power.
    ///
    /// # Errors
    ///
    /// `Unwritten`, `Busy`, `Detached`; everything is kept then.
    pub fn flush(&self) -> AuditResult<()> {
        self.core.write_out()
    }

    /// The same, and flushes the files to the disk.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::flush`].
    pub fn sync(&self) -> AuditResult<()> {
        self.core.sync()
    }

    /// Writes what is pending, and tells whether a commit may be made: only when nothing is being
    /// lost. A commit calls it first, so that no change reaches a base unaudited.
    ///
    /// # Errors
    ///
    /// `Unwritten` when the disk fails, `Lost` when operations are missing that no line tells of.
    pub fn ready(&self) -> AuditResult<()> {
        let written = self.core.write_out();
        match &written {
            Err(AuditError::Busy | AuditError::Detached) => match self.core.health().lost_count {
                0 => Ok(()),
                operations_count => Err(AuditError::Lost { operations_count }),
            },
            _ => written,
        }
    }

    /// Whether the log can be written.
    pub fn health(&self) -> AuditHealth {
        self.core.health()
    }

    /// Keeps an operation; `now` writes it out at once.
    fn note(&self, identity: &Arc<Identity>, operation: &Operation<'_>, now: bool) {
        match self.core.keep(identity, operation) {
            _ if now => self.write_out(),
            due => self.write_if(due),
        }
    }

    /// Keeps what the log says of a session.
    fn note_event(&self, identity: &Arc<Identity>, event: &Event<'_>) {
        let due = self.core.keep_event(identity, event);
        self.write_if(due);
    }

    fn write_if(&self, due: Due) {
        match due {
            Due::Later => {}
            Due::Now => self.write_out(),
            Due::Soon => {
                let pump = self.pump.get_or_init(|| Pump::start(self.core.clone()));
                if !pump.as_ref().is_some_and(Pump::ask) {
                    self.write_out();
                }
            }
        }
    }

    /// Writes what is pending for somebody who cannot be told of a failure; `health` and `ready` are.
    fn write_out(&self) {
        drop(self.core.write_out());
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        // The thread ends before the last lines are written: nothing happens after this.
        drop(self.pump.take());
        self.write_out();
    }
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditLog").finish_non_exhaustive()
    }
}
