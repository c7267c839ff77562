//! The turn to commit to a directory: nobody else of this process or of another has it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::MutexGuard;
use store::disk::{Dir, LockGuard};

use crate::base::BaseHandle;
use crate::error::{Result, WorkspaceError};

/// Time between two attempts at a lock that another process holds.
const LOCK_RETRY_MS: u64 = 5;

/// The right to commit to one directory, given up when dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    // Dropped in this order: the processes' lock first.
    _processes: LockGuard,
    _threads: MutexGuard<'a, ()>,
}

impl<'a> Turn<'a> {
    /// Waits for the turn, for at most `wait_ms_max` among threads and as long among processes.
    pub(super) fn wait(
        base: &'a BaseHandle,
        root: &Arc<dyn Dir>,
        wait_ms_max: u64,
    ) -> Result<Self> {
        let threads = base.turn(wait_ms_max)?;
        for attempt in 0..=wait_ms_max / LOCK_RETRY_MS {
            if attempt > 0 {
                std::thread::sleep(Duration::from_millis(LOCK_RETRY_MS));
            }
            let lock = root.try_lock();
            if let Some(processes) = lock.map_err(|e| WorkspaceError::io(base.name(), ".", e))? {
                return Ok(Self {
                    _processes: processes,
                    _threads: threads,
                });
            }
        }
        Err(base.busy(wait_ms_max))
    }
}
