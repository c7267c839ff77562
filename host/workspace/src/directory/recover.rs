//! Recovery: what the journal holds is done again as far as it has to be, and checkpointed.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

use store::disk::Dir;
use store::journal::Record;

use super::apply::{Applied, Applier, Halt};
use super::carried::put_back_carried;
use super::folder::ENTRIES_MAX;
use super::mover::Mover;
use super::pending::Progress;
use super::redo::{Known, Redo};
use super::store::Store;
use super::takeback::{Since, take_back};
use super::timeline::Timeline;
use super::transaction::{Entry, Transaction};
use super::walker::Walker;
use crate::error::StoreError;

impl Store {
    /// Brings the directory to what the journal says. Called by whoever has the turn, before anything
    /// else is done with the store.
    ///
    /// # Errors
    ///
    /// Those of the system; it can be repeated then.
    pub(super) fn recover(
        &self,
        root: &Arc<dyn Dir>,
        records: &[Record],
        timeline: &Timeline,
    ) -> Result<(), StoreError> {
        let (committed, aborted) = entries(records)?;
        let applied_sequence = self.mark.read()?;
        self.put_back(root, &committed, &aborted, applied_sequence)
            .map_err(failure)?;
        let stands = committed
            .iter()
            .filter(|(sequence, _)| !aborted.contains(sequence));
        let mut known = Known::before(stands.map(|(_, transaction)| &**transaction));
        for (sequence, transaction) in &committed {
            let (sequence, taken_back) = (*sequence, aborted.contains(sequence));
            let applied = if taken_back {
                take_back(self.applier(root, transaction), Since::Crash)
            } else {
                self.redo(root, transaction, &mut known, sequence <= applied_sequence)
            };
            let applied = applied.map_err(failure)?;
            let mut pending = self.pending.lock();
            pending.commit(sequence, transaction.clone());
            pending.advance(
                sequence,
                match taken_back {
                    true => Progress::Aborted,
                    false => Progress::Applied(Arc::new(applied)),
                },
            );
        }
        self.checkpoint(root, timeline)?;
        self.clear_staging()
    }

    /// Puts back the directories that transactions which are to be done again carried away.
    fn put_back(
        &self,
        root: &Arc<dyn Dir>,
        committed: &[(u64, Arc<Transaction>)],
        aborted: &HashSet<u64>,
        applied_sequence: u64,
    ) -> Result<(), Halt> {
        let again = committed
            .iter()
            .filter(|(sequence, _)| *sequence > applied_sequence && !aborted.contains(sequence));
        let hands = again.map(|(_, transaction)| self.applier(root, transaction));
        put_back_carried(&mut hands.collect::<Vec<_>>())
    }

    fn redo<'t>(
        &'t self,
        root: &'t Arc<dyn Dir>,
        transaction: &'t Transaction,
        known: &mut Known<'t>,
        complete: bool,
    ) -> Result<Applied, Halt> {
        let mut redo = Redo {
            applier: self.applier(root, transaction),
            known,
            taken: HashMap::new(),
        };
        match complete {
            true => redo.collect()?,
            false => redo.run()?,
        }
        Ok(redo.applier.applied)
    }

    /// The hands for one transaction.
    pub(super) fn applier<'a>(
        &'a self,
        root: &'a Arc<dyn Dir>,
        transaction: &'a Transaction,
    ) -> Applier<'a> {
        Applier {
            root,
            folder: &self.folder,
            mover: Mover {
                staging: &self.folder.staging,
                ability: self.ability,
                reserve: &self.reserve,
            },
            transaction,
            walker: Walker::new(root),
            strict: false,
            made_ahead: HashSet::new(),
            applied: Applied::default(),
        }
    }

    /// Removes what commits left that never came to their record.
    fn clear_staging(&self) -> Result<(), StoreError> {
        let fail = |error| StoreError::io("staging", error);
        for item in self.folder.staging.list(ENTRIES_MAX).map_err(fail)?.items {
            self.folder.clear(&item.name).map_err(fail)?;
        }
        Ok(())
    }
}

/// The transactions of the journal in their order, and the numbers of those that were taken back.
#[expect(
    clippy::type_complexity,
    reason = "two lists that are taken apart at once"
)]
pub(super) fn entries(
    records: &[Record],
) -> Result<(Vec<(u64, Arc<Transaction>)>, HashSet<u64>), StoreError> {
    let (mut committed, mut aborted) = (Vec::new(), HashSet::new());
    for Record { sequence, payload } in records {
        let entry = Entry::decode(payload).map_err(|source| StoreError::Record {
            sequence: *sequence,
            source,
        })?;
        match entry {
            Entry::Commit(transaction) => committed.push((*sequence, Arc::new(transaction))),
            Entry::Abort(sequence) => {
                aborted.insert(sequence);
            }
        }
    }
    Ok((committed, aborted))
}

fn failure(halt: Halt) -> StoreError {
    match halt {
        Halt::Failed(path, error) => StoreError::io(format!("../{path}"), error),
        Halt::Raced(path) => {
            StoreError::io(format!("../{path}"), io::ErrorKind::ResourceBusy.into())
        }
    }
}
