//! A base that changes underneath: a session serves what it saw, or says that it cannot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use session_fs_vfs::{
    DescriptorFlags, Error, Kind, MergeOptions, Merged, OpenFlags, Session, SessionOptions,
};

use crate::support::{Body, MapBase, Sandbox, fails, over};

fn file(text: &str) -> Body {
    Body::File(text.as_bytes().to_vec())
}

fn opened(session: &Session, path: &str) -> session_fs_vfs::Descriptor {
    let root = session.root().expect("open");
    let flags = DescriptorFlags::default();
    root.open_at(path, true, OpenFlags::default(), flags)
        .expect(path)
}

#[test]
fn a_file_that_changes_after_it_was_seen() {
    let base = MapBase::files(&[("f", "old"), ("g", "old")]);
    let session = over(&base);
    assert_eq!(session.stat("f").expect("there").size, 3);
    base.put("f", file("newer"));
    base.put("g", file("newer"));
    assert_eq!(session.stat("f").expect("as seen").size, 3);
    fails(session.read("f"), "Stale");
    fails(session.edit("f", "o", "x", 1), "Stale");
    assert_eq!(
        session.read("g").expect("seen for the first time"),
        b"newer"
    );
    session
        .write("f", b"ours")
        .expect("needs nothing of the old");
    assert_eq!(session.read("f").expect("ours"), b"ours");
}

#[test]
fn a_file_that_changes_between_two_reads_of_one_handle() {
    let base = MapBase::files(&[("f", "aaaabbbb")]);
    let session = over(&base);
    let handle = opened(&session, "f");
    assert_eq!(&handle.read_at(0, 4).expect("there")[..], b"aaaa");
    base.put("f", file("ccccdddd"));
    fails(handle.read_at(4, 4), "Stale");
    base.take("f");
    fails(handle.read_at(0, 4), "Stale");
}

#[test]
fn a_written_file_keeps_to_the_version_it_was_written_over() {
    let base = MapBase::files(&[("f", "aaaabbbb")]);
    let session = over(&base);
    session.write_range("f", 0, b"XX").expect("there");
    base.put("f", file("ccccdddd"));
    fails(session.read("f"), "Stale");
    let part = session.read_range("f", 0, 2);
    assert_eq!(part.expect("needs only what was written"), b"XX");
    let changes = session
        .changes()
        .expect("a conflict is found by the commit");
    assert_eq!(changes.len(), 1);
    drop(session.seal().expect("and is a value there"));
}

#[test]
fn a_listing_that_changes_after_it_was_seen() {
    let base = MapBase::files(&[("d/a", "1"), ("d/b", "1")]);
    let session = over(&base);
    let names = |session: &Session| -> Vec<String> {
        let page = session.list("d", None, 100).expect("a directory");
        page.entries
            .iter()
            .map(|entry| entry.name.to_string())
            .collect()
    };
    assert_eq!(names(&session), ["a", "b"]);
    base.put("d/c", file("1"));
    base.take("d/a");
    base.put("d/b", Body::Directory);
    assert_eq!(names(&session), ["a", "b"]);
    assert!(!session.exists("d/c").expect("not listed"));
    fails(session.read("d/a"), "Stale");
    // It was listed as a file.
    fails(session.stat("d/b"), "Stale");
}

#[test]
fn a_listing_agrees_with_what_was_looked_at_before() {
    let base = MapBase::files(&[("d/a", "1"), ("d/b", "1")]);
    let session = over(&base);
    assert!(!session.exists("d/new").expect("absent"));
    assert!(session.exists("d/a").expect("there"));
    base.put("d/new", file("1"));
    base.put("d/other", file("1"));
    base.take("d/a");
    let page = session.list("d", None, 100).expect("a directory");
    let names: Vec<&str> = page.entries.iter().map(|entry| &*entry.name).collect();
    assert_eq!(names, ["a", "b", "other"]);
    assert!(!session.exists("d/new").expect("still"));
    assert_eq!(session.stat("d/a").expect("as seen").kind, Kind::File);
}

