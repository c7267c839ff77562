//! The checkpoint: what a journal holds becomes history and lasts without it, and the journal is
//! empty again. Commits go on meanwhile, into the other journal.
//!
//! **Invariants:** a journal is emptied only after the directory, the change files and the objects
//! are flushed; nothing leaves its slot before the change file that lists it is. A crash anywhere
//! before the end leaves records that recovery does again and checkpoints.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, File, FileKind};
use vfs::Digest;

use super::apply::{Applied, Leftover, is_empty};
use super::folder::{FILE_MODE, name};
use super::lingering::lingering_name;
use super::marks::Head;
use super::pending::{Committed, Progress};
use super::store::Store;
use super::timeline::Timeline;
use super::transaction::Transaction;
use crate::change::{ChangeFile, ChangeId, Preimage};
use crate::commit::Displaced;
use crate::error::StoreError;
use crate::objects::Placing;

/// Bytes of a change file that are read at once.
const READ_STEP_BYTES: usize = 64 << 10;

/// A transaction whose change file is written, and what it lists that is in a slot yet.
struct Kept<'a> {
    transaction: &'a Transaction,
    file: ChangeFile,
    slots: Vec<(&'a Leftover, Digest)>,
}

impl Store {
    /// Checkpoints every transaction that is recorded by now, after waiting until it is applied.
    ///
    /// # Errors
    ///
    /// `Busy` when that took too long, or somebody else was at it: nothing is in doubt then. After any
    /// other one everything is.
    pub(super) fn checkpoint(
        &self,
        root: &Arc<dyn Dir>,
        timeline: &Timeline,
    ) -> Result<(), StoreError> {
        let _checkpointing = self.checkpointing()?;
        self.empty_retired(root, timeline)?;
        let mut journal = self.free_journal()?;
        journal.switch()?;
        self.note_journal(&mut journal);
        drop(journal);
        self.empty_retired(root, timeline)
    }

    /// The same for what is in the journal that is retired, if one is.
    pub(super) fn checkpoint_retired(
        &self,
        root: &Arc<dyn Dir>,
        timeline: &Timeline,
    ) -> Result<(), StoreError> {
        let _checkpointing = self.checkpointing()?;
        self.empty_retired(root, timeline)
    }

    fn empty_retired(&self, root: &Arc<dyn Dir>, timeline: &Timeline) -> Result<(), StoreError> {
        if self.is_poisoned() {
            return Err(StoreError::Poisoned);
        }
        let Some(last) = self.free_journal()?.retired_sequence() else {
            return Ok(());
        };
        self.wait_settled(last)?;
        // It is still there: only who checkpoints takes it, and what is retired stays as it is.
        let Some(mut retired) = self.free_journal()?.take_retired() else {
            return Ok(());
        };
        let (settled, before) = {
            let pending = self.pending.lock();
            (pending.through(last), pending.last)
        };
        let head = self.carry_out(root, timeline, &settled, (last, before))?;
        retired.recycle()?;
        self.clear(&settled);
        self.pending.lock().forget(last, head.change);
        self.journal.lock().give_back(retired);
        // The next commit finds out when there is no room for it.
        drop(self.reserve.hold());
        Ok(())
    }

    /// Makes the transactions last without their records: `last` is the number of the last record,
    /// `before` the change that was checkpointed before the first of them.
    fn carry_out(
        &self,
        root: &Arc<dyn Dir>,
        timeline: &Timeline,
        settled: &[(u64, Committed)],
        (last, before): (u64, Option<ChangeId>),
    ) -> Result<Head, StoreError> {
        self.sweep_lingering()?;
        let mut change = before;
        let mut kept = Vec::with_capacity(settled.len());
        for (sequence, committed) in settled {
            let transaction = &*committed.transaction;
            if let Progress::Applied(applied) = &committed.state {
                kept.push(self.keep(*sequence, change, transaction, applied)?);
                change = Some(transaction.change_id);
            }
        }
        let flush = || {
            let flushed = root.sync_fs();
            flushed.map_err(|error| StoreError::io("..", error))
        };
        flush()?;
        let mut placing = self.folder.objects.placing(&*self.folder.lingering);
        for kept in kept {
            self.adopt(kept, &mut placing, timeline)?;
        }
        let generation = last;
        let head = Head { generation, change };
        head.write(&self.folder.dir)?;
        flush()?;
        Ok(head)
    }

