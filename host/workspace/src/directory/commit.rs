//! One commit to a directory, step by step: validate, compose, reserve, record, apply, acknowledge.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use parking_lot::MutexGuard;
use store::journal::{JournalError, JournalPair};
use vfs::{Error, Sealed, VPath};

use super::apply::Halt;
use super::compose::Composer;
use super::engine::{Claim, Engine, Entered};
use super::fingerprint::is_absence;
use super::footprint::Footprint;
use super::pending::Progress;
use super::plan::SlotOf;
use super::reserve::{INLINE_BYTES_MAX, PromisedInodes};
use super::store::Store;
use super::takeback::{Since, take_back};
use super::transaction::{Entry, Transaction};
use super::validate::{Failure, Validated, Validator};
use super::walker::Walker;
use super::worker::{Deferred, Job};
use crate::change::Change;
use crate::commit::{Acknowledge, ChangeInfo, CommitOutcome, Displaced, Request, finish, stale};
use crate::error::{Result, StoreError, WorkspaceError};

/// Room in the journal that is left for the records of changes that are taken back.
const ABORT_ROOM_BYTES: u64 = 16 << 10;
/// Transactions in the journal from which on it is checkpointed.
const PENDING_TRANSACTIONS_MAX: usize = 256;
/// Bytes of the journal from which on the same is done: so much a recovery may have to go through.
const PENDING_BYTES_MAX: u64 = 16 << 20;
/// Bytes of the journal from which on commits wait for the checkpoint of the other one.
const JOURNAL_BYTES_PATIENCE: u64 = 2 * PENDING_BYTES_MAX;

/// Commits a sealed session to a directory.
pub(crate) fn commit(engine: &Arc<Engine>, request: Request<'_>) -> Result<CommitOutcome> {
    engine.check_place()?;
    if !engine.has_store()? {
        // A commit that conflicts anyway makes no store.
        let conflicts = validate(engine, &request)?.conflicts;
        if !conflicts.is_empty() {
            return Ok(CommitOutcome::Conflicted(conflicts));
        }
    }
    let entered = engine.enter()?;
    engine.audit_ready(&entered.store)?;
    let shared_store = entered.store.clone();
    let store = &*shared_store;
    let mut claim = engine.claim(footprint(&request))?;
    let Validated {
        conflicts,
        immovable,
    } = validate(engine, &request)?;
    if !conflicts.is_empty() {
        return Ok(CommitOutcome::Conflicted(conflicts));
    }
    engine.hold_lease(store)?;
    let transaction = match compose(engine, store, &request) {
        Ok(transaction) => Arc::new(transaction),
        Err(error) => return moved_under(engine, &request, error),
    };
    match reserve(engine, store, &transaction, immovable) {
        Ok(inodes) => claim.inodes = Some(inodes),
        Err(error) => {
            unstage(store, &transaction);
            return Err(error);
        }
    }
    let outcome = record(entered, claim, transaction, request);
    if store.spares.claim_filling() {
        let number = engine.transaction_id(store);
        engine.defer(Job::MakeSpares(shared_store.clone(), number));
    }
    if is_due(store) {
        engine.defer(Job::Checkpoint(engine.clone()));
    }
    outcome
}

pub(super) fn footprint(request: &Request<'_>) -> Footprint {
    let mut footprint = Footprint::of(request.sealed.change_set());
    if request.is_serializable() {
        let seen = request.sealed.reads().into_iter().map(|(path, _)| path);
        footprint.extend(seen.filter(|path| !path.is_root()));
        footprint.extend(request.sealed.absences());
    }
    footprint
}

pub(super) fn validate(engine: &Engine, request: &Request<'_>) -> Result<Validated> {
    let listing_entries_max = request.workspace.options.limits.listing_entries_max;
    let set = request.sealed.change_set();
    let mut validator = Validator::new(engine.root(), set, listing_entries_max);
    let found = validator
        .writes()
        .and_then(|()| match request.is_serializable() {
            true => validator.reads(&request.sealed),
            false => Ok(()),
        });
    found.map_err(|(path, error)| engine.io(path, error))?;
    Ok(validator.finish())
}

fn compose(engine: &Engine, store: &Store, request: &Request<'_>) -> Result<Transaction> {
    let Request {
        workspace,
        origin,
        sealed,
        options,
    } = request;
    let id = engine.transaction_id(store);
    let composer = Composer::new(id, sealed, &store.folder.staging, INLINE_BYTES_MAX);
    let transaction = composer.compose(workspace, origin, options.message.clone())?;
    if let Err(error) = request.check_bytes(transaction.change_bytes()) {
        unstage(store, &transaction);
        return Err(error);
    }
    Ok(transaction)
}

