//! A change set path by path, as it is listed to people and programs.

use std::collections::BTreeMap;

use super::{Arrival, ChangeSet, Departure};
use crate::Kind;
use crate::path::VPath;

/// What a session did to one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Something stands there now and nothing did.
    Created,
    /// What stood there was changed or replaced.
    Modified,
    /// Nothing stands there now.
    Removed,
    /// What stands there was elsewhere.
    Renamed,
}

/// One path that a session changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeEntry {
    /// The path.
    pub path: VPath,
    /// What happened to it.
    pub change: ChangeKind,
    /// What stands there, or stood there.
    pub kind: Kind,
    /// Where a renamed object came from.
    pub renamed_from: Option<VPath>,
    /// Size before; `None` when there was nothing.
    pub size_before: Option<u64>,
    /// Size after; `None` when there is nothing.
    pub size_after: Option<u64>,
}

impl ChangeKind {
    /// The word for it in JSON, WIT and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Modified => "modified",
            Self::Removed => "removed",
            Self::Renamed => "renamed",
        }
    }
}

pub(super) fn entries(set: &ChangeSet) -> Vec<ChangeEntry> {
    let gone: BTreeMap<&VPath, &Departure> = set
        .departures
        .iter()
        .map(|departure| (&departure.path, departure))
        .collect();
    let mut entries: BTreeMap<VPath, ChangeEntry> = BTreeMap::new();
    for departure in set
        .departures
        .iter()
        .filter(|departure| departure.moved_to.is_none())
    {
        entries.insert(departure.path.clone(), removed(departure));
    }
    for arrival in &set.arrivals {
        let replaced = gone.get(&arrival.path).copied();
        entries.insert(arrival.path.clone(), arrived(&gone, arrival, replaced));
    }
    for update in &set.updates {
        let entry = ChangeEntry {
            path: update.path.clone(),
            change: ChangeKind::Modified,
            kind: update.after.kind,
            renamed_from: None,
            size_before: Some(update.before.size),
            size_after: Some(update.after.size),
        };
        entries.insert(update.path.clone(), entry);
    }
    entries.into_values().collect()
}

fn removed(departure: &Departure) -> ChangeEntry {
    ChangeEntry {
        path: departure.path.clone(),
        change: ChangeKind::Removed,
        kind: departure.before.kind,
        renamed_from: None,
        size_before: Some(departure.before.size),
        size_after: None,
    }
}

fn arrived(
    gone: &BTreeMap<&VPath, &Departure>,
    arrival: &Arrival,
    replaced: Option<&Departure>,
) -> ChangeEntry {
    let (change, size_before) = match (&arrival.moved_from, replaced) {
        (Some(source), _) => {
            let origin = gone.get(source);
            (
                ChangeKind::Renamed,
                origin.map(|departure| departure.before.size),
            )
        }
        (None, Some(departure)) => (ChangeKind::Modified, Some(departure.before.size)),
        (None, None) => (ChangeKind::Created, None),
    };
    ChangeEntry {
        path: arrival.path.clone(),
        change,
        kind: arrival.after.kind,
        renamed_from: arrival.moved_from.clone(),
        size_before,
        size_after: Some(arrival.after.size),
    }
}
