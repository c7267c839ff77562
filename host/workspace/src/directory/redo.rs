//! Doing a transaction again after a crash: each step is judged by what stands there now.
//!
//! What the transaction puts there: done. What it replaces: redone. Torn bytes of its own: redone.
//! Anything else was written by somebody after the commit, and stays. Every step can be repeated, so
//! that recovery itself may be crashed.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use store::disk::{Dir, FileKind, Fingerprint};
use vfs::{Name, VPath};

use super::apply::{Applier, DIRECTORY_MODE, Halt, Leftover, failed, is_empty};
use super::compare::{Likeness, compare};
use super::fingerprint::{is_absence, is_same_renamed};
use super::folder::{ENTRIES_MAX, name};
use super::plan::{Action, Item, Step, departure_index, steps};
use super::transaction::{Content, Transaction, slot_prefix};

/// What stands at the path of a step, with its directory and its name there.
type Standing<'s> = (Arc<dyn Dir>, &'s Name, Fingerprint);

/// Endings of slots, for objects that an interrupted recovery left in the first ones.
pub(super) const ENDINGS: [&str; 9] = ["", "a", "b", "c", "d", "e", "f", "g", "h"];

/// What recovery has found or made so far, over all transactions.
#[derive(Debug, Default)]
pub(super) struct Known<'t> {
    /// The object at a path that an earlier transaction left there.
    at: HashMap<VPath, (u64, u64)>,
    /// The objects that recovery made.
    made: HashSet<(u64, u64)>,
    /// What earlier transactions put at a path; the next one replaces the last of them.
    versions: HashMap<VPath, Vec<(&'t Transaction, Item<'t>)>>,
}

/// One transaction that is done again.
#[derive(Debug)]
pub(super) struct Redo<'a, 't> {
    pub(super) applier: Applier<'t>,
    pub(super) known: &'a mut Known<'t>,
    /// Where what was taken out is, by the number of the departure.
    pub(super) taken: HashMap<usize, Name>,
}

impl Redo<'_, '_> {
    /// Does all steps again.
    pub(super) fn run(&mut self) -> Result<(), Halt> {
        let transaction = self.applier.transaction;
        for step in &steps(transaction) {
            // What a path leads to may change with every step.
            self.applier.walker.forget();
            match &step.action {
                Action::TakeOut {
                    index, seen, moved, ..
                } => self.take_out(step, *index, seen.as_ref(), *moved)?,
                Action::MakeDirectory => self.make_directory(step)?,
                Action::PutMoved { index, seen, .. } => {
                    self.put_moved(step, *index, seen.as_ref())?;
                }
                Action::PutNew { item } => self.put_new(step, item, None)?,
                Action::Exchange { seen, item } => self.put_new(step, item, seen.as_ref())?,
            }
        }
        self.finish()
    }

    /// Finds what a transaction that was applied completely took out.
    pub(super) fn collect(&mut self) -> Result<(), Halt> {
        let transaction = self.applier.transaction;
        for step in &steps(transaction) {
            match &step.action {
                // What was moved is gone from its slot, unless its content was made anew.
                Action::TakeOut { index, seen, .. } => {
                    let slot = transaction.out_slot(*index);
                    self.keep_leftover(step, &slot, seen.as_ref())?;
                }
                Action::Exchange { seen, item } => {
                    let slot = self.applier.slot(item);
                    self.keep_leftover(step, &slot, seen.as_ref())?;
                }
                _ => {}
            }
        }
        self.finish()
    }

