//! The visible steps of a commit, in an order in which each finds its place: everything that
//! departed is taken out deepest first, what arrived is put down shallowest first, and files that
//! changed where they stand are exchanged last.

use store::disk::Fingerprint;
use vfs::{BaseStat, ChangeSet, Conflict, ConflictSide, Departure, Kind, Name, VPath};

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
        }
    }
}

/// The steps that take everything out that departed.
pub(super) fn departures(set: &ChangeSet) -> impl Iterator<Item = Step> {
    set.departures
        .iter()
        .enumerate()
        .rev()
        .map(|(index, departure)| Step {
            path: departure.path.clone(),
            action: Action::TakeOut {
                slot: slot("out-", index),
                seen: departure.before.seen,
                kind: departure.before.kind,
                moved: departure.moved_to.is_some(),
            },
            before: Some(ConflictSide::from(&departure.before)),
            ours: None,
        })
}

/// The steps that put everything down that arrived; `made` holds what was staged, arrival by
/// arrival.
pub(super) fn arrivals(set: &ChangeSet, made: Vec<Option<Made>>) -> impl Iterator<Item = Step> {
    set.arrivals.iter().zip(made).map(|(arrival, made)| {
        let kind = arrival.after.kind;
        let action = match (made, &arrival.moved_from) {
            (Some(Made { slot, fingerprint }), _) => Action::PutDown {
                slot,
                kind,
                made: Some(fingerprint),
            },
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
    })
}

/// The steps that exchange the files that changed where they stand.
pub(super) fn updates(set: &ChangeSet, made: Vec<Made>) -> impl Iterator<Item = Step> {
    set.updates.iter().zip(made).map(|(update, made)| Step {
        path: update.path.clone(),
        action: Action::Exchange {
            slot: made.slot,
            seen: update.before.seen,
            made: made.fingerprint,
        },
        before: Some(ConflictSide::from(&update.before)),
        ours: Some(ConflictSide::from(&update.after)),
    })
}

/// The departure from a path that something moved away from, and its number.
pub(super) fn departure_at<'a>(set: &'a ChangeSet, path: &VPath) -> (usize, &'a Departure) {
    let found = set
        .departures
        .binary_search_by(|departure| departure.path.cmp(path));
    let index = found.expect("whatever moved to a place departed from another");
    (index, &set.departures[index])
}
