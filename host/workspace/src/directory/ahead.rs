//! `Ahead`: the new files of a transaction, made in their slots while its record is on its way to the
//! disk. Whoever commits takes part as soon as the record is there.
//!
//! **Invariant:** each file is made by one thread. One that could not be made leaves its slot free,
//! and is made by the step that puts it down.

use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::making::Making;
use super::plan::{Action, Item, SlotOf, Step, steps};
use super::store::Store;
use super::transaction::{Content, Transaction};

/// The new files of one transaction.
#[derive(Debug)]
pub(super) struct Ahead {
    store: Arc<Store>,
    transaction: Arc<Transaction>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// Those that nobody has begun.
    waiting: Vec<SlotOf>,
    in_hand_count: usize,
    /// Those that stand in their slots.
    made: Vec<SlotOf>,
}

impl Ahead {
    /// The new files of a transaction; `None` when it has fewer than `count_min` of them.
    pub(super) fn of(
        store: &Arc<Store>,
        transaction: &Arc<Transaction>,
        count_min: usize,
    ) -> Option<Arc<Self>> {
        let steps = steps(transaction);
        let mut waiting: Vec<SlotOf> = steps.iter().filter_map(new_file).collect();
        if waiting.len() < count_min {
            return None;
        }
        store.spares.want(waiting.len());
        // Taken from the end: the first step finds its file first.
        waiting.reverse();
        let state = State {
            made: Vec::with_capacity(waiting.len()),
            waiting,
            in_hand_count: 0,
        };
        Some(Arc::new(Self {
            store: store.clone(),
            transaction: transaction.clone(),
            state: Mutex::new(state),
            changed: Condvar::new(),
        }))
    }

    /// Makes files until none is left to begin.
    pub(super) fn work(&self) {
        let mut state = self.state.lock();
        while let Some(slot) = state.waiting.pop() {
            state.in_hand_count += 1;
            drop(state);
            let made = self.make(slot);
            state = self.state.lock();
            state.in_hand_count -= 1;
            if made {
                state.made.push(slot);
            }
        }
        self.changed.notify_all();
    }

    /// Takes part, and waits for the others. Returns what was made.
    pub(super) fn finish(&self) -> Vec<SlotOf> {
        self.work();
        self.rest()
    }

    /// Begins no more files, and waits for those that are begun.
    pub(super) fn stop(&self) {
        self.state.lock().waiting.clear();
        self.rest();
    }

    fn rest(&self) -> Vec<SlotOf> {
        let mut state = self.state.lock();
        self.changed
            .wait_while(&mut state, |state| state.in_hand_count > 0);
        std::mem::take(&mut state.made)
    }

    /// Makes one file; tells whether it stands in its slot.
    fn make(&self, slot: SlotOf) -> bool {
        let item = Item::of(&self.transaction, slot);
        let making = Making {
            staging: &self.store.folder.staging,
            transaction: &self.transaction,
            // It is for what is recorded.
            reserve: None,
            spares: Some(&self.store.spares),
        };
        let name = item.slot_name(&self.transaction);
        let made = making.make(&item, &name);
        if made.is_err() {
            // The step that puts it down tells what is wrong, if anything still is.
            drop(self.store.folder.staging.unlink(&name));
        }
        made.is_ok()
    }
}

/// The slot of the new file that a step puts down, when its content is in the record.
fn new_file(step: &Step<'_>) -> Option<SlotOf> {
    match &step.action {
        Action::PutNew { item } | Action::Exchange { item, .. } => {
            matches!(item.content, Content::Inline { .. }).then_some(item.slot)
        }
        Action::TakeOut { .. } | Action::MakeDirectory | Action::PutMoved { .. } => None,
    }
}
