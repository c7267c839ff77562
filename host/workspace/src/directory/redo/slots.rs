//! The slots of a transaction that is done again: which of them holds what, and which is free.
//!
//! **Invariant:** what is removed from a slot is what the transaction, an earlier one of the journal
//! or this recovery made. Anything else in it is the version before, or somebody's own, and is kept.

use std::io;

use store::disk::{Dir, FileKind, Fingerprint};
use vfs::{Name, VPath};

use super::{Redo, object};
use crate::directory::apply::{Halt, Leftover, failed, is_empty};
use crate::directory::compare::{Likeness, compare};
use crate::directory::fingerprint::{is_absence, is_same_renamed};
use crate::directory::folder::{ENTRIES_MAX, name};
use crate::directory::plan::{Action, Item, Step, steps};
use crate::directory::transaction::{Content, slot_prefix};

/// Endings of slots, for objects that an interrupted recovery left in the first ones.
pub(in crate::directory) const ENDINGS: [&str; 9] = ["", "a", "b", "c", "d", "e", "f", "g", "h"];

impl Redo<'_, '_> {
    /// The new version in a slot of its own. One that was staged before the record is used where it
    /// is, unless its slot holds the old version already; `None` when it is in no slot: somebody has
    /// taken it from its place since, a later transaction or somebody else after the commit.
    pub(super) fn fresh(
        &self,
        step: &Step<'_>,
        item: &Item<'_>,
        base: &Name,
        seen: Option<&Fingerprint>,
    ) -> Result<Option<Name>, Halt> {
        if let Content::Staged { .. } = item.content {
            return self.staged(step, item, base, seen);
        }
        if self.likeness_new(step, item, base, seen)? != Likeness::Other {
            // What has all bytes may not have its permissions and time yet.
            self.clear(step, base)?;
        }
        let slot = self.free_slot(step, base)?;
        self.applier.make_in(step, item, &slot)?;
        Ok(Some(slot))
    }

    /// The slot that holds what was staged before the record.
    fn staged(
        &self,
        step: &Step<'_>,
        item: &Item<'_>,
        base: &Name,
        seen: Option<&Fingerprint>,
    ) -> Result<Option<Name>, Halt> {
        for ending in ENDINGS {
            let slot = name(&format!("{base}{ending}"));
            if self.likeness_new(step, item, &slot, seen)? == Likeness::Same {
                return Ok(Some(slot));
            }
        }
        Ok(None)
    }

    /// How what is in a slot compares with the new version. Where a file grew, its old version looks
    /// like a torn new one, and is none.
    fn likeness_new(
        &self,
        step: &Step<'_>,
        item: &Item<'_>,
        slot: &Name,
        seen: Option<&Fingerprint>,
    ) -> Result<Likeness, Halt> {
        let staging = &**self.applier.mover.staging;
        let now = match staging.stat(slot) {
            Err(error) if is_absence(&error) => return Ok(Likeness::Other),
            now => now.map_err(|error| failed(step, error))?,
        };
        if seen.is_some_and(|seen| object(seen) == object(&now)) {
            return Ok(Likeness::Other);
        }
        let found = compare(self.applier.transaction, item, staging, slot, &now);
        found.map_err(|error| failed(step, error))
    }

    /// Finds what the transaction replaced in one of the slots where it may be, and keeps it: as the
    /// version before, or as somebody's own when it was written to since.
    pub(super) fn keep_leftover(
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
    pub(super) fn likeness_before(
        &self,
        step: &Step<'_>,
        slot: &Name,
        found: &Fingerprint,
    ) -> Result<Likeness, Halt> {
        let Some((transaction, item)) = self.known.latest.get(step.stood) else {
            return Ok(Likeness::Other);
        };
        let staging = &**self.applier.mover.staging;
        let found = compare(transaction, item, staging, slot, found);
        found.map_err(|error| failed(step, error))
    }

    /// Makes what the step replaced once more, for history, when an earlier record of the journal
    /// has it and the disk has lost it.
    pub(super) fn remake_before(&mut self, step: &Step<'_>, base: &Name) -> Result<(), Halt> {
        let Some((transaction, item)) = self.known.latest.get(step.stood).copied() else {
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

    pub(super) fn slot_is_free(&self, step: &Step<'_>, slot: &Name) -> Result<bool, Halt> {
        match self.applier.mover.staging.stat(slot) {
            Err(error) if is_absence(&error) => Ok(true),
            found => found.map(|_| false).map_err(|error| failed(step, error)),
        }
    }

    pub(super) fn free_slot(&self, step: &Step<'_>, base: &Name) -> Result<Name, Halt> {
        for ending in ENDINGS {
            let slot = name(&format!("{base}{ending}"));
            if self.slot_is_free(step, &slot)? {
                return Ok(slot);
            }
        }
        Err(failed(step, io::ErrorKind::AlreadyExists.into()))
    }

    pub(super) fn clear(&self, step: &Step<'_>, slot: &Name) -> Result<(), Halt> {
        let cleared = self.applier.folder.clear(slot);
        cleared.map_err(|error| failed(step, error))
    }

    pub(super) fn clear_or_keep(&mut self, step: &Step<'_>, slot: &Name) -> Result<(), Halt> {
        let found = self.applier.mover.staging.stat(slot);
        let found = found.map_err(|error| failed(step, error))?;
        match self.known.made.contains(&object(&found)) {
            true => self.clear(step, slot),
            false => self.applier.displace(step, slot),
        }
    }

    /// Goes through the transaction's slots that are not accounted for: what it made itself is
    /// removed, anything else is somebody's and is kept.
    pub(super) fn sweep(&mut self) -> Result<(), Halt> {
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
    pub(super) fn is_own(&self, step: &Step<'_>, slot: &Name) -> Result<bool, Halt> {
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
