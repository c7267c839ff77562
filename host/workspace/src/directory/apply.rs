//! Applying a committed transaction to the directory, step by step.
//!
//! **Invariant:** whatever is taken out of the tree is held against what was validated. Bytes that
//! somebody else put there meanwhile are kept in the store and reported; where the caller asked for
//! it, the first such meeting halts the commit instead, which is then taken back.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use store::disk::{Dir, FileKind, Fingerprint};
use vfs::{Kind, Name, VPath};

use super::fingerprint::{is_absence, is_same};
use super::folder::StoreFolder;
use super::making::Making;
use super::mover::{Mover, Taken};
use super::plan::{Action, Item, SlotOf, Step, steps};
use super::transaction::Transaction;
use super::walker::Walker;
use crate::commit::Displaced;

/// Permissions of a new directory, less the umask.
pub(super) const DIRECTORY_MODE: u32 = 0o755;
/// Entries that are enough to know that a directory is not empty.
const SOME_ENTRIES: usize = 16;
/// How often a step is tried when somebody else takes the name away and puts it back meanwhile.
const ATTEMPTS_MAX: u32 = 8;

/// A directory, and the name in it that a step is about.
pub(super) type Found<'s> = (Arc<dyn Dir>, &'s Name);

/// Why a step was not done.
#[derive(Debug)]
pub(super) enum Halt {
    /// Somebody else was there, and the caller wants to hear of that before anything is replaced.
    Raced(VPath),
    /// The system failed.
    Failed(VPath, io::Error),
}

/// An object that a change removed or replaced, in its slot.
#[derive(Clone, Debug)]
pub(super) struct Leftover {
    /// Where it stood.
    pub(super) path: VPath,
    pub(super) slot: Name,
    /// As it was when it had just been taken out.
    pub(super) taken: Fingerprint,
}

/// What applying came to.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub(super) leftovers: Vec<Leftover>,
    pub(super) displaced: Vec<Displaced>,
}

/// The hands that change the tree; recovery uses the same ones.
#[derive(Debug)]
pub(super) struct Applier<'a> {
    pub(super) root: &'a Arc<dyn Dir>,
    pub(super) folder: &'a StoreFolder,
    pub(super) mover: Mover<'a>,
    pub(super) transaction: &'a Transaction,
    pub(super) walker: Walker,
    /// Whether the first meeting with somebody else halts.
    pub(super) strict: bool,
    /// The slots in which the new version stands already.
    pub(super) made_ahead: HashSet<SlotOf>,
    pub(super) applied: Applied,
}

impl<'a> Applier<'a> {
    /// The same hands for another transaction.
    pub(super) fn of(&self, transaction: &'a Transaction) -> Self {
        Self {
            root: self.root,
            folder: self.folder,
            mover: self.mover.clone(),
            transaction,
            walker: Walker::new(self.root),
            strict: self.strict,
            made_ahead: HashSet::new(),
            applied: Applied::default(),
        }
    }
}

