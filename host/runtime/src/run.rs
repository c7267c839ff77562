//! One run of an agent in one session: its own store, its own limits, a typed end.
//!
//! Whatever the guest does, the report says how the run ended and the session is as the guest left
//! it: settling it is the caller's. Only sessions that the guest itself began are rolled back here.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use vfs::Session;
use wasmtime::component::ResourceTable;
use wasmtime::{PoolConcurrencyLimitError, Store, Trap, WasmBacktrace};
use wasmtime_wasi::{I32Exit, WasiCtx, WasiCtxBuilder};

use crate::admission::Full;
use crate::agent::{Agent, Linked};
use crate::authority::SessionAuthority;
use crate::cancel::Cancellation;
use crate::events::{EventLog, RunEvent};
use crate::fs::MOUNT;
use crate::host::{Host, RunState};
use crate::limits::{Limiter, MemoryExhausted, RunLimits};
use crate::runtime::Runtime;
use crate::session::BegunSessions;
use crate::stdio::{self, NoOutput, OutputMeter, OutputSink, Stdin};
use crate::task::{Outcome, Task, clipped};

/// Bytes of a failure's text, of a trap's message or of its backtrace that are kept.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// What to run, in which session and with what.
pub struct RunRequest {
    /// The session that the guest works in; it is its `/`.
    pub session: Session,
    /// What the guest may do beyond its session.
    pub authority: Arc<dyn SessionAuthority>,
    /// What is to be done; a command sees only `args` and `env`.
    pub task: Task,
    /// The program's name, which it sees in front of its arguments.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment; nothing of the host's own is added.
    pub env: Vec<(String, String)>,
    /// Its standard input.
    pub stdin: Stdin,
    /// Where its standard output goes.
    pub stdout: Arc<dyn OutputSink>,
    /// Where its standard error goes.
    pub stderr: Arc<dyn OutputSink>,
    /// What it may take.
    pub limits: RunLimits,
    /// Stops it from outside.
    pub cancellation: Cancellation,
}

impl RunRequest {
    /// A run without task, arguments, environment, input or anyone to see its output.
    pub fn new(session: Session, authority: Arc<dyn SessionAuthority>) -> Self {
        Self {
            session,
            authority,
            task: Task::default(),
            program: "agent".to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            stdin: Stdin::default(),
            stdout: Arc::new(NoOutput),
            stderr: Arc::new(NoOutput),
            limits: RunLimits::default(),
            cancellation: Cancellation::new(),
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// The agent returned `ok`, or the command returned or exited with 0.
    Succeeded(Outcome),
    /// The agent returned `err`.
    Failed {
        /// What it said.
        text: String,
    },
    /// The program exited; code 0 only for an agent that exited instead of returning.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// The guest did what WebAssembly does not allow, such as panicking.
    Trapped {
        /// What it did.
        message: String,
        /// Where, as far as the component tells.
        backtrace: Option<String>,
    },
    /// The guest ran longer than it may.
    TimedOut {
        /// How long it may.
        limit: Duration,
    },
    /// The guest could not go on without more memory than it may have.
    OutOfMemory {
        /// How many bytes it may have.
        limit_bytes: u64,
    },
    /// The run was stopped from outside.
    Cancelled,
    /// The run did not begin: the machine is full.
    Refused(Full),
    /// The host itself failed; a bug of session-fs.
    Internal {
        /// What is known of it.
        message: String,
    },
}

impl RunOutcome {
    /// Whether the guest did what it was asked to.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Succeeded(_))
    }
}

/// How a run ended, what was refused to it and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the session of the run is still to be settled"]
pub struct RunReport {
    /// How it ended.
    pub outcome: RunOutcome,
    /// What the host refused, with the true cause.
    pub events: Vec<RunEvent>,
    /// Further events, over [`crate::EVENTS_MAX`] different ones.
    pub events_dropped_count: u64,
    /// What it took.
    pub usage: Usage,
}

/// What a run took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The most that its linear memories had together.
    pub memory_bytes_peak: u64,
    /// Bytes that it printed, dropped ones included.
    pub output_bytes: u64,
    /// Bytes that it printed over its limit and that were dropped.
    pub output_bytes_dropped: u64,
}

impl Runtime {
    /// Runs an agent to its end.
    ///
    /// Needs a tokio runtime with time enabled. Dropping the future stops the run like a
    /// cancellation does; the session stays usable and can be rolled back.
    pub async fn run(&self, agent: &Agent, request: RunRequest) -> RunReport {
        let cancellation = request.cancellation.clone();
        let entered = tokio::select! {
            biased;
            () = cancellation.cancelled() => return RunReport::unstarted(RunOutcome::Cancelled),
            entered = self.admission.enter() => entered,
        };
        let _place = match entered {
            Ok(place) => place,
            Err(full) => return RunReport::unstarted(RunOutcome::Refused(full)),
        };
        let mut run = self.prepare(request);
        let outcome = run.drive(self, agent, &cancellation).await;
        run.finish(outcome)
    }

