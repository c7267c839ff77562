//! Applying a prepared commit, step by step, and taking the steps back when one fails.
//!
//! **Invariant:** whatever is taken out of the tree is held against what was validated; bytes that
//! somebody else put there meanwhile go back, and the commit is a conflict.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, FileKind, Fingerprint, RenameMode};
use vfs::{Conflict, Kind, Name, VPath};

use super::fingerprint::{is_absence, is_as_seen, is_same_renamed, side};
use super::plan::{Action, Step};
use super::prepare::Prepared;
use super::staging::Staging;
use super::undo::{self, Done};
use super::walker::Walker;
use crate::commit::{ChangeInfo, CommitOutcome, Displaced};
use crate::error::{Result, WorkspaceError};

/// Entries that are enough to know that a directory is not empty.
const SOME_ENTRIES: usize = 16;

/// Why a step was not done, or was done and has to be taken back.
pub(super) enum Halt {
    /// Somebody else was there.
    Raced(Conflict),
    /// The system failed.
    Failed(VPath, io::Error),
}

/// An object that the change removes or replaces, in its slot.
struct Leftover {
    path: VPath,
    slot: Name,
    /// As it was when it had just been taken out.
    taken: Fingerprint,
}

/// The steps under way.
struct Applier<'a> {
    walker: Walker,
    staging: &'a Staging,
    done: Vec<Done>,
    leftovers: Vec<Leftover>,
}

impl Prepared<'_> {
    /// Makes the change visible, all of it or nothing.
    pub(super) fn apply(self) -> Result<CommitOutcome> {
        let mut applier = Applier {
            walker: Walker::new(self.base.root()),
            staging: &self.staging,
            done: Vec::new(),
            leftovers: Vec::new(),
        };
        let halted = self.steps.iter().find_map(|step| applier.step(step).err());
        let Applier {
            done, leftovers, ..
        } = applier;
        match halted {
            None => self.finish(leftovers),
            Some(halt) => self.take_back(halt, done),
        }
    }

    /// Closes the session, makes the change durable and clears up behind it.
    fn finish(mut self, leftovers: Vec<Leftover>) -> Result<CommitOutcome> {
        let base = &self.request.origin.base;
        let generation = base.advance();
        let flushed = self.base.root().sync_fs();
        self.request.sealed.finish(&self.change.to_string());
        if let Err(error) = flushed {
            base.poison();
            self.staging.keep();
            return Err(WorkspaceError::NotDurable {
                base: base.name().to_owned(),
                change: self.change,
                staging: self.staging.path(),
                source: Arc::new(error),
            });
        }
        let displaced = set_aside(&mut self.staging, leftovers);
        Ok(CommitOutcome::Applied(ChangeInfo {
            id: self.change,
            generation,
            entries: self.entries,
            displaced,
        }))
    }

    /// Undoes what was done; the session is open again.
    fn take_back(mut self, halt: Halt, done: Vec<Done>) -> Result<CommitOutcome> {
        let base = &self.request.origin.base;
        let undone = undo::undo(self.base.root(), &self.staging, done);
        if let Some((path, error)) = undone.failure {
            base.poison();
            self.staging.keep();
            return Err(WorkspaceError::NeedsRecovery {
                base: base.name().to_owned(),
                staging: self.staging.path(),
                path: path.to_string(),
                source: Arc::new(error),
            });
        }
        if let Some(path) = undone.set_aside {
            return Err(WorkspaceError::Interfered {
                base: base.name().to_owned(),
                path: path.to_string(),
                kept: self.staging.kept_path(),
            });
        }
        match halt {
            Halt::Raced(conflict) => Ok(CommitOutcome::Conflicted(vec![conflict])),
            Halt::Failed(path, error) => Err(WorkspaceError::io(base.name(), path, error)),
        }
    }
}

