//! What the author of a session-fs agent imports.
//!
//! An agent is one function. It works in the [`Session`] of its run, a transaction over a file
//! tree: what it did is committed when it returns `Ok` and vanishes when it does not.
//!
//! ```
//! use session_fs_sdk::prelude::*;
//!
//! #[agent]
//! fn run(task: Task) -> Result<Outcome> {
//!     let session = Session::current()?;
//!     let greeting = task.parameter("greeting").unwrap_or("hello");
//!     let mut files = 0;
//!     for entry in session.walk("")?.skip_names([".git"]) {
//!         let entry = entry?;
//!         if entry.kind == Kind::File && entry.path.ends_with(".txt") {
//!             session.append(&entry.path, format!("{greeting}\n"))?;
//!             files += 1;
//!         }
//!     }
//!     Ok(Outcome::new(format!("greeted {files} files")).detail("files", files))
//! }
//!
//! # fn main() -> Result<()> {
//! // The agent's unit test: no host, the session is kept in memory.
//! use session_fs_sdk::testing::Sandbox;
//!
//! let sandbox = Sandbox::new().file("notes/a.txt", "a\n").file("b.rs", "");
//! let outcome = sandbox.run(|| run(Task::new("greet everyone")))?;
//! assert_eq!(outcome.summary, "greeted 1 files");
//! assert_eq!(sandbox.read("notes/a.txt"), "a\nhello\n");
//! # Ok(())
//! # }
//! ```
//!
//! The crate of an agent is a `cdylib`, built by `cargo build --target wasm32-wasip2`.

mod backend;
mod change;
mod entry;
mod error;
mod options;
mod outcome;
mod savepoint;
mod search;
mod session;
mod task;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
mod walk;

#[doc(hidden)]
pub mod __private;

pub use change::{ChangeEntry, ChangeInfo, ChangeKind, Conflict, ConflictReason, ConflictSide};
pub use entry::{DirEntry, Kind, Limits, Metadata, Stat, Timestamp};
pub use error::{DenialReason, Error, Result};
pub use options::BeginOptions;
pub use outcome::Outcome;
pub use savepoint::Savepoint;
pub use search::{Search, SearchMatch, SearchQuery};
pub use session::{CommitError, Session};
pub use session_fs_sdk_macros::agent;
pub use task::Task;
pub use walk::{Walk, WalkEntry};

/// What an agent needs nearly always.
pub mod prelude {
    pub use crate::{Error, Kind, Outcome, Result, SearchQuery, Session, Task, agent};
}
