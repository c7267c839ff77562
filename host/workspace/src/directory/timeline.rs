//! The transactions that sessions must not see yet, or not see half: those on their way into the
//! directory, and those newer than the generation of a session that is still open.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use store::disk::Fingerprint;
use vfs::{Digest, Name, VPath};

use super::apply::Leftover;
use super::footprint::Footprint;
use super::transaction::Transaction;
use crate::change::Change;

/// Bytes of the change records that are remembered for open sessions, so that one that stays open
/// over very many commits does not take the memory of all; in memory they are a few times as much.
const RECORDS_BYTES_MAX: usize = 64 << 20;

/// What the sessions of one base need to know about its commits.
#[derive(Debug)]
pub(super) struct Timeline {
    state: Mutex<State>,
    changed: Condvar,
    wait_ms_max: u64,
    records_bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    moments: BTreeMap<u64, Arc<Moment>>,
    /// Those that are on their way into the directory.
    applying: BTreeSet<u64>,
    /// Which moments something left or came to a path, or changed at.
    by_path: BTreeMap<VPath, BTreeSet<u64>>,
    /// Which moments something left or came to a directory.
    by_parent: BTreeMap<VPath, BTreeSet<u64>>,
    /// How many open sessions there are of each generation.
    readers: BTreeMap<u64, usize>,
    /// The last generation that is recorded.
    generation: u64,
    /// What the moments have of `RECORDS_BYTES_MAX`.
    records_bytes: usize,
    /// The last moment that was forgotten although a session might have asked for it.
    forgotten: u64,
    aborts_count: u64,
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
    record_bytes: usize,
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

/// Why a generation cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The base has to be recovered first.
    Broken,
    /// A transaction was on its way at the path for so many milliseconds.
    Busy(u64),
    /// Too much was committed since.
    Forgotten,
}

impl Timeline {
    /// One whose readers wait so long for what is on its way.
    pub(super) fn new(wait_ms_max: u64) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            wait_ms_max,
            records_bytes_max: RECORDS_BYTES_MAX,
        })
    }

    /// Begins at a generation.
    pub(super) fn start(&self, generation: u64) {
        let mut state = self.state.lock();
        state.generation = state.generation.max(generation);
    }

    /// The last generation that is recorded.
    pub(super) fn generation(&self) -> u64 {
        self.state.lock().generation
    }

    /// The oldest generation that is read, or will be.
    pub(super) fn oldest(&self) -> u64 {
        let state = self.state.lock();
        let oldest = state.readers.keys().next().copied();
        oldest.map_or(state.generation, |oldest| oldest.min(state.generation))
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
            record_bytes: transaction.change_bytes(),
            progress: Mutex::new(Progress::Applying),
        };
        let mut state = self.state.lock();
        state.index(sequence, &moment.change);
        state.applying.insert(sequence);
        state.records_bytes += moment.record_bytes;
        state.moments.insert(sequence, Arc::new(moment));
        state.generation = state.generation.max(sequence);
        state.shed(self.records_bytes_max);
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
        if let Some(moment) = moment {
            moment.keep(path, digest);
        }
    }

    /// Gives up: a transaction could not be applied.
    pub(super) fn break_off(&self) {
        self.state.lock().broken = true;
        self.changed.notify_all();
    }

    /// Tells the first transaction after `generation` that did something at the path or above; with
    /// `inside` also directly in it. One at the path or above is in the directory then, one inside
    /// need not be. Waits for that, and for those on their way there that the reader is to see.
    ///
    /// Nothing newer is waited for, so that readers get on however much is committed.
    ///
    /// # Errors
    ///
    /// `Busy` after the time that readers wait; `Broken`; `Forgotten`.
    pub(super) fn next(
        &self,
        seen: u64,
        generation: u64,
        path: &VPath,
        inside: bool,
    ) -> Result<Option<(u64, Arc<Moment>)>, Unreadable> {
        let mut state = self.state.lock();
        let is_busy = |state: &State| state.is_busy(seen, generation, path, inside);
        let has_to_wait = |state: &mut State| !state.broken && is_busy(state);
        let wait_max = Duration::from_millis(self.wait_ms_max);
        self.changed
            .wait_while_for(&mut state, has_to_wait, wait_max);
        if is_busy(&state) {
            return Err(match state.broken {
                true => Unreadable::Broken,
                false => Unreadable::Busy(self.wait_ms_max),
            });
        }
        if generation < state.forgotten {
            return Err(Unreadable::Forgotten);
        }
        let first = state.first(generation, path, inside);
        Ok(first.and_then(|sequence| {
            let moment = state.moments.get(&sequence)?;
            Some((sequence, moment.clone()))
        }))
    }

    /// The transactions after `generation` that were recorded by now and did something directly in a
    /// directory; they need not be in it yet.
    pub(super) fn inside(&self, generation: u64, path: &VPath) -> Vec<Arc<Moment>> {
        let state = self.state.lock();
        let all = state.by_parent.get(path);
        let newer = all.map(|all| all.range(generation.saturating_add(1)..));
        let newer = newer.into_iter().flatten();
        newer
            .filter_map(|sequence| state.moments.get(sequence).cloned())
            .collect()
    }

    /// How many transactions were taken back. What was read meanwhile may be theirs.
    pub(super) fn aborts_count(&self) -> u64 {
        self.state.lock().aborts_count
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
        state.applying.remove(&sequence);
        if matches!(progress, Progress::Aborted) {
            state.aborts_count += 1;
            state.forget(sequence);
        } else if let Some(moment) = state.moments.get(&sequence) {
            *moment.progress.lock() = progress;
        }
        state.trim();
        self.changed.notify_all();
    }
}

