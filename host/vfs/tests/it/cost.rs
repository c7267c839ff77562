//! What things cost: nothing of the base until it is needed, and memory for what differs alone.

use std::sync::Arc;

use session_fs_vfs::{
    ChangeKind, DescriptorFlags, EmptyBase, Limits, Meter, OpenFlags, Session, SessionOptions,
};

use crate::support::{Body, MapBase, limited, over, vpath};

fn options(meter: &Arc<Meter>) -> SessionOptions {
    SessionOptions {
        meter: meter.clone(),
        ..SessionOptions::default()
    }
}

#[test]
fn begin_fork_savepoint_and_nesting_ask_the_base_nothing_and_cost_the_same_after_many_changes() {
    let base = MapBase::files(&[("d/f", "text")]);
    let costs = |changes_count: usize| {
        let host = Meter::new("host", u64::MAX);
        let session = Session::begin(Arc::new(base.clone()), options(&host));
        for number in 0..changes_count {
            session
                .write(&format!("d/made-{number}"), b"text")
                .expect("fits");
            session.append("d/f", b"more").expect("fits");
        }
        let (calls, used) = (base.calls(), host.used());
        let fork = session.fork(options(&host)).expect("open");
        let forked = host.used() - used;
        let nested = session.begin_nested(options(&host)).expect("not deep");
        let nested_used = host.used() - used - forked;
        session.savepoint("s").expect("few");
        let saved = host.used() - used - forked - nested_used;
        session.restore("s").expect("there");
        let other = Session::begin(Arc::new(base.clone()), options(&host));
        assert_eq!(base.calls(), calls, "the base was asked");
        drop((fork, nested, other));
        [forked, nested_used, saved]
    };
    assert_eq!(costs(1), costs(1_000));
    assert_eq!(costs(0), [0, 0, 0]);
}

#[test]
fn the_base_is_asked_once_for_what_is_asked_often() {
    let base = MapBase::files(&[("d/e/f", "text"), ("d/e/g", "text")]);
    let session = over(&base);
    assert_eq!(base.calls(), 0);
    session.stat("d/e/f").expect("there");
    assert_eq!(base.calls(), 3, "one step each");
    for _ in 0..10 {
        session.stat("d/e/f").expect("there");
        session.exists("d/e/f").expect("there");
    }
    assert_eq!(base.calls(), 3);
    for _ in 0..10 {
        assert!(!session.exists("d/none").expect("absent"));
        session.list("d/e", None, 10).expect("a directory");
    }
    assert_eq!(base.calls(), 5);
    let nested = session
        .begin_nested(SessionOptions::default())
        .expect("not deep");
    nested.stat("d/e/f").expect("there");
    nested.list("d/e", None, 10).expect("a directory");
    assert_eq!(
        base.calls(),
        5,
        "a nested session knows what its parent does"
    );
    session.remove_all("d").expect("there");
    session.write("d2", b"").expect("free");
    let calls = base.calls();
    session.changes().expect("open");
    assert!(base.calls() - calls <= 6, "of what changed alone");
}

fn text(lines: usize) -> String {
    (0..lines)
        .map(|line| format!("line number {line} of the file\n"))
        .collect()
}

/// What a change of the file `f` of a base takes once every handle is closed.
fn kept(content: &str, change: impl FnOnce(&Session)) -> u64 {
    let base = MapBase::files(&[("f", content)]);
    let (session, host) = limited(Arc::new(base), Limits::default());
    // The inode itself is there already: this is about content.
    let time = session_fs_vfs::NewTime::Now;
    let root = session.root().expect("open");
    root.set_times_at("f", true, time, time).expect("may");
    let before = host.used();
    change(&session);
    host.used() - before
}

#[test]
fn a_rewritten_file_keeps_the_lines_that_differ() {
    let old = text(2_000);
    let new = old.replace("number 1000 ", "number one thousand ");
    let written = kept(&old, |session| {
        session.write("f", new.as_bytes()).expect("fits");
    });
    assert!(written < 1_024, "Session::write keeps {written} bytes");
    let edited = kept(&old, |session| {
        session
            .edit("f", "number 1000 ", "number M ", 1)
            .expect("once");
    });
    assert!(edited < 1_024, "Session::edit keeps {edited} bytes");
    for truncates in [true, false] {
        let streamed = kept(&old, |session| {
            let root = session.root().expect("open");
            let flags = DescriptorFlags {
                write: true,
                ..DescriptorFlags::default()
            };
            let open = OpenFlags {
                truncate: truncates,
                ..OpenFlags::default()
            };
            let file = root.open_at("f", true, open, flags).expect("there");
            for (part, at) in new.as_bytes().chunks(1_000).zip((0..).step_by(1_000)) {
                file.write_at(at, part).expect("fits");
            }
            drop(file);
            assert_eq!(session.read("f").expect("there"), new.as_bytes());
        });
        assert!(streamed < 1_024, "a descriptor keeps {streamed} bytes");
    }
}

