//! Directories that a change removed and the disk carried away with what was to leave them first.
//!
//! A disk may keep the removal of a directory and lose what was done in it before. Such directories
//! are put back before anything is done again: every object is then where the journal says that it
//! stood.

use std::io;

use store::disk::{Dir, FileKind, Fingerprint};
use vfs::{Kind, Name, VPath};

use super::apply::{Applier, Found, Halt, failed, is_empty};
use super::compare::{Likeness, compare};
use super::fingerprint::is_absence;
use super::plan::{Action, Item, Step, steps};
use super::redo::ENDINGS;
use super::transaction::Content;

/// A directory that was put back, and the number of the transaction that had removed it.
type Back = (VPath, usize);

/// Puts back what the transactions of these hands, in the order of the journal, carried away.
pub(super) fn put_back_carried(hands: &mut [Applier<'_>]) -> Result<(), Halt> {
    let mut back: Vec<Back> = Vec::new();
    for first in 0..hands.len() {
        let transaction = hands[first].transaction;
        let steps = steps(transaction);
        let mut removed = Vec::new();
        // Parents first.
        for step in steps.iter().rev() {
            if let Some(slot) = removed_directory(&hands[first], step)? {
                removed.push((step, slot));
            }
        }
        let full = |(step, slot): &(&Step<'_>, Name)| {
            let empty = is_empty(&**hands[first].mover.staging, slot);
            empty
                .map(|empty| !empty)
                .map_err(|error| failed(step, error))
        };
        let mut needed = targets(&hands[..first]);
        for one in &removed {
            if full(one)? {
                needed.push(one.0.path.clone());
            }
        }
        removed.retain(|(step, _)| {
            needed.iter().any(|path| path.starts_with(step.path)) && !is_settled(&back, step, first)
        });
        for (step, slot) in &removed {
            put_back_above(hands, first, step.path, &mut back)?;
            make_way(&mut hands[first..], step)?;
            put_back(&mut hands[first], step, slot)?;
            back.push((step.path.clone(), first));
        }
    }
    Ok(())
}

/// Whether a directory need not be put back: it was, or what an earlier transaction removed there or
/// above was, and this one was made after it.
fn is_settled(back: &[Back], step: &Step<'_>, number: usize) -> bool {
    back.iter().any(|(path, of)| {
        let is_older = *of < number && step.path.starts_with(path);
        is_older || (*of == number && step.path == path)
    })
}

/// Puts back the directories above a path that later transactions removed: of each, the one that was
/// removed first stood there when this transaction was done.
fn put_back_above(
    hands: &mut [Applier<'_>],
    first: usize,
    path: &VPath,
    back: &mut Vec<Back>,
) -> Result<(), Halt> {
    let above = std::iter::successors(path.parent(), VPath::parent);
    let mut above: Vec<VPath> = above.collect();
    above.reverse();
    for dir in above {
        for later in first + 1..hands.len() {
            let transaction = hands[later].transaction;
            let steps = steps(transaction);
            let Some(step) = steps.iter().find(|step| *step.path == dir) else {
                continue;
            };
            let Some(slot) = removed_directory(&hands[later], step)? else {
                continue;
            };
            make_way(&mut hands[later..], step)?;
            put_back(&mut hands[later], step, &slot)?;
            back.push((dir, later));
            break;
        }
    }
    Ok(())
}

/// Where these transactions put what the journal has no bytes of: the disk may have lost any part of
/// that.
fn targets(hands: &[Applier<'_>]) -> Vec<VPath> {
    let steps = hands.iter().flat_map(|applier| steps(applier.transaction));
    let put = steps.filter(|step| match &step.action {
        Action::PutMoved { .. } => true,
        Action::PutNew { item } | Action::Exchange { item, .. } => {
            matches!(item.content, Content::Staged { .. })
        }
        _ => false,
    });
    put.map(|step| step.path.clone()).collect()
}

/// The slot of a directory that the step removes, when there is one in it.
fn removed_directory(applier: &Applier<'_>, step: &Step<'_>) -> Result<Option<Name>, Halt> {
    let Action::TakeOut {
        index,
        kind: Kind::Directory,
        moved: false,
        ..
    } = step.action
    else {
        return Ok(None);
    };
    let base = applier.transaction.out_slot(index);
    for ending in ENDINGS {
        let slot = super::folder::name(&format!("{base}{ending}"));
        match applier.mover.staging.stat(&slot) {
            Err(error) if is_absence(&error) => {}
            found => {
                let found = found.map_err(|error| failed(step, error))?;
                if found.kind == FileKind::Directory {
                    return Ok(Some(slot));
                }
            }
        }
    }
    Ok(None)
}

fn put_back(applier: &mut Applier<'_>, step: &Step<'_>, slot: &Name) -> Result<(), Halt> {
    applier.walker.forget();
    let Some((dir, name)) = applier.place_if_there(step)? else {
        return Ok(());
    };
    match applier.mover.put_down(slot, (&*dir, name)) {
        // Somebody took the place after the commit, or the disk lost less than that.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done.map_err(|error| failed(step, error)),
    }
}

/// Takes what this transaction and later ones put at a path and below it away from there, the last
/// first: it is put there again.
fn make_way(hands: &mut [Applier<'_>], step: &Step<'_>) -> Result<(), Halt> {
    for applier in hands.iter_mut().rev() {
        let steps = steps(applier.transaction);
        // What arrives is put down shallowest first.
        let below = steps
            .iter()
            .rev()
            .filter(|own| own.path.starts_with(step.path));
        for own in below {
            applier.walker.forget();
            match &own.action {
                Action::MakeDirectory => remove_if_empty(applier, own)?,
                Action::PutNew { item } | Action::Exchange { item, .. } => {
                    take_own(applier, own, item)?;
                }
                Action::PutMoved { index, seen, .. } => {
                    take_moved(applier, own, *index, seen.as_ref())?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn remove_if_empty(applier: &mut Applier<'_>, step: &Step<'_>) -> Result<(), Halt> {
    use io::ErrorKind::{DirectoryNotEmpty, NotADirectory};
    let Some((dir, name)) = applier.place_if_there(step)? else {
        return Ok(());
    };
    match dir.rmdir(name) {
        Err(error) if matches!(error.kind(), DirectoryNotEmpty | NotADirectory) => Ok(()),
        Err(error) if is_absence(&error) => Ok(()),
        done => done.map_err(|error| failed(step, error)),
    }
}

/// Takes a new version out into a slot of its own, from where it is put down again.
fn take_own(applier: &mut Applier<'_>, step: &Step<'_>, item: &Item<'_>) -> Result<(), Halt> {
    let Some(((dir, name), now)) = standing(applier, step)? else {
        return Ok(());
    };
    let likeness = compare(applier.transaction, item, &*dir, name, &now);
    if likeness.map_err(|error| failed(step, error))? == Likeness::Other {
        return Ok(());
    }
    take_to_free(applier, step, (&*dir, name, &now), &applier.slot(item))
}

/// Takes what the transaction moved to the step's path out into a slot of its departure, when it is
/// that very object.
fn take_moved(
    applier: &mut Applier<'_>,
    step: &Step<'_>,
    index: usize,
    seen: Option<&Fingerprint>,
) -> Result<(), Halt> {
    let Some(((dir, name), now)) = standing(applier, step)? else {
        return Ok(());
    };
    if seen.is_none_or(|seen| (seen.dev, seen.ino) != (now.dev, now.ino)) {
        return Ok(());
    }
    let slot = applier.transaction.out_slot(index);
    take_to_free(applier, step, (&*dir, name, &now), &slot)
}

/// What stands at the step's path, with its directory and its name there.
fn standing<'s>(
    applier: &mut Applier<'_>,
    step: &Step<'s>,
) -> Result<Option<(Found<'s>, Fingerprint)>, Halt> {
    let Some((dir, name)) = applier.place_if_there(step)? else {
        return Ok(None);
    };
    match dir.stat(name) {
        Err(error) if is_absence(&error) => Ok(None),
        now => {
            let now = now.map_err(|error| failed(step, error))?;
            Ok(Some(((dir, name), now)))
        }
    }
}

/// Takes an object out into the first of these slots that is free; without one it stays.
fn take_to_free(
    applier: &Applier<'_>,
    step: &Step<'_>,
    (dir, name, now): (&dyn Dir, &Name, &Fingerprint),
    base: &Name,
) -> Result<(), Halt> {
    for ending in ENDINGS {
        let slot = super::folder::name(&format!("{base}{ending}"));
        match applier.mover.staging.stat(&slot) {
            Ok(_) => {}
            Err(error) if is_absence(&error) => {
                let taken = applier.mover.take_out((dir, name), &slot, now);
                return taken.map(drop).map_err(|error| failed(step, error));
            }
            Err(error) => return Err(failed(step, error)),
        }
    }
    Ok(())
}