impl Applier<'_> {
    /// Takes all steps.
    pub(super) fn run(&mut self) -> Result<(), Halt> {
        let transaction = self.transaction;
        steps(transaction)
            .iter()
            .try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &Step<'_>) -> Result<(), Halt> {
        match &step.action {
            Action::TakeOut {
                index, seen, kind, ..
            } => {
                self.take_out(step, *index, seen.as_ref())?;
                self.forget_if(*kind);
            }
            Action::MakeDirectory => self.make_directory(step)?,
            Action::PutMoved { index, kind, .. } => {
                let slot = self.transaction.out_slot(*index);
                if self.taken_out(&slot) {
                    self.put_down(step, &slot)?;
                    self.applied.leftovers.retain(|left| left.slot != slot);
                    self.forget_if(*kind);
                }
            }
            Action::PutNew { item } => {
                let slot = self.make(step, item)?;
                self.put_down(step, &slot)?;
            }
            Action::Exchange { seen, item } => {
                let slot = self.make(step, item)?;
                self.exchange(step, &slot, seen.as_ref())?;
            }
        }
        Ok(())
    }

    /// Whether something was taken out into the slot, and not carried away by somebody else before.
    fn taken_out(&self, slot: &Name) -> bool {
        self.applied.leftovers.iter().any(|left| left.slot == *slot)
    }

    fn forget_if(&mut self, kind: Kind) {
        if kind == Kind::Directory {
            self.walker.forget();
        }
    }

    fn take_out(
        &mut self,
        step: &Step<'_>,
        index: usize,
        seen: Option<&Fingerprint>,
    ) -> Result<(), Halt> {
        let slot = self.transaction.out_slot(index);
        let Some((dir, name)) = self.place_if_there(step)? else {
            return self.raced(step);
        };
        let now = match dir.stat(name) {
            Err(error) if is_absence(&error) => return self.raced(step),
            now => now.map_err(|error| failed(step, error))?,
        };
        let as_validated = seen.is_some_and(|seen| is_same(seen, &now));
        if !as_validated {
            self.raced(step)?;
        }
        let taken = match self.mover.take_out((&*dir, name), &slot, &now) {
            Err(error) if is_absence(&error) => return self.raced(step),
            taken => taken.map_err(|error| failed(step, error))?,
        };
        let moved = matches!(step.action, Action::TakeOut { moved: true, .. });
        let emptied = moved || self.is_emptied(step, &slot, &taken)?;
        if as_validated && taken.untouched && emptied {
            self.leave(step, slot, taken.fingerprint);
            return Ok(());
        }
        if moved {
            // It goes on to where the session moved it, with what was written to it since.
            self.leave(step, slot, taken.fingerprint);
            return self.raced(step);
        }
        self.displace(step, &slot)
    }

    /// Whether a removed directory has nothing left in it: what the session removed was taken out
    /// before.
    fn is_emptied(&self, step: &Step<'_>, slot: &Name, taken: &Taken) -> Result<bool, Halt> {
        if taken.fingerprint.kind != FileKind::Directory {
            return Ok(true);
        }
        is_empty(&**self.mover.staging, slot).map_err(|error| failed(step, error))
    }

    fn make_directory(&mut self, step: &Step<'_>) -> Result<(), Halt> {
        for _ in 0..ATTEMPTS_MAX {
            let (dir, name) = self.place(step)?;
            match self.mover.room(|| dir.mkdir(name, DIRECTORY_MODE)) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(step, error)),
            }
            match dir.stat(name) {
                // Somebody else made it; what is in it is decided name by name.
                Ok(now) if now.kind == FileKind::Directory => return Ok(()),
                Ok(now) => {
                    self.raced(step)?;
                    self.take_away(step, &*dir, name, &now)?;
                }
                Err(error) if is_absence(&error) => {}
                Err(error) => return Err(failed(step, error)),
            }
        }
        Err(failed(step, io::ErrorKind::ResourceBusy.into()))
    }

    /// Puts what is in a slot down where nothing should stand.
    pub(super) fn put_down(&mut self, step: &Step<'_>, slot: &Name) -> Result<(), Halt> {
        for _ in 0..ATTEMPTS_MAX {
            let (dir, name) = self.place(step)?;
            match self.mover.put_down(slot, (&*dir, name)) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(step, error)),
            }
            self.raced(step)?;
            match dir.stat(name) {
                Ok(now) => self.take_away(step, &*dir, name, &now)?,
                Err(error) if is_absence(&error) => {}
                Err(error) => return Err(failed(step, error)),
            }
        }
        Err(failed(step, io::ErrorKind::ResourceBusy.into()))
    }

    /// Exchanges what the session saw for what is in the slot, which holds the old version then.
    fn exchange(
        &mut self,
        step: &Step<'_>,
        slot: &Name,
        seen: Option<&Fingerprint>,
    ) -> Result<(), Halt> {
        for _ in 0..ATTEMPTS_MAX {
            let (dir, name) = self.place(step)?;
            let now = match dir.stat(name) {
                Err(error) if is_absence(&error) => {
                    self.raced(step)?;
                    return self.put_down(step, slot);
                }
                now => now.map_err(|error| failed(step, error))?,
            };
            let as_validated = seen.is_some_and(|seen| is_same(seen, &now));
            if !as_validated {
                self.raced(step)?;
            }
            let taken = match self.mover.exchange(slot, (&*dir, name), &now) {
                Err(error) if is_absence(&error) => continue,
                taken => taken.map_err(|error| failed(step, error))?,
            };
            if as_validated && taken.untouched {
                self.leave(step, slot.clone(), taken.fingerprint);
                return Ok(());
            }
            return self.displace(step, slot);
        }
        Err(failed(step, io::ErrorKind::ResourceBusy.into()))
    }

    /// Takes somebody else's object away from a place that the change needs, and keeps it.
    fn take_away(
        &mut self,
        step: &Step<'_>,
        dir: &dyn Dir,
        name: &Name,
        now: &Fingerprint,
    ) -> Result<(), Halt> {
        let count = self.applied.displaced.len();
        let slot = super::folder::name(&format!(
            "{}x{count}",
            super::transaction::slot_prefix(self.transaction.id)
        ));
        match self.mover.take_out((dir, name), &slot, now) {
            Err(error) if is_absence(&error) => Ok(()),
            taken => {
                taken.map_err(|error| failed(step, error))?;
                self.walker.forget();
                self.displace(step, &slot)
            }
        }
    }

    /// Keeps what is in a slot, which is somebody else's.
    pub(super) fn displace(&mut self, step: &Step<'_>, slot: &Name) -> Result<(), Halt> {
        self.raced(step)?;
        let kept = self
            .folder
            .set_aside(self.transaction.id, slot)
            .map_err(|error| failed(step, error))?;
        let path = step.path.clone();
        self.applied.displaced.push(Displaced { path, kept });
        Ok(())
    }

    /// Somebody else was there.
    fn raced(&self, step: &Step<'_>) -> Result<(), Halt> {
        match self.strict {
            true => Err(Halt::Raced(step.path.clone())),
            false => Ok(()),
        }
    }

    /// Notes what a step took out.
    pub(super) fn leave(&mut self, step: &Step<'_>, slot: Name, taken: Fingerprint) {
        let path = step.stood.clone();
        self.applied.leftovers.push(Leftover { path, slot, taken });
    }

    /// Makes a new object in its slot, unless that was done ahead.
    fn make(&self, step: &Step<'_>, item: &Item<'_>) -> Result<Name, Halt> {
        let slot = self.slot(item);
        if self.made_ahead.contains(&item.slot) {
            return Ok(slot);
        }
        match self.make_in(step, item, &slot) {
            // Of a process that was killed before its transaction of this number was recorded.
            Err(Halt::Failed(_, error)) if error.kind() == io::ErrorKind::AlreadyExists => {
                let cleared = self.folder.clear(&slot);
                cleared.map_err(|error| failed(step, error))?;
                self.make_in(step, item, &slot)?;
            }
            made => made?,
        }
        Ok(slot)
    }

    /// The slot of a new object.
    pub(super) fn slot(&self, item: &Item<'_>) -> Name {
        item.slot_name(self.transaction)
    }

    /// Makes a new object in a slot that is free, or finds the one that was staged there.
    pub(super) fn make_in(
        &self,
        step: &Step<'_>,
        item: &Item<'_>,
        slot: &Name,
    ) -> Result<(), Halt> {
        let making = Making {
            staging: self.mover.staging,
            transaction: self.transaction,
            reserve: Some(self.mover.reserve),
            spares: None,
        };
        making.make(item, slot).map_err(|error| failed(step, error))
    }

    pub(super) fn place_if_there<'s>(
        &mut self,
        step: &Step<'s>,
    ) -> Result<Option<Found<'s>>, Halt> {
        match self.walker.place(step.path) {
            Err(error) if is_absence(&error) => Ok(None),
            place => place.map(Some).map_err(|error| failed(step, error)),
        }
    }

    /// The directory that a step is in. One that somebody else took away is made again: the change
    /// is committed.
    fn place<'s>(&mut self, step: &Step<'s>) -> Result<Found<'s>, Halt> {
        if let Some(place) = self.place_if_there(step)? {
            return Ok(place);
        }
        self.raced(step)?;
        let mut dir = self.root.clone();
        for part in step.path.parent().unwrap_or_default().components() {
            dir = self.ensure(step, &dir, part)?;
        }
        self.walker.forget();
        self.walker
            .place(step.path)
            .map_err(|error| failed(step, error))
    }

    fn ensure(
        &mut self,
        step: &Step<'_>,
        dir: &Arc<dyn Dir>,
        part: &Name,
    ) -> Result<Arc<dyn Dir>, Halt> {
        for _ in 0..ATTEMPTS_MAX {
            match dir.walk(std::slice::from_ref(part)) {
                Ok(found) => return Ok(found),
                Err(error) if is_absence(&error) => {}
                Err(error) => return Err(failed(step, error)),
            }
            match self.mover.room(|| dir.mkdir(part, DIRECTORY_MODE)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let now = dir.stat(part).map_err(|error| failed(step, error))?;
                    if now.kind != FileKind::Directory {
                        self.take_away(step, &**dir, part, &now)?;
                    }
                }
                made => made.map_err(|error| failed(step, error))?,
            }
        }
        Err(failed(step, io::ErrorKind::ResourceBusy.into()))
    }
}

pub(super) fn failed(step: &Step<'_>, error: io::Error) -> Halt {
    Halt::Failed(step.path.clone(), error)
}

/// Whether a directory has no entries.
pub(super) fn is_empty(dir: &dyn Dir, name: &Name) -> io::Result<bool> {
    let listed = dir.walk(std::slice::from_ref(name))?.list(SOME_ENTRIES);
    match listed {
        Ok(listing) => Ok(listing.items.is_empty() && listing.skipped.is_empty()),
        Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => Ok(false),
        Err(error) => Err(error),
    }
}