    fn finish(&mut self) -> Result<(), Halt> {
        self.sweep()?;
        let transaction = self.applier.transaction;
        for step in steps(transaction) {
            match step.action {
                Action::PutNew { item } | Action::Exchange { item, .. } => {
                    let version = (transaction, item);
                    let versions = &mut self.known.versions;
                    versions.entry(step.path.clone()).or_default().push(version);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn take_out(
        &mut self,
        step: &Step<'_>,
        index: usize,
        seen: Option<&Fingerprint>,
        moved: bool,
    ) -> Result<(), Halt> {
        let slot = self.applier.transaction.out_slot(index);
        let now = self.probe(step)?;
        let ours = now.is_some_and(|now| self.is_before(step.path, seen, &now));
        let place = match now.filter(|_| ours) {
            Some(now) => self
                .applier
                .place_if_there(step)?
                .map(|(dir, name)| (dir, name, now)),
            None => self.carried_away(step, seen)?,
        };
        let Some((dir, entry, now)) = place else {
            let found = self.keep_leftover(step, &slot, seen)?;
            self.taken.extend(found.map(|slot| (index, slot)));
            return Ok(());
        };
        let slot = self.free_slot(step, &slot)?;
        let taken = self.applier.mover.take_out((&*dir, entry), &slot, &now);
        let taken = taken.map_err(|error| failed(step, error))?;
        self.known.at.remove(step.path);
        self.taken.insert(index, slot.clone());
        let staging = self.applier.mover.staging.clone();
        let staging = &*staging;
        let is_directory = taken.fingerprint.kind == FileKind::Directory;
        if !moved && !is_directory {
            // Its size and time may have arrived without its bytes.
            let likeness = self.likeness_before(step, &slot, &taken.fingerprint)?;
            if likeness == Likeness::Torn {
                self.clear(step, &slot)?;
                return self.remake_before(step, &slot);
            }
        }
        let is_known = match is_directory {
            true => is_empty(staging, &slot).map_err(|error| failed(step, error))?,
            false => {
                seen.is_some_and(|seen| is_same_renamed(seen, &taken.fingerprint))
                    || self.known.made.contains(&object(&now))
                    || self.likeness_before(step, &slot, &taken.fingerprint)? == Likeness::Same
            }
        };
        if moved || is_known {
            self.applier.leave(step, slot, taken.fingerprint);
            return Ok(());
        }
        self.applier.displace(step, &slot)
    }

    /// Finds what departs where a directory above it has been moved to: the disk may have kept a later
    /// step and lost an earlier one. Directories that were removed are back where they stood.
    fn carried_away<'s>(
        &self,
        step: &Step<'s>,
        seen: Option<&Fingerprint>,
    ) -> Result<Option<Standing<'s>>, Halt> {
        let Some((parent, name)) = step.path.split() else {
            return Ok(None);
        };
        let dir = self.directory_that_stood_at(&VPath::from_names(parent.to_vec()));
        let found = dir.and_then(|dir| match dir {
            None => Ok(None),
            Some(dir) => dir.stat(name).map(|now| Some((dir, name, now))),
        });
        match found {
            Err(error) if is_absence(&error) => Ok(None),
            found => {
                let found = found.map_err(|error| failed(step, error))?;
                let is_it =
                    |now: &Fingerprint| seen.is_some_and(|seen| object(seen) == object(now));
                Ok(found.filter(|(_, _, now)| is_it(now)))
            }
        }
    }

    /// The directory that stood at a path before the transaction, wherever it is by now.
    fn directory_that_stood_at(&self, path: &VPath) -> io::Result<Option<Arc<dyn Dir>>> {
        let transaction = self.applier.transaction;
        let Some((parent, name)) = path.split() else {
            return Ok(Some(self.applier.root.clone()));
        };
        let departure = departure_index(&transaction.change, path);
        let seen = departure.and_then(|index| Some((index, transaction.departures[index]?)));
        if let Some((index, seen)) = seen {
            let slot = transaction.out_slot(index);
            let slots = ENDINGS
                .iter()
                .map(|end| self::name(&format!("{slot}{end}")));
            let mut places: Vec<_> = slots
                .map(|slot| self.applier.mover.staging.walk(&[slot]))
                .collect();
            let target = transaction.change.departures[index].moved_to.as_ref();
            places.extend(target.map(|target| self.applier.root.walk(target.components())));
            for place in places {
                match place {
                    Err(error) if is_absence(&error) => {}
                    place => {
                        let place = place?;
                        if object(&place.stat_self()?) == object(&seen) {
                            return Ok(Some(place));
                        }
                    }
                }
            }
        }
        let parent = self.directory_that_stood_at(&VPath::from_names(parent.to_vec()))?;
        match parent.map(|parent| parent.walk(std::slice::from_ref(name))) {
            Some(Err(error)) if is_absence(&error) => Ok(None),
            found => found.transpose(),
        }
    }

    fn put_moved(
        &mut self,
        step: &Step<'_>,
        index: usize,
        seen: Option<&Fingerprint>,
    ) -> Result<(), Halt> {
        let slot = self.taken.get(&index).cloned();
        let now = self.probe(step)?;
        let is_it = now.is_some_and(|now| seen.is_some_and(|seen| object(seen) == object(&now)));
        if let Some(now) = now.filter(|_| is_it) {
            self.known.at.insert(step.path.clone(), object(&now));
        }
        let Some(slot) = slot else { return Ok(()) };
        self.applier
            .applied
            .leftovers
            .retain(|left| left.slot != slot);
        match now {
            // The slot has a second one that this recovery made on the way here.
            Some(_) if is_it => self.clear_or_keep(step, &slot),
            // Somebody took the place after the commit.
            Some(_) => self.applier.displace(step, &slot),
            None if self.applier.place_if_there(step)?.is_none() => {
                self.applier.displace(step, &slot)
            }
            None => {
                self.applier.put_down(step, &slot)?;
                self.note(step)
            }
        }
    }

    fn make_directory(&mut self, step: &Step<'_>) -> Result<(), Halt> {
        let Some((dir, entry)) = self.applier.place_if_there(step)? else {
            return Ok(());
        };
        match self.applier.mover.room(|| dir.mkdir(entry, DIRECTORY_MODE)) {
            // A later transaction may remove it, and finds another object than it saw.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                match self.probe(step)? {
                    Some(now) if now.kind == FileKind::Directory => self.note(step),
                    _ => Ok(()),
                }
            }
            made => {
                made.map_err(|error| failed(step, error))?;
                self.made(step)
            }
        }
    }

