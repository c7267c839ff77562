//! The open store of a directory base: its folders, its journal and what is not checkpointed yet.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use store::disk::{Dir, Fingerprint};
use store::journal::{JournalLimits, JournalPair, Record};
use vfs::reserved::STORE_NAME;

use super::ability::Ability;
use super::folder::{StoreFolder, name};
use super::group::Group;
use super::marks::{AppliedMark, Head};
use super::pending::Pending;
use super::reserve::Reserve;
use super::spares::Spares;
use super::transaction::Transaction;
use crate::error::StoreError;
use crate::ids::IdSource;

/// Zero-filled when a store is made, twice: room for some commits of usual size.
pub(super) const JOURNAL_BYTES_INITIAL: u64 = 2 << 20;
const JOURNAL_BYTES_MAX: u64 = 64 << 20;
/// The contents of a record have at most 4 MiB, the change itself at most
/// `WorkspaceLimits::change_bytes_max`.
const RECORD_BYTES_MAX: u64 = 48 << 20;

/// A store that is open for commits.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) folder: StoreFolder,
    pub(super) ability: Ability,
    pub(super) reserve: Reserve,
    /// Locked before `pending` where both are.
    pub(super) journal: Mutex<JournalPair>,
    pub(super) group: Group<Arc<Transaction>>,
    pub(super) pending: Mutex<Pending>,
    /// Told when a transaction is settled.
    pub(super) settled: Condvar,
    /// Held by whoever checkpoints.
    checkpointing: Mutex<()>,
    /// Number that the next record gets, and bytes of the current journal, as of the last append.
    next_sequence: AtomicU64,
    used_bytes: AtomicU64,
    pub(super) mark: AppliedMark,
    pub(super) spares: Spares,
    /// Which folder and which journal these are: somebody may take them away.
    place: (Fingerprint, Fingerprint),
    poisoned: AtomicBool,
    wait_ms_max: u64,
}

impl Store {
    /// Opens the store of a base, with the records that wait for recovery; `None` when there is none.
    pub(super) fn open(
        root: &Arc<dyn Dir>,
        boot: Option<[u8; 16]>,
        wait_ms_max: u64,
    ) -> Result<Option<(Self, Vec<Record>)>, StoreError> {
        let Some(folder) = StoreFolder::find(root)? else {
            return Ok(None);
        };
        let (journal, records) = JournalPair::open(&folder.dir, &folder.identity, &limits())?;
        let store = Self::with(folder, journal, boot, wait_ms_max)?;
        Ok(Some((store, records)))
    }

    /// Makes a store. It exists when this returns.
    pub(super) fn create(
        root: &Arc<dyn Dir>,
        ids: &dyn IdSource,
        boot: Option<[u8; 16]>,
        wait_ms_max: u64,
    ) -> Result<Self, StoreError> {
        let folder = StoreFolder::prepare(root, ids)?;
        let journal = JournalPair::create(&folder.dir, &folder.identity, &limits())?;
        let store = Self::with(folder, journal, boot, wait_ms_max)?;
        store.folder.seal(root)?;
        Ok(store)
    }

