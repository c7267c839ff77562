//! What all tests with guests share: a scene on disk, a plan of a run, and what came of it.
#![expect(
    clippy::disallowed_methods,
    reason = "tests lay out a directory and read the guests that were built"
)]

mod authority;
pub(crate) mod gate;
mod scene;
pub(crate) mod trees;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use runtime::{
    Agent, Cancellation, RunLimits, RunOutcome, RunReport, RunRequest, Runtime, RuntimeOptions,
};
use runtime::{OutputSink, Stdin, Task};
use vfs::{Access, ChangeEntry, Limits, Session, SessionOptions, Status, VPath};

use authority::TestAuthority;
pub(crate) use authority::{GRANTED, NOT_GRANTED};
pub(crate) use scene::{CANARY, Item, Scene};

/// The components that `tests/build.rs` built, each by its name.
#[deny(dead_code, reason = "a guest without a test must not build")]
pub(crate) mod guests {
    include!(concat!(env!("OUT_DIR"), "/guests.rs"));
}

/// How long a guest that never ends may run: enough for what it does first on a busy machine.
pub(crate) const SHORT: Duration = Duration::from_secs(1);

/// What a session starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// A directory of the host.
    Directory,
    /// Another session, over nothing.
    Memory,
}

/// One run of one guest, not yet begun.
#[derive(Clone)]
pub(crate) struct Plan {
    guest: &'static str,
    program: &'static str,
    items: Vec<Item>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    stdin: &'static str,
    task: Task,
    access: Access,
    session_limits: Limits,
    run_limits: RunLimits,
    may_commit: bool,
    cancellation: Cancellation,
    on_output: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// What a guest printed on one stream.
#[derive(Default)]
struct Printed {
    bytes: Mutex<Vec<u8>>,
    on_output: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl OutputSink for Printed {
    fn write(&self, bytes: &[u8]) {
        self.bytes.lock().extend_from_slice(bytes);
        if let Some(act) = &self.on_output {
            act();
        }
    }
}

/// What came of a run; the directory it began from is checked already.
pub(crate) struct Ran {
    pub(crate) report: RunReport,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) session: Session,
    /// What it was granted, with the sessions that it began.
    authority: Arc<TestAuthority>,
    /// What the session reads from lasts as long as this.
    scene: Option<Scene>,
}

impl Plan {
    pub(crate) fn new(guest: &'static str) -> Self {
        Self {
            guest,
            program: "guest",
            items: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
            stdin: "",
            task: Task::default(),
            access: Access::ReadWrite,
            session_limits: Limits::default(),
            run_limits: RunLimits {
                timeout: Duration::from_secs(120),
                ..RunLimits::default()
            },
            may_commit: false,
            cancellation: Cancellation::new(),
            on_output: None,
        }
    }

    /// A run of an agent that is loaded elsewhere.
    pub(crate) fn of_no_guest() -> Self {
        Self::new("")
    }

    pub(crate) fn file(mut self, path: &'static str, content: &'static str) -> Self {
        self.items.push(Item::File(path, content));
        self
    }

    pub(crate) fn items(mut self, items: &[Item]) -> Self {
        self.items.extend_from_slice(items);
        self
    }

    /// The name that the guest is called by.
    pub(crate) fn program(mut self, name: &'static str) -> Self {
        self.program = name;
        self
    }

    pub(crate) fn args(mut self, args: &[&str]) -> Self {
        self.args = args.iter().map(|&arg| arg.to_owned()).collect();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn stdin(mut self, text: &'static str) -> Self {
        self.stdin = text;
        self
    }

    /// A named parameter of the task.
    pub(crate) fn parameter(mut self, name: &str, value: &str) -> Self {
        self.task
            .parameters
            .push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn read_only(mut self) -> Self {
        self.access = Access::ReadOnly;
        self
    }

    pub(crate) fn may_commit(mut self) -> Self {
        self.may_commit = true;
        self
    }

    /// Does something in the middle of the run, each time that the guest prints.
    pub(crate) fn on_output(mut self, act: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_output = Some(Arc::new(act));
        self
    }

    /// Stops the runs of this plan and its clones.
    pub(crate) fn cancel(&self) {
        self.cancellation.cancel();
    }

    /// What the tree that it runs over is made of.
    pub(crate) fn laid(&self) -> &[Item] {
        &self.items
    }

    pub(crate) fn session_limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.session_limits);
        self
    }

    pub(crate) fn run_limits(mut self, change: impl FnOnce(&mut RunLimits)) -> Self {
        change(&mut self.run_limits);
        self
    }

    /// Runs the guest once over a directory and once over memory: it must do well both times, and
    /// print and change the same. Returns the run over the directory.
    #[track_caller]
    pub(crate) fn passes(&self) -> Ran {
        let ran = self.run(Ground::Directory);
        ran.assert_success();
        let in_memory = self.run(Ground::Memory);
        in_memory.assert_success();
        assert_eq!(
            ran.stdout, in_memory.stdout,
            "a directory and memory differ"
        );
        assert_eq!(
            ran.changes(),
            in_memory.changes(),
            "a directory and memory differ"
        );
        ran
    }

    /// Runs the guest, and checks that nothing on disk was touched.
    #[track_caller]
    pub(crate) fn run(&self, ground: Ground) -> Ran {
        let scene = Scene::new(if ground == Ground::Directory {
            &self.items
        } else {
            &[]
        });
        let mut ran = self.run_in(self.session(ground, &scene));
        scene.assert_untouched();
        ran.scene = Some(scene);
        ran
    }

