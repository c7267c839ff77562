//! Commits into another session: the head of a memory base, or the session that one is nested in.

use vfs::{ConflictPolicy, MergeOptions, Merged, Rebased};

use super::preview::conflicted;
use super::{ChangeInfo, CommitOptions, CommitOutcome, Request, stale, stale_conflict};
use crate::change::ChangeId;
use crate::error::Result;

/// Commits to a memory base.
pub(crate) fn commit(request: Request<'_>) -> Result<CommitOutcome> {
    let base = &request.origin.base;
    let _turn = base.turn(request.workspace.options.limits.lock_wait_ms_max)?;
    merge(request, None, || base.advance())
}

/// What a commit into another session would come to.
pub(crate) fn preview(request: &Request<'_>) -> Result<Rebased> {
    let change = match request.describe(request.parent()) {
        Err(vfs::Error::Stale { path }) => return Ok(conflicted(vec![stale_conflict(&path)])),
        change => change?,
    };
    request.check_bytes(change.encode().len())?;
    let merge = merge_options(request.options);
    let merged = match request.sealed.preview_merge(&merge) {
        Err(vfs::Error::Stale { path }) => return Ok(conflicted(vec![stale_conflict(&path)])),
        merged => merged?,
    };
    Ok(match merged {
        Merged::Conflicted(conflicts) => conflicted(conflicts),
        Merged::Applied { merged, dropped } => Rebased {
            conflicts: Vec::new(),
            merged,
            dropped,
        },
    })
}

/// A part that conflicts has the whole session moved first, as with a directory: what stays open would
/// begin before the part otherwise.
fn merge_options(options: &CommitOptions) -> MergeOptions {
    let policy = match options.paths.is_empty() {
        true => options.on_conflict,
        false => ConflictPolicy::Fail,
    };
    MergeOptions {
        policy,
        isolation: options.isolation,
    }
}

/// Commits a nested session to its parent; the base has no part in it.
pub(crate) fn commit_into_parent(request: Request<'_>) -> Result<CommitOutcome> {
    let parent = request.parent();
    let base = &request.origin.base;
    merge(request, parent, || base.generation())
}

fn merge(
    request: Request<'_>,
    into_session: Option<String>,
    generation: impl FnOnce() -> u64,
) -> Result<CommitOutcome> {
    let change = match request.describe(into_session) {
        Err(vfs::Error::Stale { path }) => return Ok(stale(&path)),
        change => change?,
    };
    let encoding = change.encode();
    request.check_bytes(encoding.len())?;
    let Request {
        sealed, options, ..
    } = request;
    let id = ChangeId::of_encoding(&encoding);
    let entries = sealed.change_set().entries();
    let merged = match sealed.merge_into_parent(&id.to_string(), &merge_options(options)) {
        // The parent was moved onto a state in which this is another. So can the session be.
        Err(vfs::Error::Stale { path }) => return Ok(stale(&path)),
        merged => merged?,
    };
    match merged {
        Merged::Conflicted(conflicts) => Ok(CommitOutcome::Conflicted(conflicts)),
        Merged::Applied { .. } => Ok(CommitOutcome::Applied(ChangeInfo {
            id,
            generation: generation(),
            entries,
            displaced: Vec::new(),
        })),
    }
}
