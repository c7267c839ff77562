//! What a file system can do, found by trying it once, and what a base may promise with it.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, Durability, RenameMode};

use super::folder::{FILE_MODE, name};

/// What the file system of a base can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ability {
    /// Swaps two names in one step, so that what a commit replaces is found and kept whatever
    /// happens in that moment.
    pub exchange: bool,
    /// Renames without replacing, so that nobody's new file is overwritten.
    pub no_replace: bool,
    /// What a flush is worth.
    pub durability: Durability,
}

impl Ability {
    /// Tries both ways of renaming in the staging folder.
    pub(super) fn probe(staging: &Arc<dyn Dir>) -> io::Result<Self> {
        let (one, two) = (name("probe-1"), name("probe-2"));
        let clear = || -> io::Result<()> {
            for probe in [&one, &two] {
                match staging.unlink(probe) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            Ok(())
        };
        clear()?;
        for probe in [&one, &two] {
            staging.create(probe, FILE_MODE)?;
        }
        let exchanged = staging.rename(&one, &**staging, &two, RenameMode::Exchange);
        let kept = staging.rename(&one, &**staging, &two, RenameMode::NoReplace);
        clear()?;
        Ok(Self {
            exchange: understood(exchanged, false)?,
            no_replace: understood(kept, true)?,
            durability: staging.durability()?,
        })
    }
}

/// Whether an attempt shows that its way of renaming is known; `fails` when it had to fail.
fn understood(attempt: io::Result<()>, fails: bool) -> io::Result<bool> {
    use io::ErrorKind::{AlreadyExists, InvalidInput, Unsupported};
    match attempt {
        Ok(()) => Ok(!fails),
        Err(error) if error.kind() == AlreadyExists => Ok(fails),
        Err(error) if matches!(error.kind(), InvalidInput | Unsupported) => Ok(false),
        Err(error) => Err(error),
    }
}
