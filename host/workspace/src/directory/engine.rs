//! The engine of one directory base: who may commit when, and each commit from its sealed session to
//! its acknowledgement.
//!
//! **Invariants:** the store has one writer among all processes; a transaction is visible only after
//! its record is on the disk; two transactions that touch related paths never run side by side.

mod kept;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};
use store::disk::{Dir, LockGuard};
use vfs::reserved::STORE_NAME;
use vfs::{Digest, DirectoryBase};

use super::ability::Ability;
use super::ahead::Ahead;
use super::folder::StoreFolder;
use super::footprint::Footprint;
use super::lease::Lease;
use super::place::{self, Locator};
use super::reserve::PromisedInodes;
use super::store::Store;
use super::timeline::Timeline;
use super::transaction::Transaction;
use super::worker::{Job, Worker};
use crate::audit::{AuditLimits, AuditLog};
use crate::change::ChangeId;
use crate::error::{Result, StoreError, WorkspaceError};
use crate::ids::IdSource;
use crate::workspace::WorkspaceOptions;

/// Time between two attempts at a lock that another process holds.
const LOCK_RETRY_MS: u64 = 5;

/// New files from which on another thread is asked to make them: with fewer it wakes up too late.
const AHEAD_FILES_MIN: usize = 8;

/// Commits after which the turn is given up for a moment, so that other processes get it too.
const TURN_COMMITS_MAX: usize = 1024;

/// What the engine of a base is made of.
pub(crate) struct Engine {
    pub(super) name: String,
    pub(super) base: Arc<DirectoryBase>,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) boot: Option<[u8; 16]>,
    lock_wait_ms_max: u64,
    /// Whether it may start threads of its own.
    threads: bool,
    state: Mutex<State>,
    changed: Condvar,
    /// Held by the thread that waits for the other processes.
    entrance: Mutex<()>,
    timeline: Arc<Timeline>,
    transactions_count: AtomicU64,
    appliers: OnceLock<Option<Worker>>,
    checkpointers: OnceLock<Option<Worker>>,
    makers: OnceLock<Option<Worker>>,
    audit: Arc<AuditLog>,
    lease: Mutex<Option<Lease>>,
    locator: Option<Arc<dyn Locator>>,
}

#[derive(Default)]
struct State {
    /// The turn of this process, while anyone of it commits.
    turn: Option<LockGuard>,
    entered_count: usize,
    /// How often the turn was used without being given up.
    turn_commits_count: usize,
    store: Option<Arc<Store>>,
    claims: Vec<(u64, Footprint)>,
    next_claim: u64,
    doubt: Option<Doubt>,
}

/// Why no commit is taken.
#[derive(Clone, Debug)]
enum Doubt {
    /// What is on the disk is not known.
    Poisoned,
    /// The store could not be opened or recovered; the directory can still be read.
    Unusable(WorkspaceError),
}

/// The right to use the store, given up when dropped.
pub(super) struct Entered {
    engine: Arc<Engine>,
    pub(super) store: Arc<Store>,
}

/// The folder of a store, for what lies in it beside the journal.
#[derive(Clone, Debug)]
pub(crate) struct StoreAccess {
    pub(crate) dir: Arc<dyn Dir>,
    pub(crate) key: [u8; 32],
}

/// Paths that are nobody else's until this is dropped.
pub(super) struct Claim {
    engine: Arc<Engine>,
    number: u64,
    /// The inodes that its transaction takes, promised as long as it is on its way.
    pub(super) inodes: Option<PromisedInodes>,
}

impl Engine {
    /// An engine over a directory. A store that is there is recovered, unless another process has the
    /// turn: then that one does, or the first commit here.
    pub(crate) fn open(
        base: Arc<DirectoryBase>,
        name: &str,
        options: &WorkspaceOptions,
        locator: Option<Arc<dyn Locator>>,
    ) -> Arc<Self> {
        let engine = Arc::new(Self {
            name: name.to_owned(),
            base,
            ids: options.ids.clone(),
            boot: options.boot,
            lock_wait_ms_max: options.limits.lock_wait_ms_max,
            threads: options.threads,
            audit: AuditLog::detached(AuditLimits::default(), options.clock.clone()),
            state: Mutex::default(),
            changed: Condvar::new(),
            entrance: Mutex::new(()),
            timeline: Timeline::new(options.limits.lock_wait_ms_max),
            transactions_count: AtomicU64::new(0),
            appliers: OnceLock::new(),
            checkpointers: OnceLock::new(),
            makers: OnceLock::new(),
            lease: Mutex::default(),
            locator,
        });
        if let Err(error) = engine.recover_if_free() {
            engine.state.lock().doubt = Some(Doubt::Unusable(error));
        }
        engine
    }

