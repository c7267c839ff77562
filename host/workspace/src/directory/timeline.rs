//! The transactions that sessions must not see yet, or not see half: those on their way into the
//! directory, and those newer than the generation of a session that is still open.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use store::disk::Fingerprint;
use vfs::{Digest, Name, VPath};

use super::apply::Leftover;
use super::footprint::Footprint;
use super::transaction::Transaction;
use crate::change::Change;

/// What the sessions of one base need to know about its commits.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    moments: BTreeMap<u64, Arc<Moment>>,
    /// How many open sessions there are of each generation.
    readers: BTreeMap<u64, usize>,
    /// The last generation that is recorded.
    generation: u64,
    broken: bool,
}

/// One transaction on the timeline.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) change: Arc<Change>,
    /// What was validated of each departure and each update.
    pub(super) departures: Vec<Option<Fingerprint>>,
    pub(super) updates: Vec<Option<Fingerprint>>,
    footprint: Footprint,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
enum Progress {
    Applying,
    Applied(HashMap<VPath, Kept>),
    Aborted,
}

/// Where a version is that a change replaced or removed.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    /// In a slot, as it was when it had just been taken out.
    Slot(Name, Fingerprint),
    /// Among the objects.
    Object(Digest),
}

/// The right to see a generation as long as it lives.
#[derive(Debug)]
pub(super) struct Reader {
    timeline: Arc<Timeline>,
    pub(super) generation: u64,
}

/// A base that has to be recovered before it can be read.
#[derive(Debug)]
pub(super) struct Broken;

impl Timeline {
    /// Begins at a generation.
    pub(super) fn start(&self, generation: u64) {
        let mut state = self.state.lock();
        state.generation = state.generation.max(generation);
    }

    /// The last generation that is recorded.
    pub(super) fn generation(&self) -> u64 {
        self.state.lock().generation
    }

    /// A reader of what is committed by now.
    pub(super) fn reader(self: &Arc<Self>) -> Reader {
        let mut state = self.state.lock();
        let generation = state.generation;
        *state.readers.entry(generation).or_default() += 1;
        Reader {
            timeline: self.clone(),
            generation,
        }
    }

    /// Notes a transaction that is recorded and about to be applied.
    pub(super) fn record(&self, sequence: u64, transaction: &Transaction) {
        let mut footprint = Footprint::default();
        footprint.extend(super::pending::paths(&transaction.change));
        let moment = Moment {
            change: transaction.change.clone(),
            departures: transaction.departures.clone(),
            updates: transaction.updates.iter().map(|(seen, _)| *seen).collect(),
            footprint,
            progress: Mutex::new(Progress::Applying),
        };
        let mut state = self.state.lock();
        state.moments.insert(sequence, Arc::new(moment));
        state.generation = state.generation.max(sequence);
    }

    /// Notes a record without a transaction.
    pub(super) fn pass(&self, sequence: u64) {
        let mut state = self.state.lock();
        state.generation = state.generation.max(sequence);
    }

    /// Notes that a transaction is in the directory, and where the versions before it are.
    pub(super) fn apply(&self, sequence: u64, leftovers: &[Leftover]) {
        let kept = leftovers
            .iter()
            .map(|left| (left.path.clone(), Kept::Slot(left.slot.clone(), left.taken)));
        self.settle(sequence, Progress::Applied(kept.collect()));
    }

    /// Notes that a transaction was taken back.
    pub(super) fn abort(&self, sequence: u64) {
        self.settle(sequence, Progress::Aborted);
    }

    /// Notes that a version before a transaction has become an object.
    pub(super) fn keep(&self, sequence: u64, path: &VPath, digest: Digest) {
        let moment = self.state.lock().moments.get(&sequence).cloned();
        let Some(moment) = moment else { return };
        if let Progress::Applied(kept) = &mut *moment.progress.lock() {
            kept.insert(path.clone(), Kept::Object(digest));
        }
    }

    /// Gives up: a transaction could not be applied.
    pub(super) fn break_off(&self) {
        self.state.lock().broken = true;
        self.changed.notify_all();
    }

    /// Waits until nothing is on its way at the path or related to it, and tells the transactions
    /// after `generation`, in their order. `None` when there are none.
    pub(super) fn since(
        &self,
        generation: u64,
        path: &VPath,
    ) -> Result<Option<Vec<Arc<Moment>>>, Broken> {
        let mut state = self.state.lock();
        loop {
            if state.moments.is_empty() {
                return Ok(None);
            }
            let mut moments = state.moments.values();
            if !moments.any(|moment| moment.is_applying() && moment.footprint.touches(path)) {
                break;
            }
            if state.broken {
                return Err(Broken);
            }
            self.changed.wait(&mut state);
        }
        let newer = state.moments.range(generation.saturating_add(1)..);
        let newer = newer.filter(|(_, moment)| !moment.is_aborted());
        let newer: Vec<_> = newer.map(|(_, moment)| moment.clone()).collect();
        Ok((!newer.is_empty()).then_some(newer))
    }

    /// Whether an object holds a version that an open session may still ask for.
    pub(super) fn needs(&self, digest: &Digest) -> bool {
        let state = self.state.lock();
        state.moments.values().any(|moment| {
            let progress = moment.progress.lock();
            let Progress::Applied(kept) = &*progress else {
                return false;
            };
            let mut kept = kept.values();
            kept.any(|kept| matches!(kept, Kept::Object(object) if object == digest))
        })
    }

    fn settle(&self, sequence: u64, progress: Progress) {
        let mut state = self.state.lock();
        if let Some(moment) = state.moments.get(&sequence) {
            *moment.progress.lock() = progress;
        }
        state.trim();
        self.changed.notify_all();
    }
}

impl State {
    /// Forgets what no session needs any more.
    fn trim(&mut self) {
        let oldest = self.readers.keys().next().copied().unwrap_or(u64::MAX);
        self.moments
            .retain(|sequence, moment| *sequence > oldest || moment.is_applying());
    }
}

impl Moment {
    /// Where the version is that stood at a path before this transaction.
    pub(super) fn kept(&self, path: &VPath) -> Option<Kept> {
        match &*self.progress.lock() {
            Progress::Applied(kept) => kept.get(path).cloned(),
            _ => None,
        }
    }

    fn is_applying(&self) -> bool {
        matches!(*self.progress.lock(), Progress::Applying)
    }

    fn is_aborted(&self) -> bool {
        matches!(*self.progress.lock(), Progress::Aborted)
    }
}

impl Reader {
    /// One more reader of the same generation.
    pub(super) fn again(&self) -> Self {
        let mut state = self.timeline.state.lock();
        *state.readers.entry(self.generation).or_default() += 1;
        Self {
            timeline: self.timeline.clone(),
            generation: self.generation,
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.timeline.state.lock();
        if let Some(count) = state.readers.get_mut(&self.generation) {
            *count -= 1;
            if *count == 0 {
                state.readers.remove(&self.generation);
                state.trim();
            }
        }
    }
}
