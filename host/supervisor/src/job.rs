//! One job: what to run over which base, with what, and what to do with the result.

use std::sync::Arc;

use runtime::{
    Cancellation, NoOutput, OutputSink, RunLimits, RunRequest, SessionAuthority, Stdin, Task,
};
use vfs::{Access, ConflictPolicy, Isolation, Limits, Session};
use workspace::{BaseHandle, BeginOptions, CommitOptions};

use crate::effective::GRANT_LABEL;
use crate::grants::Grants;
use crate::review::Review;

/// What to run, over which base and how to settle it.
pub struct Job {
    /// What the session starts from.
    pub base: Arc<BaseHandle>,
    /// What is to be done; a command sees only `args` and `env`.
    pub task: Task,
    /// The agent's name, for the session's metadata and the guest's `argv[0]`.
    pub agent_name: String,
    /// What the session is for, in a person's words.
    pub purpose: Option<String>,
    /// Free pairs of name and value for the session's metadata.
    pub labels: Vec<(String, String)>,
    /// Arguments of a command.
    pub args: Vec<String>,
    /// The guest's environment; nothing of the host's own is added.
    pub env: Vec<(String, String)>,
    /// The guest's standard input.
    pub stdin: Stdin,
    /// Where its standard output goes.
    pub stdout: Arc<dyn OutputSink>,
    /// Where its standard error goes.
    pub stderr: Arc<dyn OutputSink>,
    /// What the run may take.
    pub run_limits: RunLimits,
    /// What the session may take; the workspace's default when absent.
    pub session_limits: Option<Limits>,
    /// Whether the session may change anything.
    pub access: Access,
    /// What the guest may do beyond its session.
    pub grants: Grants,
    /// What to do when the run has succeeded.
    pub policy: Policy,
    /// Why the change is made, for the commit.
    pub message: Option<String>,
    /// What to do where the base moved under the session.
    pub on_conflict: ConflictPolicy,
    /// What of the base has to be unchanged.
    pub isolation: Isolation,
    /// Whether a write in the very moment of the commit is a conflict.
    pub strict: bool,
    /// Stops the run from outside.
    pub cancellation: Cancellation,
    /// Told when the job goes on to another stage.
    pub on_stage: Arc<dyn Fn(Stage) + Send + Sync>,
}

/// What to do with the session of a run that succeeded; any other run is rolled back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Commit it.
    #[default]
    Commit,
    /// Keep it open for the caller to decide.
    Hold,
    /// Show what it changed and roll it back.
    DryRun,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The guest is running.
    Running,
    /// The guest is running and commits its own session, or another that it was granted.
    Committing,
    /// The session is being settled.
    Settling,
}

/// What settling needs of a job once its run has begun.
pub(crate) struct Plan {
    pub(crate) policy: Policy,
    pub(crate) commit: CommitOptions,
    pub(crate) review: Review,
    on_stage: OnStage,
}

/// Who is told of stages.
pub(crate) type OnStage = Arc<dyn Fn(Stage) + Send + Sync>;

impl Job {
    /// A job that commits on success, with no task, arguments, grants or anyone to see its output.
    pub fn new(base: Arc<BaseHandle>) -> Self {
        Self {
            base,
            task: Task::default(),
            agent_name: "agent".to_owned(),
            purpose: None,
            labels: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
            stdin: Stdin::default(),
            stdout: Arc::new(NoOutput),
            stderr: Arc::new(NoOutput),
            run_limits: RunLimits::default(),
            session_limits: None,
            access: Access::ReadWrite,
            grants: Grants::default(),
            policy: Policy::default(),
            message: None,
            on_conflict: ConflictPolicy::default(),
            isolation: Isolation::default(),
            strict: false,
            cancellation: Cancellation::new(),
            on_stage: Arc::new(|_| {}),
        }
    }

    pub(crate) fn begin_options(&self) -> BeginOptions {
        let task_id = Some(self.task.id.clone()).filter(|id| !id.is_empty());
        let granted = self.grants.record.iter();
        let granted = granted.map(|record| (GRANT_LABEL.to_owned(), record.clone()));
        BeginOptions {
            purpose: self.purpose.clone(),
            agent: Some(self.agent_name.clone()),
            task_id,
            labels: self.labels.iter().cloned().chain(granted).collect(),
            access: self.access,
            rules: self.grants.rules.clone(),
            limits: self.session_limits.clone(),
        }
    }

    /// What the guest may do. Only where the host would commit as well may the guest do it: after
    /// its commit there would be nothing left to decide or to discard.
    pub(crate) fn effective_grants(&self) -> Grants {
        let mut grants = self.grants.clone();
        grants.commit &= self.policy == Policy::Commit;
        grants
    }

    pub(crate) fn into_request(
        self,
        session: Session,
        authority: Arc<dyn SessionAuthority>,
    ) -> (RunRequest, Plan) {
        let request = RunRequest {
            session,
            authority,
            task: self.task,
            program: self.agent_name,
            args: self.args,
            env: self.env,
            stdin: self.stdin,
            stdout: self.stdout,
            stderr: self.stderr,
            limits: self.run_limits,
            cancellation: self.cancellation,
        };
        let plan = Plan {
            policy: self.policy,
            commit: CommitOptions {
                message: self.message,
                on_conflict: self.on_conflict,
                isolation: self.isolation,
                strict: self.strict,
                ..CommitOptions::default()
            },
            review: self.grants.review,
            on_stage: self.on_stage,
        };
        (request, plan)
    }
}

impl Plan {
    pub(crate) fn announce(&self, stage: Stage) {
        (self.on_stage)(stage);
    }
}
