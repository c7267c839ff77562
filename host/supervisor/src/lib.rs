//! Takes a task to its end: begin a session, run the agent in it, settle.
//!
//! A [`Supervisor`] joins a workspace and a runtime. It is the only thing that both commits and
//! runs guests, and it gives a run no more than its [`Grants`].
//!
//! ```no_run
//! # use session_fs_supervisor as supervisor;
//! use std::sync::Arc;
//! use supervisor::{Job, Settlement, Supervisor};
//!
//! # async fn example(supervisor: Supervisor, base: Arc<workspace::BaseHandle>,
//! #     agent: runtime::Agent) -> Result<(), supervisor::SupervisorError> {
//! let finished = supervisor.run(&agent, Job::new(base)).await?;
//! if let Settlement::Committed(change) = finished.settlement {
//!     println!("{} touched {} paths", change.id, change.entries.len());
//! }
//! # Ok(())
//! # }
//! ```

mod authority;
mod effective;
mod error;
mod grants;
mod job;
mod review;
mod settle;
mod side;

use std::sync::Arc;

pub use effective::{EffectiveGrant, Remedy};
pub use error::SupervisorError;
pub use grants::{Grant, Grants};
pub use job::{Job, Policy, Stage};
pub use review::{RUNS_ON_OPEN, Review, RunsOnOpen, runs_on_open};
use runtime::{Agent, Runtime};
pub use settle::{Finished, Held, Settlement};
pub use side::{Cap, Caps, Role, Side};
use workspace::Workspace;

/// Runs agents over the bases of one workspace. Clones share both.
#[derive(Clone)]
pub struct Supervisor {
    workspace: Arc<Workspace>,
    runtime: Arc<Runtime>,
}

impl Supervisor {
    /// A supervisor that begins sessions in `workspace` and runs agents on `runtime`.
    pub fn new(workspace: Arc<Workspace>, runtime: Arc<Runtime>) -> Self {
        Self { workspace, runtime }
    }

    /// The workspace that sessions are begun in.
    pub fn workspace(&self) -> &Arc<Workspace> {
        &self.workspace
    }

    /// The runtime that agents run on.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// Runs an agent on a job and settles its session as the job's policy says.
    ///
    /// Dropping the future stops the run; its session is rolled back with its last handle.
    ///
    /// # Errors
    ///
    /// `Workspace` when the session cannot be begun. How the run itself ended is in
    /// `Finished::report`; a conflict and a commit that failed are settlements.
    pub async fn run(&self, agent: &Agent, job: Job) -> Result<Finished, SupervisorError> {
        let session = self.workspace.begin(&job.base, job.begin_options())?;
        let rollback = settle::RollbackOnDrop::new(&self.workspace, &session);
        if let Some(record) = &job.grants.record {
            effective::note(&session, record);
        }
        let authority = Arc::new(authority::TaskAuthority::new(
            &self.workspace,
            &session,
            job.effective_grants(),
            job.on_stage.clone(),
        ));
        (job.on_stage)(Stage::Running);
        let (request, plan) = job.into_request(session.clone(), authority.clone());
        let report = self.runtime.run(agent, request).await;
        plan.announce(Stage::Settling);
        let settled = runtime::blocking(|| {
            settle::settle(&self.workspace, &session, &report, &plan, &authority)
        });
        let settlement = settled.unwrap_or_else(Settlement::Failed);
        rollback.disarm();
        Ok(Finished {
            session_id: session.id().to_owned(),
            settlement,
            report,
        })
    }
}
