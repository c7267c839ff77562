//! Who may run: as many at once as there are places, and a bounded number of others waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The machine is full: every place is taken and as many runs wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{instances_max} runs are under way and {waiting_max} wait; try again later")]
pub struct Full {
    /// Runs at once.
    pub instances_max: u32,
    /// Runs waiting.
    pub waiting_max: usize,
}

/// The door in front of the instance pool.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Arc<Semaphore>,
    waiting_count: AtomicUsize,
    limits: Full,
}

impl Admission {
    pub(crate) fn new(instances_max: u32, waiting_max: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(instances_max as usize)),
            waiting_count: AtomicUsize::new(0),
            limits: Full {
                instances_max,
                waiting_max,
            },
        }
    }

    /// Waits for a place, which is given back when the permit is dropped.
    pub(crate) async fn enter(&self) -> Result<OwnedSemaphorePermit, Full> {
        if let Ok(permit) = self.places.clone().try_acquire_owned() {
            return Ok(permit);
        }
        let _waiting = self.wait_in_line()?;
        Ok(self
            .places
            .clone()
            .acquire_owned()
            .await
            .expect("the semaphore is never closed"))
    }

    /// What a run that finds no place is told.
    pub(crate) fn full(&self) -> Full {
        self.limits
    }

    fn wait_in_line(&self) -> Result<Waiting<'_>, Full> {
        let before = self.waiting_count.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(&self.waiting_count);
        if before >= self.limits.waiting_max {
            return Err(self.limits);
        }
        Ok(waiting)
    }
}

/// One place in the line, left on drop: a run may be given up while it waits.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
