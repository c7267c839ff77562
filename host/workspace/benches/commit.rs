//! What settling a session costs: begin, roll back, and commit 50 files of 10 KB.
//!
//! Run with `cargo bench -p session-fs-workspace`. The commit to a directory flushes the whole file
//! system twice, so its figure depends on what else is being written there.

use std::hint::black_box;
use std::sync::Arc;

use cap_tempfile::TempDir;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use session_fs_workspace::{
    BaseHandle, BeginOptions, CommitOptions, CommitOutcome, Workspace, WorkspaceOptions,
};
use store::disk::RealDir;
use vfs::Session;

const FILES_COUNT: usize = 50;
const FILE_BYTES: usize = 10 << 10;

struct Bench {
    _folder: TempDir,
    workspace: Workspace,
    base: Arc<BaseHandle>,
}

impl Bench {
    fn directory() -> Self {
        let folder = cap_tempfile::tempdir(cap_tempfile::ambient_authority()).expect("tempdir");
        let root = RealDir::open(folder.try_clone().expect("ours")).expect("opens");
        let workspace = Workspace::new(WorkspaceOptions::default());
        let base = workspace.directory(root, "file:///bench").expect("a base");
        Self {
            _folder: folder,
            workspace,
            base,
        }
    }

    fn memory() -> Self {
        let bench = Self::directory();
        let base = bench.workspace.memory("bench");
        Self { base, ..bench }
    }

    fn begin(&self) -> Session {
        self.workspace
            .begin(&self.base, BeginOptions::default())
            .expect("begins")
    }

    /// A session that writes all files anew; `round` makes the bytes differ.
    fn written(&self, round: &mut u8) -> Session {
        *round = round.wrapping_add(1);
        let session = self.begin();
        for number in 0..FILES_COUNT {
            session
                .write(&format!("f{number}"), &[*round; FILE_BYTES])
                .expect("fits");
        }
        session
    }

    fn commit(&self, session: &Session) {
        let outcome = self.workspace.commit(session, &CommitOptions::default());
        assert!(
            matches!(outcome, Ok(CommitOutcome::Applied(_))),
            "{outcome:?}"
        );
    }
}

fn settle(c: &mut Criterion) {
    for (name, bench) in [
        ("directory", Bench::directory()),
        ("memory", Bench::memory()),
    ] {
        c.bench_function(&format!("begin/{name}"), |b| {
            b.iter(|| black_box(bench.begin()));
        });
        let mut round = 0;
        c.bench_function(&format!("commit_50x10k/{name}"), |b| {
            let setup = || bench.written(&mut round);
            b.iter_batched(
                setup,
                |session| bench.commit(&session),
                BatchSize::PerIteration,
            );
        });
        c.bench_function(&format!("rollback_50x10k/{name}"), |b| {
            let setup = || bench.written(&mut round);
            let rollback = |session| bench.workspace.rollback(&session).expect("is open");
            b.iter_batched(setup, rollback, BatchSize::PerIteration);
        });
    }
}

criterion_group!(benches, settle);
criterion_main!(benches);