    /// Brings a new version to its place; `seen` is what it replaces there.
    fn put_new(
        &mut self,
        step: &Step<'_>,
        item: &Item<'_>,
        seen: Option<&Fingerprint>,
    ) -> Result<(), Halt> {
        let base_slot = self.applier.slot(item);
        let Some((dir, entry)) = self.applier.place_if_there(step)? else {
            self.keep_leftover(step, &base_slot, seen)?;
            return Ok(());
        };
        let Some(now) = self.probe(step)? else {
            let slot = self.fresh(step, item, &base_slot, seen)?;
            self.applier.put_down(step, &slot)?;
            self.keep_leftover(step, &base_slot, seen)?;
            return self.made(step);
        };
        let transaction = self.applier.transaction;
        let likeness = compare(transaction, item, &*dir, entry, &now);
        let likeness = likeness.map_err(|error| failed(step, error))?;
        if likeness == Likeness::Same {
            self.known.at.insert(step.path.clone(), object(&now));
            self.keep_leftover(step, &base_slot, seen)?;
            return Ok(());
        }
        if likeness == Likeness::Other && !self.is_before(step.path, seen, &now) {
            // A later transaction was here, or somebody else after the commit.
            self.keep_leftover(step, &base_slot, seen)?;
            return Ok(());
        }
        let slot = self.fresh(step, item, &base_slot, seen)?;
        let taken = self.applier.mover.exchange(&slot, (&*dir, entry), &now);
        let taken = taken.map_err(|error| failed(step, error))?;
        self.keep_leftover(step, &base_slot, seen)?;
        self.made(step)?;
        let is_of_slot = |left: &Leftover| left.slot == slot;
        let own =
            likeness == Likeness::Torn || self.known.made.contains(&object(&taken.fingerprint));
        match own {
            _ if self.applier.applied.leftovers.iter().any(is_of_slot) => Ok(()),
            true => self.clear(step, &slot),
            false if self.slot_is_free(step, &slot)? => Ok(()),
            false if self.is_own(step, &slot)? => self.clear(step, &slot),
            false => self.applier.displace(step, &slot),
        }
    }

    /// The new version in a slot of its own. One that was staged before the record is used where it
    /// is, unless its slot holds the old version already.
    fn fresh(
        &self,
        step: &Step<'_>,
        item: &Item<'_>,
        base: &Name,
        seen: Option<&Fingerprint>,
    ) -> Result<Name, Halt> {
        let staging = &**self.applier.mover.staging;
        let is_old = |now: &Fingerprint| seen.is_some_and(|seen| object(seen) == object(now));
        // Where a file grew, its old version looks like a torn new one.
        if let Ok(now) = staging.stat(base)
            && !is_old(&now)
        {
            let found = compare(self.applier.transaction, item, staging, base, &now);
            match found.map_err(|error| failed(step, error))? {
                Likeness::Same => return Ok(base.clone()),
                Likeness::Torn => self.clear(step, base)?,
                Likeness::Other => {}
            }
        }
        let slot = self.free_slot(step, base)?;
        self.applier.make_in(step, item, &slot)?;
        Ok(slot)
    }

