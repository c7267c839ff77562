//! The read set as it is saved: what was added since an earlier one.

use std::sync::Arc;

use imbl::ordmap::DiffItem;
use imbl::{OrdMap, OrdSet};

use super::known::{Known, SEEN_BYTES};
use super::{Pristine, Reads, World};
use crate::error::Result;
use crate::inode::{Ino, Link};

/// What one read set has and an earlier one has not.
#[derive(Debug, Default)]
pub(crate) struct Added {
    pub(crate) seen: Vec<(Ino, Known)>,
    pub(crate) absent: Vec<Link>,
    pub(crate) pristine: Vec<(Ino, Pristine)>,
}

impl Added {
    pub(crate) fn is_empty(&self) -> bool {
        self.seen.is_empty() && self.absent.is_empty() && self.pristine.is_empty()
    }
}

impl Reads {
    /// The same knowledge, unpaid, to compare with later; O(1).
    pub(crate) fn mark(&self) -> Self {
        Self {
            seen: self.seen.clone(),
            absent: self.absent.clone(),
            pristine: self.pristine.clone(),
            touched: None,
            charge: None,
            shared: None,
        }
    }

    /// What was added since `earlier`, at the cost of that; `None` when something was forgotten.
    pub(crate) fn added_since(&self, earlier: &Self) -> Option<Added> {
        let mut added = Added {
            seen: map_added(&earlier.seen, &self.seen)?,
            pristine: map_added(&earlier.pristine, &self.pristine)?,
            ..Added::default()
        };
        for item in earlier.absent.diff(&self.absent) {
            match item {
                imbl::ordset::DiffItem::Add(link) => added.absent.push(link.clone()),
                imbl::ordset::DiffItem::Remove(_) => return None,
            }
        }
        Some(added)
    }

    /// Adds what was saved, paying for it.
    pub(crate) fn add(&mut self, world: &World, added: Added) -> Result<()> {
        for (ino, known) in added.seen {
            self.grow(world, u64::try_from(known.bytes()).unwrap_or(u64::MAX))?;
            self.seen.insert(ino, known);
        }
        for link in added.absent {
            self.grow(world, SEEN_BYTES)?;
            self.absent.insert(link);
        }
        self.pristine.extend(added.pristine);
        Ok(())
    }

    /// Everything that is known, by number.
    pub(crate) fn all_seen(&self) -> &OrdMap<Ino, Known> {
        &self.seen
    }

    /// Every name that was looked for and not found.
    pub(crate) fn all_absent(&self) -> &OrdSet<Link> {
        &self.absent
    }

    /// The numbers of the files whose pristine content is saved.
    pub(crate) fn all_pristine(&self) -> impl Iterator<Item = Ino> {
        self.pristine.keys().copied()
    }
}

impl Known {
    /// What was saved.
    pub(crate) fn restored(
        stat: Arc<crate::base::BaseStat>,
        listing: Option<Arc<[crate::base::BaseEntry]>>,
        target: Option<Arc<str>>,
        content: bool,
    ) -> Self {
        let known = Self::new_shared(stat).with(listing, target);
        if content { known.with_content() } else { known }
    }
}

fn map_added<V: Clone + PartialEq>(
    earlier: &OrdMap<Ino, V>,
    now: &OrdMap<Ino, V>,
) -> Option<Vec<(Ino, V)>> {
    let items = earlier.diff(now).map(|item| match item {
        DiffItem::Add(ino, value) => Some((*ino, value.clone())),
        DiffItem::Update { new, .. } => Some((*new.0, new.1.clone())),
        DiffItem::Remove(..) => None,
    });
    items.collect()
}
