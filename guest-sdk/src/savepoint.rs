//! `Savepoint`: a named point inside a session to return to.

use crate::{Result, Session};
use std::cell::Cell;

thread_local! {
    /// Attempts under way; each level has a savepoint of its own name, used again and again.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// A named point inside a session; see [`Session::savepoint`].
///
/// Dropping it changes nothing: the mark stays until the session ends or an earlier one is
/// restored. [`Session::attempt`] is the form that returns by itself on an error.
#[derive(Debug)]
#[must_use = "a savepoint that nobody restores is of no use"]
pub struct Savepoint<'a> {
    session: &'a Session,
    name: String,
}

impl<'a> Savepoint<'a> {
    pub(crate) fn new(session: &'a Session, name: String) -> Result<Self> {
        session.raw().savepoint(&name)?;
        Ok(Self { session, name })
    }

    /// Returns to this point; it stays, later ones are forgotten.
    pub fn restore(&self) -> Result<()> {
        self.session.restore(&self.name)
    }

    /// The savepoint's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// See [`Session::attempt`].
pub(crate) fn attempt<T>(session: &Session, work: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
    let depth = DEPTH.get();
    let savepoint = session.savepoint(format!("attempt {depth}"))?;
    DEPTH.set(depth + 1);
    let result = work(session);
    DEPTH.set(depth);
    if result.is_err() {
        savepoint.restore()?;
    }
    result
}
