//! A way to stop a run from outside; the run ends with the outcome `Cancelled`.

use std::sync::Arc;

use tokio::sync::watch;

/// Stops every run that was given a clone of it. Once cancelled it stays so.
#[derive(Clone, Debug)]
pub struct Cancellation(Arc<watch::Sender<bool>>);

impl Cancellation {
    /// One that has not been used yet.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Stops the runs; those still waiting for a place do not begin.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Whether `cancel` was called.
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until `cancel` is called.
    pub(crate) async fn cancelled(&self) {
        let mut receiver = self.0.subscribe();
        // The sender lives as long as `self`, so waiting ends only by a cancel.
        let _ended = receiver.wait_for(|cancelled| *cancelled).await;
    }
}

impl Default for Cancellation {
    fn default() -> Self {
        Self::new()
    }
}
