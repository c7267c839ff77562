//! Committing: a sealed session becomes an applied change, a list of conflicts, or neither.
//!
//! **Invariant:** a commit is applied, conflicted or failed. Unless it was applied the session is
//! open again, and the base is as it was or the error says where the rest is.

mod memory;
mod preview;

use std::sync::Arc;

use vfs::{
    Access, ChangeEntry, Conflict, ConflictPolicy, ConflictReason, Isolation, Sealed, Session,
    VPath,
};

pub use self::preview::Preview;
pub(crate) use self::preview::preview;
use crate::base::Target;
use crate::change::{Change, ChangeId, Collector};
use crate::directory::{self, Engine};
use crate::error::{Result, WorkspaceError};
use crate::registry::Origin;
use crate::workspace::{Workspace, check_limit};

/// What stands for a change id in `Status::Committed` of a session that had nothing to commit.
pub const UNCHANGED: &str = "unchanged";

/// How to commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitOptions {
    /// Why the change is made.
    pub message: Option<String>,
    /// What to do where the base moved under the session.
    pub on_conflict: ConflictPolicy,
    /// Whether what the session read, listed and missed has to be unchanged too, and not only what it
    /// writes.
    pub isolation: Isolation,
    /// Commits only what changed at or below these paths, with what that cannot be without, and keeps
    /// the session open with the rest; empty for all.
    pub paths: Vec<VPath>,
    /// Whether somebody else who writes to a path in the very moment in which it is replaced makes
    /// the commit a conflict. Otherwise their bytes are kept in the store and reported.
    pub strict: bool,
    /// When the caller is told.
    pub acknowledge: Acknowledge,
}

/// When a commit to a directory is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acknowledge {
    /// When it lasts and everyone sees it in the directory.
    #[default]
    Visible,
    /// When it lasts: every session that begins from then on sees it, other programs see it in the
    /// directory a moment later. A strict commit is acknowledged when it is visible.
    Durable,
}

/// What came of a commit.
#[must_use = "a commit that conflicted has changed nothing"]
#[derive(Clone, Debug)]
pub enum CommitOutcome {
    /// All of it is in the base, and the session is closed.
    Applied(ChangeInfo),
    /// The base moved under the session. Nothing was touched and the session is open; these are all
    /// the paths, in their order.
    Conflicted(Vec<Conflict>),
    /// The session had changed nothing and is closed.
    Unchanged,
}

/// A change that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeInfo {
    /// Its id.
    pub id: ChangeId,
    /// The generation that the base has now. A commit into another session makes none.
    pub generation: u64,
    /// What it did, path by path.
    pub entries: Vec<ChangeEntry>,
    /// What somebody else wrote to a file just as it was replaced or removed, and where it is kept.
    pub displaced: Vec<Displaced>,
}

/// Bytes of somebody else that a commit met and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Displaced {
    /// The path that they were written to.
    pub path: VPath,
    /// Where they are now, below the base's directory.
    pub kept: String,
}

/// One commit under way.
pub(crate) struct Request<'a> {
    pub(crate) workspace: &'a Workspace,
    pub(crate) origin: &'a Origin,
    pub(crate) sealed: Sealed,
    pub(crate) options: &'a CommitOptions,
}

impl Request<'_> {
    pub(crate) fn is_serializable(&self) -> bool {
        self.options.isolation == Isolation::Serializable
    }

    /// The session that this one is nested in.
    fn parent(&self) -> Option<String> {
        let parent = self.sealed.session().parent();
        parent.map(|parent| parent.id().to_owned())
    }

    /// The change that it comes to, into another session when one is named.
    pub(crate) fn describe(&self, into_session: Option<String>) -> vfs::Result<Change> {
        let now = self.workspace.options.clock.now();
        let message = self.options.message.clone();
        Collector::new(&self.sealed).describe(self.origin, into_session, message, now)
    }

    /// Refuses a change whose record has too many bytes.
    pub(crate) fn check_bytes(&self, change_bytes: usize) -> Result<()> {
        let limit = self.workspace.options.limits.change_bytes_max;
        check_limit("change-bytes", change_bytes, limit)
    }
}

/// Where a session is committed to.
enum Goal<'a> {
    Directory(&'a Arc<Engine>),
    /// The head of a memory base.
    Memory,
    /// The session that it is nested in.
    Parent,
}

impl<'a> Goal<'a> {
    fn of(origin: &'a Origin, session: &Session) -> Result<Self> {
        match (&origin.base.target, session.parent()) {
            (Target::Directory(engine), None) => Ok(Self::Directory(engine)),
            (Target::Memory(head), Some(parent)) if parent.is_same(head) => Ok(Self::Memory),
            (_, Some(_)) => Ok(Self::Parent),
            (Target::Memory(_), None) => Err(WorkspaceError::UnknownSession {
                session: session.id().to_owned(),
            }),
        }
    }
}

