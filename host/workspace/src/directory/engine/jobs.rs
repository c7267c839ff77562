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

    /// Makes spare files for the next commit, unless another process wrote to the store meanwhile.
    pub(in crate::directory) fn make_spares(self: &Arc<Self>, store: &Arc<Store>) {
        let entered = self.enter();
        let is_ours = entered.is_ok_and(|entered| {
            let is_ours = Arc::ptr_eq(&entered.store, store);
            if is_ours {
                let number = self.transaction_id(store);
                store.spares.fill(&*store.folder.staging, number);
            }
            is_ours
        });
        if !is_ours {
            store.spares.give_up_filling();
        }
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
}
