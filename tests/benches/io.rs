//! File operations of a guest in a session, against the very same guest under wasmtime's own file system
//! over a plain directory, turn about in one run.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark lays out a directory, reads the guest that was built, and prints a table"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use runtime::{
    Agent, AuthorityError, BeginRequest, CommitReport, RunRequest, Runtime, RuntimeOptions,
    SessionAuthority,
};
use store::disk::RealDir;
use vfs::{DirectoryBase, Session, SessionOptions};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::p2::bindings::Command;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

#[expect(dead_code, reason = "one of all guests is used")]
mod guests {
    include!(concat!(env!("OUT_DIR"), "/guests.rs"));
}

/// Turns of each side; the median of each operation counts.
const TURNS: usize = 7;

/// Rounds of the small operations in one turn.
const ROUNDS: &str = "2000";

const OUTPUT_BYTES_MAX: usize = 1 << 16;

/// Nanoseconds by operation, in the order in which the guest told them.
type Times = Vec<(String, u64)>;

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

struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// wasmtime's own host, set up like a server: pooled, with epochs, asynchronous.
struct Plain {
    engine: Engine,
    component: Component,
    linker: Linker<Host>,
}

impl Plain {
    fn new(bytes: &[u8]) -> Self {
        let mut config = Config::new();
        let pool = InstanceAllocationStrategy::Pooling(PoolingAllocationConfig::new());
        config.allocation_strategy(pool).epoch_interruption(true);
        let engine = Engine::new(&config).expect("an engine");
        let component = Component::from_binary(&engine, bytes).expect("a component");
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("linked");
        Self {
            engine,
            component,
            linker,
        }
    }

    async fn run(&self, directory: &Path) -> Times {
        let stdout = MemoryOutputPipe::new(OUTPUT_BYTES_MAX);
        let mut wasi = WasiCtxBuilder::new();
        wasi.args(&["guest", ROUNDS]).stdout(stdout.clone());
        wasi.inherit_stderr();
        wasi.preopened_dir(directory, "/", FsPerms::ReadWrite)
            .expect("the directory is there");
        let host = Host {
            wasi: wasi.build(),
            table: ResourceTable::new(),
        };
        let mut store = Store::new(&self.engine, host);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        let command = Command::instantiate_async(&mut store, &self.component, &self.linker);
        let command = command.await.expect("instantiated");
        let ran = command.wasi_cli_run().call_run(&mut store).await;
        ran.expect("no trap").expect("the guest succeeds");
        times(&stdout.contents())
    }
}

async fn run_in_session(runtime: &Runtime, agent: &Agent, directory: &Path) -> Times {
    let root = cap_std::fs::Dir::open_ambient_dir(directory, cap_std::ambient_authority());
    let root = RealDir::open(root.expect("there")).expect("opens");
    let base = Arc::new(DirectoryBase::new(root, "file:///bench"));
    let session = Session::begin(base, SessionOptions::default());
    let printed = Arc::<Mutex<Vec<u8>>>::default();
    let request = RunRequest {
        args: vec![ROUNDS.to_owned()],
        stdout: printed.clone(),
        ..RunRequest::new(session.clone(), Arc::new(Nothing))
    };
    let report = runtime.run(agent, request).await;
    assert!(report.outcome.is_success(), "{report:?}");
    session.rollback().expect("open");
    times(&printed.lock())
}

fn times(printed: &[u8]) -> Times {
    let text = String::from_utf8_lossy(printed);
    let line = |line: &str| {
        let (name, nanoseconds) = line.split_once(": ").expect("a name and a time");
        (name.to_owned(), nanoseconds.parse().expect("a number"))
    };
    text.lines().map(line).collect()
}

/// A directory with the files that the guest is given.
fn laid_out() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    fs::create_dir(directory.path().join("given")).expect("created");
    for number in 0..100 {
        let path = directory.path().join(format!("given/{number}"));
        fs::write(path, [b'g'; 4096]).expect("written");
    }
    directory
}

fn main() {
    let bytes = fs::read(guests::IO_ROUNDS).expect("the guest was built");
    let runtime = Runtime::new(RuntimeOptions::default()).expect("a runtime");
    let agent = runtime.load(&bytes).expect("a command");
    let plain = Plain::new(&bytes);
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("tokio starts");
    let mut all: BTreeMap<String, [Vec<u64>; 2]> = BTreeMap::new();
    let mut order = Vec::new();
    for _ in 0..TURNS {
        let directory = laid_out();
        let ours = tokio.block_on(run_in_session(&runtime, &agent, directory.path()));
        let theirs = tokio.block_on(plain.run(directory.path()));
        order = ours.iter().map(|(name, _)| name.clone()).collect();
        for (side, times) in [ours, theirs].into_iter().enumerate() {
            for (name, time) in times {
                all.entry(name).or_default()[side].push(time);
            }
        }
    }
    println!("| operation of a guest | session | wasmtime's own | session / own |");
    println!("| --- | --- | --- | --- |");
    for name in order {
        let [ours, theirs] = all.remove(&name).expect("told").map(median);
        let ratio = ours as f64 / theirs as f64;
        println!(
            "| {name} | {} | {} | {ratio:.2} |",
            time(ours),
            time(theirs)
        );
    }
}

fn median(mut times: Vec<u64>) -> u64 {
    times.sort_unstable();
    times[times.len() / 2]
}

fn time(nanoseconds: u64) -> String {
    match nanoseconds {
        0..10_000 => format!("{:.1} µs", nanoseconds as f64 / 1e3),
        10_000..10_000_000 => format!("{:.0} µs", nanoseconds as f64 / 1e3),
        _ => format!("{:.1} ms", nanoseconds as f64 / 1e6),
    }
}