/// Finds out what would keep the change from the directory, while it can still be refused.
fn reserve(
    engine: &Engine,
    store: &Store,
    transaction: &Transaction,
    immovable: Option<Failure>,
) -> Result<PromisedInodes> {
    // Once more: there may have been others to wait for.
    engine.check_place()?;
    let held = store.reserve.hold().and_then(|()| {
        let pending_count = store.pending.lock().committed.len() as u64;
        let count = transaction.inodes_count();
        store
            .reserve
            .promise_inodes(&**engine.root(), count, pending_count)
    });
    let inodes = held.map_err(|error| engine.io(".session-fs/reserve", error))?;
    check_places(engine, &transaction.change, immovable)?;
    Ok(inodes)
}

/// Finds out whether the system would let all of a change be done.
pub(super) fn check_places(
    engine: &Engine,
    change: &Change,
    immovable: Option<Failure>,
) -> Result<()> {
    if let Some((path, error)) = immovable {
        return Err(engine.io(path, error));
    }
    let mut walker = Walker::new(engine.root());
    let mut checked = BTreeSet::new();
    let gone = change.departures.iter().map(|gone| &gone.path);
    let replaced = change.updates.iter().map(|update| &update.source);
    let come = change.arrivals.iter().map(|come| &come.path);
    for path in gone.chain(replaced).chain(come) {
        let parent = path.parent().unwrap_or_default();
        if !checked.insert(parent.clone()) {
            continue;
        }
        // A directory that the change itself makes or moves to its place is not there yet.
        let writable = walker
            .directory(&parent)
            .and_then(|dir| dir.check_writable());
        match writable {
            Err(error) if is_absence(&error) => {}
            writable => writable.map_err(|error| engine.io(&parent, error))?,
        }
    }
    Ok(())
}

/// Records the transaction, closes the session and has the change applied.
fn record(
    entered: Entered,
    claim: Claim,
    transaction: Arc<Transaction>,
    request: Request<'_>,
) -> Result<CommitOutcome> {
    let (engine, shared_store) = (entered.engine().clone(), entered.store.clone());
    let (engine, store) = (&*engine, &*shared_store);
    if store.pending.lock().is_moved_by(&transaction.change) {
        engine
            .checkpoint_of(store)
            .inspect_err(|_| unstage(store, &transaction))?;
    }
    let entries = request.sealed.change_set().entries();
    let bytes = transaction.payload().len();
    let strict = request.options.strict;
    let is_applied_later = request.options.acknowledge == Acknowledge::Durable && !strict;
    let ahead = match is_applied_later {
        true => None,
        false => engine.make_ahead(&shared_store, &transaction),
    };
    let write = |batch: &[Arc<Transaction>]| append(engine, store, batch);
    let sequence = match store.group.commit(transaction.clone(), bytes, &write) {
        Ok(sequence) => sequence,
        Err(error) => {
            if let Some(ahead) = ahead {
                ahead.stop();
            }
            return Err(unrecorded(
                engine,
                store,
                &transaction,
                request.sealed,
                error,
            ));
        }
    };
    let id = transaction.change_id;
    let info = |displaced| ChangeInfo {
        id,
        generation: sequence,
        entries,
        displaced,
    };
    if is_applied_later {
        finish(request.sealed, &id.to_string());
        engine.defer(Job::Apply(Deferred {
            sequence,
            transaction,
            _claim: claim,
            entered,
        }));
        return Ok(CommitOutcome::Applied(info(Vec::new())));
    }
    let made_ahead = ahead.map(|ahead| ahead.finish()).unwrap_or_default();
    let manner = Manner { strict, made_ahead };
    match apply(engine, store, sequence, &transaction, manner) {
        Ok(Ended::Applied(displaced)) => {
            finish(request.sealed, &id.to_string());
            Ok(CommitOutcome::Applied(info(displaced)))
        }
        Ok(Ended::TakenBack(path)) => Ok(stale(&path.to_string())),
        Err(error) => {
            if matches!(
                error,
                WorkspaceError::NeedsRecovery { .. } | WorkspaceError::InDoubt { .. }
            ) {
                finish(request.sealed, &id.to_string());
            }
            Err(error)
        }
    }
}

/// How a transaction is applied.
#[derive(Default)]
pub(super) struct Manner {
    /// Whether the first meeting with somebody else has it taken back.
    pub(super) strict: bool,
    /// The slots in which the new version stands already.
    pub(super) made_ahead: Vec<SlotOf>,
}

