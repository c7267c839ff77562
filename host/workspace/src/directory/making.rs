//! Making new files and links in slots of the staging folder.

use std::io;

use store::disk::Dir;
use vfs::Name;

use super::compose::finish;
use super::plan::Item;
use super::reserve::{Reserve, with_reserve};
use super::transaction::{Content, Transaction};
use crate::change::Version;

/// What makes the new objects of one transaction.
#[derive(Debug)]
pub(super) struct Making<'a> {
    pub(super) staging: &'a dyn Dir,
    pub(super) transaction: &'a Transaction,
    /// The room that may be used when there is no other.
    pub(super) reserve: Option<&'a Reserve>,
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
                let file = with_reserve(reserve, || staging.create(slot, mode.bits))?;
                with_reserve(reserve, || file.write_at(bytes, 0))?;
                finish(&*file, *mode, *modified)
            }
            _ => Ok(()),
        }
    }
}
