//! Accounts: whatever is held is paid for, by whom it belongs to, until it ends; and a refused
//! charge changes nothing.

use std::sync::Arc;

use session_fs_vfs::{
    EmptyBase, Limits, MergeOptions, Merged, Meter, Result, Session, SessionOptions,
};

use crate::support::{Body, MapBase, fails, limited, tree};

fn base() -> MapBase {
    MapBase::new(&[
        ("f", Body::File(b"content of the file\n".repeat(50))),
        ("d/g", Body::File(b"inner".to_vec())),
        ("d/e/h", Body::Executable(b"#!".to_vec())),
        ("l", Body::Link("d".to_owned())),
    ])
}

fn options(meter: &Arc<Meter>) -> SessionOptions {
    SessionOptions {
        meter: meter.clone(),
        ..SessionOptions::default()
    }
}

type Op = (&'static str, fn(&Session) -> Result<()>);

const OPS: [Op; 18] = [
    ("write", |s| s.write("f", &[7; 3_000])),
    ("create", |s| s.write("d/new", &[7; 100])),
    ("write_range", |s| s.write_range("f", 100, &[1; 50])),
    ("append", |s| s.append("f", b"more")),
    ("append new", |s| s.append("d/e/log", b"more")),
    ("truncate", |s| s.truncate("f", 10)),
    ("grow", |s| s.truncate("f", 1 << 30)),
    ("edit", |s| s.edit("f", "content", "CONTENT", 50)),
    ("mkdir", |s| s.mkdir("x/y/z")),
    ("remove", |s| s.remove("d/g")),
    ("remove_all", |s| s.remove_all("d")),
    ("rename file", |s| s.rename("f", "d/e/f")),
    ("rename over", |s| s.rename("d/g", "f")),
    ("rename directory", |s| s.rename("d", "moved")),
    ("copy file", |s| s.copy("f", "copy")),
    ("copy over", |s| s.copy("d/g", "f")),
    ("copy tree", |s| s.copy("d", "tree")),
    ("symlink", |s| s.symlink("d/g", "link")),
];

/// Runs every operation with every limit of memory up to one that is enough.
#[test]
fn a_refused_operation_leaves_everything_as_it_was() {
    for (what, op) in OPS {
        let (unbounded, _) = limited(Arc::new(base()), Limits::default());
        tree(&unbounded);
        let before = tree(&unbounded);
        let start = unbounded.meter().used();
        let times = |session: &Session| {
            ["f", "d", "d/g", "d/e", "."].map(|path| session.stat(path).expect("there"))
        };
        let mut refused = 0;
        for room in (0..).step_by(48) {
            let limits = Limits {
                memory_bytes_max: start + room,
                ..Limits::default()
            };
            let (session, host) = limited(Arc::new(base()), limits);
            assert_eq!(tree(&session), before);
            let (used, stats) = (host.used(), times(&session));
            match op(&session) {
                Ok(()) => break,
                Err(error) => assert_eq!(crate::support::variant(&error), "Quota", "{what}"),
            }
            refused += 1;
            assert_eq!(tree(&session), before, "{what} with {room} bytes");
            assert_eq!(times(&session), stats, "{what} with {room} bytes");
            assert_eq!(
                session.changes().expect("open"),
                [],
                "{what} with {room} bytes"
            );
            // What it learned of the base on the way may stay, what it changed may not.
            assert!(
                host.used() - used <= 2_048,
                "{what} left {} bytes",
                host.used() - used
            );
        }
        assert!(refused > 0, "{what} takes memory");
    }
}

#[test]
fn everything_is_given_back() {
    let host = Meter::new("host", u64::MAX);
    let session = Session::begin(Arc::new(base()), options(&host));
    for (_, op) in OPS {
        op(&session.fork(options(&host)).expect("open")).expect("fits");
    }
    assert!(host.used() > 0, "what the forks met in the base is shared");
    tree(&session);
    let handle = session.root().expect("open");
    let fork = session.fork(options(&host)).expect("open");
    let nested = fork.begin_nested(options(&host)).expect("not deep");
    nested.write("f", &[1; 10_000]).expect("fits");
    session.rollback().expect("open");
    drop(handle);
    assert_eq!(
        session.meter().used(),
        session_share(&session),
        "nothing but what is shared"
    );
    assert!(
        fork.meter().used() >= 10_000,
        "a nested session is paid by its parent"
    );
    nested.rollback().expect("open");
    fork.rollback().expect("open");
    assert_eq!(host.used(), 0, "though every handle to them is still held");
    drop((session, fork, nested));
    assert_eq!(host.used(), 0);
}

/// What a fork shares stays on the account of whoever read it first.
fn session_share(session: &Session) -> u64 {
    session.meter().used()
}

/// Shared read sets were paid for by nobody once the first session was gone: forking and dropping in
/// turn held memory without end.
#[test]
fn what_a_dropped_session_shared_stays_paid() {
    let host = Meter::new("host", u64::MAX);
    let first = Session::begin(Arc::new(base()), options(&host));
    tree(&first);
    let read = host.used();
    let fork = first.fork(options(&host)).expect("open");
    first.rollback().expect("open");
    drop(first);
    assert_eq!(host.used(), read);
    fork.stat("d/g").expect("known");
    assert_eq!(host.used(), read);
    drop(fork);
    assert_eq!(host.used(), 0);
}

#[test]
fn a_chain_of_forks_as_long_as_memory_is_given_back_without_a_stack() {
    let host = Meter::new("host", u64::MAX);
    let base = Arc::new(EmptyBase::new("vfs://t"));
    let mut session = Session::begin(base, options(&host));
    for number in 0..50_000 {
        assert!(!session.exists(&format!("none-{number}")).expect("absent"));
        session = session.fork(options(&host)).expect("open");
    }
    drop(session);
    assert_eq!(host.used(), 0);
}

#[test]
fn a_nested_session_charges_its_parent_and_a_merge_keeps_what_stays() {
    let limits = Limits {
        memory_bytes_max: 64 << 10,
        ..Limits::default()
    };
    let (parent, host) = limited(Arc::new(base()), limits);
    let child = parent
        .begin_nested(SessionOptions::default())
        .expect("not deep");
    fails(child.write("big", &[1; 100 << 10]), "Quota");
    child.write("made", &[1; 20 << 10]).expect("fits");
    let used = parent.meter().used();
    assert!(used >= 20 << 10);
    let merged = child
        .seal()
        .expect("open")
        .merge_into_parent("change", &MergeOptions::default());
    assert!(matches!(merged, Ok(Merged::Applied { .. })));
    drop(child);
    assert!(parent.meter().used() >= 20 << 10, "the parent holds it now");
    parent.rollback().expect("open");
    assert_eq!(host.used(), 0);
}

#[test]
fn what_savepoints_hold_is_paid() {
    let (session, host) = limited(Arc::new(EmptyBase::new("vfs://t")), Limits::default());
    session.write("f", &[0; 4_096]).expect("fits");
    for round in 0..100_u8 {
        session.savepoint(&format!("s{round}")).expect("few");
        session.write("f", &[round; 4_096]).expect("fits");
    }
    assert!(host.used() >= 100 * 4_096, "{}", host.used());
    session.restore("s0").expect("there");
    assert!(host.used() < 10_000, "{}", host.used());
    for round in 0..255 {
        session.savepoint(&format!("t{round}")).expect("few");
    }
    fails(session.savepoint("one more"), "Quota");
    session.savepoint("t7").expect("moved, not added");
    fails(session.savepoint(""), "Invalid");
    fails(session.savepoint(&"n".repeat(257)), "Invalid");
    fails(session.restore("none"), "NoSuchSavepoint");
}

#[test]
fn nesting_has_a_limit() {
    let limits = Limits {
        nesting_depth_max: 3,
        ..Limits::default()
    };
    let options = || SessionOptions {
        limits: limits.clone(),
        ..SessionOptions::default()
    };
    let mut session = Session::begin(Arc::new(base()), options());
    for _ in 0..3 {
        session = session.begin_nested(options()).expect("within the limit");
    }
    fails(session.begin_nested(options()), "Quota");
}

#[test]
fn objects_are_counted_and_one_too_many_changes_nothing() {
    let limits = Limits {
        objects_max: 4,
        ..Limits::default()
    };
    let (session, _) = limited(Arc::new(EmptyBase::new("vfs://t")), limits);
    // The root is one of them.
    session.mkdir("a/b").expect("within the limit");
    session.write("a/c", b"x").expect("within the limit");
    let before = tree(&session);
    fails(session.write("d", b"x"), "Quota");
    fails(session.mkdir("a/b/e"), "Quota");
    fails(session.symlink("a", "l"), "Quota");
    fails(session.copy("a/c", "f"), "Quota");
    assert_eq!(tree(&session), before);
    session.write("a/c", b"y").expect("it is there already");
    session.remove("a/c").expect("removed");
    session.write("d", b"x").expect("in its place");
}

#[test]
fn a_short_edit_cannot_make_a_huge_text() {
    let (session, host) = limited(Arc::new(EmptyBase::new("vfs://t")), Limits::default());
    session.write("f", &b"a".repeat(1 << 20)).expect("fits");
    fails(
        session.edit("f", "a", &"b".repeat(1 << 20), 1 << 20),
        "FileTooLarge",
    );
    fails(
        session.edit("f", "a", &"b".repeat(4 << 10), 1 << 20),
        "Quota",
    );
    assert!(host.peak() < 4 << 20, "{}", host.peak());
    fails(session.edit("f", "a", "b", 7), "EditMismatch");
    fails(session.edit("f", "", "b", 7), "Invalid");
    fails(session.edit("f", "a", "b", u32::MAX), "EditMismatch");
}