    fn prepare(&self, request: RunRequest) -> Run {
        let mut limits = request.limits;
        limits.memory_bytes_max = limits.memory_bytes_max.min(self.memory_bytes_max);
        let events = Arc::<EventLog>::default();
        let output = Arc::new(OutputMeter::new(limits.output_bytes_max, events.clone()));
        let mut wasi = WasiCtx::builder();
        stdio::connect(
            &mut wasi,
            request.stdin,
            request.stdout,
            request.stderr,
            &output,
        );
        configure(
            &mut wasi,
            &request.program,
            &request.args,
            &request.env,
            &limits,
        );
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles_max);
        let begun = BegunSessions::new(request.authority.clone(), limits.sessions_max);
        let host = Host {
            table,
            wasi: wasi.build(),
            limiter: Limiter::new(&limits, events.clone()),
            run: RunState {
                session: request.session,
                authority: request.authority,
                begun,
                events: events.clone(),
            },
        };
        let mut store = Store::new(&self.engine, host);
        store.limiter(|host| &mut host.limiter);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store.set_hostcall_fuel(limits.hostcall_bytes_max);
        store.set_max_component_handles(limits.handles_max);
        Run {
            store,
            task: Some(request.task),
            timeout: limits.timeout,
            events,
            output,
        }
    }
}

fn configure(
    wasi: &mut WasiCtxBuilder,
    program: &str,
    args: &[String],
    env: &[(String, String)],
    limits: &RunLimits,
) {
    wasi.arg(program)
        .args(args)
        .envs(env)
        .initial_cwd(MOUNT)
        .max_random_size(limits.random_bytes_max)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
}

/// A run with its store; dropped with it.
struct Run {
    store: Store<Host>,
    task: Option<Task>,
    timeout: Duration,
    events: Arc<EventLog>,
    output: Arc<OutputMeter>,
}

impl Run {
    async fn drive(
        &mut self,
        runtime: &Runtime,
        agent: &Agent,
        cancellation: &Cancellation,
    ) -> RunOutcome {
        let task = self.task.take().unwrap_or_default();
        let timeout = self.timeout;
        let called = caught(call(&mut self.store, agent, task));
        let ended = tokio::select! {
            biased;
            () = cancellation.cancelled() => return RunOutcome::Cancelled,
            ended = tokio::time::timeout(timeout, runtime.slices.share(called)) => ended,
        };
        match ended {
            Err(_elapsed) => RunOutcome::TimedOut { limit: timeout },
            Ok(Err(message)) => RunOutcome::Internal { message },
            Ok(Ok(Ok(outcome))) => outcome,
            Ok(Ok(Err(error))) => self.classify(agent, &error, runtime.admission.full()),
        }
    }

    fn classify(&self, agent: &Agent, error: &wasmtime::Error, full: Full) -> RunOutcome {
        if let Some(exit) = error.downcast_ref::<I32Exit>() {
            return match (exit.0, agent.linked()) {
                (0, Linked::Command(_)) => RunOutcome::Succeeded(Outcome::default()),
                (code, _) => RunOutcome::Exited { code },
            };
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return RunOutcome::Refused(full);
        }
        let limiter = &self.store.data().limiter;
        if limiter.is_short_of_memory() || error.is::<MemoryExhausted>() {
            return RunOutcome::OutOfMemory {
                limit_bytes: limiter.memory_bytes_max(),
            };
        }
        let message = match error.downcast_ref::<Trap>() {
            Some(trap) => trap.to_string(),
            None => error.root_cause().to_string(),
        };
        let backtrace = error
            .downcast_ref::<WasmBacktrace>()
            .map(ToString::to_string);
        RunOutcome::Trapped {
            message: clipped(message, TEXT_BYTES_MAX),
            backtrace: backtrace.map(|text| clipped(text, TEXT_BYTES_MAX)),
        }
    }

    fn finish(self, outcome: RunOutcome) -> RunReport {
        let usage = Usage {
            memory_bytes_peak: self.store.data().limiter.memory_bytes_peak(),
            output_bytes: self.output.written(),
            output_bytes_dropped: self.output.dropped(),
        };
        // Rolls back what the guest began and left open, which may be worth an event.
        drop(self.store);
        let (events, events_dropped_count) = self.events.take();
        RunReport {
            outcome,
            events,
            events_dropped_count,
            usage,
        }
    }
}

impl RunReport {
    fn unstarted(outcome: RunOutcome) -> Self {
        let usage = Usage::default();
        Self {
            outcome,
            events: Vec::new(),
            events_dropped_count: 0,
            usage,
        }
    }
}

async fn call(store: &mut Store<Host>, agent: &Agent, task: Task) -> wasmtime::Result<RunOutcome> {
    match agent.linked() {
        Linked::Agent(linked) => {
            let instance = linked.instantiate_async(&mut *store).await?;
            Ok(match instance.call_run(&mut *store, &task.into()).await? {
                Ok(outcome) => RunOutcome::Succeeded(outcome.into()),
                Err(text) => RunOutcome::Failed {
                    text: clipped(text, TEXT_BYTES_MAX),
                },
            })
        }
        Linked::Command(linked) => {
            let instance = linked.instantiate_async(&mut *store).await?;
            Ok(match instance.wasi_cli_run().call_run(&mut *store).await? {
                Ok(()) => RunOutcome::Succeeded(Outcome::default()),
                Err(()) => RunOutcome::Exited { code: 1 },
            })
        }
    }
}

/// Turns a panic of the host into an error: one broken run must not take the others with it.
async fn caught<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic_message(&*panic))),
        }
    })
    .await
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message");
    clipped(text.to_owned(), TEXT_BYTES_MAX)
}
