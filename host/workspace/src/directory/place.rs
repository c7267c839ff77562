//! Where a base is: a directory can be moved away, replaced or unmounted while it is open, and a
//! commit to it would then land where nobody looks.

use std::fmt;
use std::io;
use std::sync::Arc;

use store::disk::Dir;

use crate::error::{GONE, Result, WorkspaceError};

/// Finds the directory that has a base's name now, which may be another than the one that was opened.
pub trait Locator: Send + Sync + fmt::Debug {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// Those of the system; `NotFound` when there is none.
    fn locate(&self) -> io::Result<Arc<dyn Dir>>;
}

/// Checks that what stands at the place is the directory that was opened.
pub(super) fn check(locator: &dyn Locator, base: &str, own: &dyn Dir) -> Result<()> {
    let io = |error| WorkspaceError::io(base, ".", error);
    let away = |found| WorkspaceError::Away {
        base: base.to_owned(),
        found,
    };
    let own = own.stat_self().map_err(io)?;
    match locator.locate().and_then(|dir| dir.stat_self()) {
        Ok(there) if (there.dev, there.ino) == (own.dev, own.ino) => Ok(()),
        Ok(_) => Err(away(
            "since another directory is there now: it was moved, replaced or unmounted",
        )),
        Err(error) if is_nothing(&error) => Err(away(GONE)),
        Err(error) => Err(io(error)),
    }
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
