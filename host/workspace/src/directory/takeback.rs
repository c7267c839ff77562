//! Taking a committed transaction back, the last step first: what the caller asked for who wants no
//! change that met somebody else. Each step is judged by what stands there, so that it can be repeated
//! after a crash.

use store::disk::Fingerprint;
use vfs::Name;

use super::apply::{Applied, Applier, Halt, failed, is_empty};
use super::compare::{Likeness, compare};
use super::fingerprint::{is_absence, is_same_renamed};
use super::plan::{Action, Item, Step, steps};

/// Which of the transaction's own objects may be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// As they were made.
    Made,
    /// As a crash left them.
    Crash,
}

/// Undoes every step that was done. What has lost its place is set aside and listed as displaced.
pub(super) fn take_back(mut applier: Applier<'_>, since: Since) -> Result<Applied, Halt> {
    let transaction = applier.transaction;
    for step in steps(transaction).iter().rev() {
        applier.walker.forget();
        match &step.action {
            Action::TakeOut { index, seen, .. } => {
                let slot = transaction.out_slot(*index);
                put_back(&mut applier, step, &slot, seen.as_ref())?;
            }
            Action::MakeDirectory => remove_if_empty(&mut applier, step)?,
            Action::PutMoved { index, seen, .. } => {
                let slot = transaction.out_slot(*index);
                let is_it = |now: &Fingerprint| seen.is_some_and(|seen| seen.ino == now.ino);
                take_out(&mut applier, step, &slot, &is_it)?;
            }
            Action::PutNew { item } => unmake(&mut applier, step, item, None, since)?,
            Action::Exchange { seen, item } => {
                exchange_back(&mut applier, step, item, seen.as_ref(), since)?;
            }
        }
    }
    Ok(applier.applied)
}

/// Puts what was taken out back to its place.
fn put_back(
    applier: &mut Applier<'_>,
    step: &Step<'_>,
    slot: &Name,
    seen: Option<&Fingerprint>,
) -> Result<(), Halt> {
    let found = match applier.mover.staging.stat(slot) {
        Err(error) if is_absence(&error) => return Ok(()),
        found => found.map_err(|error| failed(step, error))?,
    };
    let free = match applier.place_if_there(step)? {
        Some((dir, name)) => match dir.stat(name) {
            Err(error) if is_absence(&error) => true,
            // Only who is seen there is in the way.
            found => found.map(|_| false).map_err(|error| failed(step, error))?,
        },
        None => false,
    };
    if free {
        applier.put_down(step, slot)?;
        return Ok(());
    }
    if seen
        .is_some_and(|seen| seen.kind == store::disk::FileKind::Directory && seen.ino == found.ino)
        && is_empty(&**applier.mover.staging, slot).map_err(|error| failed(step, error))?
    {
        return applier
            .folder
            .clear(slot)
            .map_err(|error| failed(step, error));
    }
    applier.displace(step, slot)
}

fn remove_if_empty(applier: &mut Applier<'_>, step: &Step<'_>) -> Result<(), Halt> {
    use std::io::ErrorKind::{DirectoryNotEmpty, NotADirectory};
    let Some((dir, name)) = applier.place_if_there(step)? else {
        return Ok(());
    };
    match dir.rmdir(name) {
        Err(error) if is_absence(&error) => Ok(()),
        Err(error) if matches!(error.kind(), DirectoryNotEmpty | NotADirectory) => Ok(()),
        removed => removed.map_err(|error| failed(step, error)),
    }
}

/// Takes what stands at the step's path out into a slot, when it is what the transaction put there.
fn take_out(
    applier: &mut Applier<'_>,
    step: &Step<'_>,
    slot: &Name,
    is_it: &dyn Fn(&Fingerprint) -> bool,
) -> Result<(), Halt> {
    let Some((dir, name)) = applier.place_if_there(step)? else {
        return Ok(());
    };
    let now = match dir.stat(name) {
        Err(error) if is_absence(&error) => return Ok(()),
        now => now.map_err(|error| failed(step, error))?,
    };
    if !is_it(&now) {
        return Ok(());
    }
    let taken = applier.mover.take_out((&*dir, name), slot, &now);
    taken.map(drop).map_err(|error| failed(step, error))
}

