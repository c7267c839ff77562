//! Making new files and links in slots of the staging folder.

use std::io;
use std::sync::Arc;

use store::disk::Dir;
use vfs::Name;

use super::compose::finish;
use super::plan::Item;
use super::reserve::{Reserve, with_reserve};
use super::spares::Spares;
use super::transaction::{Content, Transaction};
use crate::change::Version;

/// What makes the new objects of one transaction.
#[derive(Debug)]
pub(super) struct Making<'a> {
    pub(super) staging: &'a Arc<dyn Dir>,
    pub(super) transaction: &'a Transaction,
    /// The room that may be used when there is no other.
    pub(super) reserve: Option<&'a Reserve>,
    /// Files that may become new ones.
    pub(super) spares: Option<&'a Spares>,
}

impl Making<'_> {
    /// Makes a new object in a slot that is free. What was staged before is there already.
    pub(super) fn make(&self, item: &Item<'_>, slot: &Name) -> io::Result<()> {
        let (staging, reserve) = (self.staging, self.reserve);
        match (item.after, item.content) {
            (Version::Symlink { target }, _) => {
                with_reserve(reserve, || staging.symlink(target, slot))
            }
            (Version::File { modified, .. }, Content::Inline { mode, range }) => {
                let bytes = self.transaction.inline(range);
                let spare = |spares: &Spares| spares.put(staging, slot, (*mode, *modified), bytes);
                if self.spares.and_then(spare).is_some() {
                    return Ok(());
                }
                let file = with_reserve(reserve, || staging.create(slot, mode.bits))?;
                with_reserve(reserve, || file.write_at(bytes, 0))?;
                finish(&*file, *mode, *modified)
            }
            _ => Ok(()),
        }
    }
}
