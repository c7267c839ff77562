//! One commit to a directory, step by step: validate, compose, reserve, record, apply, acknowledge.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use store::journal::JournalError;
use vfs::{Conflict, Error, Sealed, VPath};

use super::apply::{Applied, Halt};
use super::compose::Composer;
use super::engine::{Claim, Engine};
use super::fingerprint::is_absence;
use super::footprint::Footprint;
use super::pending::Progress;
use super::reserve::INLINE_BYTES_MAX;
use super::store::Store;
use super::takeback::{Since, first_displaced, take_back};
use super::transaction::{Entry, Transaction};
use super::validate::Validator;
use super::walker::Walker;
use crate::commit::{ChangeInfo, CommitOutcome, Request, stale};
use crate::error::{Result, StoreError, WorkspaceError};
use crate::workspace::check_limit;

/// Room in the journal that is left for the records of changes that are taken back.
const ABORT_ROOM_BYTES: u64 = 16 << 10;
/// Transactions in the journal from which on it is checkpointed.
const PENDING_TRANSACTIONS_MAX: usize = 256;

/// Commits a sealed session to a directory.
pub(crate) fn commit(engine: &Engine, request: Request<'_>) -> Result<CommitOutcome> {
    let entered = engine.enter()?;
    let store = &*entered.store;
    let claim = engine.claim(footprint(&request));
    let conflicts = validate(engine, &request)?;
    if !conflicts.is_empty() {
        return Ok(CommitOutcome::Conflicted(conflicts));
    }
    let transaction = match compose(engine, store, &request) {
        Ok(transaction) => Arc::new(transaction),
        Err(error) => return moved_under(engine, &request, error),
    };
    if let Err(error) = reserve(engine, store, &transaction) {
        unstage(store, &transaction);
        return Err(error);
    }
    let outcome = record(engine, store, transaction, request);
    drop(claim);
    if is_due(store) {
        engine.checkpoint_of(store)?;
    }
    outcome
}

/// What a commit would conflict with now. Nothing is written.
pub(crate) fn preview(engine: &Engine, request: &Request<'_>) -> Result<Vec<Conflict>> {
    let _claim: Claim<'_> = engine.claim(footprint(request));
    validate(engine, request)
}

fn footprint(request: &Request<'_>) -> Footprint {
    let mut footprint = Footprint::of(request.sealed.change_set());
    if request.is_serializable() {
        let seen = request.sealed.reads().into_iter().map(|(path, _)| path);
        footprint.extend(seen.filter(|path| !path.is_root()));
        footprint.extend(request.sealed.absences());
    }
    footprint
}

fn validate(engine: &Engine, request: &Request<'_>) -> Result<Vec<Conflict>> {
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
    Ok(validator.conflicts())
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
    let change_bytes = transaction.change_bytes();
    let limit = workspace.options.limits.change_bytes_max;
    if let Err(error) = check_limit("change-bytes", change_bytes, limit) {
        unstage(store, &transaction);
        return Err(error);
    }
    Ok(transaction)
}

