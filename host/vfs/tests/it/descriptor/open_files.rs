//! Open files: what handles see of each other, of renames, removals and restores.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use session_fs_vfs::{Clock, Limits, NewTime, READ_BYTES_MAX, Session, SessionOptions, Timestamp};

use super::{READ, READ_WRITE, WRITE, base, open, open_flags, session};
use crate::support::{MapBase, fails, limited, over};

#[test]
fn a_removed_file_that_is_open_works_as_before() {
    let session = session();
    let file = open(&session, "f", READ_WRITE);
    session.remove("f").expect("there");
    assert_eq!(file.stat().expect("held").link_count, 0);
    assert_eq!(&file.read_at(0, 100).expect("held")[..], b"content");
    file.write_at(7, b"!").expect("held");
    file.set_size(3).expect("held");
    assert_eq!(&file.read_at(0, 100).expect("held")[..], b"con");
    session.write("f", b"another").expect("free");
    assert_eq!(&file.read_at(0, 100).expect("held")[..], b"con");
    assert_ne!(
        file.metadata_hash().0,
        session.stat("f").expect("there").ino
    );
    drop(file);
    assert_eq!(session.read("f").expect("there"), b"another");
}

#[test]
fn a_removed_directory_that_is_open_is_empty_and_takes_nothing() {
    let session = session();
    let dir = open(&session, "dir", READ);
    let sub = open(&session, "dir/sub", READ);
    session.remove_all("dir").expect("there");
    assert_eq!(dir.read_dir().expect("held").count(), 0);
    fails(dir.open_at("new", true, open_flags("c"), WRITE), "NotFound");
    fails(sub.create_directory_at("new"), "NotFound");
    let root = session.root().expect("open");
    fails(root.rename_at("f", &sub, "f"), "NotFound");
    fails(root.link_at(false, "f", &dir, "f"), "NotFound");
    assert_eq!(session.read("f").expect("untouched"), b"content");
}

#[test]
fn a_handle_follows_its_file_and_not_its_name() {
    let session = session();
    let (file, dir) = (
        open(&session, "dir/g", READ_WRITE),
        open(&session, "dir", READ),
    );
    session.rename("dir", "moved").expect("free");
    session.rename("moved/g", "moved/h").expect("free");
    file.append(b"!").expect("held");
    assert_eq!(session.read("moved/h").expect("there"), b"inner!");
    assert_eq!(dir.stat_at("h", true).expect("there").size, 6);
    session.write("f", b"replaces").expect("there");
    session.rename("f", "moved/h").expect("replaces");
    assert_eq!(&file.read_at(0, 9).expect("held")[..], b"inner!");
}

#[test]
fn restore_takes_handles_along_or_closes_them() {
    let session = session();
    session.savepoint("before").expect("few");
    let old = open(&session, "f", READ_WRITE);
    old.write_at(0, b"CHANGED").expect("may");
    session.remove("f").expect("there");
    session.write("new", b"new").expect("free");
    let new = open(&session, "new", READ_WRITE);
    session.restore("before").expect("there");
    assert_eq!(&old.read_at(0, 9).expect("it existed then")[..], b"content");
    old.write_at(0, b"C").expect("it existed then");
    assert_eq!(session.read("f").expect("back"), b"Content");
    fails(new.stat(), "BadDescriptor");
    fails(new.read_at(0, 1), "BadDescriptor");
    fails(new.write_at(0, b"x"), "BadDescriptor");
    drop(new);
    assert!(!session.exists("new").expect("open"));
}

#[test]
fn sizes_and_ends() {
    let session = session();
    let file = open(&session, "f", READ_WRITE);
    let other = open(&session, "f", READ_WRITE);
    file.set_size(10).expect("small");
    assert_eq!(&file.read_at(0, 20).expect("there")[..], b"content\0\0\0");
    other.append(b"AB").expect("may");
    file.append(b"CD").expect("may");
    assert_eq!(&other.read_at(7, 20).expect("there")[..], b"\0\0\0ABCD");
    assert_eq!(file.read_at(14, 1).expect("the end").len(), 0);
    assert_eq!(file.read_at(1 << 40, usize::MAX).expect("past it").len(), 0);
    fails(file.write_at(u64::MAX, b""), "FileTooLarge");
    fails(file.read_at(u64::MAX, 1), "Invalid");
    fails(file.read_at(u64::MAX, usize::MAX), "Invalid");
    fails(file.write_at(u64::MAX, b"x"), "FileTooLarge");
    fails(file.write_at(u64::MAX - 1, b"x"), "FileTooLarge");
    fails(file.set_size(u64::MAX), "FileTooLarge");
    fails(file.set_size(1 << 62), "FileTooLarge");
    assert_eq!(
        file.stat().expect("there").size,
        14,
        "no failure changed it"
    );
    file.set_size(READ_BYTES_MAX as u64 * 3).expect("a hole");
    assert_eq!(
        file.read_at(0, usize::MAX).expect("there").len(),
        READ_BYTES_MAX
    );
}

