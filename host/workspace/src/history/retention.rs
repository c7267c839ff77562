//! `gc`: dropping the oldest changes and the objects that only they needed.
//!
//! **Invariant:** an object that a change file names is there. A change file goes before its objects,
//! and its going is flushed before theirs begins; whatever a crash leaves over is dropped next time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use vfs::{Digest, Timestamp};

use super::error::{HistoryError, Result};
use super::{Catalog, History};
use crate::change::{ChangeFile, ChangeId};

/// How much history to keep; `None` is without a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Changes.
    pub changes_max: Option<usize>,
    /// The age of a change, in seconds since its commit.
    pub age_seconds_max: Option<u64>,
    /// Bytes of change files and objects together.
    pub bytes_max: Option<u64>,
}

/// What must stay whatever the limits are.
#[derive(Clone, Copy)]
pub struct GcNeeds<'a> {
    /// The oldest generation that a live session began from: each change after it stays.
    pub generation_min: Option<u64>,
    /// Whether a live session needs an object for itself.
    pub is_live: &'a dyn Fn(&Digest) -> bool,
    /// Whether somebody wants to keep a change, with all that is needed to undo it.
    pub is_pinned: &'a dyn Fn(&ChangeId) -> bool,
}

/// What is dropped, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Changes, oldest first.
    pub changes: Vec<ChangeId>,
    /// Objects that no change needs then.
    pub objects: Vec<Digest>,
    /// Bytes that become free.
    pub bytes_freed: u64,
    /// Bytes of what stays.
    pub bytes_kept: u64,
    /// Changes that stay.
    pub changes_kept: usize,
    /// The generation that a live session began from, where more would go without that session.
    pub needed_since: Option<u64>,
}

/// A change, and what it costs.
struct Held {
    generation: u64,
    id: ChangeId,
    committed_at: Timestamp,
    file_bytes: u64,
    objects: BTreeSet<Digest>,
}

/// What the store held when all of its change files were read, and how many changes need each object.
pub(crate) struct Stock {
    /// Oldest first.
    changes: Vec<Held>,
    objects: BTreeMap<Digest, u64>,
    needed: BTreeMap<Digest, usize>,
}

impl History {
    /// Tells what [`History::gc`] would drop.
    ///
    /// # Errors
    ///
    /// As `gc`.
    pub fn gc_plan(
        &self,
        retention: &Retention,
        now: Timestamp,
        needs: &GcNeeds<'_>,
    ) -> Result<GcReport> {
        Ok(self.stock()?.plan(retention, now, needs))
    }

    /// Drops the oldest changes over the limits, and every object that no change needs then.
    ///
    /// The caller has the writer's turn, has recovered what was not finished, and has written the
    /// change files of everything that was committed: an object of a change that is not on file yet
    /// would be taken for one that nobody needs.
    ///
    /// # Errors
    ///
    /// `Damaged`, `Misnamed`: nothing is dropped while a change cannot be read. `Io`: a part may be
    /// dropped already, and the rest goes next time.
    pub fn gc(
        &self,
        retention: &Retention,
        now: Timestamp,
        needs: &GcNeeds<'_>,
    ) -> Result<GcReport> {
        let report = self.gc_plan(retention, now, needs)?;
        self.gc_as_planned(&report)?;
        Ok(report)
    }

    /// Drops what a plan says. The caller has had the writer's turn since it was made.
    ///
    /// # Errors
    ///
    /// `Io` as [`History::gc`].
    pub(crate) fn gc_as_planned(&self, report: &GcReport) -> Result<()> {
        for id in &report.changes {
            let removed = self.shelf.remove(id);
            removed.map_err(|e| HistoryError::io(id, e))?;
        }
        if !report.changes.is_empty() {
            let flushed = self.shelf.sync();
            flushed.map_err(|e| HistoryError::io(super::shelf::CHANGES_NAME, e))?;
        }
        for digest in &report.objects {
            let removed = self.objects.remove(digest);
            removed.map_err(|e| HistoryError::io(digest, e))?;
        }
        self.refresh()
    }

    /// Reads what there is, for any number of plans.
    ///
    /// # Errors
    ///
    /// As [`History::gc_plan`].
    pub(crate) fn stock(&self) -> Result<Stock> {
        self.refresh()?;
        // A damaged change file hides what it needs.
        self.require_sound()?;
        let mut changes = Vec::new();
        let mut needed = BTreeMap::new();
        for member in self.ask(Catalog::chain)? {
            let id = member.id;
            let (file, file_bytes) = self.shelf.read(&id)?;
            let objects = objects_of(&file);
            for digest in &objects {
                *needed.entry(*digest).or_insert(0) += 1;
            }
            changes.push(Held {
                generation: file.generation,
                id,
                committed_at: file.change.committed_at,
                file_bytes,
                objects,
            });
        }
        let mut objects = BTreeMap::new();
        let listed = self.objects.list(&mut |digest, size| {
            objects.insert(digest, size);
        });
        listed.map_err(|e| HistoryError::io(crate::objects::OBJECTS_NAME, e))?;
        Ok(Stock {
            changes,
            objects,
            needed,
        })
    }
}

