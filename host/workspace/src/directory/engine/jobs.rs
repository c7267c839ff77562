//! What threads of the engine do, or whoever calls where there are none.

use std::sync::Arc;

use super::Engine;
use crate::directory::ahead::Ahead;
use crate::directory::store::Store;
use crate::directory::transaction::Transaction;
use crate::directory::worker::{Job, Worker};

/// New files from which on another thread is asked to make them: with fewer it wakes up too late.
const AHEAD_FILES_MIN: usize = 8;

impl Engine {
    /// Begins to make the new files of a transaction, when that is worth while.
    pub(in crate::directory) fn make_ahead(
        &self,
        store: &Arc<Store>,
        transaction: &Arc<Transaction>,
    ) -> Option<Arc<Ahead>> {
        let count_min = if self.threads { AHEAD_FILES_MIN } else { 1 };
        let ahead = Ahead::of(store, transaction, count_min)?;
        self.defer(Job::MakeAhead(ahead.clone()));
        Some(ahead)
    }

    /// Has something done by a thread of its own, or does it here when there is none.
    pub(in crate::directory) fn defer(&self, job: Job) {
        let worker = match &job {
            Job::Apply(_) => &self.appliers,
            Job::Checkpoint(_) => &self.checkpointers,
            Job::MakeAhead(_) | Job::MakeSpares(..) => &self.makers,
        };
        let start = || self.threads.then(Worker::start).flatten();
        let refused = match worker.get_or_init(start) {
            Some(worker) => worker.hand_over(job).err(),
            None => Some(job),
        };
        if let Some(job) = refused {
            job.run();
        }
    }

    /// Waits until no thread of its own has hold of the engine, so that whoever lets go of it last is
    /// also the one who closes it: a process that ends does not wait for its threads.
    pub(crate) fn wait_for_threads(&self) {
        for worker in [&self.appliers, &self.checkpointers] {
            if let Some(Some(worker)) = worker.get() {
                worker.wait();
            }
        }
    }
}
