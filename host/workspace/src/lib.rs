//! Workspaces: bases, the sessions begun over them, and the one way by which a session's result
//! reaches its base.
//!
//! A [`Workspace`] begins sessions over [bases](BaseHandle) and commits them: all of a session
//! lands, or nothing does and the conflicts are the result. Every commit is described by a
//! [`Change`] whose id is the digest of its encoding.
//!
//! ```
//! # use session_fs_workspace as workspace;
//! use workspace::{BeginOptions, CommitOptions, CommitOutcome, Workspace, WorkspaceOptions};
//!
//! let workspace = Workspace::new(WorkspaceOptions::default());
//! let base = workspace.memory("scratch");
//! let session = workspace.begin(&base, BeginOptions::default())?;
//! session.write("note.txt", b"hello")?;
//! match workspace.commit(&session, &CommitOptions::default())? {
//!     CommitOutcome::Applied(change) => assert_eq!(change.generation, 1),
//!     other => panic!("nobody else is here: {other:?}"),
//! }
//! let later = workspace.begin(&base, BeginOptions::default())?;
//! assert_eq!(later.read("note.txt")?, b"hello");
//! # Ok::<(), workspace::WorkspaceError>(())
//! ```

pub mod error;
pub mod limits;

mod ids;

mod base;
mod registry;

pub mod audit;
pub mod change;

mod objects;

pub mod history;

mod commit;
mod directory;

pub mod durable;

mod workspace;

mod held_back;
mod keeping;

mod reader;

pub use base::{BaseHandle, BaseKind};
pub use change::{Change, ChangeId};
pub use commit::{
    Acknowledge, ChangeInfo, CommitOptions, CommitOutcome, Displaced, Preview, UNCHANGED,
};
pub use directory::{Ability, Locator};
pub use durable::{DurableError, DurableOptions, DurableSession, DurableStore};
pub use error::{Result, StoreError, WorkspaceError};
pub use held_back::HeldBack;
pub use history::{History, HistoryError, HistoryLimits};
pub use ids::{CountingIds, IdSource};
pub use limits::WorkspaceLimits;
pub use objects::ObjectError;
pub use reader::StoreReader;
pub use workspace::{BeginOptions, Workspace, WorkspaceOptions};
