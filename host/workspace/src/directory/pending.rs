//! The transactions that are in the journals and not yet checkpointed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::apply::Applied;
use super::footprint::Footprint;
use super::transaction::Transaction;
use crate::change::{Change, ChangeId};

/// A committed transaction.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    pub(super) transaction: Arc<Transaction>,
    pub(super) state: Progress,
}

/// How far a committed transaction is.
#[derive(Clone, Debug)]
pub(super) enum Progress {
    /// It is on its way into the directory.
    Applying,
    /// It is in the directory.
    Applied(Arc<Applied>),
    /// It was taken back before the caller was told of it.
    Aborted,
}

/// All of them, by their sequence numbers.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) committed: BTreeMap<u64, Committed>,
    /// The last change that was checkpointed.
    pub(super) last: Option<ChangeId>,
    /// The generation of that, or of the first before any.
    pub(super) generation: u64,
    touched: Footprint,
}

impl Pending {
    /// Notes a transaction whose record is in the journal.
    pub(super) fn commit(&mut self, sequence: u64, transaction: Arc<Transaction>) {
        self.touched.extend(paths(&transaction.change));
        let state = Progress::Applying;
        self.committed
            .insert(sequence, Committed { transaction, state });
    }

    /// Notes how a transaction went on. One that is settled has no more use for its contents.
    pub(super) fn advance(&mut self, sequence: u64, state: Progress) {
        if let Some(committed) = self.committed.get_mut(&sequence) {
            committed.transaction = Arc::new(committed.transaction.without_contents());
            committed.state = state;
        }
    }

    /// Whether every transaction up to this number is in the directory or taken back.
    pub(super) fn is_settled(&self, last: u64) -> bool {
        self.committed
            .range(..=last)
            .all(|(_, one)| one.is_settled())
    }

    /// The last sequence number up to which every transaction is settled.
    pub(super) fn settled_sequence(&self) -> u64 {
        let settled = self
            .committed
            .iter()
            .take_while(|(_, one)| one.is_settled());
        settled
            .last()
            .map_or(self.generation, |(sequence, _)| *sequence)
    }

    /// Whether a change moves something that a transaction before it touched: its bytes may not be
    /// on the disk yet, and recovery would look for them where they were.
    pub(super) fn is_moved_by(&self, change: &Change) -> bool {
        let mut moved = change
            .departures
            .iter()
            .filter(|gone| gone.moved_to.is_some());
        moved.any(|gone| self.touched.touches_within(&gone.path))
    }

    /// The change that a session was committed as.
    pub(super) fn change_of(&self, session: &str) -> Option<(u64, ChangeId)> {
        let mut settled = self.committed.iter().rev();
        settled.find_map(|(sequence, one)| {
            let change = &one.transaction.change;
            let is_it = change.session == session && !change.is_part;
            let stands = !matches!(one.state, Progress::Aborted);
            (is_it && stands).then_some((*sequence, one.transaction.change_id))
        })
    }

    /// The transactions up to this number, all of which are settled.
    pub(super) fn through(&self, last: u64) -> Vec<(u64, Committed)> {
        let settled = self.committed.range(..=last);
        settled
            .map(|(number, one)| (*number, one.clone()))
            .collect()
    }

    /// Forgets the transactions up to this number: they are checkpointed.
    pub(super) fn forget(&mut self, last: u64, change: Option<ChangeId>) {
        self.committed = self.committed.split_off(&last.saturating_add(1));
        self.touched.clear();
        for committed in self.committed.values() {
            self.touched.extend(paths(&committed.transaction.change));
        }
        self.last = change.or(self.last);
        self.generation = last;
    }
}

impl Committed {
    fn is_settled(&self) -> bool {
        !matches!(self.state, Progress::Applying)
    }
}

/// Every path that a change touches.
pub(super) fn paths(change: &Change) -> impl Iterator<Item = vfs::VPath> {
    let departures = change.departures.iter().map(|gone| &gone.path);
    let arrivals = change.arrivals.iter().map(|come| &come.path);
    let updates = change
        .updates
        .iter()
        .flat_map(|update| [&update.path, &update.source]);
    departures.chain(arrivals).chain(updates).cloned()
}
