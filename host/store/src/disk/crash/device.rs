//! `Device`: the one disk behind its handles; counts the calls that change it and ends when told to.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::inode::Ino;
use super::platter::Scope;
use super::state::State;
use crate::disk::fault::{Call, LOG_CALLS_MAX};

const EIO: i32 = 5;

/// What the handles of one disk share.
#[derive(Debug)]
pub(super) struct Device(Mutex<Running>);

/// A disk in use.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) state: State,
    /// After the crash: no call does anything any more.
    pub(super) is_dead: bool,
    pub(super) crash_at: Option<u64>,
    pub(super) fail_flush_at: Option<u64>,
    pub(super) calls_count: u64,
    pub(super) flushes_count: u64,
    pub(super) log: Vec<Call>,
    locks: BTreeSet<Ino>,
}

impl Device {
    pub(super) fn new(state: State) -> Self {
        Self(Mutex::new(Running {
            state,
            is_dead: false,
            crash_at: None,
            fail_flush_at: None,
            calls_count: 0,
            flushes_count: 0,
            log: Vec::new(),
            locks: BTreeSet::new(),
        }))
    }

    pub(super) fn running(&self) -> MutexGuard<'_, Running> {
        // A test thread that panicked must not hide its failure behind a second one here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends all programs; returns what the disk held at that moment.
    pub(super) fn end(&self) -> State {
        let mut running = self.running();
        running.is_dead = true;
        running.state.clone()
    }

    /// A call that changes nothing.
    pub(super) fn read<T>(&self, read: impl FnOnce(&State) -> io::Result<T>) -> io::Result<T> {
        let running = self.running();
        running.check_alive()?;
        read(&running.state)
    }

    /// A call that changes what programs see; at the planned crash nobody learns its outcome.
    pub(super) fn change<T>(
        &self,
        method: &'static str,
        name: &str,
        change: impl FnOnce(&mut State, u64) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut running = self.running();
        let call = running.count(method, name)?;
        let changed = change(&mut running.state, call);
        running.die_at(call)?;
        changed
    }

    /// A call that flushes; at the planned crash all that it would have written still waits.
    pub(super) fn flush(&self, method: &'static str, name: &str, scope: Scope) -> io::Result<()> {
        let mut running = self.running();
        let call = running.count(method, name)?;
        let flush = running.flushes_count;
        running.flushes_count += 1;
        running.die_at(call)?;
        if running.fail_flush_at == Some(flush) {
            running.state.lose(scope);
            return Err(eio());
        }
        running.state.flush(scope);
        Ok(())
    }

    /// Takes the lock of a directory; `false` when it is held.
    pub(super) fn lock(&self, ino: Ino) -> io::Result<bool> {
        let mut running = self.running();
        running.check_alive()?;
        Ok(running.locks.insert(ino))
    }

    pub(super) fn unlock(&self, ino: Ino) {
        self.running().locks.remove(&ino);
    }
}

impl Running {
    fn check_alive(&self) -> io::Result<()> {
        if self.is_dead { Err(eio()) } else { Ok(()) }
    }

    /// Takes the next number for a call that changes or flushes something.
    fn count(&mut self, method: &'static str, name: &str) -> io::Result<u64> {
        self.check_alive()?;
        let call = self.calls_count;
        self.calls_count += 1;
        if self.log.len() < LOG_CALLS_MAX {
            self.log.push(Call {
                method,
                name: name.to_owned(),
            });
        }
        Ok(call)
    }

    fn die_at(&mut self, call: u64) -> io::Result<()> {
        // A number that has passed already means now.
        self.is_dead = self.crash_at.is_some_and(|crash_at| call >= crash_at);
        self.check_alive()
    }
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(EIO)
}
