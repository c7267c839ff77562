//! `AuditObserver`: writes down what one session does.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use vfs::{Metadata, Observer, Operation, OperationKind};

use super::AuditLog;
use super::line::{Event, Identity, LogEvent};

/// Whose operations a log is told of.
#[derive(Clone, Copy, Debug)]
pub struct AuditSubject<'a> {
    /// The session's id.
    pub session: &'a str,
    /// What else is known of it: the agent and the task are in every line.
    pub metadata: &'a Metadata,
    /// The base's name, for the line of the beginning.
    pub base: &'a str,
}

/// Tells an [`AuditLog`] of the operations of one session.
pub struct AuditObserver {
    log: Arc<AuditLog>,
    identity: Arc<Identity>,
    base: String,
    life: Life,
    lines_count: AtomicU64,
    skipped_count: AtomicU64,
}

/// How long the observed session lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// As long as this process has it.
    Process,
    /// Longer; it begins here.
    Begun,
    /// Longer; it was begun before.
    Resumed,
}

impl AuditObserver {
    /// The observer for one session, to be put in its options.
    pub fn new(log: &Arc<AuditLog>, subject: &AuditSubject<'_>) -> Arc<Self> {
        Self::of_life(log, subject, Life::Process)
    }

    pub(crate) fn of_life(
        log: &Arc<AuditLog>,
        subject: &AuditSubject<'_>,
        life: Life,
    ) -> Arc<Self> {
        let AuditSubject {
            session,
            metadata,
            base,
        } = subject;
        let (agent, task) = (metadata.agent.as_deref(), metadata.task_id.as_deref());
        Arc::new(Self {
            log: log.clone(),
            identity: Arc::new(Identity::new(session, agent, task)),
            base: (*base).to_owned(),
            life,
            lines_count: AtomicU64::new(0),
            skipped_count: AtomicU64::new(0),
        })
    }

    /// Whether the session may have one more line; says so once when it may not.
    fn has_line(&self, operation: &Operation<'_>) -> bool {
        let limit = self.log.core.limits.session_lines_max;
        let count = self.lines_count.fetch_add(1, Ordering::Relaxed);
        if count < limit {
            return true;
        }
        self.skipped_count
            .fetch_add(operation.calls, Ordering::Relaxed);
        if count == limit {
            self.log
                .note_event(&self.identity, &Event::new(LogEvent::Capped));
        }
        false
    }

    fn note_skipped(&self) {
        let calls = self.skipped_count.swap(0, Ordering::Relaxed);
        if calls > 0 {
            let event = Event {
                calls,
                ..Event::new(LogEvent::Lost)
            };
            self.log.note_event(&self.identity, &event);
        }
    }
}

impl Observer for AuditObserver {
    fn note(&self, operation: &Operation<'_>) {
        match (operation.kind, self.life) {
            // A durable session that is opened does not begin, and one that is closed is still there.
            (OperationKind::Begin, Life::Resumed)
            | (OperationKind::Discard, Life::Begun | Life::Resumed)
                if operation.outcome.is_ok() =>
            {
                self.note_skipped();
            }
            // One that was denied is another session that was asked for.
            (OperationKind::Begin, _) if operation.outcome.is_ok() => {
                let begun = Operation {
                    target: Some(&self.base),
                    ..*operation
                };
                // Written out with what follows: beginning costs no call to the disk.
                self.log.note(&self.identity, &begun, false);
            }
            // What becomes of a session is told however much it did.
            (kind, _) if kind.is_end() && operation.outcome.is_ok() => {
                self.note_skipped();
                self.log.note(&self.identity, operation, true);
            }
            _ if self.has_line(operation) => self.log.note(&self.identity, operation, false),
            _ => {}
        }
    }
}

impl fmt::Debug for AuditObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditObserver")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}
