//! The turn, which one process has at a time, and the claims of its commits on paths.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::MutexGuard;
use store::disk::LockGuard;

use super::{Engine, State};
use crate::directory::footprint::Footprint;
use crate::directory::reserve::PromisedInodes;
use crate::directory::store::Store;
use crate::error::{Result, WorkspaceError};

/// Time between two attempts at a lock that another process holds.
const LOCK_RETRY_MS: u64 = 5;

/// Commits after which the turn is given up for a moment, so that other processes get it too.
const TURN_COMMITS_MAX: usize = 1024;

/// The right to use the store, given up when dropped.
pub(in crate::directory) struct Entered {
    engine: Arc<Engine>,
    pub(in crate::directory) store: Arc<Store>,
}

/// Paths that are nobody else's until this is dropped.
pub(in crate::directory) struct Claim {
    engine: Arc<Engine>,
    number: u64,
    /// The inodes that its transaction takes, promised as long as it is on its way.
    pub(in crate::directory) inodes: Option<PromisedInodes>,
}

impl Engine {
    /// Waits for the turn, and for the store to be in order.
    ///
    /// # Errors
    ///
    /// `Busy` after `lock_wait_ms_max`; `Poisoned`; what opening and recovering fail with.
    pub(in crate::directory) fn enter(self: &Arc<Self>) -> Result<Entered> {
        let _entrance = self
            .entrance
            .try_lock_for(self.wait_max())
            .ok_or_else(|| self.busy(self.lock_wait_ms_max))?;
        let mut state = self.sound_state()?;
        let is_used_up =
            |state: &State| state.turn.is_some() && state.turn_commits_count >= TURN_COMMITS_MAX;
        self.wait_while(&mut state, is_used_up)?;
        if state.turn.is_none() {
            let is_long = std::mem::take(&mut state.turn_commits_count) >= TURN_COMMITS_MAX;
            drop(state);
            if is_long {
                // Whoever waits tries again in this time.
                std::thread::sleep(Duration::from_millis(2 * LOCK_RETRY_MS));
            }
            let turn = self.wait_for_turn()?;
            let known = self.state.lock().store.clone();
            let store = self
                .fresh_store(known)
                .map_err(|error| error.at(&self.name))?;
            state = self.state.lock();
            state.turn = Some(turn);
            state.store = Some(store);
        }
        let Some(store) = state.store.clone() else {
            return Err(self.poisoned());
        };
        state.entered_count += 1;
        state.turn_commits_count += 1;
        Ok(Entered {
            engine: self.clone(),
            store,
        })
    }

    fn wait_for_turn(&self) -> Result<LockGuard> {
        for attempt in 0..=self.lock_wait_ms_max / LOCK_RETRY_MS {
            if attempt > 0 {
                std::thread::sleep(Duration::from_millis(LOCK_RETRY_MS));
            }
            let lock = self.root().try_lock();
            if let Some(turn) = lock.map_err(|e| WorkspaceError::io(&self.name, ".", e))? {
                return Ok(turn);
            }
        }
        Err(self.busy(self.lock_wait_ms_max))
    }

    /// Waits until nobody else is at work on related paths, and takes these.
    ///
    /// # Errors
    ///
    /// `Busy` after `lock_wait_ms_max`; nothing is taken then.
    pub(in crate::directory) fn claim(self: &Arc<Self>, footprint: Footprint) -> Result<Claim> {
        let mut state = self.state.lock();
        self.wait_while(&mut state, |state| {
            let mut claims = state.claims.iter();
            claims.any(|(_, other)| other.overlaps(&footprint))
        })?;
        let number = state.next_claim;
        state.next_claim += 1;
        state.claims.push((number, footprint));
        Ok(Claim {
            engine: self.clone(),
            number,
            inodes: None,
        })
    }

    /// Waits while something holds of the state, for at most `lock_wait_ms_max`.
    fn wait_while(
        &self,
        state: &mut MutexGuard<'_, State>,
        holds: impl Fn(&State) -> bool,
    ) -> Result<()> {
        let condition = |state: &mut State| holds(state);
        self.changed
            .wait_while_for(state, condition, self.wait_max());
        match holds(state) {
            true => Err(self.busy(self.lock_wait_ms_max)),
            false => Ok(()),
        }
    }

    fn wait_max(&self) -> Duration {
        Duration::from_millis(self.lock_wait_ms_max)
    }
}

impl Entered {
    pub(in crate::directory) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut state = self.engine.state.lock();
        state.entered_count -= 1;
        if state.entered_count == 0 {
            let turn = state.turn.take();
            drop(state);
            drop(turn);
            self.engine.changed.notify_all();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut state = self.engine.state.lock();
        state.claims.retain(|(number, _)| *number != self.number);
        self.engine.changed.notify_all();
    }
}
