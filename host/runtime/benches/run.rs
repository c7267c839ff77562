//! What a run costs beside the guest's own work: begin, instantiate, run, roll back.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use session_fs_runtime::{
    AuthorityError, BeginRequest, CommitReport, RunRequest, Runtime, RuntimeOptions,
    SessionAuthority,
};
use vfs::{EmptyBase, Session, SessionOptions};

/// A command that returns at once.
const COMMAND: &str = r#"(component
    (core module $m (memory 1) (func (export "run") (result i32) i32.const 0))
    (core instance $i (instantiate $m))
    (func $run (result (result)) (canon lift (core func $i "run")))
    (instance $command (export "run" (func $run)))
    (export "wasi:cli/run@0.2.0" (instance $command)))"#;

/// Grants nothing.
struct Nothing;

fn denied() -> vfs::Error {
    vfs::Error::Unsupported {
        detail: "anything but the run's own session".to_owned(),
    }
}

impl SessionAuthority for Nothing {
    fn begin(&self, _base: &str, _request: BeginRequest) -> vfs::Result<Session> {
        Err(denied())
    }
    fn open(&self, _id: &str) -> vfs::Result<Session> {
        Err(denied())
    }
    fn begin_nested(&self, _parent: &Session, _request: BeginRequest) -> vfs::Result<Session> {
        Err(denied())
    }
    fn fork(&self, _session: &Session, _request: BeginRequest) -> vfs::Result<Session> {
        Err(denied())
    }
    fn commit(&self, _: &Session, _: Option<String>) -> Result<CommitReport, AuthorityError> {
        Err(denied().into())
    }
    fn rollback(&self, session: &Session) -> vfs::Result<()> {
        session.rollback()
    }
}

fn warm_run(criterion: &mut Criterion) {
    let threads = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let threads = threads.expect("a tokio runtime");
    let runtime = Runtime::new(RuntimeOptions::default()).expect("a runtime");
    let wasm = wat::parse_str(COMMAND).expect("a component");
    let agent = runtime.load(&wasm).expect("a command");
    let base = Arc::new(EmptyBase::new("vfs://bench"));
    let authority = Arc::new(Nothing);
    criterion.bench_function("begin, run, roll back", |bencher| {
        bencher.iter(|| {
            let session = Session::begin(base.clone(), SessionOptions::default());
            let request = RunRequest::new(session.clone(), authority.clone());
            let report = threads.block_on(runtime.run(&agent, request));
            session.rollback().expect("open");
            black_box(report)
        });
    });
    criterion.bench_function("load from scratch", |bencher| {
        bencher.iter(|| runtime.load(black_box(&wasm)).expect("a command"));
    });
}

criterion_group!(benches, warm_run);
criterion_main!(benches);