    /// What keeps the base from taking commits.
    pub(crate) fn trouble(&self) -> Option<WorkspaceError> {
        self.sound_state().err()
    }

    /// The directory.
    pub(crate) fn base(&self) -> &Arc<DirectoryBase> {
        &self.base
    }

    /// The generation of the base as far as this process knows.
    pub(crate) fn generation(&self) -> u64 {
        self.timeline.generation()
    }

    pub(super) fn timeline(&self) -> &Arc<Timeline> {
        &self.timeline
    }

    /// What the sessions of the base are audited by.
    pub(crate) fn audit(&self) -> &Arc<AuditLog> {
        &self.audit
    }

    /// Whether nothing of the audit is lost, and all of it can be written to the store.
    pub(super) fn audit_ready(&self, store: &Store) -> Result<()> {
        let fail = |source| WorkspaceError::Audit {
            base: self.name.clone(),
            source,
        };
        if !self.audit.is_attached() {
            let dir = super::folder::ensure(&store.folder.dir, "audit");
            let dir = dir.map_err(|error| error.at(&self.name))?;
            let key = &store.folder.identity.key;
            self.audit.attach(dir, key).map_err(fail)?;
        }
        self.audit.ready().map_err(fail)
    }

    pub(crate) fn root(&self) -> &Arc<dyn Dir> {
        self.base.root()
    }

    /// Checks that whoever looks for the base by its name finds the directory that is committed to.
    pub(super) fn check_place(&self) -> Result<()> {
        match &self.locator {
            Some(locator) => place::check(&**locator, &self.name, &**self.root()),
            None => Ok(()),
        }
    }

    fn recover_if_free(&self) -> Result<()> {
        if !self.has_store()? {
            return Ok(());
        }
        match self.root().try_lock() {
            Ok(None) => Ok(()),
            Ok(Some(turn)) => {
                let store = self
                    .open_store(false)
                    .map_err(|error| error.at(&self.name))?;
                if let Some(store) = &store {
                    // Whether it can be written to matters to commits, and they ask again.
                    drop(self.audit_ready(store));
                }
                self.state.lock().store = store;
                drop(turn);
                Ok(())
            }
            Err(error) => Err(WorkspaceError::io(&self.name, ".", error)),
        }
    }

