//! What a user would pick instead, side by side in one run: copies, hard-linked copies and git
//! worktrees for an isolated tree; per-file fsync, one flush of the file system, SQLite and git for a
//! durable change.
//!
//! Run with `cargo bench -p session-fs-workspace --bench peers`; needs git and cp.
//! The tree is made under cargo's target directory: 10,000 files of 45 KB in 100 directories.

#![expect(
    clippy::disallowed_methods,
    reason = "the rivals work on the host's files, and a benchmark takes the time"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use session_fs_workspace as workspace;
use store::disk::RealDir;
use workspace::{
    Acknowledge, BaseHandle, BeginOptions, CommitOptions, CommitOutcome, Workspace,
    WorkspaceOptions,
};

const DIRECTORIES: usize = 100;
const FILES_PER_DIRECTORY: usize = 100;
const FILE_BYTES: usize = 45 << 10;
const EDITED_FILES: usize = 50;
const EDIT_BYTES: usize = 10_000;

/// How a rival makes its isolated tree.
type Make = fn(&Bench);

/// A tree, a workspace over it, and a place for rivals to put theirs.
struct Bench {
    scratch: PathBuf,
    tree: PathBuf,
    workspace: Workspace,
    base: Arc<BaseHandle>,
}

impl Bench {
    fn new() -> Self {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
        drop(fs::remove_dir_all(&scratch));
        let tree = scratch.join("tree");
        let content: Vec<u8> = (b'a'..=b'w').cycle().take(FILE_BYTES).collect();
        for directory in 0..DIRECTORIES {
            let directory = tree.join(format!("d{directory:02}"));
            fs::create_dir_all(&directory).expect("the target directory is writable");
            for file in 0..FILES_PER_DIRECTORY {
                fs::write(directory.join(format!("f{file:02}")), &content)
                    .expect("room for 450 MB");
            }
        }
        git(&tree, &["init", "-q"]);
        git(&tree, &["add", "-A"]);
        commit_with_git(&tree);
        let authority = cap_std::ambient_authority();
        let root = cap_std::fs::Dir::open_ambient_dir(&tree, authority).expect("just made");
        let workspace = Workspace::new(WorkspaceOptions::default());
        let root = RealDir::open(root).expect("a directory");
        let base = workspace
            .directory(root, "file://bench")
            .expect("a directory");
        Self {
            scratch,
            tree,
            workspace,
            base,
        }
    }

    fn rival(&self) -> PathBuf {
        self.scratch.join("rival")
    }
}

fn begin(criterion: &mut Criterion) {
    let bench = Bench::new();
    let mut group = criterion.benchmark_group("begin on 10,000 files");
    group.bench_function("session-fs, and dropped", |b| {
        b.iter(|| {
            bench
                .workspace
                .begin(&bench.base, BeginOptions::default())
                .expect("begins")
        });
    });
    group.sample_size(10);
    let rivals: [(&str, Make); 3] = [
        ("cp -al", |bench| cp("-al", bench)),
        ("cp -a", |bench| cp("-a", bench)),
        ("git worktree add", |bench| {
            let rival = bench.rival().display().to_string();
            git(&bench.tree, &["worktree", "add", "-q", "--detach", &rival]);
        }),
    ];
    for (name, make) in rivals {
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| timed(rounds, || make(&bench), || remove_rival(&bench)));
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("rollback of 50 edits");
    group.bench_function("session-fs", |b| {
        b.iter_batched(
            || edited(&bench, &bench.base, 0),
            |session| bench.workspace.rollback(&session).expect("open"),
            BatchSize::SmallInput,
        );
    });
    group.sample_size(10);
    group.bench_function("git worktree remove", |b| {
        b.iter_custom(|rounds| {
            let mut total = Duration::ZERO;
            for _ in 0..rounds {
                let rival = bench.rival().display().to_string();
                git(&bench.tree, &["worktree", "add", "-q", "--detach", &rival]);
                edit_directly(&bench.rival(), 0);
                total += timed(1, || remove_rival(&bench), || ());
            }
            total
        });
    });
    group.finish();
}

fn commit(criterion: &mut Criterion) {
    let bench = Bench::new();
    let mut group = criterion.benchmark_group("commit of 50 files of 10 KB");
    group.sample_size(20);
    let mut round = 0;
    let visible = CommitOptions::default();
    let durable = CommitOptions {
        acknowledge: Acknowledge::Durable,
        ..CommitOptions::default()
    };
    let memory = bench.workspace.memory("bench");
    let seed = bench
        .workspace
        .begin(&memory, BeginOptions::default())
        .expect("begins");
    seed.mkdir("d00").expect("free");
    commit_session(&bench, &seed, &visible);
    for (name, base, options) in [
        ("session-fs, on disk and visible", &bench.base, &visible),
        ("session-fs, on disk", &bench.base, &durable),
        ("session-fs, memory base", &memory, &visible),
    ] {
        rounds(&mut group, name, &mut round, |round| {
            let session = edited(&bench, base, round);
            timed(1, || commit_session(&bench, &session, options), || ())
        });
    }
    let database = database(&bench.scratch);
    rounds(&mut group, "fsync and rename each", &mut round, |round| {
        fsync_each(&bench.tree, round)
    });
    rounds(
        &mut group,
        "stage all, syncfs, rename each",
        &mut round,
        |round| sync_all(&bench.tree, round),
    );
    rounds(
        &mut group,
        "SQLite, WAL, synchronous=FULL",
        &mut round,
        |round| replace_rows(&database, round),
    );
    rounds(&mut group, "git add and commit", &mut round, |round| {
        edit_directly(&bench.tree, round);
        let work = || {
            git(&bench.tree, &["add", "-A"]);
            commit_with_git(&bench.tree);
        };
        timed(1, work, || ())
    });
    group.finish();
}

