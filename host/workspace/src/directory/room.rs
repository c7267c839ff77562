//! Whether a change finds room on the disk, told beforehand without taking any.
//!
//! It asks for what a commit is going to stage and reserve. What a file system compresses, or what
//! others take meanwhile, it cannot know.

use std::io;

use vfs::{Kind, Sealed, Side};

use super::compose;
use super::engine::Engine;
use super::reserve::{self, RESERVE_BYTES, check_inodes};
use super::store::{JOURNAL_BYTES_INITIAL, Store};
use crate::change::is_made;
use crate::error::Result;

/// Bytes that a store takes before it holds its reserve: two journals.
const STORE_BYTES: u64 = 2 * JOURNAL_BYTES_INITIAL;

/// Checks that a change would find room.
///
/// # Errors
///
/// `Io` with `StorageFull` when it would not; those of the system, and of reading contents.
pub(super) fn foresee(engine: &Engine, store: Option<&Store>, sealed: &Sealed) -> Result<()> {
    let needs = Needs::of(sealed);
    let fail = |error| engine.io(".session-fs/staging", error);
    let pending_count = store.map_or(0, |store| store.pending.lock().committed.len() as u64);
    let root = &**engine.root();
    check_inodes(root, 0, needs.inodes_count, pending_count).map_err(fail)?;
    let missing = match store {
        Some(store) => store.reserve.missing_bytes().map_err(fail)?,
        None => STORE_BYTES + RESERVE_BYTES,
    };
    let Some(free) = root.free_bytes().map_err(fail)? else {
        return Ok(());
    };
    let most = missing.saturating_add(needs.staged_bytes_max());
    // Only where it is close are the contents read, to find the zeros that take no room.
    if most <= free {
        return Ok(());
    }
    let needed = missing.saturating_add(needs.staged_bytes(sealed)?);
    if needed <= free {
        return Ok(());
    }
    let detail = format!("the change would not fit: {free} bytes are free and {needed} have to be");
    Err(fail(io::Error::new(io::ErrorKind::StorageFull, detail)))
}

/// What a change takes of the disk before it is recorded.
struct Needs<'a> {
    /// Contents that are not in the record.
    staged: Vec<&'a Side>,
    inodes_count: u64,
}

impl<'a> Needs<'a> {
    fn of(sealed: &'a Sealed) -> Self {
        let set = sealed.change_set();
        let arrivals = set.arrivals.iter().filter(|arrival| is_made(arrival));
        let made = arrivals.map(|arrival| &arrival.after);
        let updates = set.updates.iter().map(|update| &update.after);
        let mut needs = Self {
            staged: Vec::new(),
            inodes_count: 0,
        };
        let mut room = reserve::INLINE_BYTES_MAX;
        for side in made.chain(updates) {
            needs.inodes_count += 1;
            if side.kind != Kind::File {
                continue;
            }
            match side.size <= compose::INLINE_BYTES_MAX.min(room) {
                true => room -= side.size,
                false => needs.staged.push(side),
            }
        }
        needs
    }

    fn staged_bytes_max(&self) -> u64 {
        let sizes = self.staged.iter().map(|side| side.size);
        sizes.fold(0, u64::saturating_add)
    }

    /// The same without runs of zeros, which stay holes.
    fn staged_bytes(&self, sealed: &Sealed) -> vfs::Result<u64> {
        let mut total = 0_u64;
        for side in &self.staged {
            sealed.read(side, &mut |bytes| {
                if bytes.iter().any(|byte| *byte != 0) {
                    total += bytes.len() as u64;
                }
                Ok(())
            })?;
        }
        Ok(total)
    }
}