    /// Waits for the turn, and for the store to be in order.
    ///
    /// # Errors
    ///
    /// `Busy` after `lock_wait_ms_max`; `Poisoned`; what opening and recovering fail with.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Entered> {
        let _entrance = self
            .entrance
            .try_lock_for(self.wait_max())
            .ok_or_else(|| self.busy(self.lock_wait_ms_max))?;
        let mut state = self.sound_state()?;
        let is_used_up =
            |state: &State| state.turn.is_some() && state.turn_commits_count >= TURN_COMMITS_MAX;
        self.wait_while(&mut state, is_used_up)?;
        if state.turn.is_none() {
            let is_long = std::mem::take(&mut state.turn_commits_count) >= TURN_COMMITS_MAX;
            drop(state);
            if is_long {
                // Whoever waits tries again in this time.
                std::thread::sleep(Duration::from_millis(2 * LOCK_RETRY_MS));
            }
            let turn = self.wait_for_turn()?;
            let known = self.state.lock().store.clone();
            let store = self
                .fresh_store(known)
                .map_err(|error| error.at(&self.name))?;
            state = self.state.lock();
            state.turn = Some(turn);
            state.store = Some(store);
        }
        let Some(store) = state.store.clone() else {
            return Err(self.poisoned());
        };
        state.entered_count += 1;
        state.turn_commits_count += 1;
        Ok(Entered {
            engine: self.clone(),
            store,
        })
    }

    fn sound_state(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state.lock();
        match &state.doubt {
            None => Ok(state),
            Some(Doubt::Poisoned) => Err(self.poisoned()),
            Some(Doubt::Unusable(error)) => Err(error.clone()),
        }
    }

    fn wait_for_turn(&self) -> Result<LockGuard> {
        for attempt in 0..=self.lock_wait_ms_max / LOCK_RETRY_MS {
            if attempt > 0 {
                std::thread::sleep(Duration::from_millis(LOCK_RETRY_MS));
            }
            let lock = self.root().try_lock();
            if let Some(turn) = lock.map_err(|e| WorkspaceError::io(&self.name, ".", e))? {
                return Ok(turn);
            }
        }
        Err(self.busy(self.lock_wait_ms_max))
    }

    /// The store as it is now: another process may have written to it since this one had the turn.
    fn fresh_store(&self, known: Option<Arc<Store>>) -> Result<Arc<Store>, StoreError> {
        if let Some(store) = known
            && store.is_fresh(self.root())?
        {
            return Ok(store);
        }
        let store = self.open_store(true)?;
        store.ok_or(StoreError::Poisoned)
    }

    fn open_store(&self, make: bool) -> Result<Option<Arc<Store>>, StoreError> {
        let store = match Store::open(self.root(), self.boot, self.lock_wait_ms_max)? {
            Some((store, records)) => {
                store.recover(self.root(), &records, &self.timeline)?;
                store
            }
            None if make => self.create_store()?,
            None => return Ok(None),
        };
        let generation = store.pending.lock().generation;
        self.timeline.start(generation);
        Ok(Some(Arc::new(store)))
    }

    /// Makes a store; where that fails, nothing of it is left.
    fn create_store(&self) -> Result<Store, StoreError> {
        Store::create(self.root(), &*self.ids, self.boot, self.lock_wait_ms_max).inspect_err(|_| {
            if matches!(StoreFolder::find(self.root()), Ok(None)) {
                let own = super::folder::name(STORE_NAME);
                // An unfinished one does no harm: the next attempt begins with it.
                drop(super::folder::remove_tree(&**self.root(), &own));
            }
        })
    }

    /// Waits until nobody else is at work on related paths, and takes these.
    ///
    /// # Errors
    ///
    /// `Busy` after `lock_wait_ms_max`; nothing is taken then.
    pub(super) fn claim(self: &Arc<Self>, footprint: Footprint) -> Result<Claim> {
        let mut state = self.state.lock();
        self.wait_while(&mut state, |state| {
            let mut claims = state.claims.iter();
            claims.any(|(_, other)| other.overlaps(&footprint))
        })?;
        let number = state.next_claim;
        state.next_claim += 1;
        state.claims.push((number, footprint));
        Ok(Claim {
            engine: self.clone(),
            number,
            inodes: None,
        })
    }

    /// Waits while something holds of the state, for at most `lock_wait_ms_max`.
    fn wait_while(
        &self,
        state: &mut MutexGuard<'_, State>,
        holds: impl Fn(&State) -> bool,
    ) -> Result<()> {
        let condition = |state: &mut State| holds(state);
        self.changed
            .wait_while_for(state, condition, self.wait_max());
        match holds(state) {
            true => Err(self.busy(self.lock_wait_ms_max)),
            false => Ok(()),
        }
    }

    fn wait_max(&self) -> Duration {
        Duration::from_millis(self.lock_wait_ms_max)
    }

    /// Begins to make the new files of a transaction, when that is worth while.
    pub(super) fn make_ahead(
        &self,
        store: &Arc<Store>,
        transaction: &Arc<Transaction>,
    ) -> Option<Arc<Ahead>> {
        let count_min = if self.threads { AHEAD_FILES_MIN } else { 1 };
        let ahead = Ahead::of(store, transaction, count_min)?;
        self.defer(Job::MakeAhead(ahead.clone()));
        Some(ahead)
    }

    /// Makes spare files for the next commit, unless another process wrote to the store meanwhile.
    pub(super) fn make_spares(self: &Arc<Self>, store: &Arc<Store>) {
        let entered = self.enter();
        let is_ours = entered.is_ok_and(|entered| {
            let is_ours = Arc::ptr_eq(&entered.store, store);
            if is_ours {
                let number = self.transaction_id(store);
                store.spares.fill(&*store.folder.staging, number);
            }
            is_ours
        });
        if !is_ours {
            store.spares.give_up_filling();
        }
    }

    /// Has something done by a thread of its own, or does it here when there is none.
    pub(super) fn defer(&self, job: Job) {
        let worker = match &job {
            Job::Apply(_) => &self.appliers,
            Job::Checkpoint(_) => &self.checkpointers,
            Job::MakeAhead(_) | Job::MakeSpares(..) => &self.makers,
        };
        let start = || self.threads.then(Worker::start).flatten();
        let refused = match worker.get_or_init(start) {
            Some(worker) => worker.hand_over(job).err(),
            None => Some(job),
        };
        if let Some(job) = refused {
            job.run();
        }
    }

    /// A number for a transaction that no other one of this store ever had, or has while it lasts.
    pub(super) fn transaction_id(&self, store: &Store) -> u64 {
        const COUNT_BITS: u32 = 20;
        let count = self.transactions_count.fetch_add(1, Ordering::Relaxed);
        (store.next_sequence() << COUNT_BITS) | (count & ((1 << COUNT_BITS) - 1))
    }

    /// Refuses commits from now on: what is on the disk is in doubt.
    pub(super) fn poison(&self) {
        let mut state = self.state.lock();
        state.doubt = Some(Doubt::Poisoned);
        // The next opening recovers from what the disk really has.
        if let Some(store) = state.store.take() {
            store.poison();
        }
        self.timeline.break_off();
    }

    /// Empties the journal, when there is anything in it and nobody else has the turn.
    ///
    /// # Errors
    ///
    /// `Busy`; those of the system, and the base is poisoned then.
    pub(crate) fn checkpoint(self: &Arc<Self>) -> Result<()> {
        let is_clean = |store: &Arc<Store>| store.pending.lock().committed.is_empty();
        if self.state.lock().store.as_ref().is_none_or(is_clean) {
            return Ok(());
        }
        let entered = self.enter()?;
        self.checkpoint_of(&entered.store)
    }

    /// The last checkpoint, when nobody else can be at work here.
    fn close(&mut self) -> Result<()> {
        let Some(store) = self.state.get_mut().store.take() else {
            return Ok(());
        };
        store.spares.clear(&*store.folder.staging);
        if store.pending.lock().committed.is_empty() {
            return Ok(());
        }
        let turn = self.root().try_lock();
        match turn.map_err(|error| self.io(".", error))? {
            Some(_turn) if store.is_fresh(self.root()).unwrap_or(false) => {
                self.checkpoint_of(&store)
            }
            // Another process has the turn, and has recovered what is in the journal.
            _ => Ok(()),
        }
    }

    /// Checkpoints what is recorded by now. Commits go on meanwhile.
    pub(super) fn checkpoint_of(&self, store: &Store) -> Result<()> {
        let checkpointed = store.checkpoint(self.root(), &self.timeline);
        checkpointed.map_err(|error| {
            if !matches!(error, StoreError::Busy { .. }) {
                self.poison();
            }
            error.at(&self.name)
        })
    }

    /// The store, in order and with everything that was committed in its history; `None` when there is
    /// none and `make` does not ask for one.
    ///
    /// # Errors
    ///
    /// As a commit's.
    pub(crate) fn access(self: &Arc<Self>, make: bool) -> Result<Option<StoreAccess>> {
        if !make && !self.has_store()? {
            return Ok(None);
        }
        let entered = self.enter()?;
        let is_clean = entered.store.pending.lock().committed.is_empty();
        if !is_clean {
            self.checkpoint_of(&entered.store)?;
        }
        self.audit_ready(&entered.store)?;
        let folder = &entered.store.folder;
        Ok(Some(StoreAccess {
            dir: folder.dir.clone(),
            key: folder.identity.key,
        }))
    }

    /// Does something while no process commits to the base and the journal is empty.
    ///
    /// # Errors
    ///
    /// As a commit's.
    pub(crate) fn exclusively<T>(self: &Arc<Self>, act: impl FnOnce() -> T) -> Result<T> {
        let entered = self.enter()?;
        let store = &entered.store;
        let done = store.group.pause(|| {
            self.checkpoint_of(store)?;
            Ok(act())
        });
        done.map_err(|error| error.at(&self.name))?
    }

    /// Whether an open session may still ask for an object.
    pub(crate) fn needs_object(&self, digest: &Digest) -> bool {
        self.timeline.needs(digest)
    }

    pub(super) fn has_store(&self) -> Result<bool> {
        if self.state.lock().store.is_some() {
            return Ok(true);
        }
        let found = StoreFolder::find(self.root());
        found
            .map(|found| found.is_some())
            .map_err(|error| error.at(&self.name))
    }

    /// What became of the commit of a session, as far as the journal still knows.
    pub(crate) fn pending_change_of(&self, session: &str) -> Option<(u64, ChangeId)> {
        let store = self.state.lock().store.clone()?;
        let pending = store.pending.lock();
        pending.change_of(session)
    }

    /// What the file system can do; `None` before there is a store.
    pub(crate) fn ability(&self) -> Option<Ability> {
        self.state.lock().store.as_ref().map(|store| store.ability)
    }

    pub(super) fn poisoned(&self) -> WorkspaceError {
        WorkspaceError::Poisoned {
            base: self.name.clone(),
        }
    }

    pub(super) fn busy(&self, waited_ms: u64) -> WorkspaceError {
        WorkspaceError::Busy {
            base: self.name.clone(),
            waited_ms,
        }
    }

    pub(super) fn io(&self, path: impl std::fmt::Display, error: io::Error) -> WorkspaceError {
        WorkspaceError::io(&self.name, path, error)
    }
}

impl Entered {
    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut state = self.engine.state.lock();
        state.entered_count -= 1;
        if state.entered_count == 0 {
            let turn = state.turn.take();
            drop(state);
            drop(turn);
            self.engine.changed.notify_all();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut state = self.engine.state.lock();
        state.claims.retain(|(number, _)| *number != self.number);
        self.engine.changed.notify_all();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Whoever opens the base next does it otherwise.
        drop(self.close());
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
