//! Finding every path where the directory moved under a session. Nothing is written.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

use store::disk::{Dir, FileKind, Fingerprint};
use vfs::reserved::STORE_NAME;
use vfs::{
    Arrival, BaseEntry, ChangeSet, Conflict, ConflictReason, ConflictSide, Kind, Name, Sealed,
    Side, VPath,
};

use super::fingerprint::{is_as_seen, side};
use super::walker::Walker;

/// An error of the system and where it happened.
pub(super) type Failure = (VPath, io::Error);

/// What a validation found.
#[derive(Debug)]
pub(super) struct Validated {
    /// All conflicts, in the order of their paths.
    pub(super) conflicts: Vec<Conflict>,
    /// What would keep the change from the directory even without any.
    pub(super) immovable: Option<Failure>,
}

/// A validation under way. Departures and updates are looked up where they stood, arrivals where
/// their directory stood before it moved: the tree has still the shape of the beginning.
pub(super) struct Validator<'a> {
    set: &'a ChangeSet,
    walker: Walker,
    listing_entries_max: usize,
    conflicts: BTreeMap<VPath, Conflict>,
    /// The first object that the session writes and that cannot be moved away.
    immovable: Option<Failure>,
    /// Where the directory at a path stands now; `None` when the base has none there yet.
    standing: HashMap<VPath, Option<VPath>>,
}

impl<'a> Validator<'a> {
    pub(super) fn new(root: &Arc<dyn Dir>, set: &'a ChangeSet, listing_entries_max: usize) -> Self {
        Self {
            set,
            walker: Walker::new(root),
            listing_entries_max,
            conflicts: BTreeMap::new(),
            immovable: None,
            standing: HashMap::new(),
        }
    }

    /// All that was found.
    pub(super) fn finish(self) -> Validated {
        Validated {
            conflicts: self.conflicts.into_values().collect(),
            immovable: self.immovable,
        }
    }

    /// Compares what the session reads, lists and misses with what is there now.
    pub(super) fn reads(&mut self, sealed: &Sealed) -> Result<(), Failure> {
        for (path, seen) in sealed.reads() {
            let now = self.probe(&path)?;
            let mut same = now.is_some_and(|now| is_as_seen(Some(&seen.stat), &now));
            if let Some(listing) = seen.listing.as_ref().filter(|_| same) {
                same = self.lists(&path, listing)?;
            }
            if !same {
                let before = Some(ConflictSide {
                    kind: Some(seen.stat.kind),
                    size: seen.stat.size,
                });
                self.read_moved(&path, before, now.map(|now| side(&now)));
            }
        }
        for path in sealed.absences() {
            if let Some(now) = self.probe(&path)? {
                self.read_moved(&path, None, Some(side(&now)));
            }
        }
        Ok(())
    }

    /// Whether a directory has the entries that the session listed.
    fn lists(&mut self, path: &VPath, seen: &[BaseEntry]) -> Result<bool, Failure> {
        let fail = |error| (path.clone(), error);
        let dir = self.walker.directory(path).map_err(fail)?;
        let listing = dir.list(self.listing_entries_max).map_err(fail)?;
        let is_hidden = |name: &Name| path.is_root() && **name == *STORE_NAME;
        let now: BTreeMap<Name, Kind> = listing
            .items
            .into_iter()
            .filter(|item| !is_hidden(&item.name))
            .filter_map(|item| Some((item.name, kind(item.kind)?)))
            .collect();
        let same = |entry: &BaseEntry| now.get(&entry.name) == Some(&entry.kind);
        Ok(now.len() == seen.len() && seen.iter().all(same))
    }

    /// Compares everything that the session writes with what is there now.
    pub(super) fn writes(&mut self) -> Result<(), Failure> {
        let set = self.set;
        for departure in &set.departures {
            let path = &departure.path;
            self.unchanged(path, &departure.before, None)?;
            let directory = departure.before.kind == Kind::Directory;
            if directory && departure.moved_to.is_none() && !self.conflicts.contains_key(path) {
                self.empties(path, &departure.before)?;
            }
        }
        for update in &set.updates {
            self.unchanged(&update.source, &update.before, Some(&update.after))?;
        }
        for arrival in &set.arrivals {
            self.fits(arrival)?;
        }
        Ok(())
    }

    /// Holds an object against the version that the session saw.
    fn unchanged(
        &mut self,
        path: &VPath,
        before: &Side,
        ours: Option<&Side>,
    ) -> Result<(), Failure> {
        let (theirs, obstacle) = self
            .walker
            .probe_movable(path)
            .map_err(|error| (path.clone(), error))?;
        if let Some(error) = obstacle {
            self.immovable.get_or_insert_with(|| (path.clone(), error));
        }
        if !theirs.is_some_and(|now| is_as_seen(before.seen.as_ref(), &now)) {
            self.conflict(path, Some(before), ours, theirs.map(|now| side(&now)));
        }
        Ok(())
    }

    /// Looks in a directory that is to be removed for names that the session did not remove.
    fn empties(&mut self, path: &VPath, before: &Side) -> Result<(), Failure> {
        let fail = |error| (path.clone(), error);
        let dir = self.walker.directory(path).map_err(fail)?;
        let listing = dir.list(self.listing_entries_max).map_err(fail)?;
        for item in listing.items {
            let inside = path.join(&item.name);
            if !self.departs(&inside) {
                let theirs = self.probe(&inside)?;
                self.conflict(&inside, None, None, theirs.map(|now| side(&now)));
            }
        }
        if !listing.skipped.is_empty() {
            // Names that no path can hold: the directory stands for them.
            let theirs = self.probe(path)?;
            self.conflict(path, Some(before), None, theirs.map(|now| side(&now)));
        }
        Ok(())
    }

