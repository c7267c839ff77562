//! What many open sessions take: each with 50 files changed, 20 lines added to each.

#![expect(
    clippy::disallowed_methods,
    reason = "the kernel tells what a process takes, and a spill is a file"
)]

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use store::disk::RealDir;
use vfs::{Base, DirectoryBase, Limits, Meter, Session, SessionOptions, Spill};

use crate::common::samples::{Samples, show};
use crate::common::scratch::{Scratch, edited_paths};
use crate::common::table::Table;
use crate::common::timed;

const COUNTS: [usize; 2] = [100, 1_000];
const TREE_FILES: usize = 10_000;
const FILE_BYTES: usize = 4_096;
const LINES_PER_FILE: usize = 20;
/// What may stay in memory of a session that spills.
const SPILL_BYTES_MIN: u64 = 16 << 10;

/// A file that sessions spill to, each from its own offset on.
#[derive(Debug)]
struct SpillFile {
    file: fs::File,
    end: AtomicU64,
}

impl Spill for SpillFile {
    fn append(&self, bytes: &[u8]) -> io::Result<u64> {
        let offset = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.write_all_at(bytes, offset)?;
        Ok(offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

/// Sessions that keep their edits in memory, and sessions that spill them.
pub(crate) fn sessions() -> Table {
    let scratch = Scratch::new("scale-memory");
    let tree = scratch.tree("tree", TREE_FILES, FILE_BYTES);
    let columns = [
        "sessions",
        "edits",
        "begin p50",
        "begin p99",
        "metered for each",
        "resident for each",
        "proportional for each",
    ];
    let title = "open sessions over 10,000 files, each with 50 files changed and 1,000 lines added";
    let mut table = Table::new(title, &columns);
    // All stay open to the end: memory that was given back would count for the next ones.
    let mut open = Vec::new();
    for (how, spills) in [("in memory", false), ("spilled", true)] {
        let (rows, sessions) = grow(&scratch, &tree, how, spills);
        rows.into_iter().for_each(|row| table.row(row));
        open.push(sessions);
    }
    table
}

/// Opens sessions and keeps them open, and looks at each count.
fn grow(
    scratch: &Scratch,
    tree: &Path,
    how: &str,
    spills: bool,
) -> (Vec<[String; 7]>, Vec<Session>) {
    let authority = cap_std::ambient_authority();
    let root = cap_std::fs::Dir::open_ambient_dir(tree, authority).expect("just made");
    let root = RealDir::open(root).expect("a directory");
    let base: Arc<dyn Base> = Arc::new(DirectoryBase::new(root, "file:///bench"));
    let file = fs::File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(scratch.path().join("spill"));
    let spill: Arc<dyn Spill> = Arc::new(SpillFile {
        file: file.expect("writable"),
        end: AtomicU64::new(0),
    });
    let meter = Meter::new("bench", u64::MAX);
    let options = || SessionOptions {
        meter: meter.clone(),
        spill: spills.then(|| spill.clone()),
        limits: Limits {
            spill_bytes_min: SPILL_BYTES_MIN,
            ..Limits::default()
        },
        ..SessionOptions::default()
    };
    let (before, mut begins) = (Taken::now(), Samples::default());
    let (mut open, mut rows) = (Vec::new(), Vec::new());
    for count in COUNTS {
        while open.len() < count {
            let (time, session) = timed(|| Session::begin(base.clone(), options()));
            begins.push(time);
            append_lines(&session);
            open.push(session);
        }
        let (now, each) = (Taken::now(), count as u64);
        rows.push([
            count.to_string(),
            how.to_owned(),
            show(begins.median()),
            show(begins.percentile(99)),
            kib(meter.used() / each),
            kib(now.resident.saturating_sub(before.resident) / each),
            kib(now.proportional.saturating_sub(before.proportional) / each),
        ]);
    }
    (rows, open)
}

fn append_lines(session: &Session) {
    let lines = "a line that somebody added to this file\n".repeat(LINES_PER_FILE);
    for path in edited_paths() {
        session.append(&path, lines.as_bytes()).expect("fits");
    }
}

/// Bytes that this process takes.
#[derive(Clone, Copy, Debug)]
struct Taken {
    resident: u64,
    proportional: u64,
}

impl Taken {
    fn now() -> Self {
        let text = fs::read_to_string("/proc/self/smaps_rollup").expect("Linux");
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
            number.expect("a number of KiB") << 10
        };
        Self {
            resident: field("Rss:"),
            proportional: field("Pss:"),
        }
    }
}

fn kib(bytes: u64) -> String {
    format!("{} KiB", bytes >> 10)
}
