//! What files, listings and locks do when nobody is hostile, and at the limits.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;

use session_fs_store::disk::fault::{Fault, FaultPlan};
use session_fs_store::disk::{FaultDir, FileKind, Fingerprint, RealDir, RenameMode};

use crate::{Sandbox, assert_kind, content, name, names, put};

fn sandbox() -> Sandbox {
    Sandbox::new(RealDir::open)
}

#[test]
fn a_file_is_read_and_written_at_offsets() {
    let sandbox = sandbox();
    let file = sandbox.root.create(&name("f"), 0o644).expect("new");
    file.write_at(b"world", 3).expect("room");
    file.write_at(b"abc", 0).expect("room");
    assert_eq!(content(&*sandbox.root, "f").expect("exists"), "abcworld");
    file.set_len(4).expect("may be cut");
    file.sync_data().expect("flushes");
    let mut buf = [0; 8];
    assert_eq!(file.read_at(&mut buf, 1).expect("readable"), 3);
    assert_eq!(&buf[..3], b"bcw");
    assert_eq!(file.read_at(&mut buf, 4).expect("readable"), 0);
    assert_eq!(
        file.stat().expect("open"),
        sandbox.root.stat(&name("f")).expect("exists")
    );
    let again = sandbox
        .root
        .open_writable(&name("f"))
        .expect("one name only");
    again.write_at(b"A", 0).expect("room");
    assert_eq!(content(&*sandbox.root, "f").expect("exists"), "Abcw");
    let read_only = sandbox.root.open(&name("f")).expect("regular");
    assert!(read_only.write_at(b"x", 0).is_err());
}

#[test]
fn offsets_beyond_the_kernels_are_errors() {
    let sandbox = sandbox();
    let file = sandbox.root.create(&name("f"), 0o644).expect("new");
    let end = i64::MAX.unsigned_abs();
    for offset in [u64::MAX, u64::MAX - 1, end + 1, end] {
        assert_kind(&file.write_at(b"xy", offset), ErrorKind::FileTooLarge);
        assert_kind(&file.read_at(&mut [0; 2], offset), ErrorKind::FileTooLarge);
    }
    assert_kind(&file.set_len(u64::MAX), ErrorKind::FileTooLarge);
    for ns in [i128::MAX, i128::MIN] {
        assert_kind(&file.set_mtime(ns), ErrorKind::InvalidInput);
    }
    assert_eq!(file.stat().expect("open").size, 0);
}

#[test]
fn modes_never_carry_special_bits() {
    let sandbox = sandbox();
    let root = &sandbox.root;
    let cases = [
        (0o7777, 0o755),
        (0o4755, 0o755),
        (0o2666, 0o644),
        (0o600, 0o600),
    ];
    for (index, (asked, most)) in cases.into_iter().enumerate() {
        let (file, dir) = (name(&format!("f{index}")), name(&format!("d{index}")));
        let handle = root.create(&file, asked).expect("new");
        root.mkdir(&dir, asked).expect("new");
        for entry in [&file, &dir] {
            assert_eq!(
                root.stat(entry).expect("exists").mode & !most,
                0,
                "{asked:o}"
            );
        }
        handle.set_mode(asked).expect("own file");
        assert_eq!(
            root.stat(&file).expect("exists").mode,
            asked & 0o777,
            "{asked:o}"
        );
    }
}

/// The claim of `Fingerprint`: what `touch -r` restores does not restore the fingerprint.
#[test]
fn a_restored_mtime_does_not_hide_a_change() {
    let sandbox = sandbox();
    let file = sandbox.root.create(&name("f"), 0o644).expect("new");
    file.write_at(b"one", 0).expect("room");
    // The past, so that the clock tick of the test does not matter to mtime.
    let past = 1_000_000_000_123_456_789;
    file.set_mtime(past).expect("own file");
    let before = file.stat().expect("open");
    let touched = || {
        file.write_at(b"two", 0).expect("room");
        file.set_mtime(past).expect("own file");
        file.stat().expect("open")
    };
    // Where the clock of the file system is coarse, its next tick is some thousand rounds away.
    let mut rounds = (0..1_000_000).map(|_| touched());
    let after = rounds.find(|after| after.ctime_ns != before.ctime_ns);
    let after = after.expect("a change within the time of a million shows");
    assert_eq!(
        (after.mtime_ns, after.size, after.ino),
        (past, 3, before.ino)
    );
    assert_eq!(
        after,
        Fingerprint {
            ctime_ns: after.ctime_ns,
            ..before
        }
    );
    file.set_mtime(-1).expect("a time before 1970");
    assert_eq!(file.stat().expect("open").mtime_ns, -1);
}