/// What applying came to.
pub(super) enum Ended {
    /// It is in the directory, and this is what somebody else wrote meanwhile.
    Applied(Vec<Displaced>),
    /// It met somebody else at this path and was taken back.
    TakenBack(VPath),
}

/// Applies a recorded transaction. After a failure the base takes no commits until it is recovered.
pub(super) fn apply(
    engine: &Engine,
    store: &Store,
    sequence: u64,
    transaction: &Transaction,
    manner: Manner,
) -> Result<Ended> {
    let mut applier = store.applier(engine.root(), transaction);
    applier.strict = manner.strict;
    applier.made_ahead = manner.made_ahead.into_iter().collect();
    let ended = applier.run();
    let applied = std::mem::take(&mut applier.applied);
    match ended {
        Ok(()) => {
            let displaced = applied.displaced.clone();
            settle(
                engine,
                store,
                sequence,
                Progress::Applied(Arc::new(applied)),
            );
            Ok(Ended::Applied(displaced))
        }
        Err(Halt::Raced(path)) => take_back_recorded(engine, store, sequence, transaction, &path),
        Err(Halt::Failed(path, error)) => {
            engine.poison();
            Err(needs_recovery(engine, transaction, &path, error))
        }
    }
}

fn needs_recovery(
    engine: &Engine,
    transaction: &Transaction,
    path: &VPath,
    error: io::Error,
) -> WorkspaceError {
    WorkspaceError::NeedsRecovery {
        base: engine.name.clone(),
        change: transaction.change_id,
        path: path.to_string(),
        source: Arc::new(error),
    }
}

/// Writes records, with room made for them first. From then on they are pending.
fn append(
    engine: &Engine,
    store: &Store,
    batch: &[Arc<Transaction>],
) -> Result<Vec<u64>, StoreError> {
    if store.is_poisoned() {
        return Err(StoreError::Poisoned);
    }
    let payloads: Vec<&[u8]> = batch.iter().map(|one| one.payload()).collect();
    let mut lens: Vec<u64> = payloads
        .iter()
        .map(|payload| payload.len() as u64)
        .collect();
    lens.push(ABORT_ROOM_BYTES);
    let mut journal = with_room(engine, store, &lens)?;
    let sequences = journal.current().append(&payloads)?;
    store.note_journal(&mut journal);
    let mut pending = store.pending.lock();
    for (sequence, transaction) in sequences.iter().zip(batch) {
        engine.timeline().record(*sequence, transaction);
        pending.commit(*sequence, transaction.clone());
    }
    Ok(sequences)
}

/// The journal, with room for records of these lengths.
fn with_room<'s>(
    engine: &Engine,
    store: &'s Store,
    lens: &[u64],
) -> Result<MutexGuard<'s, JournalPair>, StoreError> {
    loop {
        let mut journal = store.free_journal()?;
        let is_far = journal.current().used_bytes() >= JOURNAL_BYTES_PATIENCE;
        if !is_far || journal.current().is_empty() {
            if journal.current().fits(lens) {
                return Ok(journal);
            }
            match journal.current().grow_for(lens) {
                Ok(()) => return Ok(journal),
                Err(JournalError::Full { .. }) if !journal.current().is_empty() => {}
                Err(source @ JournalError::Io { .. }) if !journal.current().is_closed() => {
                    return Err(StoreError::Cramped { source });
                }
                Err(error) => return Err(error.into()),
            }
        }
        if journal.can_switch() {
            journal.switch().map_err(|error| no_room(error.into()))?;
            continue;
        }
        // Whoever checkpoints is behind the commits: they wait for it, or do it themselves.
        drop(journal);
        store
            .checkpoint_retired(engine.root(), engine.timeline())
            .map_err(no_room)?;
    }
}

fn no_room(source: StoreError) -> StoreError {
    match source {
        StoreError::Poisoned | StoreError::Busy { .. } => source,
        source => StoreError::NoRoom {
            source: Box::new(source),
        },
    }
}

/// Notes how a transaction ended.
fn settle(engine: &Engine, store: &Store, sequence: u64, progress: Progress) {
    match &progress {
        Progress::Applied(applied) => engine.timeline().apply(sequence, &applied.leftovers),
        Progress::Aborted => engine.timeline().abort(sequence),
        Progress::Applying => {}
    }
    let mut pending = store.pending.lock();
    pending.advance(sequence, progress);
    let settled = pending.settled_sequence();
    drop(pending);
    store.settled.notify_all();
    // Without it a recovery has more to look at, and nothing else.
    drop(store.mark.write(settled));
}

