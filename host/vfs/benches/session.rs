//! What a session costs: begin, fork, savepoint, reading, writing, rollback, nesting, changes.
//!
//! Run with `cargo bench -p session-fs-vfs`. Reading is compared with `std::fs` on the same file.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_tempfile::TempDir;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use session_fs_vfs::{
    Base, DescriptorFlags, DirectoryBase, EmptyBase, Observer, OpenFlags, Operation, PathRules,
    Session, SessionOptions,
};

struct Files {
    folder: TempDir,
    base: Arc<dyn Base>,
}

/// A directory with `count` files of `len` bytes, a hundred to a folder.
fn files(count: usize, len: usize) -> Files {
    let folder = cap_tempfile::tempdir(cap_tempfile::ambient_authority()).expect("tempdir");
    for number in 0..count {
        if number % 100 == 0 {
            folder
                .create_dir(format!("d{}", number / 100))
                .expect("fresh");
        }
        let path = format!("d{}/f{number}", number / 100);
        folder.write(path, vec![b'x'; len]).expect("fresh");
    }
    let root = folder.try_clone().expect("ours");
    let root = store::disk::RealDir::open(root).expect("opens");
    let base = Arc::new(DirectoryBase::new(root, "file:///bench"));
    Files { folder, base }
}

fn begin(base: &Arc<dyn Base>) -> Session {
    Session::begin(base.clone(), SessionOptions::default())
}

fn empty() -> Session {
    Session::begin(
        Arc::new(EmptyBase::new("vfs://b")),
        SessionOptions::default(),
    )
}

fn edit_50(session: &Session) {
    for number in 0..50 {
        session
            .append(&format!("d0/f{number}"), b"edited\n")
            .expect("there");
    }
}

fn states(c: &mut Criterion) {
    let files = files(10_000, 1_000);
    let edited = begin(&files.base);
    edit_50(&edited);
    c.bench_function("begin", |b| b.iter(|| begin(black_box(&files.base))));
    c.bench_function("fork after 50 edits", |b| {
        b.iter(|| edited.fork(SessionOptions::default()).expect("open"));
    });
    c.bench_function("savepoint after 50 edits", |b| {
        b.iter(|| edited.savepoint("s").expect("few"));
    });
    c.bench_function("rollback after 50 edits", |b| {
        let setup = || {
            let session = begin(&files.base);
            edit_50(&session);
            session
        };
        b.iter_batched(
            setup,
            |session| session.rollback().expect("open"),
            BatchSize::SmallInput,
        );
    });
    c.bench_function("changes of 50 edits in 10,000 files", |b| {
        b.iter(|| edited.changes().expect("open"));
    });
    c.bench_function("50 edits in 10,000 files", |b| {
        b.iter_batched(
            || begin(&files.base),
            |session| edit_50(&session),
            BatchSize::SmallInput,
        );
    });
}

fn reads(c: &mut Criterion) {
    let files = files(100, 4_096);
    files
        .folder
        .write("large", vec![b'x'; 1 << 20])
        .expect("fresh");
    c.bench_function("first stat", |b| {
        let setup = || begin(&files.base);
        b.iter_batched(
            setup,
            |s| s.stat("d0/f7").map(|_| s).expect("there"),
            BatchSize::SmallInput,
        );
    });
    let session = begin(&files.base);
    session.stat("d0/f7").expect("there");
    c.bench_function("second stat", |b| {
        b.iter(|| session.stat("d0/f7").expect("there"));
    });
    let memory = empty();
    memory.write("small", &[b'x'; 4_096]).expect("free");
    memory.write("large", &vec![b'x'; 1 << 20]).expect("free");
    for (what, len, ours, theirs) in [
        ("4 KiB", 4_096, "small", "d0/f7"),
        ("1 MiB", 1 << 20, "large", "large"),
    ] {
        let mut group = c.benchmark_group(format!("read {what}"));
        group.throughput(Throughput::Bytes(len));
        group.bench_function("memory", |b| b.iter(|| memory.read(ours).expect("there")));
        group.bench_function("directory", |b| {
            b.iter(|| session.read(theirs).expect("there"));
        });
        let root = session.root().expect("open");
        let flags = DescriptorFlags::default();
        let file = root
            .open_at(theirs, true, OpenFlags::default(), flags)
            .expect("there");
        group.bench_function("directory, open file", |b| {
            b.iter(|| file.read_at(0, 1 << 20).expect("there"));
        });
        group.bench_function("std::fs", |b| {
            b.iter(|| files.folder.read(theirs).expect("there"));
        });
        group.finish();
    }
}

/// Counts what it is told: what the hook itself costs.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Observer for Counter {
    fn note(&self, operation: &Operation<'_>) {
        self.0.fetch_add(operation.calls, Ordering::Relaxed);
    }
}

