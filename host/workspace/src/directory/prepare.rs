//! A prepared commit: validated, with every content staged and flushed; what is left is to apply it.

use vfs::{ChangeEntry, Conflict, DirectoryBase, Error, VPath};

use super::plan::{self, Step};
use super::stage::Stager;
use super::staging::Staging;
use super::turn::Turn;
use super::validate::Validator;
use crate::change::{ChangeId, Collector};
use crate::commit::Request;
use crate::error::{Result, WorkspaceError};
use crate::workspace::check_limit;

/// What comes of validating and staging a session.
pub(super) enum Preparation<'a> {
    /// It can be applied.
    Ready(Box<Prepared<'a>>),
    /// It cannot; the session is open again and nothing is left in the directory.
    Conflicted(Vec<Conflict>),
}

/// A commit that can be applied. Dropped instead, nothing of it is left.
#[must_use = "a prepared commit that is dropped leaves the base as it was"]
pub(super) struct Prepared<'a> {
    // Dropped in this order: the folder is removed while the turn is still ours.
    pub(super) staging: Staging,
    pub(super) steps: Vec<Step>,
    pub(super) change: ChangeId,
    pub(super) entries: Vec<ChangeEntry>,
    pub(super) request: Request<'a>,
    pub(super) base: &'a DirectoryBase,
    pub(super) _turn: Turn<'a>,
}

impl<'a> Prepared<'a> {
    /// Validates and stages a session.
    pub(super) fn prepare(
        base: &'a DirectoryBase,
        turn: Turn<'a>,
        request: Request<'a>,
    ) -> Result<Preparation<'a>> {
        let conflicts = validate(base, &request)?;
        if !conflicts.is_empty() {
            return Ok(Preparation::Conflicted(conflicts));
        }
        let name = request.origin.base.name();
        let transaction = request.workspace.options.ids.number();
        let staging = Staging::create(base.root(), transaction);
        let staging =
            staging.map_err(|error| WorkspaceError::io(name, vfs::reserved::STORE_NAME, error))?;
        let (steps, change) = match stage(&request, &staging) {
            Ok(staged) => staged,
            Err(error) => return moved_under(base, &request, error).map(Preparation::Conflicted),
        };
        if let Err(error) = base.root().sync_fs() {
            // Whether a later flush would tell of the same loss is not known.
            request.origin.base.poison();
            return Err(WorkspaceError::io(name, ".", error));
        }
        let entries = request.sealed.change_set().entries();
        let prepared = Self {
            staging,
            steps,
            change,
            entries,
            request,
            base,
            _turn: turn,
        };
        Ok(Preparation::Ready(Box::new(prepared)))
    }
}

fn validate(base: &DirectoryBase, request: &Request<'_>) -> Result<Vec<Conflict>> {
    let listing_entries_max = request.workspace.options.limits.listing_entries_max;
    let set = request.sealed.change_set();
    let found = Validator::new(base.root(), set, listing_entries_max).run();
    found.map_err(|(path, error)| WorkspaceError::io(request.origin.base.name(), path, error))
}

fn stage(request: &Request<'_>, staging: &Staging) -> Result<(Vec<Step>, ChangeId)> {
    let Request {
        workspace,
        origin,
        sealed,
        message,
    } = request;
    let mut stager = Stager {
        sealed,
        staging,
        collector: Collector::new(sealed),
    };
    let arrivals = stager.arrivals()?;
    let updates = stager.updates()?;
    let now = workspace.options.clock.now();
    let encoding = stager
        .collector
        .describe(origin, None, message.clone(), now)?
        .encode();
    check_limit(
        "change-bytes",
        encoding.len(),
        workspace.options.limits.change_bytes_max,
    )?;
    let steps = plan::steps(sealed.change_set(), arrivals, updates);
    Ok((steps, ChangeId::of_encoding(&encoding)))
}

/// What an error of staging means: conflicts, when the base moved while it was read.
fn moved_under(
    base: &DirectoryBase,
    request: &Request<'_>,
    error: WorkspaceError,
) -> Result<Vec<Conflict>> {
    // Should the disk fail here too, the first failure is the one to tell of.
    let conflicts = validate(base, request).unwrap_or_default();
    if !conflicts.is_empty() {
        return Ok(conflicts);
    }
    match error {
        WorkspaceError::Session(Error::Stale { path }) => {
            let path = VPath::parse(&path).unwrap_or_default();
            Ok(vec![Conflict {
                path,
                before: None,
                ours: None,
                theirs: None,
                reason: vfs::ConflictReason::Content,
            }])
        }
        WorkspaceError::Session(Error::Io { path, source }) => Err(WorkspaceError::Io {
            base: request.origin.base.name().to_owned(),
            path: path.unwrap_or_else(|| ".".to_owned()),
            source,
        }),
        error => Err(error),
    }
}
