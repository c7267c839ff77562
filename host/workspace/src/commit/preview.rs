//! What a commit would do, found out in a fork that no observer is told of.
//!
//! **Invariant:** it goes the way of a commit up to where that would write for the first time, and
//! leaves session, base and store as they were.

use vfs::{Access, ChangeEntry, Conflict, Rebased, Session};

use super::{CommitOptions, Goal, REBASES_MAX, Request, Started};
use super::{check_message, is_final, memory, stale_conflict, start, waited};
use crate::directory;
use crate::error::Result;
use crate::registry::Origin;
use crate::workspace::Workspace;

/// What a commit would do.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// Its conflicts, and what would be merged or dropped.
    pub rebased: Rebased,
    /// What would change in the base; where there are conflicts, what the session would change.
    /// Nothing where there is nothing to commit.
    pub entries: Vec<ChangeEntry>,
    /// The same as a unified diff; `None` when that is over `Limits::diff_bytes_max`, or when a
    /// content that it needs is gone.
    pub diff: Option<String>,
}

/// Foretells what [`super::commit`] would come to.
pub(crate) fn preview(
    workspace: &Workspace,
    session: &Session,
    options: &CommitOptions,
) -> Result<Preview> {
    check_message(workspace, options)?;
    workspace.origin(session)?;
    if session.access() == Access::ReadOnly {
        return Ok(Preview::unchanged());
    }
    let probe = workspace.fork_unobserved(session)?;
    let foretold = foretell(workspace, &probe, options);
    workspace.rollback(&probe)?;
    foretold
}

fn foretell(workspace: &Workspace, probe: &Session, options: &CommitOptions) -> Result<Preview> {
    let (mut merged, mut dropped) = (Vec::new(), Vec::new());
    let mut preview = attempt(workspace, probe, options)?;
    for _ in 0..REBASES_MAX {
        let conflicts = &preview.rebased.conflicts;
        if conflicts.is_empty() || is_final(conflicts, options) {
            break;
        }
        let rebased = workspace.rebase(probe, options.on_conflict)?;
        if !rebased.conflicts.is_empty() {
            preview.rebased = rebased;
            return Ok(preview);
        }
        merged.extend(rebased.merged);
        dropped.extend(rebased.dropped);
        preview = attempt(workspace, probe, options)?;
    }
    preview.rebased.merged.splice(..0, merged);
    preview.rebased.dropped.splice(..0, dropped);
    Ok(preview)
}

fn attempt(workspace: &Workspace, probe: &Session, options: &CommitOptions) -> Result<Preview> {
    let origin = &workspace.origin(probe)?;
    let preview = attempt_at(origin, workspace, probe, options);
    preview.map_err(|error| waited(origin, workspace, error))
}

fn attempt_at(
    origin: &Origin,
    workspace: &Workspace,
    probe: &Session,
    options: &CommitOptions,
) -> Result<Preview> {
    let sealed = match start(probe, options)? {
        Started::Stale(path) => {
            return Ok(Preview {
                rebased: conflicted(vec![stale_conflict(&path)]),
                ..Preview::default()
            });
        }
        Started::Unchanged(_) => return Ok(Preview::unchanged()),
        Started::Ready(sealed) => sealed,
    };
    let request = Request {
        workspace,
        origin,
        sealed,
        options,
    };
    let rebased = match Goal::of(origin, probe)? {
        Goal::Directory(engine) => conflicted(directory::preview(engine, &request)?),
        Goal::Memory | Goal::Parent => memory::preview(&request)?,
    };
    let diff = match request.sealed.diff() {
        Err(vfs::Error::Quota { .. }) => None,
        Err(vfs::Error::Stale { .. }) if !rebased.conflicts.is_empty() => None,
        diff => Some(diff?),
    };
    Ok(Preview {
        rebased,
        entries: request.sealed.change_set().entries(),
        diff,
    })
}

impl Preview {
    fn unchanged() -> Self {
        Self {
            diff: Some(String::new()),
            ..Self::default()
        }
    }
}

pub(super) fn conflicted(conflicts: Vec<Conflict>) -> Rebased {
    Rebased {
        conflicts,
        ..Rebased::default()
    }
}
