//! The visible steps of a commit, in an order in which each finds its place: everything that
//! departed is taken out deepest first, what arrived is put down shallowest first, and files that
//! changed where they stand are exchanged last. A file that is replaced in its place is exchanged too.

use std::collections::HashSet;

use store::disk::Fingerprint;
use vfs::{
    Arrival, BaseStat, ChangeSet, Conflict, ConflictSide, Departure, Kind, Name, Side, VPath,
};

use super::staging::slot;
use super::validate::is_new_directory;

/// One visible step.
#[derive(Debug)]
pub(super) struct Step {
    /// Where.
    pub(super) path: VPath,
    /// What.
    pub(super) action: Action,
    /// What stood there, for a conflict.
    pub(super) before: Option<ConflictSide>,
    /// What the session puts there, for a conflict.
    pub(super) ours: Option<ConflictSide>,
}

/// What is done at one path. A slot is a name in the staging folder.
#[derive(Debug)]
pub(super) enum Action {
    /// Takes the object that the session saw out into its slot.
    TakeOut {
        slot: Name,
        seen: Option<BaseStat>,
        kind: Kind,
        moved: bool,
    },
    /// Makes a directory, unless there is one.
    MakeDirectory,
    /// Puts down what is in the slot: what was taken out elsewhere, or made by this commit.
    PutDown {
        slot: Name,
        kind: Kind,
        made: Option<Fingerprint>,
    },
    /// Exchanges the file that the session saw for the one in the slot.
    Exchange {
        slot: Name,
        seen: Option<BaseStat>,
        made: Fingerprint,
    },
}

/// Something that the commit made in the staging folder.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) slot: Name,
    pub(super) fingerprint: Fingerprint,
}

impl Step {
    /// The conflict of somebody else having been at the path since it was validated.
    pub(super) fn conflict(&self, theirs: Option<ConflictSide>) -> Conflict {
        Conflict {
            path: self.path.clone(),
            before: self.before,
            ours: self.ours,
            theirs,
            reason: vfs::ConflictReason::Content,
        }
    }
}

/// All steps; `arrived` and `updated` hold what was staged for each arrival and each update.
pub(super) fn steps(set: &ChangeSet, arrived: Vec<Option<Made>>, updated: Vec<Made>) -> Vec<Step> {
    let replaced: HashSet<usize> = set
        .arrivals
        .iter()
        .zip(&arrived)
        .filter_map(|(arrival, made)| made.as_ref().and_then(|_| replaced(set, &arrival.path)))
        .collect();
    let departures = set.departures.iter().enumerate().rev();
    let departures = departures.filter(|(index, _)| !replaced.contains(index));
    departures
        .map(|(index, departure)| take_out(index, departure))
        .chain(
            set.arrivals
                .iter()
                .zip(arrived)
                .map(|(arrival, made)| put_down(set, arrival, made)),
        )
        .chain(
            set.updates
                .iter()
                .zip(updated)
                .map(|(update, made)| exchange(&update.path, made, &update.before, &update.after)),
        )
        .collect()
}

fn take_out(index: usize, departure: &Departure) -> Step {
    Step {
        path: departure.path.clone(),
        action: Action::TakeOut {
            slot: slot("out-", index),
            seen: departure.before.seen,
            kind: departure.before.kind,
            moved: departure.moved_to.is_some(),
        },
        before: Some(ConflictSide::from(&departure.before)),
        ours: None,
    }
}

fn put_down(set: &ChangeSet, arrival: &Arrival, made: Option<Made>) -> Step {
    let kind = arrival.after.kind;
    let action = match (made, &arrival.moved_from) {
        (Some(made), _) => {
            if let Some(index) = replaced(set, &arrival.path) {
                let before = &set.departures[index].before;
                return exchange(&arrival.path, made, before, &arrival.after);
            }
            Action::PutDown {
                slot: made.slot,
                kind,
                made: Some(made.fingerprint),
            }
        }
        (None, Some(source)) => {
            let (index, _) = departure_at(set, source);
            Action::PutDown {
                slot: slot("out-", index),
                kind,
                made: None,
            }
        }
        (None, None) => {
            debug_assert!(is_new_directory(arrival), "anything else new is staged");
            Action::MakeDirectory
        }
    };
    Step {
        path: arrival.path.clone(),
        action,
        before: None,
        ours: Some(ConflictSide::from(&arrival.after)),
    }
}

fn exchange(path: &VPath, made: Made, before: &Side, after: &Side) -> Step {
    Step {
        path: path.clone(),
        action: Action::Exchange {
            slot: made.slot,
            seen: before.seen,
            made: made.fingerprint,
        },
        before: Some(ConflictSide::from(before)),
        ours: Some(ConflictSide::from(after)),
    }
}

/// The departure of what is replaced at a path, when it can be exchanged there in one step, so that
/// nobody finds the name missing: it is removed, no directory, and its own directory stood still.
fn replaced(set: &ChangeSet, path: &VPath) -> Option<usize> {
    let index = departure_index(set, path)?;
    let departure = &set.departures[index];
    let in_place = std::iter::successors(path.parent(), VPath::parent)
        .all(|dir| departure_index(set, &dir).is_none());
    let is_plain = departure.before.kind != Kind::Directory && departure.moved_to.is_none();
    (is_plain && in_place).then_some(index)
}

/// The departure from a path that something moved away from, and its number.
pub(super) fn departure_at<'a>(set: &'a ChangeSet, path: &VPath) -> (usize, &'a Departure) {
    let found = departure_index(set, path);
    let index = found.expect("whatever moved to a place departed from another");
    (index, &set.departures[index])
}

fn departure_index(set: &ChangeSet, path: &VPath) -> Option<usize> {
    set.departures
        .binary_search_by(|departure| departure.path.cmp(path))
        .ok()
}