#[test]
fn listings_are_whole_sorted_and_capped() {
    let sandbox = sandbox();
    let root = &sandbox.root;
    put(&**root, "b", "");
    root.mkdir(&name("a"), 0o755).expect("new");
    root.symlink("x", &name("B")).expect("new");
    let raw = sandbox.folder.open_dir("root").expect("exists");
    raw.write(OsStr::from_bytes(b"\xffx"), "")
        .expect("Linux takes any bytes");
    for round in 0..2 {
        let listing = root.list(4).expect("exactly the limit");
        let found: Vec<_> = listing
            .items
            .iter()
            .map(|i| (i.name.as_str(), i.kind))
            .collect();
        let expected = [
            ("B", FileKind::Symlink),
            ("a", FileKind::Directory),
            ("b", FileKind::File),
        ];
        assert_eq!(found, expected, "round {round}");
        assert_eq!(listing.skipped, ["\u{fffd}x"]);
    }
    assert_kind(&root.list(3), ErrorKind::QuotaExceeded);
    assert_eq!(
        root.walk(&names("a"))
            .expect("exists")
            .list(0)
            .expect("empty")
            .items,
        []
    );
}

#[test]
fn link_targets_must_be_text() {
    let sandbox = sandbox();
    let root = &sandbox.root;
    let raw = sandbox.folder.open_dir("root").expect("exists");
    rustix::fs::symlinkat(OsStr::from_bytes(b"\xff"), &raw, "bytes").expect("new");
    assert_kind(&root.read_link(&name("bytes")), ErrorKind::InvalidData);
    let longest = "x/".repeat(2047) + "x";
    root.symlink(&longest, &name("long")).expect("4,095 bytes");
    assert_eq!(root.read_link(&name("long")).expect("a link"), longest);
    assert_kind(
        &root.symlink(&(longest + "y"), &name("longer")),
        ErrorKind::InvalidFilename,
    );
    assert_kind(&root.symlink("a\0b", &name("nul")), ErrorKind::InvalidInput);
    put(&**root, "file", "");
    assert_kind(&root.read_link(&name("file")), ErrorKind::InvalidInput);
}

#[test]
fn a_lock_is_held_by_one_handle_at_a_time() {
    let sandbox = sandbox();
    let again = sandbox.root.walk(&[]).expect("the same directory");
    assert_eq!(
        again.stat_self().expect("open"),
        sandbox.root.stat_self().expect("open")
    );
    let guard = sandbox.root.try_lock().expect("lockable").expect("free");
    assert!(again.try_lock().expect("lockable").is_none());
    assert!(sandbox.root.try_lock().expect("lockable").is_none());
    drop(guard);
    assert!(again.try_lock().expect("lockable").is_some());
}

#[test]
fn directories_are_flushed_and_know_their_file_system() {
    let sandbox = sandbox();
    for _ in 0..2 {
        sandbox.root.sync().expect("flushes");
        sandbox.root.sync_fs().expect("flushes");
    }
    sandbox.root.durability().expect("known or not");
}

#[test]
fn a_directory_of_another_disk_is_no_target() {
    let sandbox = sandbox();
    put(&*sandbox.root, "f", "");
    let other = FaultDir::wrap(sandbox.root.clone(), FaultPlan::new(Fault::NEVER));
    let moved = sandbox
        .root
        .rename(&name("f"), &*other, &name("g"), RenameMode::Replace);
    assert_kind(&moved, ErrorKind::InvalidInput);
    assert!(sandbox.root.stat(&name("f")).is_ok());
}