/// Times `work`, which is told a number that it never had before.
fn rounds(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    round: &mut u64,
    mut work: impl FnMut(u64) -> Duration,
) {
    group.bench_function(name, |b| {
        b.iter_custom(|count| {
            (0..count)
                .map(|_| {
                    *round += 1;
                    work(*round)
                })
                .sum()
        });
    });
}

/// A session with 50 files rewritten.
fn edited(bench: &Bench, base: &Arc<BaseHandle>, round: u64) -> vfs::Session {
    let session = bench
        .workspace
        .begin(base, BeginOptions::default())
        .expect("begins");
    let content = edit(round);
    for file in 0..EDITED_FILES {
        session
            .write(&format!("d00/f{file:02}"), &content)
            .expect("within the limits");
    }
    session
}

fn commit_session(bench: &Bench, session: &vfs::Session, options: &CommitOptions) {
    let outcome = bench.workspace.commit(session, options);
    assert!(
        matches!(outcome, Ok(CommitOutcome::Applied(_))),
        "{outcome:?}"
    );
}

fn fsync_each(tree: &Path, round: u64) -> Duration {
    let content = edit(round);
    let start = now();
    for file in 0..EDITED_FILES {
        let aside = tree.join("d00/aside");
        fs::write(&aside, &content).expect("writable");
        fs::File::open(&aside)
            .and_then(|file| file.sync_all())
            .expect("flushes");
        fs::rename(&aside, tree.join(format!("d00/f{file:02}"))).expect("same directory");
    }
    fs::File::open(tree.join("d00"))
        .and_then(|dir| dir.sync_all())
        .expect("flushes");
    start.elapsed()
}

fn sync_all(tree: &Path, round: u64) -> Duration {
    let content = edit(round);
    let start = now();
    for file in 0..EDITED_FILES {
        fs::write(tree.join(format!("d00/aside{file:02}")), &content).expect("writable");
    }
    let dir = fs::File::open(tree.join("d00")).expect("there");
    rustix::fs::syncfs(&dir).expect("flushes");
    for file in 0..EDITED_FILES {
        let aside = tree.join(format!("d00/aside{file:02}"));
        fs::rename(aside, tree.join(format!("d00/f{file:02}"))).expect("same directory");
    }
    dir.sync_all().expect("flushes");
    start.elapsed()
}

/// A table with a row for each file.
fn database(scratch: &Path) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(scratch.join("rows.db")).expect("opens");
    database
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
             CREATE TABLE files(name TEXT PRIMARY KEY, content BLOB);",
        )
        .expect("is new");
    database
}

fn replace_rows(database: &rusqlite::Connection, round: u64) -> Duration {
    let content = edit(round);
    let start = now();
    database.execute_batch("BEGIN IMMEDIATE").expect("is alone");
    let mut replace = database
        .prepare_cached("REPLACE INTO files VALUES (?1, ?2)")
        .expect("is SQL");
    for file in 0..EDITED_FILES {
        replace
            .execute((format!("d00/f{file:02}"), &content))
            .expect("fits");
    }
    database.execute_batch("COMMIT").expect("commits");
    start.elapsed()
}

fn edit_directly(tree: &Path, round: u64) {
    for file in 0..EDITED_FILES {
        fs::write(tree.join(format!("d00/f{file:02}")), edit(round)).expect("writable");
    }
}

fn edit(round: u64) -> Vec<u8> {
    let line = format!("round {round}\n");
    line.bytes().cycle().take(EDIT_BYTES).collect()
}

fn timed(rounds: u64, mut work: impl FnMut(), mut undo: impl FnMut()) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..rounds {
        let start = now();
        work();
        total += start.elapsed();
        undo();
    }
    total
}

fn now() -> Instant {
    Instant::now()
}

fn cp(how: &str, bench: &Bench) {
    run(Command::new("cp")
        .arg(how)
        .arg(&bench.tree)
        .arg(bench.rival()));
}

fn git(directory: &Path, arguments: &[&str]) {
    run(Command::new("git").arg("-C").arg(directory).args(arguments));
}

fn commit_with_git(tree: &Path) {
    let who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
    run(Command::new("git")
        .arg("-C")
        .arg(tree)
        .args(who)
        .args(["commit", "-q", "-m", "round"]));
}

fn remove_rival(bench: &Bench) {
    let rival = bench.rival();
    if rival.join(".git").is_file() {
        let rival = rival.display().to_string();
        git(&bench.tree, &["worktree", "remove", "--force", &rival]);
    } else {
        fs::remove_dir_all(rival).expect("made by the round");
    }
}

fn run(command: &mut Command) {
    let status = command.status().expect("installed");
    assert!(status.success(), "{command:?}");
}

criterion_group!(benches, begin, commit);
criterion_main!(benches);