    /// Whether what stands at a path is what the transaction replaces: the object that was validated,
    /// or what an earlier transaction of this recovery left there.
    fn is_before(&self, path: &VPath, seen: Option<&Fingerprint>, now: &Fingerprint) -> bool {
        seen.is_some_and(|seen| object(seen) == object(now) && seen.kind == now.kind)
            || self.known.at.get(path) == Some(&object(now))
    }

    fn probe(&mut self, step: &Step<'_>) -> Result<Option<Fingerprint>, Halt> {
        match self.applier.place_if_there(step)? {
            None => Ok(None),
            Some((dir, entry)) => match dir.stat(entry) {
                Err(error) if is_absence(&error) => Ok(None),
                now => now.map(Some).map_err(|error| failed(step, error)),
            },
        }
    }

    /// Finds what the transaction replaced in one of the slots where it may be, and keeps it: as the
    /// version before, or as somebody's own when it was written to since.
    fn keep_leftover(
        &mut self,
        step: &Step<'_>,
        base: &Name,
        seen: Option<&Fingerprint>,
    ) -> Result<Option<Name>, Halt> {
        let Some(seen) = seen else { return Ok(None) };
        let is_moved = matches!(step.action, Action::TakeOut { moved: true, .. });
        for ending in ENDINGS {
            let slot = name(&format!("{base}{ending}"));
            let found = match self.applier.mover.staging.stat(&slot) {
                Err(error) if is_absence(&error) => continue,
                found => found.map_err(|error| failed(step, error))?,
            };
            let likeness = match is_moved {
                true => Likeness::Other,
                false => self.likeness_before(step, &slot, &found)?,
            };
            match likeness {
                Likeness::Torn => {
                    self.clear(step, &slot)?;
                    break;
                }
                Likeness::Same => {
                    self.applier.leave(step, slot.clone(), found);
                    return Ok(Some(slot));
                }
                Likeness::Other if object(&found) != object(seen) || found.kind != seen.kind => {}
                Likeness::Other if is_moved || is_same_renamed(seen, &found) => {
                    self.applier.leave(step, slot.clone(), found);
                    return Ok(Some(slot));
                }
                Likeness::Other => {
                    self.applier.displace(step, &slot)?;
                    return Ok(None);
                }
            }
        }
        if !is_moved {
            self.remake_before(step, base)?;
        }
        Ok(None)
    }

    /// How a slot compares with what an earlier transaction of the journal put where the step takes
    /// something out: recovery may have made that anew, as another object than was validated.
    fn likeness_before(
        &self,
        step: &Step<'_>,
        slot: &Name,
        found: &Fingerprint,
    ) -> Result<Likeness, Halt> {
        let versions = self.known.versions.get(step.stood);
        let Some((transaction, item)) = versions.and_then(|versions| versions.last()) else {
            return Ok(Likeness::Other);
        };
        let staging = &**self.applier.mover.staging;
        let found = compare(transaction, item, staging, slot, found);
        found.map_err(|error| failed(step, error))
    }

    /// Makes what the step replaced once more, for history, when an earlier record of the journal
    /// has it and the disk has lost it.
    fn remake_before(&mut self, step: &Step<'_>, base: &Name) -> Result<(), Halt> {
        let versions = self.known.versions.get(step.stood);
        let Some((transaction, item)) = versions.and_then(|versions| versions.last()).copied()
        else {
            return Ok(());
        };
        if !matches!(item.content, Content::Inline { .. }) {
            return Ok(());
        }
        let slot = self.free_slot(step, base)?;
        let maker = self.applier.of(transaction);
        maker.make_in(step, &item, &slot)?;
        let made = self.applier.mover.staging.stat(&slot);
        let made = made.map_err(|error| failed(step, error))?;
        self.applier.leave(step, slot, made);
        Ok(())
    }

    fn slot_is_free(&self, step: &Step<'_>, slot: &Name) -> Result<bool, Halt> {
        match self.applier.mover.staging.stat(slot) {
            Err(error) if is_absence(&error) => Ok(true),
            found => found.map(|_| false).map_err(|error| failed(step, error)),
        }
    }

    fn free_slot(&self, step: &Step<'_>, base: &Name) -> Result<Name, Halt> {
        for ending in ENDINGS {
            let slot = name(&format!("{base}{ending}"));
            if self.slot_is_free(step, &slot)? {
                return Ok(slot);
            }
        }
        Err(failed(step, io::ErrorKind::AlreadyExists.into()))
    }