    /// Whether nobody has written to the store since this process had the turn, nor taken it away.
    pub(super) fn is_fresh(&self, root: &Arc<dyn Dir>) -> Result<bool, StoreError> {
        let same = |one: &Fingerprint, two: &Fingerprint| (one.dev, one.ino) == (two.dev, two.ino);
        let found = match root.walk(&[name(STORE_NAME)]) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            found => found.map_err(|error| StoreError::io(".", error))?,
        };
        let in_place = match place(&*found) {
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => false,
            place => {
                let place = place?;
                same(&place.0, &self.place.0) && same(&place.1, &self.place.1)
            }
        };
        Ok(in_place && !self.journal.lock().moved_on()?)
    }

    /// Refuses everything from now on: what is on the disk is in doubt.
    pub(super) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
        // Whoever waits for a transaction that will not settle need not wait any longer.
        drop(self.pending.lock());
        self.settled.notify_all();
    }

    pub(super) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// Waits until every transaction recorded up to this number is in the directory or taken back.
    ///
    /// # Errors
    ///
    /// `Poisoned` when one of them never will be; `Busy` when one is not in time.
    pub(super) fn wait_settled(&self, last: u64) -> Result<(), StoreError> {
        let mut pending = self.pending.lock();
        let has_to_wait = |pending: &mut Pending| !pending.is_settled(last) && !self.is_poisoned();
        let settled = &self.settled;
        settled.wait_while_for(&mut pending, has_to_wait, self.wait_max());
        if self.is_poisoned() {
            return Err(StoreError::Poisoned);
        }
        match pending.is_settled(last) {
            true => Ok(()),
            false => Err(self.busy()),
        }
    }

    /// The right to checkpoint.
    ///
    /// # Errors
    ///
    /// `Busy` when somebody else does all the time that is waited.
    pub(super) fn checkpointing(&self) -> Result<MutexGuard<'_, ()>, StoreError> {
        let mine = self.checkpointing.try_lock_for(self.wait_max());
        mine.ok_or_else(|| self.busy())
    }

    /// The journal, for who can do without.
    ///
    /// # Errors
    ///
    /// `Busy` when it is being written to all the time that is waited.
    pub(super) fn free_journal(&self) -> Result<MutexGuard<'_, JournalPair>, StoreError> {
        let free = self.journal.try_lock_for(self.wait_max());
        free.ok_or_else(|| self.busy())
    }

    fn wait_max(&self) -> Duration {
        Duration::from_millis(self.wait_ms_max)
    }

    fn busy(&self) -> StoreError {
        StoreError::Busy {
            waited_ms: self.wait_ms_max,
        }
    }

    /// Notes how far the journal is, for those who do not wait for it.
    pub(super) fn note_journal(&self, journal: &mut JournalPair) {
        let (next, used) = (journal.next_sequence(), journal.current().used_bytes());
        self.next_sequence.store(next, Ordering::Release);
        self.used_bytes.store(used, Ordering::Release);
    }

    /// Number that the next record got when this was last known, or a later one.
    pub(super) fn next_sequence(&self) -> u64 {
        self.next_sequence.load(Ordering::Acquire)
    }

    /// Bytes of the journal that is written to, as far as is known.
    pub(super) fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::Acquire)
    }

    fn with(
        folder: StoreFolder,
        mut journal: JournalPair,
        boot: Option<[u8; 16]>,
        wait_ms_max: u64,
    ) -> Result<Self, StoreError> {
        let ability = Ability::probe(&folder.staging);
        let head = Head::read(&*folder.dir)?;
        let mut pending = Pending::default();
        pending.forget(head.generation, head.change);
        Ok(Self {
            ability: ability.map_err(|error| StoreError::io("staging", error))?,
            reserve: Reserve::open(&*folder.dir)?,
            spares: Spares::default(),
            mark: AppliedMark::open(&*folder.dir, boot)?,
            next_sequence: AtomicU64::new(journal.next_sequence()),
            used_bytes: AtomicU64::new(journal.current().used_bytes()),
            checkpointing: Mutex::new(()),
            journal: Mutex::new(journal),
            group: Group::new(wait_ms_max),
            wait_ms_max,
            pending: Mutex::new(pending),
            settled: Condvar::new(),
            place: place(&*folder.dir)?,
            poisoned: AtomicBool::new(false),
            folder,
        })
    }
}

/// The folder and the journal in it.
fn place(dir: &dyn Dir) -> Result<(Fingerprint, Fingerprint), StoreError> {
    let found = dir
        .stat_self()
        .and_then(|own| Ok((own, dir.stat(&name("journal"))?)));
    found.map_err(|error| StoreError::io("journal", error))
}

pub(super) fn limits() -> JournalLimits {
    JournalLimits {
        bytes_initial: JOURNAL_BYTES_INITIAL,
        bytes_max: JOURNAL_BYTES_MAX,
        record_bytes_max: RECORD_BYTES_MAX,
    }
}