/// What it means that no record was written.
fn unrecorded(
    engine: &Engine,
    store: &Store,
    transaction: &Transaction,
    sealed: Sealed,
    error: Arc<StoreError>,
) -> WorkspaceError {
    if is_untouched(&error) {
        if matches!(*error, StoreError::NoRoom { .. }) {
            engine.poison();
        }
        unstage(store, transaction);
        if let StoreError::Busy { waited_ms } = *error {
            return engine.busy(waited_ms);
        }
        return WorkspaceError::Store {
            base: engine.name.clone(),
            source: error,
        };
    }
    engine.poison();
    finish(sealed, &transaction.change_id.to_string());
    WorkspaceError::InDoubt {
        base: engine.name.clone(),
        change: transaction.change_id,
        source: error,
    }
}

/// Whether an error of the journal came before anything was written.
fn is_untouched(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Poisoned
            | StoreError::Busy { .. }
            | StoreError::Cramped { .. }
            | StoreError::NoRoom { .. }
            | StoreError::Journal(JournalError::Full { .. } | JournalError::RecordTooLong { .. })
    )
}

/// Takes a recorded transaction back for a caller who wants no change that met somebody else.
fn take_back_recorded(
    engine: &Engine,
    store: &Store,
    sequence: u64,
    transaction: &Transaction,
    path: &VPath,
) -> Result<Ended> {
    // Not with a group: whoever leads one may be waiting for this transaction to settle.
    let noted = store
        .journal
        .lock()
        .current()
        .append(&[&Entry::abort(sequence)]);
    let taken_back = match noted {
        Ok(sequences) => {
            sequences
                .iter()
                .for_each(|sequence| engine.timeline().pass(*sequence));
            take_back(store.applier(engine.root(), transaction), Since::Made)
        }
        Err(error) => {
            // The next opening finds it in the journal or not, and takes the change back or not.
            engine.poison();
            return Err(WorkspaceError::InDoubt {
                base: engine.name.clone(),
                change: transaction.change_id,
                source: Arc::new(error.into()),
            });
        }
    };
    let applied = match taken_back {
        Ok(applied) => applied,
        // It is on the disk that nothing is committed; the next opening puts back what is left.
        Err(Halt::Failed(path, error)) => {
            engine.poison();
            return Err(engine.io(path, error));
        }
        Err(Halt::Raced(path)) => {
            engine.poison();
            return Err(engine.io(path, io::ErrorKind::ResourceBusy.into()));
        }
    };
    settle(engine, store, sequence, Progress::Aborted);
    match applied.displaced.first() {
        None => Ok(Ended::TakenBack(path.clone())),
        Some(first) => Err(WorkspaceError::Interfered {
            base: engine.name.clone(),
            path: first.path.to_string(),
            kept: first.kept.clone(),
        }),
    }
}

/// Removes what was staged for a transaction that is not recorded.
fn unstage(store: &Store, transaction: &Transaction) {
    let arrivals = (0..transaction.arrivals.len()).map(|index| transaction.arrival_slot(index));
    let updates = (0..transaction.updates.len()).map(|index| transaction.update_slot(index));
    for slot in arrivals.chain(updates) {
        // Whatever stays is removed by the next opening of the store.
        drop(store.folder.clear(&slot));
    }
}

fn is_due(store: &Store) -> bool {
    let count = store.pending.lock().committed.len();
    count >= PENDING_TRANSACTIONS_MAX || store.used_bytes() >= PENDING_BYTES_MAX
}

/// What an error of composing means: conflicts, when the base moved while it was read.
pub(super) fn moved_under(
    engine: &Engine,
    request: &Request<'_>,
    error: WorkspaceError,
) -> Result<CommitOutcome> {
    // Should the disk fail here too, the first failure is the one to tell of.
    let conflicts = validate(engine, request).map(|found| found.conflicts);
    let conflicts = conflicts.unwrap_or_default();
    if !conflicts.is_empty() {
        return Ok(CommitOutcome::Conflicted(conflicts));
    }
    match error {
        WorkspaceError::Session(Error::Stale { path }) => Ok(stale(&path)),
        WorkspaceError::Session(Error::Io { path, source })
            if source.kind() != io::ErrorKind::TimedOut =>
        {
            Err(WorkspaceError::Io {
                base: engine.name.clone(),
                path: path.unwrap_or_else(|| ".".to_owned()),
                source,
            })
        }
        error => Err(error),
    }
}