#[test]
fn a_file_rewritten_as_it_was_is_no_change() {
    let old = text(100);
    let base = MapBase::files(&[("f", &old), ("g", &old), ("d/h", &old)]);
    let session = over(&base);
    session.write("f", old.as_bytes()).expect("fits");
    session.write("tmp", old.as_bytes()).expect("fits");
    session.rename("tmp", "g").expect("replaces");
    session.remove_all("d").expect("there");
    session.mkdir("d").expect("free");
    session.write("d/h", old.as_bytes()).expect("fits");
    assert_eq!(session.changes().expect("open"), []);
    assert_eq!(session.diff().expect("open"), "");
    let sealed = session.seal().expect("open");
    assert!(sealed.change_set().is_empty());
}

/// Sealing read every base file of equal size, to see whether the content was another.
#[test]
fn a_file_that_was_compared_when_it_was_closed_is_not_read_again_by_the_commit() {
    let old = text(100);
    let new = old.replace("number 50 ", "number L ");
    let other = "x".repeat(old.len());
    let base = MapBase::files(&[("f", &old), ("g", &old)]);
    let session = over(&base);
    session.write("f", new.as_bytes()).expect("fits");
    session.write("g", other.as_bytes()).expect("fits");
    let calls = base.calls();
    let sealed = session.seal().expect("open");
    assert_eq!(base.calls(), calls, "the base was asked");
    let known = |index: usize| {
        let after = &sealed.change_set().updates[index].after;
        sealed.known_digest(after).expect("there")
    };
    assert_eq!(known(0), None, "most of it is read from the base");
    let digest = session_fs_vfs::Digest::of(other.as_bytes());
    assert_eq!(known(1), Some(digest));
}

#[test]
fn what_was_known_of_a_content_is_forgotten_when_it_changes() {
    let old = text(100);
    let new = old.replace("number 50 ", "number 99 ");
    type Change = fn(&Session, &str);
    let changes: [(&str, Change); 3] = [
        ("written in place", |session, old| write_over(session, old)),
        ("cut and grown again", |session, old| {
            let file = session.root().expect("open");
            let file = file
                .open_at("f", true, OpenFlags::default(), writing())
                .expect("there");
            file.set_size(old.len() as u64 - 10).expect("fits");
            file.write_at(old.len() as u64 - 10, &old.as_bytes()[old.len() - 10..])
                .expect("fits");
            drop(file);
            write_over(session, old);
        }),
        ("put back by a savepoint", |session, _| {
            session.restore("pristine").expect("there");
        }),
    ];
    for (what, change) in changes {
        let base = MapBase::files(&[("f", &old)]);
        let session = over(&base);
        session.savepoint("pristine").expect("few");
        session.write("f", new.as_bytes()).expect("fits");
        change(&session, &old);
        assert_eq!(session.changes().expect("open"), [], "{what}");
    }
}

fn writing() -> DescriptorFlags {
    DescriptorFlags {
        write: true,
        ..DescriptorFlags::default()
    }
}

/// Writes the old bytes over the one place that was changed.
fn write_over(session: &Session, old: &str) {
    let root = session.root().expect("open");
    let file = root
        .open_at("f", true, OpenFlags::default(), writing())
        .expect("there");
    let at = old.find("number 50 ").expect("in the text");
    file.write_at(at as u64, &old.as_bytes()[at..at + 10])
        .expect("fits");
}

/// A file that was put back below a directory that was swapped for a moved one was dropped from the
/// changes, and with it its content.
#[test]
fn a_file_put_back_in_a_directory_that_moved_there_is_a_change() {
    let base = MapBase::files(&[("d/f", "same"), ("e/other", "1")]);
    let session = over(&base);
    session.remove_all("d").expect("there");
    session.rename("e", "d").expect("free");
    session.write("d/f", b"same").expect("free");
    let sealed = session.seal().expect("open");
    let arrived = &sealed.change_set().arrivals;
    let paths: Vec<String> = arrived.iter().map(|come| come.path.to_string()).collect();
    assert_eq!(paths, ["d", "d/f"]);
}