    /// Checks that an arrival has a directory to stand in and that its name there is free.
    fn fits(&mut self, arrival: &Arrival) -> Result<(), Failure> {
        let Some((parent, name)) = arrival.path.split() else {
            return Ok(());
        };
        let Some(dir) = self.stands(&VPath::from_names(parent.to_vec()))? else {
            return Ok(());
        };
        let ours = Some(&arrival.after);
        let is_directory = |now: Fingerprint| now.kind == FileKind::Directory;
        if !self.probe(&dir)?.is_some_and(is_directory) {
            self.conflict(&arrival.path, None, ours, None);
            return Ok(());
        }
        let place = dir.join(name);
        if self.departs(&place) {
            return Ok(());
        }
        match self.probe(&place)? {
            None => {}
            Some(now) if is_new_directory(arrival) && is_directory(now) => {}
            Some(now) => self.conflict(&arrival.path, None, ours, Some(side(&now))),
        }
        Ok(())
    }

    /// Where the directory that will be at `path` stands now; `None` when it is yet to be made.
    fn stands(&mut self, path: &VPath) -> Result<Option<VPath>, Failure> {
        if let Some(known) = self.standing.get(path) {
            return Ok(known.clone());
        }
        let Some((parent, name)) = path.split() else {
            return Ok(Some(VPath::root()));
        };
        let arrived = arrival_at(self.set, path);
        let found = match arrived.map(|arrival| &arrival.moved_from) {
            Some(Some(source)) => Some(source.clone()),
            arrived => {
                let above = self.stands(&VPath::from_names(parent.to_vec()))?;
                let place = above.map(|dir| dir.join(name));
                match (place, arrived) {
                    (Some(place), Some(_)) => self.made_by_others(place)?,
                    (place, _) => place,
                }
            }
        };
        self.standing.insert(path.clone(), found.clone());
        Ok(found)
    }

    /// The place of a directory that the session makes, when somebody else has made it meanwhile.
    fn made_by_others(&mut self, place: VPath) -> Result<Option<VPath>, Failure> {
        if self.departs(&place) {
            return Ok(None);
        }
        let now = self.probe(&place)?;
        Ok(now
            .filter(|now| now.kind == FileKind::Directory)
            .map(|_| place))
    }

    fn departs(&self, path: &VPath) -> bool {
        let departures = &self.set.departures;
        departures
            .binary_search_by(|departure| departure.path.cmp(path))
            .is_ok()
    }

    fn probe(&mut self, path: &VPath) -> Result<Option<Fingerprint>, Failure> {
        self.walker
            .probe(path)
            .map_err(|error| (path.clone(), error))
    }

    fn read_moved(
        &mut self,
        path: &VPath,
        before: Option<ConflictSide>,
        theirs: Option<ConflictSide>,
    ) {
        // What is written as well is a conflict of its own.
        self.conflicts
            .entry(path.clone())
            .or_insert_with(|| Conflict {
                path: path.clone(),
                before,
                ours: before,
                theirs,
                reason: ConflictReason::ReadMoved,
            });
    }

    fn conflict(
        &mut self,
        path: &VPath,
        before: Option<&Side>,
        ours: Option<&Side>,
        theirs: Option<ConflictSide>,
    ) {
        self.conflicts
            .entry(path.clone())
            .or_insert_with(|| Conflict {
                path: path.clone(),
                before: before.map(ConflictSide::from),
                ours: ours.map(ConflictSide::from),
                theirs,
                reason: reason(
                    before.map(|side| side.kind),
                    ours.map(|side| side.kind),
                    theirs,
                ),
            });
    }
}

/// Why a path is a conflict, as far as that shows without reading contents.
fn reason(
    before: Option<Kind>,
    ours: Option<Kind>,
    theirs: Option<ConflictSide>,
) -> ConflictReason {
    match (before, ours, theirs) {
        (Some(_), _, None) => ConflictReason::RemovedThere,
        (None, Some(_), None) => ConflictReason::RemovedThere,
        (None, Some(_), Some(_)) => ConflictReason::BothCreated,
        (None, None, _) => ConflictReason::NotEmpty,
        (Some(before), _, Some(theirs)) if theirs.kind != Some(before) => ConflictReason::Kind,
        (Some(_), None, Some(_)) => ConflictReason::RemovedHere,
        (Some(_), Some(_), Some(_)) => ConflictReason::Content,
    }
}

fn kind(kind: FileKind) -> Option<Kind> {
    match kind {
        FileKind::Directory => Some(Kind::Directory),
        FileKind::File => Some(Kind::File),
        FileKind::Symlink => Some(Kind::Symlink),
        FileKind::Other => None,
    }
}

/// Whether an arrival is a directory that the session made.
fn is_new_directory(arrival: &Arrival) -> bool {
    arrival.moved_from.is_none() && arrival.after.kind == Kind::Directory
}

fn arrival_at<'a>(set: &'a ChangeSet, path: &VPath) -> Option<&'a Arrival> {
    let index = set
        .arrivals
        .binary_search_by(|arrival| arrival.path.cmp(path))
        .ok()?;
    Some(&set.arrivals[index])
}
