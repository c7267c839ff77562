//! The checkpoint: what the journal holds becomes history and lasts without it, and the journal is
//! empty again.
//!
//! **Invariant:** the journal is emptied only after the directory, the change files and the objects
//! are flushed. A crash anywhere before leaves records that recovery does again and checkpoints.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, FileKind};

use super::apply::{Leftover, is_empty};
use super::folder::{FILE_MODE, name, read_small};
use super::marks::Head;
use super::pending::{Committed, Pending, Progress};
use super::store::Store;
use super::timeline::Timeline;
use super::transaction::Transaction;
use crate::change::{ChangeFile, ChangeId, Preimage};
use crate::commit::Displaced;
use crate::error::StoreError;
use crate::objects::Objects;

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
        let flush = || root.sync_fs().map_err(|error| StoreError::io("..", error));
        let mut last = pending.last;
        for (sequence, committed) in &pending.committed {
            if self.describe(*sequence, last, committed)? {
                last = Some(committed.transaction.change_id);
            }
        }
        // What was replaced is known by its digest before it leaves the slot that it is found by.
        flush()?;
        for (sequence, committed) in &pending.committed {
            self.adopt(*sequence, committed, timeline)?;
        }
        let generation = journal.next_sequence().saturating_sub(1);
        let head = Head {
            generation,
            change: last,
        };
        head.write(&self.folder.dir)?;
        flush()?;
        journal.recycle()?;
        self.clear(&pending);
        pending.clear(last, generation);
        // The next commit finds out when there is no room for it.
        drop(self.reserve.hold());
        Ok(())
    }

    /// Writes the change file of a transaction; `false` when it was taken back.
    fn describe(
        &self,
        generation: u64,
        previous: Option<ChangeId>,
        committed: &Committed,
    ) -> Result<bool, StoreError> {
        let (transaction, Progress::Applied(applied)) = (&committed.transaction, &committed.state)
        else {
            return Ok(false);
        };
        let mut file = ChangeFile {
            generation,
            previous,
            change: (*transaction.change).clone(),
            preimages: Vec::new(),
            displaced: applied.displaced.clone(),
        };
        for leftover in &applied.leftovers {
            self.describe_leftover(transaction, leftover, &mut file)?;
        }
        if let Some(earlier) = self.earlier(&transaction.change_id)? {
            // A checkpoint that was interrupted may have taken more out of the slots than is there.
            file.previous = earlier.previous;
            file.preimages.extend(earlier.preimages);
            let new = |displaced: &Displaced| !file.displaced.contains(displaced);
            let displaced: Vec<_> = earlier.displaced.into_iter().filter(new).collect();
            file.displaced.extend(displaced);
        }
        // Sorted stably, so that what was just found goes before what was known.
        file.preimages.sort_by(|one, two| one.path.cmp(&two.path));
        file.preimages.dedup_by(|one, two| one.path == two.path);
        self.write_change(&transaction.change_id, &file.encode())?;
        Ok(true)
    }

    /// Notes what is in a slot: a version that was replaced or removed, or what somebody wrote to it
    /// through an old handle meanwhile, which is set aside.
    fn describe_leftover(
        &self,
        transaction: &Transaction,
        leftover: &Leftover,
        file: &mut ChangeFile,
    ) -> Result<(), StoreError> {
        let Leftover { path, slot, taken } = leftover;
        let fail = |error| StoreError::io(slot, error);
        let staging = &*self.folder.staging;
        let now = match staging.stat(slot) {
            // An earlier attempt at this checkpoint got further.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            now => now.map_err(fail)?,
        };
        let untouched = match now.kind {
            FileKind::Directory => is_empty(staging, slot).map_err(fail)?,
            _ => now == *taken,
        };
        if !untouched {
            let kept = self.folder.set_aside(transaction.id, slot).map_err(fail)?;
            let path = path.clone();
            file.displaced.push(Displaced { path, kept });
            return Ok(());
        }
        if now.kind == FileKind::File {
            let (digest, size) = Objects::digest(staging, slot).map_err(fail)?;
            file.preimages.push(Preimage {
                path: path.clone(),
                digest,
                size,
                executable: taken.mode & 0o111 != 0,
            });
        }
        Ok(())
    }

    /// The change file that an interrupted checkpoint has written already.
    fn earlier(&self, id: &ChangeId) -> Result<Option<ChangeFile>, StoreError> {
        const BYTES_MAX: usize = 64 << 20;
        let bytes = read_small(&*self.folder.changes, &id.to_string(), BYTES_MAX)?;
        // One that is torn is written anew.
        Ok(bytes.and_then(|bytes| ChangeFile::decode(&bytes).ok()))
    }

    /// Makes objects of the files that were replaced or removed.
    fn adopt(
        &self,
        sequence: u64,
        committed: &Committed,
        timeline: &Timeline,
    ) -> Result<(), StoreError> {
        let Progress::Applied(applied) = &committed.state else {
            return Ok(());
        };
        let staging = &*self.folder.staging;
        for Leftover { path, slot, .. } in &applied.leftovers {
            let fail = |error| StoreError::io(slot, error);
            match staging.stat(slot) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Ok(now) if now.kind != FileKind::File => {}
                now => {
                    now.map_err(fail)?;
                    let (digest, _) = self.folder.objects.adopt(staging, slot).map_err(fail)?;
                    timeline.keep(sequence, path, digest);
                }
            }
        }
        Ok(())
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
