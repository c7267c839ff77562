//! Commits into another session: the head of a memory base, or the session that one is nested in.

use vfs::{MergeOptions, Merged, Rebased};

use super::{ChangeInfo, CommitOptions, CommitOutcome, Request, stale, stale_conflict};
use crate::change::{ChangeId, Collector};
use crate::error::Result;
use crate::workspace::check_limit;

/// Commits to a memory base.
pub(crate) fn commit(request: Request<'_>) -> Result<CommitOutcome> {
    let base = &request.origin.base;
    let _turn = base.turn(request.workspace.options.limits.lock_wait_ms_max)?;
    merge(request, None, || base.advance())
}

/// What a commit into another session would come to.
pub(crate) fn preview(request: &Request<'_>) -> Result<Rebased> {
    let Request {
        workspace,
        origin,
        sealed,
        options,
    } = request;
    let conflicted = |conflicts| Rebased {
        conflicts,
        ..Rebased::default()
    };
    let now = workspace.options.clock.now();
    let parent = sealed
        .session()
        .parent()
        .map(|parent| parent.id().to_owned());
    let described = Collector::new(sealed).describe(origin, parent, options.message.clone(), now);
    let change = match described {
        Err(vfs::Error::Stale { path }) => return Ok(conflicted(vec![stale_conflict(&path)])),
        change => change?,
    };
    let limit = workspace.options.limits.change_bytes_max;
    check_limit("change-bytes", change.encode().len(), limit)?;
    let merged = match sealed.preview_merge(&merge_options(options)) {
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

fn merge_options(options: &CommitOptions) -> MergeOptions {
    MergeOptions {
        policy: options.on_conflict,
        isolation: options.isolation,
    }
}

/// Commits a nested session to its parent; the base has no part in it.
pub(crate) fn commit_into_parent(request: Request<'_>) -> Result<CommitOutcome> {
    let parent = request
        .sealed
        .session()
        .parent()
        .map(|parent| parent.id().to_owned());
    let base = &request.origin.base;
    merge(request, parent, || base.generation())
}

fn merge(
    request: Request<'_>,
    into_session: Option<String>,
    generation: impl FnOnce() -> u64,
) -> Result<CommitOutcome> {
    let Request {
        workspace,
        origin,
        sealed,
        options,
    } = request;
    let now = workspace.options.clock.now();
    let change = match Collector::new(&sealed).describe(
        origin,
        into_session,
        options.message.clone(),
        now,
    ) {
        Err(vfs::Error::Stale { path }) => return Ok(stale(&path)),
        change => change?,
    };
    let encoding = change.encode();
    check_limit(
        "change-bytes",
        encoding.len(),
        workspace.options.limits.change_bytes_max,
    )?;
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