/// Finds out what would keep the change from the directory, while it can still be refused.
fn reserve(engine: &Engine, store: &Store, transaction: &Transaction) -> Result<()> {
    let held = store.reserve.hold();
    held.map_err(|error| engine.io(".session-fs/reserve", error))?;
    let mut walker = Walker::new(engine.root());
    let mut checked = BTreeSet::new();
    let change = &transaction.change;
    let gone = change.departures.iter().map(|gone| &gone.path);
    let replaced = change.updates.iter().map(|update| &update.source);
    for path in gone.clone().chain(replaced) {
        let movable = walker
            .place(path)
            .and_then(|(dir, name)| dir.stat_movable(name));
        movable.map_err(|error| engine.io(path, error))?;
    }
    let come = change.arrivals.iter().map(|come| &come.path);
    for path in gone
        .chain(change.updates.iter().map(|update| &update.source))
        .chain(come)
    {
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

/// Records the transaction, applies it and closes the session.
fn record(
    engine: &Engine,
    store: &Store,
    transaction: Arc<Transaction>,
    request: Request<'_>,
) -> Result<CommitOutcome> {
    let is_moved = store.pending.lock().is_moved_by(&transaction.change);
    if is_moved {
        engine.checkpoint_of(store)?;
    }
    let entries = request.sealed.change_set().entries();
    let bytes = transaction.payload().len();
    let write = |batch: &[Arc<Transaction>]| append(engine, store, batch);
    let sequence = match store.group.commit(transaction.clone(), bytes, &write) {
        Ok(sequence) => sequence,
        Err(error) => {
            return Err(unrecorded(
                engine,
                store,
                &transaction,
                request.sealed,
                error,
            ));
        }
    };
    let mut applier = store.applier(engine.root(), &transaction);
    applier.strict = request.options.strict;
    let ended = applier.run();
    let applied = std::mem::take(&mut applier.applied);
    match ended {
        Ok(()) => {
            let info = ChangeInfo {
                id: transaction.change_id,
                generation: sequence,
                entries,
                displaced: applied.displaced.clone(),
            };
            settle(engine, store, sequence, Progress::Applied(applied));
            request.sealed.finish(&transaction.change_id.to_string());
            Ok(CommitOutcome::Applied(info))
        }
        Err(Halt::Raced(path)) => aborted(engine, store, sequence, &transaction, &path),
        Err(Halt::Failed(path, error)) => {
            engine.poison();
            settle(
                engine,
                store,
                sequence,
                Progress::Applied(Applied::default()),
            );
            request.sealed.finish(&transaction.change_id.to_string());
            Err(WorkspaceError::NeedsRecovery {
                base: engine.name.clone(),
                change: transaction.change_id,
                path: path.to_string(),
                source: Arc::new(error),
            })
        }
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
    let payloads: Vec<&[u8]> = batch.iter().map(|one| &**one.payload()).collect();
    let mut lens: Vec<u64> = payloads
        .iter()
        .map(|payload| payload.len() as u64)
        .collect();
    lens.push(ABORT_ROOM_BYTES);
    let mut journal = store.journal.lock();
    if !journal.fits(&lens) {
        match journal.grow_for(&lens) {
            Err(JournalError::Full { .. }) => {
                drop(journal);
                store.wait_settled()?;
                store.checkpoint(engine.root())?;
                journal = store.journal.lock();
                if !journal.fits(&lens) {
                    journal.grow_for(&lens)?;
                }
            }
            grown => grown?,
        }
    }
    let sequences = journal.append(&payloads)?;
    drop(journal);
    let mut pending = store.pending.lock();
    for (sequence, transaction) in sequences.iter().zip(batch) {
        pending.commit(*sequence, transaction.clone());
    }
    Ok(sequences)
}

/// Notes how a transaction ended.
fn settle(engine: &Engine, store: &Store, sequence: u64, progress: Progress) {
    let mut pending = store.pending.lock();
    pending.advance(sequence, progress);
    let settled = pending.settled_sequence();
    drop(pending);
    store.settled.notify_all();
    engine.reach(settled);
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
        unstage(store, transaction);
        return WorkspaceError::Store {
            base: engine.name.clone(),
            source: error,
        };
    }
    engine.poison();
    sealed.finish(&transaction.change_id.to_string());
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
            | StoreError::Journal(JournalError::Full { .. } | JournalError::RecordTooLong { .. })
    )
}

/// Takes a recorded transaction back for a caller who wants no change that met somebody else.
fn aborted(
    engine: &Engine,
    store: &Store,
    sequence: u64,
    transaction: &Transaction,
    path: &VPath,
) -> Result<CommitOutcome> {
    let recovery = |path: &VPath, error| WorkspaceError::NeedsRecovery {
        base: engine.name.clone(),
        change: transaction.change_id,
        path: path.to_string(),
        source: Arc::new(error),
    };
    // Not with a group: whoever leads one may be waiting for this transaction to settle.
    let noted = store.journal.lock().append(&[&Entry::abort(sequence)]);
    let taken_back = match noted {
        Ok(_) => take_back(store.applier(engine.root(), transaction), Since::Made),
        Err(error) => Err(Halt::Failed(path.clone(), io::Error::other(error))),
    };
    match taken_back {
        Ok(applied) => {
            settle(engine, store, sequence, Progress::Aborted);
            match first_displaced(&applied) {
                None => Ok(stale(&path.to_string())),
                Some(first) => Err(WorkspaceError::Interfered {
                    base: engine.name.clone(),
                    path: first.to_string(),
                    kept: applied.displaced[0].kept.clone(),
                }),
            }
        }
        Err(Halt::Failed(path, error)) => {
            engine.poison();
            settle(engine, store, sequence, Progress::Aborted);
            Err(recovery(&path, error))
        }
        Err(Halt::Raced(path)) => Err(recovery(&path, io::ErrorKind::ResourceBusy.into())),
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
    let journal = store.journal.lock();
    count >= PENDING_TRANSACTIONS_MAX || journal.used_bytes() > journal.bytes() / 2
}

/// What an error of composing means: conflicts, when the base moved while it was read.
fn moved_under(
    engine: &Engine,
    request: &Request<'_>,
    error: WorkspaceError,
) -> Result<CommitOutcome> {
    // Should the disk fail here too, the first failure is the one to tell of.
    let conflicts = validate(engine, request).unwrap_or_default();
    if !conflicts.is_empty() {
        return Ok(CommitOutcome::Conflicted(conflicts));
    }
    match error {
        WorkspaceError::Session(Error::Stale { path }) => Ok(stale(&path)),
        WorkspaceError::Session(Error::Io { path, source }) => Err(WorkspaceError::Io {
            base: engine.name.clone(),
            path: path.unwrap_or_else(|| ".".to_owned()),
            source,
        }),
        error => Err(error),
    }
}
