//! Many sessions at once over one directory: how fast they begin, what they hold, how fast they
//! commit.
//!
//! `hundred DIRECTORY` begins one session per folder of DIRECTORY, edits every file of the folder in
//! it, and commits all of them. Fails unless each is applied. The demo shows what it prints.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it measures, and a person reads what it prints"
)]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cap_std::ambient_authority;
use store::disk::RealDir;
use vfs::{Kind, Session};
use workspace::{
    BaseHandle, BeginOptions, CommitOptions, CommitOutcome, Workspace, WorkspaceOptions,
};

const LINE: &[u8] = b"// edited in a session of its own\n";

/// Bytes of a page of memory, which is what `/proc` counts in.
const PAGE_BYTES: u64 = 4 << 10;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os()
        .nth(1)
        .ok_or("usage: hundred DIRECTORY")?;
    let root = cap_std::fs::Dir::open_ambient_dir(path, ambient_authority())?;
    let workspace = Workspace::new(WorkspaceOptions::default());
    let base = workspace.directory(RealDir::open(root)?, "file://demo")?;
    let folders = folders(&workspace, &base)?;

    let resident_before = resident_bytes()?;
    let started = Instant::now();
    let mut sessions = Vec::with_capacity(folders.len());
    for _ in &folders {
        sessions.push(workspace.begin(&base, BeginOptions::default())?);
    }
    let begin = started.elapsed();

    let started = Instant::now();
    let mut files_count = 0;
    for (session, folder) in sessions.iter().zip(&folders) {
        files_count += edit_all(session, folder)?;
    }
    let edit = started.elapsed();
    let resident = resident_bytes()?.saturating_sub(resident_before);
    let metered: u64 = sessions.iter().map(|session| session.meter().used()).sum();

    let commits = commit_all(&workspace, &sessions)?;
    let count = u64::try_from(sessions.len())?;
    let slowest = commits.iter().max().copied().unwrap_or_default();
    println!("begin          {}", per(begin, count));
    println!(
        "read and edit  {}, {files_count} files in all",
        per(edit, count)
    );
    println!(
        "memory         {} KiB per session as metered, {} KiB as the process grew",
        metered / count / 1024,
        resident / count / 1024
    );
    println!(
        "commit         {}, the slowest {}",
        per(commits.iter().sum(), count),
        shown(slowest)
    );
    Ok(())
}

/// The folders at the root, one for each session.
fn folders(workspace: &Workspace, base: &Arc<BaseHandle>) -> Result<Vec<String>, Box<dyn Error>> {
    let session = workspace.begin(base, BeginOptions::default())?;
    let entries = session.list("", None, 1_000)?.entries;
    let folders = entries
        .into_iter()
        .filter(|entry| entry.kind == Kind::Directory);
    let folders: Vec<String> = folders.map(|entry| entry.name.to_string()).collect();
    workspace.rollback(&session)?;
    if folders.is_empty() {
        return Err("the directory has no folders".into());
    }
    Ok(folders)
}

/// Puts a line in front of every file of a folder; what is kept of it is that line.
fn edit_all(session: &Session, folder: &str) -> Result<usize, Box<dyn Error>> {
    let entries = session.list(folder, None, 1_000)?.entries;
    for entry in &entries {
        let path = format!("{folder}/{}", entry.name);
        let content = session.read(&path)?;
        session.write(&path, &[LINE, &content].concat())?;
    }
    Ok(entries.len())
}

fn commit_all(
    workspace: &Workspace,
    sessions: &[Session],
) -> Result<Vec<Duration>, Box<dyn Error>> {
    let mut durations = Vec::with_capacity(sessions.len());
    for session in sessions {
        let started = Instant::now();
        let outcome = workspace.commit(session, &CommitOptions::default())?;
        durations.push(started.elapsed());
        if !matches!(outcome, CommitOutcome::Applied(_)) {
            return Err(format!("session {} was not applied: {outcome:?}", session.id()).into());
        }
    }
    Ok(durations)
}

/// Memory that the process really has.
fn resident_bytes() -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = text
        .split(' ')
        .nth(1)
        .ok_or("no second field in statm")?
        .parse()?;
    Ok(pages * PAGE_BYTES)
}

fn per(duration: Duration, count: u64) -> String {
    let each = duration / u32::try_from(count).unwrap_or(u32::MAX);
    format!("{} per session", shown(each))
}

fn shown(duration: Duration) -> String {
    match duration.as_micros() {
        0..1_000 => format!("{:.1} µs", duration.as_secs_f64() * 1e6),
        _ => format!("{:.1} ms", duration.as_secs_f64() * 1e3),
    }
}
