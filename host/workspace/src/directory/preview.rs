//! What a commit to a directory would come to: it is checked as a commit is, and nothing is written.

use std::sync::Arc;

use vfs::Conflict;

use super::commit::{check_places, footprint, moved_under, validate};
use super::engine::Engine;
use super::room;
use super::validate::Validated;
use crate::commit::{CommitOutcome, Request};
use crate::error::Result;

/// The conflicts that a commit would have now; without any, it would be applied as far as can be
/// known beforehand.
///
/// # Errors
///
/// Those of the commit.
pub(crate) fn preview(engine: &Arc<Engine>, request: &Request<'_>) -> Result<Vec<Conflict>> {
    // Nobody commits while it is looked at. Where there is no store, none is made for this.
    let entered = match engine.has_store()? {
        true => Some(engine.enter()?),
        false => engine.trouble().map_or(Ok(None), Err)?,
    };
    if let Some(entered) = &entered {
        engine.audit_ready(&entered.store)?;
    }
    let _claim = engine.claim(footprint(request))?;
    let Validated {
        conflicts,
        immovable,
    } = validate(engine, request)?;
    if !conflicts.is_empty() {
        return Ok(conflicts);
    }
    let change = match request.describe(None) {
        Ok(change) => change,
        Err(error) => return conflicts_of(moved_under(engine, request, error.into())?),
    };
    request.check_bytes(change.encode().len())?;
    check_places(engine, &change, immovable)?;
    let store = entered.as_ref().map(|entered| &*entered.store);
    room::foresee(engine, store, &request.sealed)?;
    Ok(Vec::new())
}

fn conflicts_of(outcome: CommitOutcome) -> Result<Vec<Conflict>> {
    Ok(match outcome {
        CommitOutcome::Conflicted(conflicts) => conflicts,
        CommitOutcome::Applied(_) | CommitOutcome::Unchanged => Vec::new(),
    })
}
