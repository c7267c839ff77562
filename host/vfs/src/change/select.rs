//! A part of a change set that can be applied by itself.

use std::collections::BTreeSet;

use super::ChangeSet;
use crate::Kind;
use crate::error::{Error, Result};
use crate::path::VPath;

/// Which changes are selected, by their index in each list.
#[derive(Default)]
struct Selected {
    departures: BTreeSet<usize>,
    arrivals: BTreeSet<usize>,
    updates: BTreeSet<usize>,
}

impl ChangeSet {
    /// The changes at or below these paths, and what they cannot be applied without: both ends of a
    /// rename, the new directories above, what had to leave the place first.
    ///
    /// # Errors
    ///
    /// `Invalid`, naming the path, when there is no change at or below one of them.
    pub(crate) fn select(&self, paths: &[VPath]) -> Result<Self> {
        if paths.is_empty() {
            return Err(Error::invalid("no path is selected"));
        }
        let mut selected = Selected::default();
        for path in paths {
            let below = |other: &VPath| other.starts_with(path);
            let count = selected.len();
            let found = self.mark(&mut selected, &below);
            if !found && count == selected.len() {
                let detail = format!("the session changed nothing at or below '{path}'");
                return Err(Error::Invalid { detail });
            }
        }
        // Each round adds a change, so that this ends.
        loop {
            let count = selected.len();
            self.complete(&mut selected);
            if count == selected.len() {
                return Ok(self.part(&selected));
            }
        }
    }

    fn mark(&self, selected: &mut Selected, wanted: &dyn Fn(&VPath) -> bool) -> bool {
        let mut found = false;
        let is_wanted = |path: Option<&VPath>| path.is_some_and(wanted);
        for (index, gone) in self.departures.iter().enumerate() {
            if wanted(&gone.path) || is_wanted(gone.moved_to.as_ref()) {
                found = true;
                selected.departures.insert(index);
            }
        }
        for (index, come) in self.arrivals.iter().enumerate() {
            if wanted(&come.path) || is_wanted(come.moved_from.as_ref()) {
                found = true;
                selected.arrivals.insert(index);
            }
        }
        for (index, update) in self.updates.iter().enumerate() {
            if wanted(&update.path) || wanted(&update.source) {
                found = true;
                selected.updates.insert(index);
            }
        }
        found
    }

    fn complete(&self, selected: &mut Selected) {
        let arrivals = selected.arrivals.iter().map(|index| &self.arrivals[*index]);
        let updates = selected.updates.iter().map(|index| &self.updates[*index]);
        let placed: Vec<VPath> = arrivals
            .map(|come| come.path.clone())
            .chain(updates.map(|update| update.path.clone()))
            .collect();
        let mut needed: BTreeSet<VPath> = BTreeSet::new();
        for path in placed {
            let above = std::iter::successors(path.parent(), VPath::parent);
            needed.extend(above.filter(|dir| self.arrival(dir).is_some()));
            needed.insert(path);
        }
        for (index, come) in self.arrivals.iter().enumerate() {
            if needed.contains(&come.path) {
                selected.arrivals.insert(index);
            }
        }
        let mut emptied: BTreeSet<VPath> = BTreeSet::new();
        for (index, gone) in self.departures.iter().enumerate() {
            // Sorted by path, so that a directory is before what is in it.
            let above = std::iter::successors(gone.path.parent(), VPath::parent);
            let inside = above.into_iter().any(|dir| emptied.contains(&dir));
            if needed.contains(&gone.path) || inside {
                selected.departures.insert(index);
            }
            let removed = gone.before.kind == Kind::Directory && gone.moved_to.is_none();
            if removed && selected.departures.contains(&index) {
                emptied.insert(gone.path.clone());
            }
        }
        self.pair(selected);
    }

    /// Adds the other end of every rename.
    fn pair(&self, selected: &mut Selected) {
        let departures: Vec<usize> = selected.departures.iter().copied().collect();
        for index in departures {
            let target = self.departures[index].moved_to.as_ref();
            let found = target.and_then(|target| {
                let arrivals = &self.arrivals;
                arrivals.binary_search_by(|come| come.path.cmp(target)).ok()
            });
            selected.arrivals.extend(found);
        }
        let arrivals: Vec<usize> = selected.arrivals.iter().copied().collect();
        for index in arrivals {
            let source = self.arrivals[index].moved_from.as_ref();
            let found = source.and_then(|source| {
                let departures = &self.departures;
                departures
                    .binary_search_by(|gone| gone.path.cmp(source))
                    .ok()
            });
            selected.departures.extend(found);
        }
    }

    fn part(&self, selected: &Selected) -> Self {
        let pick = |indices: &BTreeSet<usize>| indices.iter().copied().collect::<Vec<_>>();
        let departures = pick(&selected.departures);
        let arrivals = pick(&selected.arrivals);
        let updates = pick(&selected.updates);
        Self {
            departures: departures
                .into_iter()
                .map(|index| self.departures[index].clone())
                .collect(),
            arrivals: arrivals
                .into_iter()
                .map(|index| self.arrivals[index].clone())
                .collect(),
            updates: updates
                .into_iter()
                .map(|index| self.updates[index].clone())
                .collect(),
        }
    }
}

impl Selected {
    fn len(&self) -> usize {
        self.departures.len() + self.arrivals.len() + self.updates.len()
    }
}
