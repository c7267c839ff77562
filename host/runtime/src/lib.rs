//! Runs agents: components that work in one session each and reach nothing else.
//!
//! A [`Runtime`] loads a component into an [`Agent`] and runs it in a `vfs::Session`. The guest sees
//! that session as `/` through `wasi:filesystem` and as a handle through `session-fs`; both are
//! translations of the same rules, which live in `vfs`. This crate cannot name the commit API: what
//! a task may begin, commit or roll back is whatever its [`SessionAuthority`] says.
//!
//! ```no_run
//! # use session_fs_runtime as runtime;
//! use std::sync::Arc;
//! use runtime::{RunOutcome, RunRequest, Runtime, RuntimeOptions, SessionAuthority};
//!
//! # async fn example(wasm: &[u8], session: vfs::Session, authority: Arc<dyn SessionAuthority>)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::new(RuntimeOptions::default())?;
//! let agent = runtime.load(wasm)?;
//! let report = runtime.run(&agent, RunRequest::new(session.clone(), authority)).await;
//! match report.outcome {
//!     RunOutcome::Succeeded(outcome) => println!("{}", outcome.summary),
//!     _ => session.rollback()?,
//! }
//! # Ok(())
//! # }
//! ```

mod bindings;

mod engine;
mod ticker;

mod authority;
mod events;
mod limits;
mod stdio;
mod task;

mod fs;
mod http;
mod network;
mod session;

mod host;
mod link;

mod agent;
mod cache;
mod preview1;

mod admission;
mod blocking;
mod cancel;
mod run;
mod runtime;
mod slices;

pub use admission::Full;
pub use agent::{Agent, AgentKind, Inspection, LoadError};
pub use authority::{AuthorityError, BeginRequest, CommitReport, SessionAuthority};
pub use blocking::blocking;
pub use cache::CacheError;
pub use cancel::Cancellation;
pub use engine::Allocation;
pub use events::{EVENTS_MAX, EventKind, RunEvent};
pub use limits::RunLimits;
pub use run::{RunOutcome, RunReport, RunRequest, Usage};
pub use runtime::{Runtime, RuntimeError, RuntimeOptions};
pub use stdio::{NoOutput, OutputSink, Stdin};
pub use task::{Outcome, Task};

#[cfg(test)]
mod tests;
