//! The visible steps of a transaction, in an order in which each finds its place: everything that
//! departed is taken out deepest first, what arrived is put down shallowest first, and files that
//! changed where they stand are exchanged last. A file that is replaced in its place is exchanged too.

use std::collections::HashSet;

use store::disk::Fingerprint;
use vfs::{Kind, Name, VPath};

use super::transaction::{Content, Transaction};
use crate::change::{Arrival, Change, Departure, Version, is_made_anew};

/// One visible step.
#[derive(Clone, Debug)]
pub(super) struct Step<'a> {
    /// Where.
    pub(super) path: &'a VPath,
    /// Where what is taken out or replaced stood before the change.
    pub(super) stood: &'a VPath,
    /// What.
    pub(super) action: Action<'a>,
}

/// What is done at one path. Slots are named by the transaction and an index.
#[derive(Clone, Debug)]
pub(super) enum Action<'a> {
    /// Takes what departs out into the slot of its index.
    TakeOut {
        index: usize,
        seen: Option<Fingerprint>,
        kind: Kind,
        moved: bool,
    },
    /// Makes a directory, unless there is one.
    MakeDirectory,
    /// Puts down what was taken out as the departure of this index.
    PutMoved {
        index: usize,
        seen: Option<Fingerprint>,
        kind: Kind,
    },
    /// Puts down something new where nothing stands.
    PutNew { item: Item<'a> },
    /// Exchanges the file that the session saw for something new.
    Exchange {
        seen: Option<Fingerprint>,
        item: Item<'a>,
    },
}

/// A new file or link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) after: &'a Version,
    pub(super) content: &'a Content,
    pub(super) slot: SlotOf,
}

/// Which slot of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum SlotOf {
    Arrival(usize),
    Update(usize),
}

impl<'a> Item<'a> {
    /// The new object that a transaction puts into a slot.
    pub(super) fn of(transaction: &'a Transaction, slot: SlotOf) -> Self {
        let change = &*transaction.change;
        let (after, content) = match slot {
            SlotOf::Arrival(index) => (&change.arrivals[index].after, &transaction.arrivals[index]),
            SlotOf::Update(index) => (&change.updates[index].after, &transaction.updates[index].1),
        };
        Self {
            after,
            content,
            slot,
        }
    }

    /// The name of its slot.
    pub(super) fn slot_name(&self, transaction: &Transaction) -> Name {
        match self.slot {
            SlotOf::Arrival(index) => transaction.arrival_slot(index),
            SlotOf::Update(index) => transaction.update_slot(index),
        }
    }
}

/// All steps of a transaction.
pub(super) fn steps(transaction: &Transaction) -> Vec<Step<'_>> {
    let change = &*transaction.change;
    let arrivals = || change.arrivals.iter().enumerate();
    let replaced: HashSet<usize> = arrivals()
        .filter(|(_, arrival)| is_made_anew(arrival))
        .filter_map(|(_, arrival)| replaced(change, &arrival.path))
        .collect();
    let departures = change.departures.iter().enumerate().rev();
    let departures = departures.filter(|(index, _)| !replaced.contains(index));
    let updates = change.updates.iter().enumerate();
    departures
        .map(|(index, departure)| Step {
            path: &departure.path,
            stood: &departure.path,
            action: Action::TakeOut {
                index,
                seen: transaction.departures[index],
                kind: departure.before.kind(),
                moved: is_put_again(change, departure),
            },
        })
        .chain(arrivals().map(|(index, arrival)| put_down(transaction, index, arrival)))
        .chain(updates.map(|(index, update)| {
            let action = Action::Exchange {
                seen: transaction.updates[index].0,
                item: Item::of(transaction, SlotOf::Update(index)),
            };
            Step {
                path: &update.path,
                stood: &update.source,
                action,
            }
        }))
        .collect()
}

/// Whether what departs is put down somewhere else. What changes on its way is made anew there, and
/// the old version is kept as one that was replaced.
fn is_put_again(change: &Change, departure: &Departure) -> bool {
    let Some(target) = &departure.moved_to else {
        return false;
    };
    let arrival = change
        .arrivals
        .binary_search_by(|arrival| arrival.path.cmp(target));
    arrival.is_ok_and(|index| !is_made_anew(&change.arrivals[index]))
}

fn put_down<'a>(transaction: &'a Transaction, index: usize, arrival: &'a Arrival) -> Step<'a> {
    let change = &*transaction.change;
    let action = match &arrival.moved_from {
        _ if is_made_anew(arrival) => {
            let item = Item::of(transaction, SlotOf::Arrival(index));
            match replaced(change, &arrival.path) {
                Some(departure) => Action::Exchange {
                    seen: transaction.departures[departure],
                    item,
                },
                None => Action::PutNew { item },
            }
        }
        Some(source) => match departure_index(change, source) {
            Some(index) => Action::PutMoved {
                index,
                seen: transaction.departures[index],
                kind: arrival.after.kind(),
            },
            None => Action::MakeDirectory,
        },
        None => Action::MakeDirectory,
    };
    let path = &arrival.path;
    Step {
        path,
        stood: path,
        action,
    }
}

/// The departure of what is replaced at a path, when it can be exchanged there in one step, so that
/// nobody finds the name missing: it is removed, no directory, and its own directory stood still.
fn replaced(change: &Change, path: &VPath) -> Option<usize> {
    let index = departure_index(change, path)?;
    let departure = &change.departures[index];
    let in_place = std::iter::successors(path.parent(), VPath::parent)
        .all(|dir| departure_index(change, &dir).is_none());
    let is_plain = departure.before.kind() != Kind::Directory && departure.moved_to.is_none();
    (is_plain && in_place).then_some(index)
}

/// The number of the departure from a path.
pub(super) fn departure_index(change: &Change, path: &VPath) -> Option<usize> {
    change
        .departures
        .binary_search_by(|departure: &Departure| departure.path.cmp(path))
        .ok()
}
