//! Committing to a live directory: validate, stage, apply, with every visible step undone when a
//! later one fails.
//!
//! The steps are types: a [`Turn`] is waited for, a sealed session and a turn make a [`Prepared`]
//! one or conflicts, and only that can be applied. `docs/commit.md` says what is promised.

mod apply;
mod fingerprint;
mod plan;
mod prepare;
mod stage;
mod staging;
mod turn;
mod undo;
mod validate;
mod walker;

use prepare::{Preparation, Prepared};
use turn::Turn;
use vfs::DirectoryBase;

use crate::commit::{CommitOutcome, Request};
use crate::error::Result;

/// Commits a sealed session to a directory.
pub(crate) fn commit(base: &DirectoryBase, request: Request<'_>) -> Result<CommitOutcome> {
    let turn = Turn::wait(
        &request.origin.base,
        base.root(),
        request.workspace.options.limits.lock_wait_ms_max,
    )?;
    match Prepared::prepare(base, turn, request)? {
        Preparation::Conflicted(conflicts) => Ok(CommitOutcome::Conflicted(conflicts)),
        Preparation::Ready(prepared) => prepared.apply(),
    }
}