impl Applier<'_> {
    fn step(&mut self, step: &Step) -> Result<(), Halt> {
        match &step.action {
            Action::TakeOut {
                slot, kind, moved, ..
            } => {
                let taken = self.take_out(step, slot)?;
                if *kind == Kind::Directory {
                    self.walker.forget();
                }
                if *kind == Kind::Directory && !moved {
                    self.require_empty(step, slot)?;
                }
                self.left(step, slot, taken);
                Ok(())
            }
            Action::MakeDirectory => self.make_directory(step),
            Action::PutDown { slot, kind, made } => {
                self.put_down(step, slot, *made)?;
                if *kind == Kind::Directory {
                    self.walker.forget();
                }
                self.leftovers.retain(|leftover| leftover.slot != *slot);
                Ok(())
            }
            Action::Exchange { slot, made, .. } => {
                let taken = self.exchange(step, slot, *made)?;
                self.left(step, slot, taken);
                Ok(())
            }
        }
    }

    fn left(&mut self, step: &Step, slot: &Name, taken: Fingerprint) {
        let (path, slot) = (step.path.clone(), slot.clone());
        self.leftovers.push(Leftover { path, slot, taken });
    }

    fn take_out(&mut self, step: &Step, slot: &Name) -> Result<Fingerprint, Halt> {
        let (dir, name) = self.place(step)?;
        let now = self.require_as_seen(step, &*dir, name)?;
        let staging = self.staging.dir();
        let renamed = dir.rename(name, staging, slot, RenameMode::NoReplace);
        renamed.map_err(|error| halt(step, error))?;
        self.done.push(Done::TakenOut {
            path: step.path.clone(),
            slot: slot.clone(),
        });
        self.require_same(step, slot, &now)
    }

    fn exchange(
        &mut self,
        step: &Step,
        slot: &Name,
        made: Fingerprint,
    ) -> Result<Fingerprint, Halt> {
        let (dir, name) = self.place(step)?;
        let now = self.require_as_seen(step, &*dir, name)?;
        let renamed = self
            .staging
            .dir()
            .rename(slot, &*dir, name, RenameMode::Exchange);
        renamed.map_err(|error| halt(step, error))?;
        let (path, slot) = (step.path.clone(), slot.clone());
        self.done.push(Done::Exchanged {
            path,
            slot: slot.clone(),
            made,
        });
        self.require_same(step, &slot, &now)
    }

    fn put_down(
        &mut self,
        step: &Step,
        slot: &Name,
        made: Option<Fingerprint>,
    ) -> Result<(), Halt> {
        let (dir, name) = self.place(step)?;
        let renamed = self
            .staging
            .dir()
            .rename(slot, &*dir, name, RenameMode::NoReplace);
        if let Err(error) = renamed {
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => self.raced(step),
                _ => halt(step, error),
            });
        }
        self.done.push(Done::PutDown {
            path: step.path.clone(),
            slot: slot.clone(),
            made,
        });
        Ok(())
    }

    fn make_directory(&mut self, step: &Step) -> Result<(), Halt> {
        /// Permissions of a new directory, less the umask.
        const DIRECTORY_MODE: u32 = 0o755;
        let (dir, name) = self.place(step)?;
        match dir.mkdir(name, DIRECTORY_MODE) {
            Ok(()) => {
                self.done.push(Done::MadeDirectory {
                    path: step.path.clone(),
                });
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let now = dir.stat(name).map_err(|error| halt(step, error))?;
                // Somebody else made it; what is in it is decided name by name.
                if now.kind == FileKind::Directory {
                    return Ok(());
                }
                Err(Halt::Raced(step.conflict(Some(side(&now)))))
            }
            Err(error) => Err(halt(step, error)),
        }
    }

    fn place<'s>(&mut self, step: &'s Step) -> Result<(Arc<dyn Dir>, &'s Name), Halt> {
        self.walker
            .place(&step.path)
            .map_err(|error| halt(step, error))
    }

    /// A last look before the object is touched: afterwards its `ctime` has moved.
    fn require_as_seen(
        &self,
        step: &Step,
        dir: &dyn Dir,
        name: &Name,
    ) -> Result<Fingerprint, Halt> {
        let (Action::TakeOut { seen, .. } | Action::Exchange { seen, .. }) = &step.action else {
            unreachable!("only what the session saw is taken out");
        };
        let now = dir.stat(name).map_err(|error| halt(step, error))?;
        if is_as_seen(seen.as_ref(), &now) {
            return Ok(now);
        }
        Err(Halt::Raced(step.conflict(Some(side(&now)))))
    }

    /// Holds what came out against what was there a moment ago.
    fn require_same(
        &self,
        step: &Step,
        slot: &Name,
        expected: &Fingerprint,
    ) -> Result<Fingerprint, Halt> {
        let out = self
            .staging
            .dir()
            .stat(slot)
            .map_err(|error| halt(step, error))?;
        if is_same_renamed(expected, &out) {
            return Ok(out);
        }
        Err(Halt::Raced(step.conflict(Some(side(&out)))))
    }

    /// A removed directory has nothing left in it: what the session removed was taken out before.
    fn require_empty(&self, step: &Step, slot: &Name) -> Result<(), Halt> {
        if is_empty(self.staging, slot).map_err(|error| halt(step, error))? {
            return Ok(());
        }
        Err(Halt::Raced(step.conflict(step.before)))
    }

    fn raced(&mut self, step: &Step) -> Halt {
        match self.walker.probe(&step.path) {
            Ok(theirs) => Halt::Raced(step.conflict(theirs.map(|now| side(&now)))),
            Err(error) => Halt::Failed(step.path.clone(), error),
        }
    }
}

/// What an error of a step means: a name that is gone is somebody else's doing.
fn halt(step: &Step, error: io::Error) -> Halt {
    if is_absence(&error) {
        return Halt::Raced(step.conflict(None));
    }
    Halt::Failed(step.path.clone(), error)
}

fn is_empty(staging: &Staging, slot: &Name) -> io::Result<bool> {
    let listed = staging
        .dir()
        .walk(std::slice::from_ref(slot))?
        .list(SOME_ENTRIES);
    match listed {
        Ok(listing) => Ok(listing.items.is_empty() && listing.skipped.is_empty()),
        Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => Ok(false),
        Err(error) => Err(error),
    }
}

/// Finds what was written to a file through an old handle after it was taken out, and keeps it.
fn set_aside(staging: &mut Staging, leftovers: Vec<Leftover>) -> Vec<Displaced> {
    let mut displaced = Vec::new();
    for Leftover { path, slot, taken } in leftovers {
        if is_untouched(staging, &slot, &taken).unwrap_or(false) {
            continue;
        }
        let folder = match staging.set_aside(&slot) {
            Ok(()) => staging.kept_path(),
            Err(_) => {
                staging.keep();
                staging.path()
            }
        };
        let kept = format!("{folder}/{slot}");
        displaced.push(Displaced { path, kept });
    }
    displaced
}

fn is_untouched(staging: &Staging, slot: &Name, taken: &Fingerprint) -> io::Result<bool> {
    if taken.kind == FileKind::Directory {
        return is_empty(staging, slot);
    }
    Ok(staging.dir().stat(slot)? == *taken)
}
