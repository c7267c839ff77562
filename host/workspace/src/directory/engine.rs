//! The engine of one directory base: who may commit when, and each commit from its sealed session to
//! its acknowledgement.
//!
//! **Invariants:** the store has one writer among all processes; a transaction is visible only after
//! its record is on the disk; two transactions that touch related paths never run side by side.

mod jobs;
mod kept;
mod turn;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::{Condvar, Mutex, MutexGuard};
use store::disk::{Dir, LockGuard};
use vfs::reserved::STORE_NAME;
use vfs::{Digest, DirectoryBase};

use super::ability::Ability;
use super::folder::StoreFolder;
use super::footprint::Footprint;
use super::lease::Lease;
use super::place::{self, Locator};
use super::store::Store;
use super::timeline::Timeline;
use super::worker::Worker;
use crate::audit::{AuditLimits, AuditLog};
use crate::change::ChangeId;
use crate::error::{Result, StoreError, WorkspaceError};
use crate::ids::IdSource;
use crate::workspace::WorkspaceOptions;

pub(super) use turn::{Claim, Entered};

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
    /// Counted from where no other process begins: one may have been killed with a slot made.
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

/// The folder of a store, for what lies in it beside the journal.
#[derive(Clone, Debug)]
pub(crate) struct StoreAccess {
    pub(crate) dir: Arc<dyn Dir>,
    pub(crate) key: [u8; 32],
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
            transactions_count: AtomicU64::new(options.ids.number()),
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

    fn sound_state(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state.lock();
        match &state.doubt {
            None => Ok(state),
            Some(Doubt::Poisoned) => Err(self.poisoned()),
            Some(Doubt::Unusable(error)) => Err(error.clone()),
        }
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
