//! The small door through which a run reaches begin, commit and rollback.
//!
//! This crate cannot name the commit API: a supervisor implements the trait with exactly what the
//! task was granted. Every refusal is a `vfs::Error::Denied` that names the grant.

use vfs::{ChangeEntry, Conflict, Session};

/// What a task was granted beyond its own session.
///
/// All methods are called from inside a run and may block for as long as a commit takes.
pub trait SessionAuthority: Send + Sync {
    /// Begins a session over a base by its name, such as `vfs://scratch`.
    ///
    /// The runtime rolls it back when the run lets go of it unsettled.
    fn begin(&self, base: &str, request: BeginRequest) -> Result<Session, vfs::Error>;

    /// Opens a session that was not begun in this run; most authorities deny this.
    fn open(&self, id: &str) -> Result<Session, vfs::Error>;

    /// Begins a session whose base is `parent`; it commits into `parent`.
    fn begin_nested(&self, parent: &Session, request: BeginRequest) -> Result<Session, vfs::Error>;

    /// Begins a session from `session`'s present state, beside it and over the same base.
    fn fork(&self, session: &Session, request: BeginRequest) -> Result<Session, vfs::Error>;

    /// Commits any session of the run: its own (which needs the grant `commit`), one that it began
    /// or forked, or a nested one, which goes into its parent.
    ///
    /// After `Conflicted` nothing was applied and the session is still open.
    fn commit(
        &self,
        session: &Session,
        message: Option<String>,
    ) -> Result<CommitReport, AuthorityError>;

    /// Rolls back a session of the run. One that is settled already is no error.
    fn rollback(&self, session: &Session) -> Result<(), vfs::Error>;
}

/// What a guest says about a session that it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BeginRequest {
    /// What the session is for, in a person's words; at most 4 KiB.
    pub purpose: Option<String>,
    /// Free pairs of name and value; at most 16 of at most 256 bytes each.
    pub labels: Vec<(String, String)>,
}

/// A commit that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitReport {
    /// The change's identity; empty when there was nothing to commit.
    pub id: String,
    /// The version of the base that the commit made.
    pub generation: u64,
    /// What the change did, sorted by path.
    pub entries: Vec<ChangeEntry>,
}

/// Why a commit was not applied.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The session could not be committed, or the task was not granted it.
    #[error(transparent)]
    Session(#[from] vfs::Error),
    /// The base moved under the session; nothing was applied.
    #[error("the base changed at {} of the paths that the session touched", .0.len())]
    Conflicted(Vec<Conflict>),
}
