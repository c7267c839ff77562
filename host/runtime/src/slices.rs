//! How runs share the threads: one that has computed for long waits for its next slice in a line of its
//! own, so that one that only wants to do a little never stands behind all of them.
//!
//! A guest yields at every tick. Were all that compute put back into the scheduler's queue, a short run
//! would wait for a slice of each; so no more of them are in it than there are threads.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Computing time from which on a run stands in line for its slices.
const BUSY: Duration = Duration::from_millis(20);

/// Rest after which half of what was computed is forgotten.
const HALF_LIFE: Duration = Duration::from_millis(50);

/// The places for runs that have computed for long.
#[derive(Debug)]
pub(crate) struct Slices(Arc<Semaphore>);

/// What one run has computed of late.
struct Account {
    computed: Duration,
    /// Since when it rests; absent when it only yielded, and would have gone on at once.
    resting_since: Option<Instant>,
}

/// A run's way to be polled again, which notices when the run takes it itself.
#[derive(Debug)]
struct Bell {
    waker: Mutex<Waker>,
    has_rung: AtomicBool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.has_rung.store(true, Ordering::Release);
        self.waker.lock().wake_by_ref();
    }
}

impl Bell {
    /// Polls a run; tells also whether it asked to go on at once.
    fn poll<T>(
        self: &Arc<Self>,
        context: &Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> (Poll<T>, bool) {
        self.waker.lock().clone_from(context.waker());
        self.has_rung.store(false, Ordering::Release);
        let waker = Waker::from(self.clone());
        let polled = poll(&mut Context::from_waker(&waker));
        (polled, self.has_rung.load(Ordering::Acquire))
    }
}

impl Slices {
    /// One place for each thread of the machine.
    pub(crate) fn new() -> Self {
        Self::with(std::thread::available_parallelism().map_or(1, usize::from))
    }

    fn with(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }

    /// Drives a run, slice by slice.
    pub(crate) async fn share<T>(&self, run: impl Future<Output = T>) -> T {
        let mut run = pin!(run);
        let mut account = Account {
            computed: Duration::ZERO,
            resting_since: None,
        };
        let bell = Arc::new(Bell {
            waker: Mutex::new(Waker::noop().clone()),
            has_rung: AtomicBool::new(false),
        });
        let mut goes_on = false;
        loop {
            if let Some(since) = account.resting_since {
                account.rest(since.elapsed());
            }
            // Held while the run stands in the scheduler's queue and computes, and never while it waits
            // for something else.
            let place = match account.is_busy() {
                true => Some(self.place().await),
                false => None,
            };
            if goes_on {
                yield_once().await;
            }
            let mut turn = Some(place);
            let ended = poll_fn(|context| {
                let Some(place) = turn.take() else {
                    return Poll::Ready(None);
                };
                let start = Instant::now();
                let (polled, rang) = bell.poll(context, |context| run.as_mut().poll(context));
                drop(place);
                let end = Instant::now();
                account.compute(end - start);
                account.resting_since = (!rang).then_some(end);
                goes_on = rang;
                match polled {
                    Poll::Ready(ended) => Poll::Ready(Some(ended)),
                    Poll::Pending if rang => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            });
            if let Some(ended) = ended.await {
                return ended;
            }
        }
    }

    async fn place(&self) -> OwnedSemaphorePermit {
        let place = self.0.clone().acquire_owned();
        place.await.expect("the semaphore is never closed")
    }
}

/// Goes to the end of the scheduler's queue, as a guest does that yields.
async fn yield_once() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Account {
    fn is_busy(&self) -> bool {
        self.computed >= BUSY
    }

    fn compute(&mut self, time: Duration) {
        // No more than that, or a run that computed for an hour would stand in line for ever.
        self.computed = self.computed.saturating_add(time).min(2 * BUSY);
    }

    fn rest(&mut self, time: Duration) {
        let halves = time.as_nanos() / HALF_LIFE.as_nanos();
        let share = u32::try_from(halves)
            .ok()
            .and_then(|halves| 1_u32.checked_shl(halves));
        self.computed = share.map_or(Duration::ZERO, |share| self.computed / share);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_computed_is_forgotten_with_rest() {
        let mut account = Account {
            computed: Duration::ZERO,
            resting_since: None,
        };
        account.compute(BUSY / 2);
        assert!(!account.is_busy());
        account.compute(BUSY / 2);
        assert!(account.is_busy());
        account.rest(HALF_LIFE / 2);
        assert!(account.is_busy());
        account.rest(HALF_LIFE);
        assert!(!account.is_busy());
        account.compute(Duration::from_secs(3600));
        assert!(account.is_busy());
        account.rest(2 * HALF_LIFE);
        assert!(!account.is_busy());
        account.rest(Duration::MAX);
        assert_eq!(account.computed, Duration::ZERO);
    }

    /// Computes for long at once, and then for a moment each time that it is polled.
    async fn compute(log: Arc<Mutex<Vec<&'static str>>>) {
        let start = Instant::now();
        while start.elapsed() < BUSY {
            std::hint::spin_loop();
        }
        for _ in 0..40 {
            yield_once().await;
            log.lock().push("busy");
        }
    }

    /// Without a line of their own there are ten of their slices between two of the short run's.
    #[tokio::test]
    async fn a_short_run_never_stands_behind_all_that_compute() {
        let (slices, log) = (Arc::new(Slices::with(1)), Arc::<Mutex<Vec<_>>>::default());
        let mut runs = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let (slices, log) = (slices.clone(), Arc::clone(&log));
            runs.spawn(async move { slices.share(compute(log)).await });
        }
        // Until each of them has computed for long.
        while log.lock().len() < 10 {
            tokio::task::yield_now().await;
        }
        log.lock().clear();
        let quiet = {
            let (slices, log) = (slices.clone(), Arc::clone(&log));
            tokio::spawn(async move {
                let run = async {
                    for _ in 0..20 {
                        log.lock().push("quiet");
                        yield_once().await;
                    }
                };
                slices.share(run).await;
            })
        };
        quiet.await.expect("no panic");
        let seen = log.lock().clone();
        runs.join_all().await;
        let last = seen.iter().rposition(|slice| *slice == "quiet");
        let until_last = &seen[..last.expect("it ran")];
        let between = until_last.split(|slice| *slice == "quiet").skip(1);
        let most = between.map(<[_]>::len).max();
        assert!(most <= Some(2), "{seen:?}");
        assert!(seen.contains(&"busy"), "they go on meanwhile");
    }
}