impl State {
    /// Whether something is on its way that decides what a reader of the generation `seen` finds at a
    /// path, or where the first transaction after `generation` has put that.
    fn is_busy(&self, seen: u64, generation: u64, path: &VPath, inside: bool) -> bool {
        if self.applying.is_empty() {
            return false;
        }
        let decides = |moment: &Arc<Moment>| match inside {
            true => moment.footprint.touches(path),
            false => moment.footprint.covers(path),
        };
        let to_be_seen = self.applying.range(..=seen);
        let mut to_be_seen = to_be_seen.filter_map(|one| self.moments.get(one));
        if to_be_seen.any(decides) {
            return true;
        }
        let first = self.first(generation, path, inside);
        first.is_some_and(|first| {
            self.applying.contains(&first) && self.first(generation, path, false) == Some(first)
        })
    }

    /// The first transaction after a generation that did something at a path or above, or in it.
    fn first(&self, generation: u64, path: &VPath, inside: bool) -> Option<u64> {
        if self.moments.is_empty() {
            return None;
        }
        let after = |sequences: &BTreeSet<u64>| {
            let newer = sequences.range(generation.saturating_add(1)..);
            newer.copied().next()
        };
        let above = std::iter::successors(Some(path.clone()), VPath::parent);
        let at = above.filter_map(|dir| self.by_path.get(&dir).and_then(after));
        let within = inside.then(|| self.by_parent.get(path).and_then(after));
        at.chain(within.flatten()).min()
    }

    fn index(&mut self, sequence: u64, change: &Change) {
        for path in places(change) {
            if let Some(parent) = path.parent() {
                self.by_parent.entry(parent).or_default().insert(sequence);
            }
            self.by_path.entry(path).or_default().insert(sequence);
        }
    }

    /// Forgets what no session needs any more.
    fn trim(&mut self) {
        let oldest = self.readers.keys().next().copied().unwrap_or(u64::MAX);
        let old = self.moments.range(..=oldest).map(|(sequence, _)| *sequence);
        let old = old.filter(|sequence| !self.applying.contains(sequence));
        for sequence in old.collect::<Vec<_>>() {
            self.forget(sequence);
        }
    }

    /// Forgets the oldest of what is in the directory while there is too much of it.
    fn shed(&mut self, records_bytes_max: usize) {
        while self.records_bytes > records_bytes_max {
            let is_applied = |sequence: &&u64| !self.applying.contains(*sequence);
            let Some(oldest) = self.moments.keys().find(is_applied).copied() else {
                return;
            };
            self.forget(oldest);
            self.forgotten = self.forgotten.max(oldest);
        }
    }

    fn forget(&mut self, sequence: u64) {
        let Some(moment) = self.moments.remove(&sequence) else {
            return;
        };
        self.records_bytes -= moment.record_bytes;
        for path in places(&moment.change) {
            if let Some(parent) = path.parent() {
                forget_in(&mut self.by_parent, &parent, sequence);
            }
            forget_in(&mut self.by_path, &path, sequence);
        }
    }
}

fn forget_in(index: &mut BTreeMap<VPath, BTreeSet<u64>>, path: &VPath, sequence: u64) {
    if let Some(sequences) = index.get_mut(path) {
        sequences.remove(&sequence);
        if sequences.is_empty() {
            index.remove(path);
        }
    }
}

/// Where something left, came or changed, by what was there before.
fn places(change: &Change) -> impl Iterator<Item = VPath> {
    let departures = change.departures.iter().map(|gone| &gone.path);
    let arrivals = change.arrivals.iter().map(|come| &come.path);
    let updates = change.updates.iter().map(|update| &update.source);
    departures.chain(arrivals).chain(updates).cloned()
}

impl Moment {
    /// Notes that the version before this transaction has become an object.
    pub(super) fn keep(&self, path: &VPath, digest: Digest) {
        if let Progress::Applied(kept) = &mut *self.progress.lock() {
            kept.insert(path.clone(), Kept::Object(digest));
        }
    }

    /// Where the version is that stood at a path before this transaction.
    pub(super) fn kept(&self, path: &VPath) -> Option<Kept> {
        match &*self.progress.lock() {
            Progress::Applied(kept) => kept.get(path).cloned(),
            _ => None,
        }
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

#[cfg(test)]
mod tests;