#[test]
fn a_link_that_changes_after_it_was_seen() {
    let base = MapBase::new(&[
        ("l", Body::Link("a".into())),
        ("a", file("1")),
        ("b", file("2")),
    ]);
    let session = over(&base);
    assert_eq!(session.stat_link("l").expect("there").kind, Kind::Symlink);
    base.put("l", Body::Link("b".into()));
    fails(session.read("l"), "Stale");
    let fresh = over(&base);
    assert_eq!(fresh.read("l").expect("there"), b"2");
    base.put("l", Body::Link("a".into()));
    assert_eq!(fresh.read_link("l").expect("as seen"), "b");
}

/// Parent and nested session saw two versions of one file: merged, the old content would have been
/// taken for an edit of the new one.
#[test]
fn a_nested_session_that_saw_another_version_is_not_merged() {
    let base = MapBase::files(&[("f", "old"), ("g", "1")]);
    let parent = over(&base);
    let child = parent
        .begin_nested(SessionOptions::default())
        .expect("not deep");
    child.append("f", b"!").expect("there");
    base.put("f", file("new"));
    assert_eq!(parent.read("f").expect("there"), b"new");
    let merged = child
        .seal()
        .expect("open")
        .merge_into_parent("change", &MergeOptions::default());
    assert!(
        matches!(merged, Err(Error::Stale { .. }) | Ok(Merged::Conflicted(_))),
        "{merged:?}"
    );
    assert_eq!(parent.read("f").expect("untouched"), b"new");
    assert_eq!(child.read_range("f", 3, 1).expect("open again"), b"!");
}

/// The parent was restored under a nested session: what that changed is no longer what it began on.
#[test]
fn a_parent_that_went_back_is_a_conflict() {
    let base = MapBase::files(&[("f", "base")]);
    let parent = over(&base);
    parent.savepoint("clean").expect("few");
    parent.write("f", b"parent").expect("there");
    let child = parent
        .begin_nested(SessionOptions::default())
        .expect("not deep");
    child.append("f", b" and child").expect("there");
    parent.restore("clean").expect("there");
    let merged = child
        .seal()
        .expect("open")
        .merge_into_parent("change", &MergeOptions::default());
    assert!(matches!(merged, Ok(Merged::Conflicted(_))), "{merged:?}");
    assert_eq!(parent.read("f").expect("there"), b"base");
}

#[test]
fn what_a_nested_session_read_is_read_by_its_parent() {
    let base = MapBase::files(&[("d/f", "1"), ("g", "1")]);
    let parent = over(&base);
    parent.stat("d").expect("there");
    let child = parent
        .begin_nested(SessionOptions::default())
        .expect("not deep");
    child.list("d", None, 10).expect("a directory");
    child.read("d/f").expect("there");
    assert!(!child.exists("none").expect("absent"));
    let merged = child
        .seal()
        .expect("open")
        .merge_into_parent("change", &MergeOptions::default());
    assert!(matches!(merged, Ok(Merged::Applied { .. })));
    let sealed = parent.seal().expect("open");
    let reads = sealed.reads();
    let seen = |path: &str| {
        let found = reads.iter().find(|(at, _)| at.to_string() == path);
        found.map(|(_, seen)| (seen.listing.is_some(), seen.content))
    };
    assert_eq!(seen("d"), Some((true, false)));
    assert_eq!(seen("d/f"), Some((false, true)));
    let absences: Vec<String> = sealed.absences().iter().map(ToString::to_string).collect();
    assert_eq!(absences, ["none"]);
}

const FLIPPED_BYTES: usize = 256 << 10;

/// A writer outside replaces a file of the machine again and again while sessions read it.
#[test]
fn no_read_mixes_two_files_of_one_name() {
    let sandbox = Sandbox::new();
    read_while_flipped(&sandbox, 400, |root, bytes| {
        root.write("tmp", bytes).expect("ours");
        root.rename("tmp", root, "f").expect("ours");
    });
}

