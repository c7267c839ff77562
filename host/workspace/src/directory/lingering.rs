//! Files that stood in the tree until lately, and whose bytes the store has already or nobody needs:
//! they stay for a while, because somebody may have them open and write to them yet.
//!
//! **Invariant:** a file that was ever visible is removed only here, and only after its bytes were found
//! to be those that it parted with.

use std::io;

use store::disk::{FileKind, RenameMode};
use vfs::{Digest, Name};

use super::folder::{ENTRIES_MAX, LINGERING_NAME, StoreFolder, name};
use super::store::Store;
use crate::error::StoreError;

/// What stays at most; the oldest go first.
const FILES_MAX: usize = 1_024;
const BYTES_MAX: u64 = 64 << 20;
/// Divides the digest from the slot in a file's name.
const DIVIDER: char = '.';
/// Hexadecimal digits of the transaction that a slot begins with.
const TRANSACTION_DIGITS: usize = 16;

/// The name of a file that lingers: what it must contain, and the slot that it was in.
pub(super) fn lingering_name(digest: &Digest, slot: &Name) -> Name {
    name(&format!("{digest}{DIVIDER}{slot}"))
}

/// A file that lingers.
struct Lingering {
    transaction: u64,
    file: Name,
    digest: Digest,
    slot: Name,
}

impl Store {
    /// Removes the oldest files that linger when there are too many, and sets aside those of them that
    /// were written to since. What somebody else takes away or puts there meanwhile is none of ours.
    pub(super) fn sweep_lingering(&self) -> Result<(), StoreError> {
        let fail = |error| StoreError::io(LINGERING_NAME, error);
        let folder = &*self.folder.lingering;
        let items = folder.list(ENTRIES_MAX).map_err(fail)?.items;
        let files = items.iter().filter(|item| item.kind == FileKind::File);
        let mut all: Vec<_> = files.filter_map(|item| parts(&item.name)).collect();
        all.sort_by_key(|one| std::cmp::Reverse(one.transaction));
        let (mut count, mut bytes) = (0, 0_u64);
        for one in &all {
            let Some(now) = unless_gone(folder.stat(&one.file)).map_err(fail)? else {
                continue;
            };
            count += 1;
            bytes = bytes.saturating_add(now.size);
            if count > FILES_MAX || bytes > BYTES_MAX {
                unless_gone(self.remove_or_keep(one)).map_err(fail)?;
            }
        }
        Ok(())
    }

    fn remove_or_keep(&self, one: &Lingering) -> io::Result<()> {
        let folder = &*self.folder.lingering;
        let untouched = match self.folder.objects.hash(folder, &one.file) {
            Ok((found, _)) => found == one.digest,
            // Somebody is at it this very moment.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => false,
            Err(error) => return Err(error),
        };
        if untouched {
            return folder.unlink(&one.file);
        }
        // In one step: what a crash left in staging would be removed.
        let aside = &self.folder;
        let kept = aside.set_aside_from(folder, &one.file, one.transaction, &one.slot);
        kept.map(drop)
    }
}

impl StoreFolder {
    /// Lets go of what is in a slot and was visible for a moment: a file goes to what lingers, anything
    /// else is removed.
    pub(super) fn part_with(&self, slot: &Name) -> io::Result<()> {
        if self.staging.stat(slot)?.kind != FileKind::File {
            return self.clear(slot);
        }
        let (digest, _) = self.objects.hash(&*self.staging, slot)?;
        let parting = lingering_name(&digest, slot);
        self.staging
            .rename(slot, &*self.lingering, &parting, RenameMode::Replace)
    }
}

/// What was done to a file; `None` when somebody has taken it away.
fn unless_gone<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
    }
}

/// What the name of a file says; `None` when it is none of ours.
fn parts(file: &Name) -> Option<Lingering> {
    let (digest, slot) = file.split_once(DIVIDER)?;
    let digits = slot.get(..TRANSACTION_DIGITS)?;
    Some(Lingering {
        transaction: u64::from_str_radix(digits, 16).ok()?,
        file: file.clone(),
        digest: digest.parse().ok()?,
        slot: Name::new(slot).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_it_was_made_of() {
        let (digest, slot) = (Digest::of(b"x"), name("00000000000a0001-u7"));
        let found = parts(&lingering_name(&digest, &slot)).expect("is one of ours");
        assert_eq!((found.digest, found.slot), (digest, slot));
        assert_eq!(found.transaction, 0xa_0001);
        for other in [
            "notes.txt",
            "00000000000a0001-u7",
            &format!("{digest}.short"),
        ] {
            assert!(parts(&name(other)).is_none(), "{other}");
        }
    }
}
