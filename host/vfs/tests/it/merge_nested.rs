//! Sessions in sessions: what was read counts when asked for, siblings meet only where they
//! overlap, and whoever outlives a parent says so.

use session_fs_vfs::{
    Conflict, Error, Isolation, Limits, MergeOptions, Merged, Session, SessionOptions, Status,
};

use crate::merge::{shown, told};
use crate::support::{MapBase, fails, limited, over, tree};

fn child(parent: &Session) -> Session {
    parent
        .begin_nested(SessionOptions::default())
        .expect("open")
}

fn merge(session: &Session, isolation: Isolation) -> Vec<Conflict> {
    let options = MergeOptions {
        isolation,
        ..MergeOptions::default()
    };
    let sealed = session.seal().expect("open");
    let parent = session.parent().expect("nested");
    let before = tree(parent);
    let foretold = conflicts(sealed.preview_merge(&options).expect("fits"));
    assert_eq!(tree(parent), before, "a preview changes nothing");
    let merged = conflicts(sealed.merge_into_parent("change", &options).expect("fits"));
    assert_eq!(foretold, merged);
    merged
}

fn conflicts(merged: Merged) -> Vec<Conflict> {
    match merged {
        Merged::Applied { .. } => Vec::new(),
        Merged::Conflicted(conflicts) => conflicts,
    }
}

/// Reads in a nested session, changes its parent, and asks for both kinds of isolation.
#[track_caller]
fn check(read: fn(&Session), theirs: fn(&Session), expected: &str) {
    for held in [false, true] {
        let base = MapBase::files(&[("a", "1"), ("b", "2"), ("d/x", "x")]);
        let parent = over(&base);
        if held {
            for path in ["a", "b", "d/x"] {
                let text = parent.read(path).expect("there");
                parent.write(path, b"held").expect("there");
                parent.write(path, &text).expect("there");
            }
        }
        for (isolation, expected) in [
            (Isolation::Serializable, expected),
            (Isolation::Snapshot, ""),
        ] {
            let session = child(&parent);
            parent.savepoint("before").expect("open");
            read(&session);
            session.write("own", b"1").expect("free");
            theirs(&parent);
            let conflicts = merge(&session, isolation);
            assert_eq!(told(&conflicts), expected, "held: {held}");
            parent.restore("before").expect("made");
        }
    }
}

#[test]
fn what_was_read_counts_when_it_is_asked_for() {
    let read: fn(&Session) = |s| drop(s.read("a").expect("there"));
    let stat: fn(&Session) = |s| assert_eq!(s.stat("a").expect("there").size, 1);
    let list: fn(&Session) = |s| drop(s.list("d", None, 10).expect("there"));
    let miss: fn(&Session) = |s| assert!(!s.exists("new").expect("asks"));
    let change_a: fn(&Session) = |s| s.write("a", b"new").expect("there");
    let change_b: fn(&Session) = |s| s.write("b", b"new").expect("there");
    let remove_a: fn(&Session) = |s| s.remove("a").expect("there");
    let create: fn(&Session) = |s| s.write("new", b"1").expect("free");
    let create_in_d: fn(&Session) = |s| s.write("d/new", b"1").expect("free");
    check(read, change_a, "a!read-moved");
    check(stat, change_a, "a!read-moved");
    check(stat, remove_a, "a!read-moved");
    check(read, change_b, "");
    check(list, create_in_d, "d/new!read-moved");
    check(list, change_a, "");
    check(miss, create, "new!read-moved");
    check(read, create, "");
    // What is put back to what it was has not moved.
    check(
        read,
        |s| {
            s.write("a", b"new").expect("there");
            s.write("a", b"1").expect("there");
        },
        "",
    );
}

#[test]
fn what_a_nested_session_read_its_parent_has_read() {
    let base = MapBase::files(&[("a", "1")]);
    let outer = over(&base);
    let middle = child(&outer);
    let inner = child(&middle);
    assert_eq!(inner.read("a").expect("there"), b"1");
    inner.write("own", b"1").expect("free");
    assert_eq!(merge(&inner, Isolation::Serializable), []);
    outer.write("a", b"2").expect("there");
    let conflicts = merge(&middle, Isolation::Serializable);
    assert_eq!(told(&conflicts), "a!read-moved");
}

#[test]
fn a_file_that_is_only_overwritten_was_not_read() {
    let base = MapBase::files(&[("a", "1")]);
    let parent = over(&base);
    let session = child(&parent);
    session.write("a", b"22").expect("there");
    parent.write("a", b"333").expect("there");
    let conflicts = merge(&session, Isolation::Serializable);
    assert_eq!(told(&conflicts), "a!content");
}

#[test]
fn siblings_conflict_only_where_they_overlap() {
    let base = MapBase::files(&[("a", "1"), ("b", "2"), ("c", "3")]);
    let parent = over(&base);
    let [one, two, three] = [(); 3].map(|()| child(&parent));
    one.write("a", b"one").expect("there");
    two.write("b", b"two").expect("there");
    three.write("a", b"three").expect("there");
    three.write("c", b"three").expect("there");
    assert_eq!(merge(&one, Isolation::Snapshot), []);
    assert_eq!(merge(&two, Isolation::Snapshot), []);
    assert_eq!(told(&merge(&three, Isolation::Snapshot)), "a!content");
    assert_eq!(shown(&parent), "a=one b=two c=3");
}

#[test]
fn orphans_of_every_depth_say_who_ended() {
    let depth = Limits::default().nesting_depth_max;
    let base = MapBase::files(&[("a", "1")]);
    for commit in [false, true] {
        let (root, host) = limited(std::sync::Arc::new(base.clone()), Limits::default());
        let mut chain = vec![root];
        for level in 0..depth {
            let id = format!("level {level}");
            let options = SessionOptions {
                id,
                ..SessionOptions::default()
            };
            let last = chain.last().expect("not empty");
            chain.push(last.begin_nested(options).expect("not too deep"));
        }
        let deepest = chain.last().expect("not empty").clone();
        fails(deepest.begin_nested(SessionOptions::default()), "Quota");
        deepest.write("own", b"1").expect("open");
        let handle = deepest.root().expect("open");
        let ended = if commit {
            assert_eq!(merge(&chain[2], Isolation::Snapshot), []);
            Status::Committed("change".to_owned())
        } else {
            chain[2].rollback().expect("open");
            Status::RolledBack
        };
        for orphan in &chain[3..] {
            let Status::Orphaned {
                ancestor,
                ended: how,
            } = orphan.status()
            else {
                panic!("{}", orphan.status());
            };
            assert_eq!((ancestor.as_str(), &*how), ("level 1", &ended));
        }
        let refused = [
            deepest.read("a").map(drop),
            deepest.write("a", b"2"),
            deepest.savepoint("s"),
            deepest.seal().map(drop),
            deepest.fork(SessionOptions::default()).map(drop),
            handle.read_dir().map(drop),
        ];
        for refused in refused {
            match refused {
                Err(error @ Error::Closed { .. }) => {
                    let text = error.to_string();
                    assert!(
                        text.contains("level 1") && text.contains(&ended.to_string()),
                        "{text}"
                    );
                }
                other => panic!("{other:?}"),
            }
        }
        deepest.rollback().expect("an orphan can be rolled back");
        assert_eq!(deepest.status(), Status::RolledBack);
        fails(deepest.rollback(), "Closed");
        assert_eq!(chain[1].status(), Status::Open);
        drop((deepest, handle, chain));
        assert_eq!(host.used(), 0);
    }
}
