//! Taking the visible steps of a commit back, the last one first.
//!
//! Everything is tried, whatever fails on the way; what could not be put back stays in the staging
//! folder. Bytes that somebody else wrote meanwhile stay in the tree.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, Fingerprint, RenameMode};
use vfs::{Name, VPath};

use super::fingerprint::{is_absence, is_same_renamed};
use super::staging::Staging;
use super::walker::Walker;

/// A step that was done.
#[derive(Debug)]
pub(super) enum Done {
    /// What stood at the path is in the slot.
    TakenOut { path: VPath, slot: Name },
    /// The directory at the path is new.
    MadeDirectory { path: VPath },
    /// What was in the slot stands at the path; `made` when this commit made it.
    PutDown {
        path: VPath,
        slot: Name,
        made: Option<Fingerprint>,
    },
    /// What this commit made stands at the path, and what stood there is in the slot.
    Exchanged {
        path: VPath,
        slot: Name,
        made: Fingerprint,
    },
}

/// What came of undoing.
#[derive(Debug, Default)]
pub(super) struct Undone {
    /// The first path at which the system failed; what belongs there is in the staging folder.
    pub(super) failure: Option<(VPath, io::Error)>,
    /// The first path that somebody else had taken; what stood there was set aside.
    pub(super) set_aside: Option<VPath>,
}

/// What came of undoing one step.
enum Outcome {
    /// It is as it was before.
    Restored,
    /// Somebody else's version stands there, and what was there before is in this slot.
    Taken(Name),
}

/// Undoes the steps.
pub(super) fn undo(root: &Arc<dyn Dir>, staging: &Staging, done: Vec<Done>) -> Undone {
    let mut undone = Undone::default();
    for step in done.into_iter().rev() {
        // A new walk for each: the steps change what the paths lead to.
        let outcome = match step.undo(&mut Walker::new(root), staging.dir()) {
            Ok(Outcome::Restored) => continue,
            Ok(Outcome::Taken(slot)) => staging.set_aside(&slot),
            Err(error) => Err(error),
        };
        let path = step.path().clone();
        match outcome {
            Ok(()) => undone.set_aside = undone.set_aside.or(Some(path)),
            Err(error) => undone.failure = undone.failure.or(Some((path, error))),
        }
    }
    undone
}

impl Done {
    fn path(&self) -> &VPath {
        match self {
            Self::TakenOut { path, .. }
            | Self::MadeDirectory { path }
            | Self::PutDown { path, .. }
            | Self::Exchanged { path, .. } => path,
        }
    }

    fn undo(&self, walker: &mut Walker, staging: &dyn Dir) -> io::Result<Outcome> {
        let (dir, name) = match walker.place(self.path()) {
            // Somebody else took the directory away.
            Err(error) if is_absence(&error) => return self.displaced(staging),
            place => place?,
        };
        match self {
            Self::TakenOut { slot, .. } => put_back(&*dir, name, staging, slot),
            Self::MadeDirectory { .. } => remove_unless_used(&*dir, name),
            Self::PutDown { slot, made, .. } => {
                take_back(&*dir, name, staging, slot, made.as_ref())
            }
            Self::Exchanged { slot, made, .. } => exchange_back(&*dir, name, staging, slot, made),
        }
    }

    /// What is left to keep when there is no place to go back to.
    fn displaced(&self, staging: &dyn Dir) -> io::Result<Outcome> {
        match self {
            Self::TakenOut { slot, .. } | Self::Exchanged { slot, .. } => taken(staging, slot),
            Self::MadeDirectory { .. } | Self::PutDown { .. } => Ok(Outcome::Restored),
        }
    }
}

/// An object in a slot that cannot go back, or nothing when somebody else took that as well.
fn taken(staging: &dyn Dir, slot: &Name) -> io::Result<Outcome> {
    match staging.stat(slot) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Outcome::Restored),
        found => found.map(|_| Outcome::Taken(slot.clone())),
    }
}

fn put_back(dir: &dyn Dir, name: &Name, staging: &dyn Dir, slot: &Name) -> io::Result<Outcome> {
    use io::ErrorKind::{AlreadyExists, NotFound};
    match staging.rename(slot, dir, name, RenameMode::NoReplace) {
        Err(error) if matches!(error.kind(), AlreadyExists | NotFound) => taken(staging, slot),
        renamed => renamed.map(|()| Outcome::Restored),
    }
}

/// Removes a directory that the commit made, unless somebody else uses it by now.
fn remove_unless_used(dir: &dyn Dir, name: &Name) -> io::Result<Outcome> {
    use io::ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound};
    match dir.rmdir(name) {
        Err(error) if matches!(error.kind(), DirectoryNotEmpty | NotADirectory | NotFound) => {}
        removed => removed?,
    }
    Ok(Outcome::Restored)
}

fn take_back(
    dir: &dyn Dir,
    name: &Name,
    staging: &dyn Dir,
    slot: &Name,
    made: Option<&Fingerprint>,
) -> io::Result<Outcome> {
    match dir.rename(name, staging, slot, RenameMode::NoReplace) {
        // Somebody else removed it already.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Outcome::Restored),
        renamed => renamed?,
    }
    let Some(made) = made else {
        // A moved object goes back to where it came from, with what was written to it since.
        return Ok(Outcome::Restored);
    };
    if is_same_renamed(made, &staging.stat(slot)?) {
        return Ok(Outcome::Restored);
    }
    // It is somebody else's by now.
    put_back(dir, name, staging, slot)
}

fn exchange_back(
    dir: &dyn Dir,
    name: &Name,
    staging: &dyn Dir,
    slot: &Name,
    made: &Fingerprint,
) -> io::Result<Outcome> {
    match staging.rename(slot, dir, name, RenameMode::Exchange) {
        // Somebody else removed the new version; the old one is all there is.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return put_back(dir, name, staging, slot);
        }
        exchanged => exchanged?,
    }
    if is_same_renamed(made, &staging.stat(slot)?) {
        return Ok(Outcome::Restored);
    }
    // Somebody else has worked on the new version: it stays, and the old one is kept.
    staging.rename(slot, dir, name, RenameMode::Exchange)?;
    taken(staging, slot)
}