    /// Writes the change file of a transaction, which lists what the slots hold.
    fn keep<'a>(
        &self,
        generation: u64,
        previous: Option<ChangeId>,
        transaction: &'a Transaction,
        applied: &'a Applied,
    ) -> Result<Kept<'a>, StoreError> {
        let mut kept = Kept {
            transaction,
            file: ChangeFile {
                generation,
                previous,
                change: (*transaction.change).clone(),
                preimages: Vec::new(),
                displaced: applied.displaced.clone(),
            },
            slots: Vec::new(),
        };
        for leftover in &applied.leftovers {
            self.look_at(leftover, &mut kept)?;
        }
        let earlier = self.remember(&mut kept)?;
        kept.file
            .preimages
            .sort_by(|one, two| one.path.cmp(&two.path));
        kept.file
            .preimages
            .dedup_by(|one, two| one.path == two.path);
        let bytes = kept.file.encode();
        if earlier.as_ref() != Some(&bytes) {
            self.write_change(&transaction.change_id, &bytes, earlier.is_some())?;
        }
        Ok(kept)
    }

    /// Looks at what was replaced or removed. A file that somebody wrote to through an old handle
    /// meanwhile is set aside, as is a directory that is not empty any more.
    fn look_at<'a>(&self, leftover: &'a Leftover, kept: &mut Kept<'a>) -> Result<(), StoreError> {
        let Leftover { path, slot, taken } = leftover;
        let fail = |error| StoreError::io(slot, error);
        let staging = &*self.folder.staging;
        let now = match staging.stat(slot) {
            // An earlier attempt at this checkpoint got further.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            now => now.map_err(fail)?,
        };
        let is_directory = now.kind == FileKind::Directory;
        let untouched = match is_directory {
            true => is_empty(staging, slot).map_err(fail)?,
            false => now == *taken,
        };
        if !untouched {
            return self.displace(leftover, kept);
        }
        if now.kind == FileKind::File {
            let (digest, size) = self.folder.objects.hash(staging, slot).map_err(fail)?;
            kept.file.preimages.push(Preimage {
                path: path.clone(),
                digest,
                size,
                executable: taken.mode & 0o111 != 0,
            });
            kept.slots.push((leftover, digest));
        }
        Ok(())
    }

    fn displace(&self, leftover: &Leftover, kept: &mut Kept<'_>) -> Result<(), StoreError> {
        let set_aside = self.folder.set_aside(kept.transaction.id, &leftover.slot);
        let aside = set_aside.map_err(|error| StoreError::io(&leftover.slot, error))?;
        kept.file.displaced.push(Displaced {
            path: leftover.path.clone(),
            kept: aside,
        });
        Ok(())
    }

    /// Takes over what an earlier attempt at this checkpoint wrote down and carried away. Returns the
    /// change file that it wrote.
    fn remember(&self, kept: &mut Kept<'_>) -> Result<Option<Vec<u8>>, StoreError> {
        let file_name = name(&kept.transaction.change_id.to_string());
        let fail = |error| StoreError::io(&file_name, error);
        let bytes = match self.folder.changes.open(&file_name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.and_then(|file| read_whole(&*file)).map_err(fail)?,
        };
        // One that does not decode was never flushed, and then nothing has left its slot.
        let Ok(earlier) = ChangeFile::decode(&bytes) else {
            return Ok(None);
        };
        // The head may name this very change already.
        kept.file.previous = earlier.previous;
        for preimage in earlier.preimages {
            let found = kept
                .file
                .preimages
                .iter()
                .any(|one| one.path == preimage.path);
            // Its bytes are an object by now, or in another slot that becomes the same object.
            if !found {
                kept.file.preimages.push(preimage);
            }
        }
        for displaced in earlier.displaced {
            if !kept.file.displaced.contains(&displaced) {
                kept.file.displaced.push(displaced);
            }
        }
        Ok(Some(bytes))
    }

    /// Makes objects of the files that the change file lists.
    fn adopt(
        &self,
        mut kept: Kept<'_>,
        placing: &mut Placing<'_>,
        timeline: &Timeline,
    ) -> Result<(), StoreError> {
        let staging = &*self.folder.staging;
        let mut is_changed = false;
        for (leftover, digest) in std::mem::take(&mut kept.slots) {
            let fail = |error| StoreError::io(&leftover.slot, error);
            if staging.stat(&leftover.slot).map_err(fail)? == leftover.taken {
                let parting = lingering_name(&digest, &leftover.slot);
                let placed = placing.place(staging, &leftover.slot, &digest, &parting);
                placed.map_err(fail)?;
                timeline.keep(kept.file.generation, &leftover.path, digest);
                continue;
            }
            self.displace(leftover, &mut kept)?;
            kept.file
                .preimages
                .retain(|preimage| preimage.path != leftover.path);
            is_changed = true;
        }
        match is_changed {
            true => self.write_change(&kept.transaction.change_id, &kept.file.encode(), true),
            false => Ok(()),
        }
    }

    /// Writes a change file; one that takes the place of another is flushed first, because slots may
    /// be empty already whose objects only the other one names.
    fn write_change(&self, id: &ChangeId, bytes: &[u8], over: bool) -> Result<(), StoreError> {
        let changes = &self.folder.changes;
        let (file_name, fresh) = (name(&id.to_string()), name(&format!("{id}.new")));
        let fail = |error| StoreError::io(&file_name, error);
        match changes.unlink(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
            _ => {}
        }
        let file = changes.create(&fresh, FILE_MODE).map_err(fail)?;
        file.write_at(bytes, 0).map_err(fail)?;
        if over {
            file.sync_data().map_err(fail)?;
        }
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
    fn clear(&self, settled: &[(u64, Committed)]) {
        for (_, committed) in settled {
            if let Progress::Applied(applied) = &committed.state {
                for leftover in &applied.leftovers {
                    drop(self.folder.clear(&leftover.slot));
                }
            }
        }
    }
}

fn read_whole(file: &dyn File) -> io::Result<Vec<u8>> {
    let (mut bytes, mut step) = (Vec::new(), vec![0; READ_STEP_BYTES]);
    loop {
        match file.read_at(&mut step, bytes.len() as u64)? {
            0 => return Ok(bytes),
            count => bytes.extend_from_slice(&step[..count]),
        }
    }
}
