//! What the audit costs: the same operations with the log and without, in one run.
//!
//! Run with `cargo bench -p session-fs-workspace --bench audit`. Writing the lines out is in it; the
//! log is in memory where the system has such a folder, as the page cache would be.

use std::hint::black_box;
use std::sync::Arc;
use std::time::SystemTime;

use cap_std::ambient_authority;
use cap_tempfile::TempDir;
use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
};
use session_fs_workspace::audit::{
    AuditLimits, AuditLog, AuditObserver, AuditRetention, AuditSubject,
};
use store::disk::RealDir;
use vfs::{
    Clock, DescriptorFlags, DirectoryBase, Metadata, Observer, OpenFlags, Session, SessionOptions,
    Timestamp,
};

/// Operations of one measured batch.
const OPERATIONS: u64 = 1_000;

#[derive(Debug)]
struct System;

impl Clock for System {
    fn now(&self) -> Timestamp {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let nanoseconds = i128::try_from(since.as_nanos()).unwrap_or_default();
        Timestamp::from_nanoseconds(nanoseconds).unwrap_or_default()
    }
}

/// A base, and a log whose old segments are removed between batches.
struct Bench {
    files: TempDir,
    _folder: TempDir,
    log: Arc<AuditLog>,
}

impl Bench {
    fn new() -> Self {
        let memory = cap_std::fs::Dir::open_ambient_dir("/dev/shm", ambient_authority());
        let folder = memory.and_then(|memory| TempDir::new_in(&memory));
        let folder = folder.or_else(|_| TempDir::new(ambient_authority()));
        let folder = folder.expect("a folder");
        let files = TempDir::new(ambient_authority()).expect("a folder");
        files.create_dir("src").expect("fresh");
        for number in 0..100 {
            let path = format!("src/module_{number}.rs");
            files.write(path, [b'x'; 4_096]).expect("fresh");
        }
        let dir = RealDir::open(folder.try_clone().expect("ours")).expect("opens");
        let limits = AuditLimits {
            session_lines_max: u64::MAX,
            ..AuditLimits::default()
        };
        let log = AuditLog::open(dir, &[7; 32], limits, Arc::new(System)).expect("opens");
        Self {
            files,
            _folder: folder,
            log,
        }
    }

    fn session(&self, audited: bool) -> Session {
        let root = RealDir::open(self.files.try_clone().expect("ours")).expect("opens");
        self.begin(
            &Arc::new(DirectoryBase::new(root, "file:///bench")),
            audited,
        )
    }

    fn begin(&self, base: &Arc<DirectoryBase>, audited: bool) -> Session {
        let metadata = Metadata {
            agent: Some("license-header".to_owned()),
            task_id: Some("0198f3a2".to_owned()),
            ..Metadata::default()
        };
        let id = "0198f3a2-7c1e-7d4b-9a55-3f1d2c6b8e90";
        let subject = AuditSubject {
            session: id,
            metadata: &metadata,
            base: "file:///bench",
        };
        let observer = audited.then(|| {
            let observer: Arc<dyn Observer> = AuditObserver::new(&self.log, &subject);
            observer
        });
        let options = SessionOptions {
            id: id.to_owned(),
            clock: Arc::new(System),
            observer,
            ..SessionOptions::default()
        };
        Session::begin(base.clone(), options)
    }

    /// Between batches, so that the log does not grow over what memory there is.
    fn tidy(&self) {
        let retention = AuditRetention {
            segments_max: Some(1),
            since: None,
        };
        self.log.retain(&retention).expect("writes");
    }
}

fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    (bench, what): (&Bench, &str),
    operation: impl Fn(&Session, usize),
) {
    for (how, audited) in [("plain", false), ("audited", true)] {
        let session = bench.session(audited);
        operation(&session, 0);
        group.bench_function(format!("{what}, {how}"), |b| {
            b.iter_batched(
                || bench.tidy(),
                |()| (0..OPERATIONS).for_each(|_| operation(&session, 7)),
                BatchSize::PerIteration,
            );
        });
    }
}

fn operations(c: &mut Criterion) {
    let bench = Bench::new();
    let paths: Vec<_> = (0..100).map(|n| format!("src/module_{n}.rs")).collect();
    let mut group = c.benchmark_group("1,000 operations");
    group.throughput(Throughput::Elements(OPERATIONS));
    measure(&mut group, (&bench, "stat again"), |session, number| {
        black_box(session.stat(&paths[number]).expect("there"));
    });
    measure(
        &mut group,
        (&bench, "read 4 KiB by path"),
        |session, number| {
            black_box(session.read(&paths[number]).expect("there"));
        },
    );
    measure(&mut group, (&bench, "write 4 KiB over"), |session, _| {
        session
            .write("new", black_box(&[b'x'; 4_096]))
            .expect("fits");
    });
    for (how, audited) in [("plain", false), ("audited", true)] {
        let session = bench.session(audited);
        let root = session.root().expect("open");
        let flags = DescriptorFlags::default();
        let file = root.open_at(&paths[7], true, OpenFlags::default(), flags);
        let file = file.expect("there");
        group.bench_function(format!("read 4 KiB through a handle, {how}"), |b| {
            b.iter_batched(
                || bench.tidy(),
                |()| {
                    for _ in 0..OPERATIONS {
                        black_box(file.read_at(0, 1 << 20).expect("there"));
                    }
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn sessions(c: &mut Criterion) {
    let bench = Bench::new();
    let root = RealDir::open(bench.files.try_clone().expect("ours")).expect("opens");
    let base = Arc::new(DirectoryBase::new(root, "file:///bench"));
    let mut group = c.benchmark_group("a session");
    for (how, audited) in [("plain", false), ("audited", true)] {
        group.bench_function(format!("begin and roll back, {how}"), |b| {
            b.iter(|| bench.begin(&base, audited).rollback().expect("open"));
        });
        bench.tidy();
        group.bench_function(format!("edit 50 files and roll back, {how}"), |b| {
            b.iter(|| {
                let session = bench.begin(&base, audited);
                for number in 0..50 {
                    let path = format!("src/module_{number}.rs");
                    session.append(&path, b"edited\n").expect("there");
                }
                session.rollback().expect("open");
            });
        });
        bench.tidy();
    }
    group.finish();
}

fn verification(c: &mut Criterion) {
    let bench = Bench::new();
    let session = bench.session(true);
    for _ in 0..10_000 {
        session.stat("src/module_7.rs").expect("there");
    }
    let mut group = c.benchmark_group("verify");
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("10,000 lines", |b| {
        b.iter(|| bench.log.verify().expect("readable"));
    });
    group.finish();
}

criterion_group!(benches, operations, sessions, verification);
criterion_main!(benches);