#[test]
fn no_size_passes_what_offsets_can_say() {
    let limits = Limits {
        file_bytes_max: u64::MAX,
        ..Limits::default()
    };
    let (session, _) = limited(Arc::new(base()), limits);
    let file = open(&session, "f", READ_WRITE);
    file.set_size(i64::MAX as u64).expect("the most there is");
    fails(file.set_size(i64::MAX as u64 + 1), "FileTooLarge");
    fails(file.append(b"x"), "FileTooLarge");
    fails(session.truncate("f", u64::MAX), "FileTooLarge");
}

/// A copy over a file gave it the origin of another while a handle kept the old base file open, so
/// that the handle read the wrong file. What is kept open now says which version it is.
#[test]
fn a_copy_over_an_open_file_is_read_through_the_handle() {
    let base = MapBase::files(&[("a", "from a"), ("b", "from b")]);
    let session = over(&base);
    let handle = open(&session, "b", READ);
    assert_eq!(&handle.read_at(0, 9).expect("there")[..], b"from b");
    session.copy("a", "b").expect("a file over a file");
    assert_eq!(&handle.read_at(0, 9).expect("there")[..], b"from a");
}

#[test]
fn a_full_table_of_handles_makes_and_empties_nothing() {
    let limits = Limits {
        open_handles_max: 2,
        ..Limits::default()
    };
    let (session, _) = limited(Arc::new(base()), limits);
    let root = session.root().expect("the first");
    let held = root
        .open_at("f", true, open_flags(""), READ)
        .expect("the second");
    fails(root.open_at("new", true, open_flags("c"), WRITE), "Quota");
    fails(root.open_at("dir/g", true, open_flags("t"), WRITE), "Quota");
    fails(session.root(), "Quota");
    assert!(!session.exists("new").expect("open"));
    assert_eq!(session.read("dir/g").expect("there"), b"inner");
    drop(held);
    root.open_at("new", true, open_flags("c"), WRITE)
        .expect("there is room again");
}

#[test]
fn a_closed_session_answers_every_handle() {
    let session = session();
    let (root, file) = (
        session.root().expect("open"),
        open(&session, "f", READ_WRITE),
    );
    session.rollback().expect("open");
    fails(file.read_at(0, 1), "Closed");
    fails(file.write_at(0, b"x"), "Closed");
    fails(file.stat(), "Closed");
    fails(root.read_dir(), "Closed");
    fails(root.open_at("f", true, open_flags(""), READ), "Closed");
    fails(session.root(), "Closed");
}

/// A clock that goes on by one second whenever it is asked.
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp {
            seconds: self.0.fetch_add(1, Ordering::Relaxed),
            nanoseconds: 0,
        }
    }
}

#[test]
fn times() {
    let options = SessionOptions {
        clock: Arc::new(Ticking(AtomicI64::new(100))),
        ..SessionOptions::default()
    };
    let base = Arc::new(session_fs_vfs::EmptyBase::new("vfs://t"));
    let session = Session::begin(base, options);
    session.write("f", b"1").expect("free");
    let made = session.stat("f").expect("there").modified.expect("set");
    session.write("f", b"2").expect("there");
    let written = session.stat("f").expect("there").modified.expect("set");
    assert!(written > made);
    let file = open(&session, "f", READ);
    let old = Timestamp {
        seconds: -5,
        nanoseconds: 999_999_999,
    };
    file.set_times(NewTime::Keep, NewTime::At(old))
        .expect("may");
    let stat = file.stat().expect("there");
    assert_eq!(stat.modified, Some(old));
    assert!(
        stat.changed > Some(written),
        "what was set on purpose shows in another time"
    );
    file.set_times(NewTime::Now, NewTime::Keep).expect("may");
    assert_eq!(file.stat().expect("there").modified, Some(old));
    session.append("f", b"3").expect("there");
    assert!(session.stat("f").expect("there").modified > Some(written));
}

#[test]
fn a_failed_write_is_no_change() {
    let limits = Limits {
        memory_bytes_max: 8 << 10,
        ..Limits::default()
    };
    let (session, _) = limited(Arc::new(base()), limits);
    let before = session.stat("f").expect("there");
    fails(session.append("f", &[1; 64 << 10]), "Quota");
    fails(session.write("f", &[1; 64 << 10]), "Quota");
    fails(
        open(&session, "f", WRITE).write_at(1, &[1; 64 << 10]),
        "Quota",
    );
    assert_eq!(
        session.stat("f").expect("there"),
        before,
        "not even its times"
    );
    fails(session.write("new", &[1; 64 << 10]), "Quota");
    assert_eq!(session.changes().expect("open"), []);
}
