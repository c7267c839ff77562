//! Doing a transaction again after a crash: each step is judged by what stands there now.
//!
//! What the transaction puts there: done. What it replaces: redone. Torn bytes of its own: redone.
//! Anything else was written by somebody after the commit, and stays. Every step can be repeated, so
//! that recovery itself may be crashed.

mod moved;
mod slots;

pub(super) use slots::ENDINGS;

use std::collections::{HashMap, HashSet};
use std::io;

use store::disk::{FileKind, Fingerprint};
use vfs::{Name, VPath};

use super::apply::{Applier, DIRECTORY_MODE, Halt, Leftover, failed, is_empty};
use super::compare::{Likeness, compare};
use super::fingerprint::{is_absence, is_same_renamed};
use super::plan::{Action, Item, Step, steps};
use super::transaction::Transaction;

/// What recovery has found or made so far, over all transactions.
#[derive(Debug, Default)]
pub(super) struct Known<'t> {
    /// The object at a path that an earlier transaction left there.
    at: HashMap<VPath, (u64, u64)>,
    /// The objects that transactions of the journal move. None of them is what an earlier one of it
    /// made: that would have been checkpointed before.
    moved: HashSet<(u64, u64)>,
    /// The objects that recovery made.
    made: HashSet<(u64, u64)>,
    /// What earlier transactions put at a path.
    versions: HashMap<VPath, Vec<(&'t Transaction, Item<'t>)>>,
    /// The last of them, unless something was taken out or moved there after it: what the next
    /// transaction replaces.
    latest: HashMap<VPath, (&'t Transaction, Item<'t>)>,
}

impl<'t> Known<'t> {
    /// What is known before the first of these transactions is done again.
    pub(super) fn before(transactions: impl Iterator<Item = &'t Transaction>) -> Self {
        let moved = transactions.flat_map(|transaction| {
            let departures = &transaction.change.departures;
            let seen = departures.iter().zip(&transaction.departures);
            let moved = seen.filter(|(departure, _)| departure.moved_to.is_some());
            moved.filter_map(|(_, seen)| seen.as_ref().map(object))
        });
        Self {
            moved: moved.collect(),
            ..Self::default()
        }
    }

    fn is_moved(&self, now: &Fingerprint) -> bool {
        self.moved.contains(&object(now))
    }
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
            let path = step.path.clone();
            match step.action {
                Action::PutNew { item } | Action::Exchange { item, .. } => {
                    let version = (transaction, item);
                    self.known.latest.insert(path.clone(), version);
                    self.known.versions.entry(path).or_default().push(version);
                }
                _ => {
                    self.known.latest.remove(&path);
                }
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
        let place = match place {
            Some(place) if !moved && self.is_of_later(step, seen, &place)? => None,
            place => place,
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

    /// Whether a directory is one that a later transaction made, with what that put into it: it is
    /// not what was validated, and recovery did not make it.
    fn is_of_later(
        &self,
        step: &Step<'_>,
        seen: Option<&Fingerprint>,
        (dir, entry, now): &moved::Standing<'_>,
    ) -> Result<bool, Halt> {
        let is_known = seen.is_some_and(|seen| object(seen) == object(now))
            || self.known.made.contains(&object(now));
        if now.kind != FileKind::Directory || is_known {
            return Ok(false);
        }
        let is_empty = is_empty(&**dir, entry).map_err(|error| failed(step, error))?;
        Ok(!is_empty)
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
            if let Some(slot) = &slot {
                self.applier.put_down(step, slot)?;
            }
            self.keep_leftover(step, &base_slot, seen)?;
            return slot.map_or(Ok(()), |_| self.made(step));
        };
        if self.known.is_moved(&now) && !is_seen(seen, &now) {
            // A later transaction has moved it here; it may well look like a torn new version.
            self.keep_leftover(step, &base_slot, seen)?;
            return Ok(());
        }
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
        let Some(slot) = self.fresh(step, item, &base_slot, seen)? else {
            self.keep_leftover(step, &base_slot, seen)?;
            return Ok(());
        };
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

    /// Whether what stands at a path is what the transaction replaces: the object that was validated,
    /// or what an earlier transaction of this recovery left there.
    fn is_before(&self, path: &VPath, seen: Option<&Fingerprint>, now: &Fingerprint) -> bool {
        seen.is_some_and(|seen| object(seen) == object(now) && seen.kind == now.kind)
            || (self.known.at.get(path) == Some(&object(now)) && !self.known.is_moved(now))
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
}

/// Whether it is the very object that was validated.
fn is_seen(seen: Option<&Fingerprint>, now: &Fingerprint) -> bool {
    seen.is_some_and(|seen| object(seen) == object(now))
}

/// Which object it is, whatever has become of it.
fn object(found: &Fingerprint) -> (u64, u64) {
    (found.dev, found.ino)
}