    /// Runs the guest in a session that is there already.
    pub(crate) fn run_in(&self, session: Session) -> Ran {
        self.run_on(runtime(), session)
    }

    /// Runs the guest on a runtime of the caller's.
    pub(crate) fn run_on(&self, runtime: &Runtime, session: Session) -> Ran {
        let agent = load(runtime, self.guest);
        let tokio = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        tokio
            .expect("tokio starts")
            .block_on(self.start(runtime, &agent, session))
    }

    /// Runs a loaded agent, inside tokio.
    pub(crate) async fn start(&self, runtime: &Runtime, agent: &Agent, session: Session) -> Ran {
        let authority = TestAuthority::new(session.clone(), self.may_commit);
        let on_output = self.on_output.clone();
        let stdout = Arc::new(Printed {
            on_output,
            ..Printed::default()
        });
        let stderr = Arc::<Printed>::default();
        let mut request = RunRequest::new(session.clone(), authority.clone());
        request.program = self.program.to_owned();
        request.args = self.args.clone();
        request.env = self.env.clone();
        request.task = self.task.clone();
        request.limits = self.run_limits.clone();
        request.stdin = Stdin::Bytes(self.stdin.as_bytes().into());
        request.stdout = stdout.clone();
        request.stderr = stderr.clone();
        request.cancellation = self.cancellation.clone();
        let report = runtime.run(agent, request).await;
        let text = |sink: &Printed| String::from_utf8_lossy(&sink.bytes.lock()).into_owned();
        let (stdout, stderr) = (text(&stdout), text(&stderr));
        Ran {
            report,
            stdout,
            stderr,
            session,
            authority,
            scene: None,
        }
    }

    /// The session that the guest is to run in.
    pub(crate) fn session(&self, ground: Ground, scene: &Scene) -> Session {
        let options = |id: &str| SessionOptions {
            id: id.to_owned(),
            ..scene::options()
        };
        let own = SessionOptions {
            access: self.access,
            limits: self.session_limits.clone(),
            ..options("own")
        };
        if ground == Ground::Directory {
            return Session::begin(scene.base(), own);
        }
        let outer = Session::begin(
            Arc::new(vfs::EmptyBase::new("vfs://test")),
            options("outer"),
        );
        for item in &self.items {
            item.put(&outer);
        }
        outer.begin_nested(own).expect("the outer session is open")
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn assert_success(&self) {
        assert!(self.report.outcome.is_success(), "{}", self.story());
    }

    /// What was changed, one line for each path.
    pub(crate) fn changes(&self) -> Vec<String> {
        let changes = self.session.changes().expect("the session is open");
        changes.iter().map(line).collect()
    }

    /// What became of the sessions that the guest began, in order.
    pub(crate) fn statuses(&self) -> Vec<Status> {
        self.authority.begun().iter().map(Session::status).collect()
    }

    /// Everything there is to know, for the message of a failed assertion.
    pub(crate) fn story(&self) -> String {
        let Self {
            report,
            stdout,
            stderr,
            ..
        } = self;
        format!("{report:#?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }

    /// Whether the report has an event whose cause contains this.
    #[track_caller]
    pub(crate) fn assert_event(&self, part: &str) {
        let mut events = self.report.events.iter();
        assert!(
            events.any(|event| event.detail.contains(part)),
            "{part:?}: {}",
            self.story()
        );
    }

    #[track_caller]
    pub(crate) fn assert_trap(&self, part: &str) {
        match &self.report.outcome {
            RunOutcome::Trapped { message, .. } if message.contains(part) => {}
            _ => panic!("expected a trap with {part:?}: {}", self.story()),
        }
    }
}

fn line(entry: &ChangeEntry) -> String {
    let from = entry.renamed_from.as_ref().map(VPath::to_string);
    let from = from.map(|path| format!(" from {path}")).unwrap_or_default();
    format!(
        "{} {} {}{from}",
        entry.change.as_str(),
        entry.kind.as_str(),
        entry.path
    )
}

/// The runtime that tests share; it keeps what it compiled for the next time they run.
pub(crate) fn runtime() -> &'static Runtime {
    static_runtime()
}

/// The same, for those who keep a share of it.
pub(crate) fn shared_runtime() -> Arc<Runtime> {
    static_runtime().clone()
}

fn static_runtime() -> &'static Arc<Runtime> {
    static RUNTIME: OnceLock<Arc<Runtime>> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let options = RuntimeOptions {
            instances_max: 16,
            ..RuntimeOptions::default()
        };
        let cache = scene::cache();
        Arc::new(Runtime::new(RuntimeOptions { cache, ..options }).expect("a runtime"))
    })
}

/// The bytes of a guest, as it was built.
pub(crate) fn bytes(guest: &str) -> Vec<u8> {
    std::fs::read(guest).expect("tests/build.rs has built it")
}

pub(crate) fn load(runtime: &Runtime, guest: &str) -> Agent {
    load_bytes(runtime, &bytes(guest))
}

pub(crate) fn load_bytes(runtime: &Runtime, bytes: &[u8]) -> Agent {
    runtime
        .load(bytes)
        .unwrap_or_else(|error| panic!("it does not load: {error}"))
}