/// The changes as a plan divides them.
struct Divided<'a> {
    dropped: Vec<&'a Held>,
    kept: Vec<&'a Held>,
    /// How many of those that are kept need each object.
    needed: BTreeMap<Digest, usize>,
    /// Whether more would be dropped, had no session needed it.
    is_held_back: bool,
}

impl Stock {
    /// What would be dropped of it.
    pub(crate) fn plan(
        &self,
        retention: &Retention,
        now: Timestamp,
        needs: &GcNeeds<'_>,
    ) -> GcReport {
        let divided = self.divide(retention, now, needs);
        let is_needed = |digest: &Digest| {
            let count = divided.needed.get(digest);
            count.is_some_and(|count| *count > 0) || (needs.is_live)(digest)
        };
        let (kept, gone): (Vec<_>, Vec<_>) = self
            .objects
            .iter()
            .partition(|(digest, _)| is_needed(digest));
        let bytes =
            |objects: &[(&Digest, &u64)]| objects.iter().map(|(_, size)| **size).sum::<u64>();
        let files = |changes: &[&Held]| changes.iter().map(|held| held.file_bytes).sum::<u64>();
        GcReport {
            bytes_freed: bytes(&gone) + files(&divided.dropped),
            bytes_kept: bytes(&kept) + files(&divided.kept),
            changes_kept: divided.kept.len(),
            changes: divided.dropped.iter().map(|held| held.id).collect(),
            needed_since: needs.generation_min.filter(|_| divided.is_held_back),
            objects: gone.into_iter().map(|(digest, _)| *digest).collect(),
        }
    }

    /// The generation that a change of it made.
    pub(crate) fn generation_of(&self, id: &ChangeId) -> Option<u64> {
        let held = self.changes.iter().find(|held| held.id == *id);
        held.map(|held| held.generation)
    }

    /// Takes out the oldest changes until the limits are kept, or nothing more may go.
    fn divide(&self, retention: &Retention, now: Timestamp, needs: &GcNeeds<'_>) -> Divided<'_> {
        let mut bytes = self.bytes();
        let (mut dropped, mut kept) = (Vec::new(), Vec::new());
        let mut needed = self.needed.clone();
        let mut count = self.changes.len();
        // A gap in the middle would hide everything before it, so that the first one to stay ends it.
        let (mut ended, mut is_held_back) = (false, false);
        for held in &self.changes {
            let is_over = retention.changes_max.is_some_and(|limit| count > limit)
                || retention.bytes_max.is_some_and(|limit| bytes > limit)
                || retention
                    .age_seconds_max
                    .is_some_and(|limit| held.age(now) > limit);
            let is_needed = needs
                .generation_min
                .is_some_and(|oldest| held.generation > oldest);
            is_held_back |= !ended && is_over && is_needed;
            ended |= !is_over || is_needed;
            if ended || (needs.is_pinned)(&held.id) {
                kept.push(held);
                continue;
            }
            count -= 1;
            bytes -= held.file_bytes + self.release(&mut needed, held);
            dropped.push(held);
        }
        Divided {
            dropped,
            kept,
            needed,
            is_held_back,
        }
    }

    /// Bytes of everything that a change needs.
    fn bytes(&self) -> u64 {
        let files = self.changes.iter().map(|held| held.file_bytes);
        let objects = self
            .needed
            .keys()
            .filter_map(|digest| self.objects.get(digest));
        files.chain(objects.copied()).sum()
    }

    /// Counts down what a change needed; returns the bytes that nobody needs then.
    fn release(&self, needed: &mut BTreeMap<Digest, usize>, held: &Held) -> u64 {
        let mut freed = 0;
        for digest in &held.objects {
            let count = needed.get_mut(digest);
            let count = count.expect("every object of a held change was counted");
            *count -= 1;
            if *count == 0 {
                freed += self.objects.get(digest).copied().unwrap_or(0);
            }
        }
        freed
    }
}

impl Held {
    fn age(&self, now: Timestamp) -> u64 {
        u64::try_from(now.seconds.saturating_sub(self.committed_at.seconds)).unwrap_or(0)
    }
}

/// The objects that a change needs to be undone.
pub(super) fn objects_of(file: &ChangeFile) -> BTreeSet<Digest> {
    file.preimages.iter().map(|item| item.digest).collect()
}

impl fmt::Debug for GcNeeds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcNeeds")
            .field("generation_min", &self.generation_min)
            .finish_non_exhaustive()
    }
}