    /// Notes that recovery made what stands at the step's path.
    fn made(&mut self, step: &Step<'_>) -> Result<(), Halt> {
        if let Some(now) = self.probe(step)? {
            self.known.made.insert(object(&now));
            self.known.at.insert(step.path.clone(), object(&now));
        }
        Ok(())
    }

    fn note(&mut self, step: &Step<'_>) -> Result<(), Halt> {
        if let Some(now) = self.probe(step)? {
            self.known.at.insert(step.path.clone(), object(&now));
        }
        Ok(())
    }

    fn clear(&self, step: &Step<'_>, slot: &Name) -> Result<(), Halt> {
        let cleared = self.applier.folder.clear(slot);
        cleared.map_err(|error| failed(step, error))
    }

    fn clear_or_keep(&mut self, step: &Step<'_>, slot: &Name) -> Result<(), Halt> {
        let found = self.applier.mover.staging.stat(slot);
        let found = found.map_err(|error| failed(step, error))?;
        match self.known.made.contains(&object(&found)) {
            true => self.clear(step, slot),
            false => self.applier.displace(step, slot),
        }
    }

    /// Goes through the transaction's slots that are not accounted for: what it made itself is
    /// removed, anything else is somebody's and is kept.
    fn sweep(&mut self) -> Result<(), Halt> {
        let root = VPath::root();
        let step = Step {
            path: &root,
            stood: &root,
            action: Action::MakeDirectory,
        };
        let transaction = self.applier.transaction;
        let prefix = slot_prefix(transaction.id);
        let staging = self.applier.mover.staging.clone();
        let listing = staging.list(ENTRIES_MAX);
        for item in listing.map_err(|error| failed(&step, error))?.items {
            let slot = item.name;
            let accounted = |left: &Leftover| left.slot == slot;
            if !slot.starts_with(&prefix) || self.applier.applied.leftovers.iter().any(accounted) {
                continue;
            }
            if self.is_own(&step, &slot)? {
                self.clear(&step, &slot)?;
            } else {
                self.applier.displace(&step, &slot)?;
            }
        }
        Ok(())
    }

    /// Whether a slot holds what this transaction or this recovery made.
    fn is_own(&self, step: &Step<'_>, slot: &Name) -> Result<bool, Halt> {
        let transaction = self.applier.transaction;
        let staging = &**self.applier.mover.staging;
        let now = staging.stat(slot).map_err(|error| failed(step, error))?;
        if self.known.made.contains(&object(&now)) {
            return Ok(true);
        }
        let is_of = |base: &Name| {
            let endings = ENDINGS.iter();
            let mut names = endings.map(|ending| format!("{base}{ending}"));
            names.any(|name| **slot == name)
        };
        for step in &steps(transaction) {
            let (base, item) = match &step.action {
                Action::TakeOut { index, .. } => (transaction.out_slot(*index), None),
                Action::PutNew { item } | Action::Exchange { item, .. } => {
                    (self.applier.slot(item), Some(item))
                }
                _ => continue,
            };
            if !is_of(&base) {
                continue;
            }
            let new = item.map(|item| compare(transaction, item, staging, slot, &now));
            let new = new.unwrap_or(Ok(Likeness::Other));
            if new.map_err(|error| failed(step, error))? != Likeness::Other {
                return Ok(true);
            }
            return self
                .was_put(staging, slot, step.stood)
                .map_err(|error| failed(step, error));
        }
        Ok(now.kind == FileKind::Directory
            && is_empty(staging, slot).map_err(|error| failed(step, error))?)
    }

    /// Whether an object is one that earlier transactions of the journal put at a path; a directory,
    /// when everything in it is.
    fn was_put(&self, dir: &dyn Dir, entry: &Name, path: &VPath) -> io::Result<bool> {
        let now = dir.stat(entry)?;
        if now.kind == FileKind::Directory {
            let inner = dir.walk(std::slice::from_ref(entry))?;
            for item in inner.list(ENTRIES_MAX)?.items {
                if !self.was_put(&*inner, &item.name, &path.join(&item.name))? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        for (transaction, item) in self.known.versions.get(path).into_iter().flatten() {
            if compare(transaction, item, dir, entry, &now)? != Likeness::Other {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Which object it is, whatever has become of it.
fn object(found: &Fingerprint) -> (u64, u64) {
    (found.dev, found.ino)
}
