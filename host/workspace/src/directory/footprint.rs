//! The paths that a commit touches, so that commits which have nothing to do with each other go on
//! side by side and others wait.

use std::collections::BTreeSet;

use vfs::{ChangeSet, VPath};

/// A set of paths; one stands for itself and for everything below.
#[derive(Clone, Debug, Default)]
pub(super) struct Footprint {
    paths: BTreeSet<VPath>,
}

impl Footprint {
    /// What a change set writes.
    pub(super) fn of(set: &ChangeSet) -> Self {
        let departures = set.departures.iter().map(|departure| &departure.path);
        let arrivals = set.arrivals.iter().map(|arrival| &arrival.path);
        let updates = set
            .updates
            .iter()
            .flat_map(|update| [&update.path, &update.source]);
        let paths = departures.chain(arrivals).chain(updates).cloned().collect();
        Self { paths }
    }

    pub(super) fn extend(&mut self, paths: impl IntoIterator<Item = VPath>) {
        self.paths.extend(paths);
    }

    pub(super) fn clear(&mut self) {
        self.paths.clear();
    }

    /// Whether a path of one is a path of the other, or above or below it.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let (few, many) = match self.paths.len() <= other.paths.len() {
            true => (self, other),
            false => (other, self),
        };
        few.paths.iter().any(|path| many.touches(path))
    }

    /// Whether a path of the set is `path`, or above or below it.
    pub(super) fn touches(&self, path: &VPath) -> bool {
        self.touches_within(path) || self.covers(path)
    }

    /// Whether a path of the set is `path` or above it.
    pub(super) fn covers(&self, path: &VPath) -> bool {
        let mut above = std::iter::successors(Some(path.clone()), VPath::parent);
        above.any(|above| self.paths.contains(&above))
    }

    /// Whether a path of the set is `path` or below it.
    pub(super) fn touches_within(&self, path: &VPath) -> bool {
        let next = self.paths.range(path..).next();
        next.is_some_and(|next| next.components().starts_with(path.components()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footprint(paths: &[&str]) -> Footprint {
        let mut footprint = Footprint::default();
        footprint.extend(paths.iter().map(|path| VPath::parse(path).expect("valid")));
        footprint
    }

    #[test]
    fn only_related_paths_overlap() {
        let check = |one: &[&str], two: &[&str], expected: bool| {
            let (one, two) = (footprint(one), footprint(two));
            assert_eq!(one.overlaps(&two), expected, "{one:?} {two:?}");
            assert_eq!(two.overlaps(&one), expected, "{two:?} {one:?}");
        };
        check(&["a"], &["a"], true);
        check(&["a"], &["b"], false);
        check(&["a/b"], &["a"], true);
        check(&["a/b"], &["a/c", "d"], false);
        check(&["a/b/c", "x"], &["a/b", "y"], true);
        check(&["a"], &["a.b", "a-b"], false);
        check(&[], &["a"], false);
        check(&["a-b", "a/z"], &["a/z/q"], true);
    }
}