#[test]
fn a_byte_in_a_huge_file_costs_that_byte_and_reads_nothing() {
    let base = MapBase::new(&[("huge", Body::Sparse(1 << 30))]);
    let (session, host) = limited(Arc::new(base.clone()), Limits::default());
    session.stat("huge").expect("there");
    let (calls, used) = (base.calls(), host.used());
    session.write_range("huge", 500 << 20, b"x").expect("fits");
    assert_eq!(base.calls(), calls);
    assert!(host.used() - used < 4_096, "{}", host.used() - used);
    assert_eq!(session.stat("huge").expect("there").size, 1 << 30);
    assert_eq!(
        session
            .read_range("huge", (500 << 20) - 1, 3)
            .expect("there"),
        b"\0x\0"
    );
}

#[test]
fn a_directory_of_10_000_files_is_renamed_as_one() {
    let files: Vec<(String, Body)> = (0..10_000)
        .map(|number| (format!("d/f{number}"), Body::File(b"x".to_vec())))
        .collect();
    let files: Vec<(&str, Body)> = files
        .iter()
        .map(|(path, body)| (&**path, body.clone()))
        .collect();
    let base = MapBase::new(&files);
    let (session, host) = limited(Arc::new(base.clone()), Limits::default());
    session.rename("d", "e").expect("free");
    assert!(host.used() < 4_096, "{}", host.used());
    let changes = session.changes().expect("open");
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].change, ChangeKind::Renamed);
    assert_eq!(changes[0].renamed_from, Some(vpath("d")));
    assert!(base.calls() < 10, "{}", base.calls());

    session.write("e/f7", b"y").expect("there");
    session.write("e/new", b"y").expect("free");
    session.remove("e/f8").expect("there");
    let changes = session.changes().expect("open");
    let shown: Vec<String> = changes
        .iter()
        .map(|entry| format!("{} {}", entry.change.as_str(), entry.path))
        .collect();
    assert_eq!(
        shown,
        [
            "removed d/f8",
            "renamed e",
            "modified e/f7",
            "created e/new"
        ]
    );

    session.remove_all("e").expect("there");
    assert_eq!(
        session.changes().expect("open").len(),
        10_001,
        "every file is named"
    );
}

#[test]
fn two_names_are_swapped() {
    let session = over(&MapBase::files(&[("a", "1"), ("b", "22")]));
    session.rename("a", "t").expect("free");
    session.rename("b", "a").expect("free");
    session.rename("t", "b").expect("free");
    let changes = session.changes().expect("open");
    let shown: Vec<_> = changes
        .iter()
        .map(|entry| {
            (
                entry.path.to_string(),
                entry.renamed_from.clone(),
                entry.size_after,
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("a".to_owned(), Some(vpath("b")), Some(2)),
            ("b".to_owned(), Some(vpath("a")), Some(1)),
        ]
    );
    session.rename("a", "t").expect("free");
    session.rename("b", "a").expect("free");
    session.rename("t", "b").expect("free");
    assert_eq!(session.changes().expect("open"), [], "and back");
}

#[test]
fn whether_a_huge_directory_is_empty_takes_no_list_of_it() {
    let files: Vec<String> = (0..50).map(|number| format!("d/f{number:02}")).collect();
    let objects: Vec<_> = files
        .iter()
        .map(|path| (&**path, Body::File(Vec::new())))
        .collect();
    let limits = Limits {
        listing_entries_max: 20,
        ..Limits::default()
    };
    let (session, _) = limited(Arc::new(MapBase::new(&objects)), limits);
    crate::support::fails(session.remove("d"), "NotEmpty");
    crate::support::fails(session.list("d", None, 5), "Quota");
    session.write("d/new", b"").expect("free");
    crate::support::fails(session.remove("d"), "NotEmpty");
}

#[test]
fn a_million_small_appends_cost_their_bytes() {
    let (session, host) = limited(Arc::new(EmptyBase::new("vfs://t")), Limits::default());
    session.write("log", b"").expect("free");
    let root = session.root().expect("open");
    let flags = DescriptorFlags {
        write: true,
        ..DescriptorFlags::default()
    };
    let log = root
        .open_at("log", true, OpenFlags::default(), flags)
        .expect("there");
    for _ in 0..100_000 {
        log.append(b"x").expect("fits");
    }
    assert!(host.used() < 170_000, "{}", host.used());
}
