//! Threads of the engine: one applies transactions that were acknowledged when they were recorded,
//! another empties the journal when that is due, a third makes new files while their record is on its
//! way. They are three, because a checkpoint waits for what is yet to be applied, and a caller for the
//! files.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use parking_lot::{Condvar, Mutex};

use super::ahead::Ahead;
use super::commit::{Manner, apply};
use super::engine::{Claim, Engine, Entered};
use super::store::Store;
use super::transaction::Transaction;

/// A recorded transaction that is yet to be applied, with the rights to do so.
pub(super) struct Deferred {
    pub(super) sequence: u64,
    pub(super) transaction: Arc<Transaction>,
    // Dropped in this order: the paths are free before the turn is given up.
    pub(super) _claim: Claim,
    pub(super) entered: Entered,
}

/// Something to do.
pub(super) enum Job {
    Apply(Deferred),
    Checkpoint(Arc<Engine>),
    MakeAhead(Arc<Ahead>),
    /// With a number that no transaction has.
    MakeSpares(Arc<Store>, u64),
}

/// The way to the thread, which ends when this is dropped and nothing is left to do.
#[derive(Debug)]
pub(super) struct Worker {
    queue: Sender<Job>,
    load: Arc<Load>,
}

/// What a thread has to do.
#[derive(Debug, Default)]
struct Load {
    /// Jobs that were handed over and are not done; `None` when the thread is gone.
    jobs_count: Mutex<Option<usize>>,
    eased: Condvar,
}

/// Tells that the thread is gone, however it ended.
struct Leaving(Arc<Load>);

impl Worker {
    /// Starts the thread; `None` when the system has none to give.
    pub(super) fn start() -> Option<Self> {
        let (queue, waiting) = channel::<Job>();
        let load = Arc::new(Load {
            jobs_count: Mutex::new(Some(0)),
            ..Load::default()
        });
        let thread = std::thread::Builder::new().name("session-fs-apply".to_owned());
        let leaving = Leaving(load.clone());
        let started = thread.spawn(move || {
            for job in waiting {
                // What the job holds is let go of before it counts as done.
                job.run();
                leaving.0.change(|count| count - 1);
            }
        });
        started.ok().map(|_| Self { queue, load })
    }

    /// Has something done; gives it back when the thread is gone.
    pub(super) fn hand_over(&self, job: Job) -> Result<(), Job> {
        self.load.change(|count| count + 1);
        self.queue.send(job).map_err(|refused| refused.0)
    }

    /// Waits until everything that was handed over is done and let go of.
    pub(super) fn wait(&self) {
        let mut jobs_count = self.load.jobs_count.lock();
        self.load
            .eased
            .wait_while(&mut jobs_count, |count| count.is_some_and(|it| it > 0));
    }
}

impl Load {
    fn change(&self, change: impl FnOnce(usize) -> usize) {
        let mut jobs_count = self.jobs_count.lock();
        *jobs_count = jobs_count.map(change);
        self.eased.notify_all();
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        *self.0.jobs_count.lock() = None;
        self.0.eased.notify_all();
    }
}

impl Job {
    /// Does it. A failure closes the base, and the next opening completes what was begun.
    pub(super) fn run(self) {
        match self {
            Self::Apply(deferred) => deferred.run(),
            Self::Checkpoint(engine) => drop(engine.checkpoint()),
            Self::MakeAhead(ahead) => ahead.work(),
            Self::MakeSpares(store, number) => {
                store.spares.fill(&*store.folder.staging, number);
            }
        }
    }
}

impl Deferred {
    fn run(self) {
        let engine: &Engine = self.entered.engine();
        let store = self.entered.store.clone();
        drop(apply(
            engine,
            &store,
            self.sequence,
            &self.transaction,
            Manner::default(),
        ));
    }
}
