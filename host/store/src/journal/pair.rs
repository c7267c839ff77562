//! `JournalPair`: two journals that take turns, so that one is emptied while the other is written to.
//!
//! The way of SQLite's wal2: appends go to the *current* journal; a switch makes it the *retired* one,
//! whose records are carried out and which is then recycled, and becomes the *spare* one.
//! **Invariant:** the current journal begins with the number and the digest that the retired one ends
//! with, so that a record which is lost between the two is noticed. Bytes: `docs/formats.md`.

use std::sync::Arc;

use super::open::file_name;
use super::{Journal, JournalError, JournalLimits, Record, Result, StoreIdentity};
use crate::disk::Dir;

const FILE_NAMES: [&str; 2] = ["journal", "journal2"];

/// Two open journals with one sequence of records. There is one writer at a time.
#[derive(Debug)]
pub struct JournalPair {
    current: Journal,
    /// The other one while it is empty.
    spare: Option<Journal>,
    /// The other one from a switch until somebody takes it to carry out what is in it.
    retired: Option<Journal>,
}

impl JournalPair {
    /// Creates both files in `dir`, each as [`Journal::create`] does.
    ///
    /// # Errors
    ///
    /// As [`Journal::create`].
    pub fn create(
        dir: &Arc<dyn Dir>,
        identity: &StoreIdentity,
        limits: &JournalLimits,
    ) -> Result<Self> {
        let [current, spare] = FILE_NAMES.map(file_name);
        let current = Journal::create(dir, &current, identity, limits)?;
        let spare = Journal::create(dir, &spare, identity, limits)?;
        Ok(Self {
            current,
            spare: Some(spare),
            retired: None,
        })
    }

    /// Opens both files and returns every record that is not carried out for certain, in order.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`]; `Corrupt` also when the two do not continue one another.
    pub fn open(
        dir: &Arc<dyn Dir>,
        identity: &StoreIdentity,
        limits: &JournalLimits,
    ) -> Result<(Self, Vec<Record>)> {
        let [one, two] = FILE_NAMES.map(file_name);
        let (one, two) = (
            Journal::open(dir, &one, identity, limits)?,
            Journal::open(dir, &two, identity, limits)?,
        );
        Self::join(one, two)
    }

    /// The records of both files as they stand, in order. Nothing is written, so that what a dead
    /// process had not flushed may be among them.
    ///
    /// # Errors
    ///
    /// As [`JournalPair::open`]. While somebody else writes, `Corrupt` may mean just that.
    pub fn peek(
        dir: &Arc<dyn Dir>,
        identity: &StoreIdentity,
        limits: &JournalLimits,
    ) -> Result<Vec<Record>> {
        let [one, two] = FILE_NAMES.map(file_name);
        let (one, two) = (
            Journal::peek(dir, &one, identity, limits)?,
            Journal::peek(dir, &two, identity, limits)?,
        );
        Ok(Self::join(one, two)?.1)
    }

    /// Puts two journals, and the records of each, in their order.
    fn join(
        one: (Journal, Vec<Record>),
        two: (Journal, Vec<Record>),
    ) -> Result<(Self, Vec<Record>)> {
        let range = |(journal, _): &(Journal, _)| (journal.first_sequence(), journal.next_sequence);
        let (older, newer) = match range(&one) <= range(&two) {
            true => (one, two),
            false => (two, one),
        };
        let (older, mut records) = older;
        let (current, newer_records) = newer;
        let follows = (older.next_sequence, older.last_digest) == current.start();
        if !follows {
            let (offset, reason) = (older.tail, "its records do not lead to the other journal");
            return Err(JournalError::Corrupt { offset, reason });
        }
        records.extend(newer_records);
        let (spare, retired) = match older.is_empty() {
            true => (Some(older), None),
            false => (None, Some(older)),
        };
        let pair = Self {
            current,
            spare,
            retired,
        };
        Ok((pair, records))
    }

    /// The journal that is appended to.
    pub fn current(&mut self) -> &mut Journal {
        &mut self.current
    }

    /// Number that the next record gets.
    pub fn next_sequence(&self) -> u64 {
        self.current.next_sequence
    }

    /// Whether [`switch`](Self::switch) can be called: the other journal is empty and at hand.
    pub fn can_switch(&self) -> bool {
        self.spare.is_some()
    }

    /// Retires the current journal: what is appended from now on goes to the other one.
    ///
    /// One small write and one flush. Does nothing when the current journal is empty, or when the
    /// other one is not at hand.
    ///
    /// # Errors
    ///
    /// `Io`; nothing is appended after that.
    pub fn switch(&mut self) -> Result<()> {
        if self.current.is_empty() {
            return Ok(());
        }
        let Some(mut next) = self.spare.take() else {
            return Ok(());
        };
        let (sequence, digest) = (self.current.next_sequence, self.current.last_digest);
        if let Err(error) = next.begin_at(sequence, digest) {
            self.current.is_poisoned = true;
            return Err(error);
        }
        self.retired = Some(std::mem::replace(&mut self.current, next));
        Ok(())
    }

    /// Number of the last record of the retired journal, while nobody has taken it.
    pub fn retired_sequence(&self) -> Option<u64> {
        let retired = self.retired.as_ref()?;
        Some(retired.next_sequence.saturating_sub(1))
    }

    /// Takes the retired journal, whose records the caller carries out. When all they did is on the
    /// disk, the caller recycles it and gives it back.
    pub fn take_retired(&mut self) -> Option<Journal> {
        self.retired.take()
    }

    /// Takes a journal back that was retired and has been recycled.
    pub fn give_back(&mut self, recycled: Journal) {
        debug_assert!(recycled.is_empty(), "its records are carried out");
        self.spare = Some(recycled);
    }

    /// Whether there is no record that is not carried out, as far as nobody holds the retired journal.
    pub fn is_empty(&self) -> bool {
        self.current.is_empty() && self.spare.is_some()
    }

    /// Whether somebody else has written since, as [`Journal::moved_on`].
    ///
    /// # Errors
    ///
    /// As [`Journal::moved_on`].
    pub fn moved_on(&self) -> Result<bool> {
        let others = self.spare.iter().chain(&self.retired);
        for journal in std::iter::once(&self.current).chain(others) {
            if journal.moved_on()? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