/// A write that was under way when the file was described had its time in the fingerprint already
/// and its bytes only in part: the read was a mixture and nothing seemed to have changed. Opening
/// waits for such a write now.
#[test]
fn no_read_mixes_what_is_written_in_place() {
    let sandbox = Sandbox::new();
    if !tells_every_write(&sandbox) {
        // A file system with a coarse clock promises nothing here, as `Fingerprint` says.
        return;
    }
    read_while_flipped(&sandbox, 2_000, |root, bytes| {
        use std::os::unix::fs::FileExt;
        let mut options = cap_std::fs::OpenOptions::new();
        let file = root.open_with("f", options.write(true)).expect("ours");
        file.into_std().write_all_at(bytes, 0).expect("ours");
        // Time in which a reader that began during the write can end before the next one.
        for _ in 0..8 {
            assert_eq!(root.read("f").expect("ours").len(), FLIPPED_BYTES);
        }
    });
}

fn read_while_flipped(
    sandbox: &Sandbox,
    rounds: usize,
    flip: impl Fn(&cap_std::fs::Dir, &[u8]) + Sync,
) {
    let root = sandbox.root();
    root.write("f", vec![b'A'; FLIPPED_BYTES]).expect("fresh");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let versions = [vec![b'B'; FLIPPED_BYTES], vec![b'A'; FLIPPED_BYTES]];
            for round in 0..rounds {
                flip(&root, &versions[round % 2]);
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            let session = Session::begin(sandbox.base.clone(), SessionOptions::default());
            if let Some(bytes) = read_or_stale(&session) {
                assert_eq!(bytes.len(), FLIPPED_BYTES);
                let mixed = bytes.iter().any(|byte| *byte != bytes[0]);
                assert!(!mixed, "two versions in one read");
            }
        }
    });
}

/// Whether two writes that follow each other at once leave different fingerprints.
fn tells_every_write(sandbox: &Sandbox) -> bool {
    let root = sandbox.root();
    (0..64).all(|_| {
        let version = || {
            root.write("probe", "x").expect("ours");
            let path = crate::support::vpath("probe");
            let stat = session_fs_vfs::Base::describe(&*sandbox.base, &path);
            stat.expect("describes").expect("there").version
        };
        version() != version()
    })
}

/// Reads the file in parts through one handle.
fn read_or_stale(session: &Session) -> Option<Vec<u8>> {
    let handle = opened_or_stale(session)?;
    let step = FLIPPED_BYTES / 4;
    let parts = (0..FLIPPED_BYTES as u64).step_by(step);
    match parts
        .map(|at| handle.read_at(at, step))
        .collect::<Result<Vec<_>, _>>()
    {
        Ok(parts) => Some(parts.concat()),
        Err(Error::Stale { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

fn opened_or_stale(session: &Session) -> Option<session_fs_vfs::Descriptor> {
    let root = session.root().expect("open");
    let flags = DescriptorFlags::default();
    match root.open_at("f", true, OpenFlags::default(), flags) {
        Ok(handle) => Some(handle),
        Err(Error::Stale { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// An edit was two locked steps, so that of two threads one lost what it wrote.
#[test]
fn edits_of_many_threads_are_all_there() {
    let base = MapBase::files(&[("f", "0 0 0 0")]);
    let session = Arc::new(over(&base));
    session.write("f", &b"-".repeat(400)).expect("there");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let session = session.clone();
            scope.spawn(move || {
                for round in 0..25 {
                    session.append("f", b"|").expect("fits");
                    let mark = format!("<{thread}.{round}>");
                    session.append("f", mark.as_bytes()).expect("fits");
                    session
                        .edit("f", &mark, &mark.to_uppercase().replace('.', "_"), 1)
                        .expect("once");
                }
            });
        }
    });
    let text = String::from_utf8(session.read("f").expect("there")).expect("ascii");
    assert_eq!(text.matches('|').count(), 100);
    for thread in 0..4 {
        for round in 0..25 {
            assert_eq!(text.matches(&format!("<{thread}_{round}>")).count(), 1);
        }
    }
}