fn observed(c: &mut Criterion) {
    let files = files(100, 4_096);
    let mut group = c.benchmark_group("observer");
    for (what, observer) in [
        ("without", None),
        (
            "with",
            Some(Arc::new(Counter::default()) as Arc<dyn Observer>),
        ),
    ] {
        let options = SessionOptions {
            observer,
            ..SessionOptions::default()
        };
        let session = Session::begin(files.base.clone(), options);
        session.stat("d0/f7").expect("there");
        let root = session.root().expect("open");
        let flags = DescriptorFlags::default();
        let file = root
            .open_at("d0/f7", true, OpenFlags::default(), flags)
            .expect("there");
        group.bench_function(format!("second stat {what}"), |b| {
            b.iter(|| session.stat("d0/f7").expect("there"));
        });
        group.bench_function(format!("read 4 KiB through a handle {what}"), |b| {
            b.iter(|| file.read_at(0, 1 << 20).expect("there"));
        });
    }
    group.finish();
}

fn writes(c: &mut Criterion) {
    let session = empty();
    c.bench_function("write 4 KiB over", |b| {
        b.iter(|| session.write("f", black_box(&[b'x'; 4_096])).expect("fits"));
    });
    c.bench_function("create, write 4 KiB and remove", |b| {
        b.iter(|| {
            session
                .write("new", black_box(&[b'x'; 4_096]))
                .expect("fits");
            session.remove("new").expect("there");
        });
    });
    rewrites(c);
    let mut group = c.benchmark_group("append");
    group.sample_size(10);
    group.bench_function("1,000,000 x 1 byte", |b| {
        b.iter(|| {
            let session = empty();
            session.write("log", b"").expect("free");
            let root = session.root().expect("open");
            let flags = DescriptorFlags {
                write: true,
                ..DescriptorFlags::default()
            };
            let log = root
                .open_at("log", true, OpenFlags::default(), flags)
                .expect("there");
            for _ in 0..1_000_000 {
                log.append(b"x").expect("fits");
            }
        });
    });
    group.finish();
}

/// What it costs to find what a rewritten file has in common with the one before.
fn rewrites(c: &mut Criterion) {
    const LEN: usize = 10_240;
    let mut state = 7_u64;
    let mut noise = || -> Vec<u8> {
        let next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_be_bytes()[0]
        };
        std::iter::repeat_with(next).take(LEN).collect()
    };
    let (before, other) = (noise(), noise());
    let mut edited = before.clone();
    edited.splice(LEN / 2..LEN / 2, *b"some inserted words");
    let files = files(1, 1);
    files.folder.write("d0/f0", before).expect("there");
    let session = begin(&files.base);
    let mut group = c.benchmark_group("rewrite 10 KiB");
    for (name, bytes) in [("inserted into", &edited), ("with other bytes", &other)] {
        group.bench_function(name, |b| {
            b.iter(|| session.write("d0/f0", black_box(bytes)).expect("fits"));
        });
    }
    group.bench_function("with other bytes, new file", |b| {
        b.iter(|| session.write("new", black_box(&other)).expect("fits"));
    });
    group.finish();
}

fn nesting(c: &mut Criterion) {
    let files = files(100, 4_096);
    for depth in [1, 8, 64] {
        let mut session = begin(&files.base);
        for level in 0..depth {
            session.append("d0/f1", b"x").expect("there");
            session.write(&format!("made-{level}"), b"x").expect("free");
            session = session
                .begin_nested(SessionOptions::default())
                .expect("not too deep");
        }
        c.bench_function(&format!("read 4 KiB at depth {depth}"), |b| {
            b.iter(|| session.read("d0/f1").expect("there"));
        });
    }
}

/// What rules for paths cost: none, those of every run, and a list of globs.
fn rules(c: &mut Criterion) {
    let files = files(100, 1_000);
    let globs: Vec<String> = (0..20)
        .map(|number| format!("d{number}/**/*[0-9]"))
        .collect();
    let rules = [
        ("none", PathRules::default()),
        ("guarded", PathRules::guarded()),
        ("20 globs", PathRules::allowing(&[], &globs).expect("valid")),
    ];
    for (name, rules) in rules {
        let options = SessionOptions {
            rules,
            ..SessionOptions::default()
        };
        let session = Session::begin(files.base.clone(), options);
        session.stat("d0/f1").expect("there");
        session.append("d0/f1", b"x").expect("allowed");
        c.bench_function(&format!("rules/{name}/stat"), |b| {
            b.iter(|| session.stat(black_box("d0/f1")).expect("there"));
        });
        c.bench_function(&format!("rules/{name}/write-range"), |b| {
            b.iter(|| {
                session
                    .write_range(black_box("d0/f1"), 0, b"x")
                    .expect("fits");
            });
        });
    }
}

criterion_group!(benches, states, reads, rules, observed, writes, nesting);
criterion_main!(benches);
