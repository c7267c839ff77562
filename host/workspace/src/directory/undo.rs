//! Taking the visible steps of a commit back, the last one first.
//!
//! Everything is tried, whatever fails on the way; what could not be put back stays in the staging
//! folder. Bytes that somebody else wrote meanwhile stay in the tree.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, Fingerprint, RenameMode};
use vfs::{Name, VPath};

use super::fingerprint::is_same_renamed;
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

/// Undoes the steps; the first failure is returned when all were tried.
pub(super) fn undo(
    root: &Arc<dyn Dir>,
    staging: &Staging,
    done: Vec<Done>,
) -> Result<(), (VPath, io::Error)> {
    let mut outcome = Ok(());
    for step in done.into_iter().rev() {
        // A new walk for each: the steps change what the paths lead to.
        let mut walker = Walker::new(root);
        let undone = step.undo(&mut walker, staging.dir());
        outcome = outcome.and(undone.map_err(|error| (step.path().clone(), error)));
    }
    outcome
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

    fn undo(&self, walker: &mut Walker, staging: &dyn Dir) -> io::Result<()> {
        let (dir, name) = walker.place(self.path())?;
        match self {
            Self::TakenOut { slot, .. } => staging.rename(slot, &*dir, name, RenameMode::NoReplace),
            Self::MadeDirectory { .. } => remove_unless_used(&*dir, name),
            Self::PutDown { slot, made, .. } => {
                take_back(&*dir, name, staging, slot, made.as_ref())
            }
            Self::Exchanged { slot, made, .. } => exchange_back(&*dir, name, staging, slot, made),
        }
    }
}

/// Removes a directory that the commit made, unless somebody else uses it by now.
fn remove_unless_used(dir: &dyn Dir, name: &Name) -> io::Result<()> {
    use io::ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound};
    match dir.rmdir(name) {
        Err(error) if matches!(error.kind(), DirectoryNotEmpty | NotADirectory | NotFound) => {
            Ok(())
        }
        removed => removed,
    }
}

fn take_back(
    dir: &dyn Dir,
    name: &Name,
    staging: &dyn Dir,
    slot: &Name,
    made: Option<&Fingerprint>,
) -> io::Result<()> {
    let taken = dir.rename(name, staging, slot, RenameMode::NoReplace);
    let Some(made) = made else {
        // A moved object goes back to where it came from, with what was written to it since.
        return taken;
    };
    match taken {
        // Somebody else removed it already.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        taken => taken?,
    }
    if staging
        .stat(slot)
        .is_ok_and(|out| is_same_renamed(made, &out))
    {
        return Ok(());
    }
    // It is somebody else's by now.
    staging.rename(slot, dir, name, RenameMode::NoReplace)
}

fn exchange_back(
    dir: &dyn Dir,
    name: &Name,
    staging: &dyn Dir,
    slot: &Name,
    made: &Fingerprint,
) -> io::Result<()> {
    match staging.rename(slot, dir, name, RenameMode::Exchange) {
        // Somebody else removed the new version; the old one is all there is.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return staging.rename(slot, dir, name, RenameMode::NoReplace);
        }
        exchanged => exchanged?,
    }
    if is_same_renamed(made, &staging.stat(slot)?) {
        return Ok(());
    }
    // Somebody else has worked on the new version: it stays, and the old one is kept.
    staging.rename(slot, dir, name, RenameMode::Exchange)?;
    let text = "somebody else wrote to the file meanwhile; the version before it is kept";
    Err(io::Error::new(io::ErrorKind::AlreadyExists, text))
}