/// Closes a session that was committed, or only opens it again when a part of it was.
pub(crate) fn finish(sealed: Sealed, change: &str) {
    match sealed.is_part() {
        true => sealed.finish_part(change),
        false => sealed.finish(change),
    }
}

/// How often a session is moved onto a base that moves on all the time.
const REBASES_MAX: usize = 8;

/// Commits a session to where it belongs, merging first where that is asked for.
pub(crate) fn commit(
    workspace: &Workspace,
    session: &Session,
    options: &CommitOptions,
) -> Result<CommitOutcome> {
    check_message(workspace, options)?;
    if session.access() == Access::ReadOnly {
        session.rollback()?;
        return Ok(CommitOutcome::Unchanged);
    }
    let mut outcome = attempt(workspace, session, options)?;
    for _ in 0..REBASES_MAX {
        let CommitOutcome::Conflicted(conflicts) = &outcome else {
            break;
        };
        if is_final(conflicts, options) {
            break;
        }
        let rebased = workspace.rebase(session, options.on_conflict)?;
        if !rebased.conflicts.is_empty() {
            return Ok(CommitOutcome::Conflicted(rebased.conflicts));
        }
        outcome = attempt(workspace, session, options)?;
    }
    Ok(outcome)
}

fn check_message(workspace: &Workspace, options: &CommitOptions) -> Result<()> {
    let message_bytes = options.message.as_ref().map_or(0, String::len);
    check_limit(
        "message-bytes",
        message_bytes,
        workspace.options.limits.message_bytes_max,
    )
}

/// Whether nothing is to be done about conflicts: what was only read cannot be merged.
fn is_final(conflicts: &[Conflict], options: &CommitOptions) -> bool {
    let mut reasons = conflicts.iter().map(|conflict| conflict.reason);
    options.on_conflict == ConflictPolicy::Fail
        || reasons.any(|reason| reason == ConflictReason::ReadMoved)
}

/// A session at the beginning of its commit.
enum Started {
    /// What it saw at this path is no longer there.
    Stale(String),
    /// It changed nothing.
    Unchanged(Sealed),
    /// It is sealed, with what is to be committed selected.
    Ready(Sealed),
}

fn start(session: &Session, options: &CommitOptions) -> Result<Started> {
    let sealed = match session.seal() {
        Err(vfs::Error::Stale { path }) => return Ok(Started::Stale(path)),
        sealed => sealed?,
    };
    match options.paths.as_slice() {
        [] if sealed.change_set().is_empty() => Ok(Started::Unchanged(sealed)),
        [] => Ok(Started::Ready(sealed)),
        // Where nothing changed the path is a mistake, and no reason to end the session.
        paths => Ok(Started::Ready(sealed.select(paths)?)),
    }
}

/// Commits a session as it is.
fn attempt(
    workspace: &Workspace,
    session: &Session,
    options: &CommitOptions,
) -> Result<CommitOutcome> {
    let origin = &workspace.origin(session)?;
    let outcome = attempt_at(origin, workspace, session, options);
    outcome.map_err(|error| waited(origin, workspace, error))
}

/// What an error means that may come from reading what another commit takes its time to change.
fn waited(origin: &Origin, workspace: &Workspace, error: WorkspaceError) -> WorkspaceError {
    match error {
        WorkspaceError::Session(vfs::Error::Io { source, .. })
            if source.kind() == std::io::ErrorKind::TimedOut =>
        {
            WorkspaceError::Busy {
                base: origin.base.name().to_owned(),
                waited_ms: workspace.options.limits.lock_wait_ms_max,
            }
        }
        error => error,
    }
}

fn attempt_at(
    origin: &Origin,
    workspace: &Workspace,
    session: &Session,
    options: &CommitOptions,
) -> Result<CommitOutcome> {
    let sealed = match start(session, options)? {
        Started::Stale(path) => return Ok(stale(&path)),
        Started::Unchanged(sealed) => {
            sealed.finish(UNCHANGED);
            return Ok(CommitOutcome::Unchanged);
        }
        Started::Ready(sealed) => sealed,
    };
    let request = Request {
        workspace,
        origin,
        sealed,
        options,
    };
    match Goal::of(origin, session)? {
        Goal::Directory(engine) => directory::commit(engine, request),
        Goal::Memory => memory::commit(request),
        Goal::Parent => memory::commit_into_parent(request),
    }
}

/// The outcome when one object of the base is no longer what the session saw.
pub(crate) fn stale(path: &str) -> CommitOutcome {
    CommitOutcome::Conflicted(vec![stale_conflict(path)])
}

fn stale_conflict(path: &str) -> Conflict {
    Conflict {
        path: VPath::parse(path).unwrap_or_default(),
        before: None,
        ours: None,
        theirs: None,
        reason: ConflictReason::Content,
    }
}
