//! The thread that writes a log out while sessions go on, so that no operation waits for the disk.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::core::Core;

/// The way to the thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Pump {
    asks: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Pump {
    /// Starts the thread; `None` when the system has none to give.
    pub(super) fn start(core: Arc<Core>) -> Option<Self> {
        // One ask that waits is enough: whoever answers it writes everything.
        let (asks, waiting) = sync_channel(1);
        let thread = std::thread::Builder::new().name("session-fs-audit".to_owned());
        let started = thread.spawn(move || {
            // The failure is kept for `health` and `ready`.
            waiting.into_iter().for_each(|()| drop(core.write_out()));
        });
        Some(Self {
            asks: Some(asks),
            thread: Some(started.ok()?),
        })
    }

    /// Has what is pending written out soon; tells whether somebody will.
    pub(super) fn ask(&self) -> bool {
        let asked = self.asks.as_ref().map(|asks| asks.try_send(()));
        matches!(asked, Some(Ok(()) | Err(TrySendError::Full(()))))
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        drop(self.asks.take());
        // A thread that panicked has told of it.
        drop(self.thread.take().map(JoinHandle::join));
    }
}