fn unmake(
    applier: &mut Applier<'_>,
    step: &Step<'_>,
    item: &Item<'_>,
    seen: Option<&Fingerprint>,
    since: Since,
) -> Result<(), Halt> {
    let slot = applier.slot(item);
    match since {
        // Nobody has seen it.
        Since::Made => {
            let cleared = applier.folder.clear(&slot);
            cleared.map_err(|error| failed(step, error))?;
        }
        Since::Crash => clear_own(applier, step, item, &slot)?,
    }
    let Some(now) = own(applier, step, item, seen, since)? else {
        return Ok(());
    };
    take_out(applier, step, &slot, &|found| *found == now)?;
    clear_own(applier, step, item, &slot)
}

/// Puts the old version back in the place of the new one.
fn exchange_back(
    applier: &mut Applier<'_>,
    step: &Step<'_>,
    item: &Item<'_>,
    seen: Option<&Fingerprint>,
    since: Since,
) -> Result<(), Halt> {
    let slot = applier.slot(item);
    let old = match applier.mover.staging.stat(&slot) {
        Err(error) if is_absence(&error) => return unmake(applier, step, item, seen, since),
        old => old.map_err(|error| failed(step, error))?,
    };
    let is_new = compare(
        applier.transaction,
        item,
        &**applier.mover.staging,
        &slot,
        &old,
    );
    let is_new = is_new.map_err(|error| failed(step, error))?;
    let is_old = match since {
        // The new file may have the number of one that somebody removed.
        Since::Made => {
            is_new != Likeness::Same || seen.is_some_and(|seen| is_same_renamed(seen, &old))
        }
        Since::Crash => {
            let is_object = |seen: &Fingerprint| (seen.dev, seen.ino) == (old.dev, old.ino);
            is_new == Likeness::Other || seen.is_some_and(is_object)
        }
    };
    if !is_old {
        return applier
            .folder
            .clear(&slot)
            .map_err(|error| failed(step, error));
    }
    match own(applier, step, item, seen, since)? {
        Some(now) => {
            let Some((dir, name)) = applier.place_if_there(step)? else {
                return applier.displace(step, &slot);
            };
            let taken = applier.mover.exchange(&slot, (&*dir, name), &now);
            let taken = taken.map_err(|error| failed(step, error))?;
            match taken.untouched {
                true => applier
                    .folder
                    .part_with(&slot)
                    .map_err(|error| failed(step, error)),
                false => applier.displace(step, &slot),
            }
        }
        None => put_back(applier, step, &slot, seen),
    }
}

/// What stands at the step's path, when it is what the transaction put there. The old version is
/// not, although it looks like a torn new one where the file grew.
fn own(
    applier: &mut Applier<'_>,
    step: &Step<'_>,
    item: &Item<'_>,
    seen: Option<&Fingerprint>,
    since: Since,
) -> Result<Option<Fingerprint>, Halt> {
    let Some((dir, name)) = applier.place_if_there(step)? else {
        return Ok(None);
    };
    let now = match dir.stat(name) {
        Err(error) if is_absence(&error) => return Ok(None),
        now => now.map_err(|error| failed(step, error))?,
    };
    let found = compare(applier.transaction, item, &*dir, name, &now);
    let found = found.map_err(|error| failed(step, error))?;
    let is_old = seen.is_some_and(|seen| (seen.dev, seen.ino) == (now.dev, now.ino));
    let is_own = match since {
        Since::Made => found == Likeness::Same,
        Since::Crash => found != Likeness::Other,
    };
    Ok((is_own && !is_old).then_some(now))
}

fn clear_own(
    applier: &Applier<'_>,
    step: &Step<'_>,
    item: &Item<'_>,
    slot: &Name,
) -> Result<(), Halt> {
    let staging = &**applier.mover.staging;
    let now = match staging.stat(slot) {
        Err(error) if is_absence(&error) => return Ok(()),
        now => now.map_err(|error| failed(step, error))?,
    };
    let found = compare(applier.transaction, item, staging, slot, &now);
    match found.map_err(|error| failed(step, error))? {
        Likeness::Other => Ok(()),
        _ => applier
            .folder
            .part_with(slot)
            .map_err(|error| failed(step, error)),
    }
}
