//! What a handle tells the observer: each operation below it, and its reads and writes summed up.
//!
//! The first read and the first write are told at once, so that a host that dies has told who
//! touched what; the ones after it together, at the latest when the handle closes.

use std::borrow::Cow;

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Descriptor, DescriptorFlags, OpenFlags};
use crate::error::{Error, Result};
use crate::observer::{Operation, OperationKind};
use crate::session::Session;

/// Calls that a handle sums up before it tells of them: a host that dies has not told of more.
const CALLS_MAX: u64 = 1_024;

/// What is kept of one handle for the observer.
pub(super) struct Trail {
    path: String,
    reads: Mutex<Tally>,
    writes: Mutex<Tally>,
    appends: Mutex<Tally>,
}

/// Calls of one kind that the observer was not told of yet.
#[derive(Default)]
struct Tally {
    begun: bool,
    calls: u64,
    bytes: u64,
}

impl Tally {
    /// Adds a call; returns calls and bytes when they are to be told now.
    fn add(&mut self, bytes: u64) -> Option<(u64, u64)> {
        self.calls += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        let told = !self.begun || self.calls >= CALLS_MAX;
        self.begun = true;
        if told { self.take() } else { None }
    }

    fn take(&mut self) -> Option<(u64, u64)> {
        let sum = (self.calls, self.bytes);
        (self.calls, self.bytes) = (0, 0);
        (sum.0 > 0).then_some(sum)
    }
}

impl Trail {
    /// The trail of a handle that `path` was opened by, when anybody wants to know.
    pub(super) fn of(session: &Session, path: impl FnOnce() -> String) -> Option<Box<Self>> {
        session.observer().map(|_| {
            Box::new(Self {
                path: path(),
                reads: Mutex::default(),
                writes: Mutex::default(),
                appends: Mutex::default(),
            })
        })
    }

    pub(super) fn note_read(&self, session: &Session, read: &Result<Bytes>) {
        let read = read.as_ref().map(|bytes| bytes.len() as u64);
        self.note_call(session, OperationKind::Read, 0, read);
    }

    /// Tells of a call that failed, and sums up one that did not.
    fn note_call(
        &self,
        session: &Session,
        kind: OperationKind,
        asked: u64,
        outcome: Result<u64, &Error>,
    ) {
        match outcome {
            Ok(bytes) => {
                let told = self.tally(kind).lock().add(bytes);
                self.tell(session, kind, told);
            }
            Err(error) => session.note(&Operation {
                outcome: Err(error.into()),
                ..Operation::at(kind, &self.path).of(asked)
            }),
        }
    }

    fn tally(&self, kind: OperationKind) -> &Mutex<Tally> {
        match kind {
            OperationKind::Read => &self.reads,
            OperationKind::Append => &self.appends,
            _ => &self.writes,
        }
    }

    fn tell(&self, session: &Session, kind: OperationKind, sum: Option<(u64, u64)>) {
        if let Some((calls, bytes)) = sum {
            session.note(&Operation {
                calls,
                ..Operation::at(kind, &self.path).of(bytes)
            });
        }
    }

    /// Tells of what was summed up.
    fn note_rest(&self, session: &Session) {
        let kinds = [
            OperationKind::Read,
            OperationKind::Write,
            OperationKind::Append,
        ];
        for kind in kinds {
            let rest = self.tally(kind).lock().take();
            self.tell(session, kind, rest);
        }
    }

    pub(super) fn close(&self, session: &Session) {
        self.note_rest(session);
        session.note(&Operation::at(OperationKind::Close, &self.path));
    }
}

impl Descriptor {
    /// The path that the handle was opened by; empty without an observer.
    pub(super) fn opened_by(&self) -> &str {
        self.handle
            .trail
            .as_ref()
            .map_or("", |trail| trail.path.as_str())
    }

    pub(super) fn note_rest(&self) {
        if let Some(trail) = &self.handle.trail {
            trail.note_rest(self.session());
        }
    }

    /// Runs an operation on the handle itself.
    pub(super) fn noted<R>(
        &self,
        kind: OperationKind,
        bytes: u64,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        let operation = Operation::at(kind, self.opened_by()).of(bytes);
        self.session().noted(operation, |_| run())
    }

    pub(super) fn noted_write(
        &self,
        kind: OperationKind,
        bytes: &[u8],
        run: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let outcome = run();
        if let Some(trail) = &self.handle.trail {
            let asked = bytes.len() as u64;
            let written = outcome.as_ref().map(|()| asked);
            trail.note_call(self.session(), kind, asked, written);
        }
        outcome
    }

    /// Runs an operation below the directory, with a second path where there is one.
    pub(super) fn noted_at<R>(
        &self,
        kind: OperationKind,
        path: &str,
        second: Option<(&Self, &str)>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        let outcome = run();
        if self.handle.trail.is_some() {
            let path = joined(self.opened_by(), path);
            let target = second.map(|(dir, path)| joined(dir.opened_by(), path));
            let mut operation = Operation::at(kind, &path);
            operation.target = target.as_deref();
            operation.outcome = outcome.as_ref().map(drop).map_err(Into::into);
            self.session().note(&operation);
        }
        outcome
    }

    pub(super) fn noted_symlink(
        &self,
        target: &str,
        path: &str,
        run: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let path = self
            .handle
            .trail
            .as_ref()
            .map(|_| joined(self.opened_by(), path));
        let operation = Operation::at(OperationKind::Symlink, path.as_deref().unwrap_or(""));
        self.session().noted(operation.to(target), |_| run())
    }

    pub(super) fn noted_open(
        &self,
        path: &str,
        flags: (OpenFlags, DescriptorFlags),
        run: impl FnOnce() -> Result<Self>,
    ) -> Result<Self> {
        let path = self
            .handle
            .trail
            .as_ref()
            .map(|_| joined(self.opened_by(), path));
        let mut operation = Operation::at(OperationKind::Open, path.as_deref().unwrap_or(""));
        operation.flags = Some(flags);
        self.session().noted(operation, |_| run())
    }
}

/// A path below a directory that was opened by `dir`; an absolute one, which is denied, as it is.
pub(super) fn joined<'a>(dir: &str, path: &'a str) -> Cow<'a, str> {
    if dir.is_empty() || path.starts_with('/') {
        return Cow::Borrowed(path);
    }
    Cow::Owned(format!("{dir}/{path}"))
}
