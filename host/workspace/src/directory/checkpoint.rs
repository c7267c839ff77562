//! The checkpoint: what the journal holds becomes history and lasts without it, and the journal is
//! empty again.
//!
//! **Invariant:** the journal is emptied only after the directory, the change files and the objects
//! are flushed. A crash anywhere before leaves records that recovery does again and checkpoints.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, FileKind};

use super::apply::{Leftover, is_empty};
use super::folder::{FILE_MODE, name};
use super::marks::Head;
use super::pending::{Committed, Pending, Progress};
use super::store::Store;
use super::timeline::Timeline;
use super::transaction::Transaction;
use crate::change::{ChangeFile, ChangeId, Preimage};
use crate::commit::Displaced;
use crate::error::StoreError;

impl Store {
    /// Checkpoints all transactions; each is settled. Called while nobody writes to the journal.
    pub(super) fn checkpoint(
        &self,
        root: &Arc<dyn Dir>,
        timeline: &Timeline,
    ) -> Result<(), StoreError> {
        if self.is_poisoned() {
            return Err(StoreError::Poisoned);
        }
        let mut pending = self.pending.lock();
        let mut journal = self.journal.lock();
        if pending.committed.is_empty() && journal.is_empty() {
            return Ok(());
        }
        debug_assert!(pending.is_settled(), "nothing is on its way");
        let mut last = pending.last;
        for (sequence, committed) in &pending.committed {
            if self.keep(*sequence, last, committed, timeline)? {
                last = Some(committed.transaction.change_id);
            }
        }
        let generation = journal.next_sequence().saturating_sub(1);
        let head = Head {
            generation,
            change: last,
        };
        head.write(&self.folder.dir)?;
        root.sync_fs()
            .map_err(|error| StoreError::io("..", error))?;
        journal.recycle()?;
        self.clear(&pending);
        pending.clear(last, generation);
        // The next commit finds out when there is no room for it.
        drop(self.reserve.hold());
        Ok(())
    }

    /// Writes the change file of a transaction, after what it replaced has become objects; `false` when
    /// it was taken back.
    fn keep(
        &self,
        generation: u64,
        previous: Option<ChangeId>,
        committed: &Committed,
        timeline: &Timeline,
    ) -> Result<bool, StoreError> {
        let (transaction, Progress::Applied(applied)) = (&committed.transaction, &committed.state)
        else {
            return Ok(false);
        };
        let mut displaced = applied.displaced.clone();
        let mut preimages = Vec::new();
        for leftover in &applied.leftovers {
            if let Some(preimage) = self.adopt(transaction, leftover, &mut displaced)? {
                timeline.keep(generation, &preimage.path, preimage.digest);
                preimages.push(preimage);
            }
        }
        preimages.sort_by(|one, two| one.path.cmp(&two.path));
        preimages.dedup_by(|one, two| one.path == two.path);
        let file = ChangeFile {
            generation,
            previous,
            change: (*transaction.change).clone(),
            preimages,
            displaced,
        };
        self.write_change(&transaction.change_id, &file.encode())?;
        Ok(true)
    }

    /// Makes an object of a file that was replaced or removed. One that somebody wrote to through an
    /// old handle meanwhile is set aside instead.
    fn adopt(
        &self,
        transaction: &Transaction,
        leftover: &Leftover,
        displaced: &mut Vec<Displaced>,
    ) -> Result<Option<Preimage>, StoreError> {
        let Leftover { path, slot, taken } = leftover;
        let fail = |error| StoreError::io(slot, error);
        let staging = &*self.folder.staging;
        let now = match staging.stat(slot) {
            // An earlier attempt at this checkpoint got further.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            now => now.map_err(fail)?,
        };
        let is_directory = now.kind == FileKind::Directory;
        let untouched = match is_directory {
            true => is_empty(staging, slot).map_err(fail)?,
            false => now == *taken,
        };
        if !untouched {
            let kept = self.folder.set_aside(transaction.id, slot).map_err(fail)?;
            displaced.push(Displaced {
                path: path.clone(),
                kept,
            });
            return Ok(None);
        }
        if now.kind != FileKind::File {
            return Ok(None);
        }
        let (digest, size) = self.folder.objects.adopt(staging, slot).map_err(fail)?;
        Ok(Some(Preimage {
            path: path.clone(),
            digest,
            size,
            executable: taken.mode & 0o111 != 0,
        }))
    }

    fn write_change(&self, id: &ChangeId, bytes: &[u8]) -> Result<(), StoreError> {
        let changes = &self.folder.changes;
        let (file_name, fresh) = (name(&id.to_string()), name(&format!("{id}.new")));
        let fail = |error| StoreError::io(&file_name, error);
        match changes.unlink(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
            _ => {}
        }
        let file = changes.create(&fresh, FILE_MODE).map_err(fail)?;
        file.write_at(bytes, 0).map_err(fail)?;
        changes
            .rename(
                &fresh,
                &**changes,
                &file_name,
                store::disk::RenameMode::Replace,
            )
            .map_err(fail)
    }

    /// Removes what is left in the slots. What cannot be removed is removed at the next opening.
    fn clear(&self, pending: &Pending) {
        for committed in pending.committed.values() {
            if let Progress::Applied(applied) = &committed.state {
                for leftover in &applied.leftovers {
                    drop(self.folder.clear(&leftover.slot));
                }
            }
        }
    }
}
