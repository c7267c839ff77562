//! The rivals: cp, git, flushing each file, flushing the file system once, SQLite.

#![expect(
    clippy::disallowed_methods,
    reason = "the rivals work on the host's files and start processes"
)]

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use crate::common::scratch::{content, edited_paths};

/// Who commits, and that nothing runs behind a measured command.
const GIT_OPTIONS: [&str; 8] = [
    "-c",
    "user.name=bench",
    "-c",
    "user.email=bench@localhost",
    "-c",
    "gc.auto=0",
    "-c",
    "maintenance.auto=false",
];

pub(crate) fn init_git(tree: &Path) {
    git(tree, &["init", "-q"]);
    add_and_commit(tree);
}

pub(crate) fn add_and_commit(tree: &Path) {
    git(tree, &["add", "-A"]);
    git(tree, &["commit", "-q", "-m", "round"]);
}

pub(crate) fn add_worktree(tree: &Path, rival: &Path) {
    let rival = rival.display().to_string();
    git(tree, &["worktree", "add", "-q", "--detach", &rival]);
}

pub(crate) fn remove_worktree(tree: &Path, rival: &Path) {
    let rival = rival.display().to_string();
    git(tree, &["worktree", "remove", "--force", &rival]);
}

fn git(directory: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    run(command
        .arg("-C")
        .arg(directory)
        .args(GIT_OPTIONS)
        .args(arguments));
}

pub(crate) fn copy(how: &str, tree: &Path, rival: &Path) {
    run(Command::new("cp").arg(how).arg(tree).arg(rival));
}

pub(crate) fn remove_copy(rival: &Path) {
    fs::remove_dir_all(rival).expect("made by the round");
}

fn run(command: &mut Command) {
    let status = command.status().expect("installed");
    assert!(status.success(), "{command:?}");
}

/// Writes over the files where they stand; nothing is flushed.
pub(crate) fn edit_in_place(tree: &Path, round: usize) {
    for path in edited_paths() {
        fs::write(tree.join(path), content(round)).expect("writable");
    }
}

/// Each file is written aside, flushed and renamed; their directory is flushed at the end.
pub(crate) fn fsync_each(tree: &Path, round: usize) {
    let content = content(round);
    let aside = tree.join("d00/aside");
    for path in edited_paths() {
        fs::write(&aside, &content).expect("writable");
        let flushed = fs::File::open(&aside).and_then(|file| file.sync_all());
        flushed.expect("flushes");
        fs::rename(&aside, tree.join(path)).expect("same directory");
    }
    let dir = fs::File::open(tree.join("d00")).expect("there");
    dir.sync_all().expect("flushes");
}

/// All files are written aside, the file system is flushed once, and all are renamed.
pub(crate) fn flush_once(tree: &Path, round: usize) {
    let content = content(round);
    let aside = |path: &str| tree.join(format!("{path}.aside"));
    for path in edited_paths() {
        fs::write(aside(&path), &content).expect("writable");
    }
    let dir = fs::File::open(tree.join("d00")).expect("there");
    rustix::fs::syncfs(&dir).expect("flushes");
    for path in edited_paths() {
        fs::rename(aside(&path), tree.join(path)).expect("same directory");
    }
    dir.sync_all().expect("flushes");
}

/// Bytes that are written over by [`write_once`], in turn.
const PLAIN_BYTES: usize = 32 << 20;

/// A file of zeros that are on the disk.
pub(crate) fn plain_file(folder: &Path) -> fs::File {
    let path = folder.join("plain");
    fs::write(&path, vec![0; PLAIN_BYTES]).expect("writable");
    let options = fs::OpenOptions::new().write(true).open(&path);
    let file = options.expect("made above");
    file.sync_all().expect("flushes");
    file
}

/// All contents by one write into a file that has the room already, and one flush: less is not to be
/// had from this disk.
pub(crate) fn write_once(file: &fs::File, round: usize) {
    let bytes = content(round).repeat(edited_paths().count());
    let places = PLAIN_BYTES / bytes.len();
    let offset = (round % places * bytes.len()) as u64;
    file.write_all_at(&bytes, offset).expect("writable");
    file.sync_data().expect("flushes");
}

/// A table with a row for each file.
pub(crate) fn database(folder: &Path) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(folder.join("rows.db")).expect("opens");
    database
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
             CREATE TABLE IF NOT EXISTS files(name TEXT PRIMARY KEY, content BLOB);",
        )
        .expect("is SQL");
    database
}

pub(crate) fn replace_rows(database: &rusqlite::Connection, round: usize) {
    let content = content(round);
    database.execute_batch("BEGIN IMMEDIATE").expect("is alone");
    let mut replace = database
        .prepare_cached("REPLACE INTO files VALUES (?1, ?2)")
        .expect("is SQL");
    for path in edited_paths() {
        replace.execute((path, &content)).expect("fits");
    }
    database.execute_batch("COMMIT").expect("commits");
}
