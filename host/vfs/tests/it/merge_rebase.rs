//! Moving an open session onto a base that moved, and committing a part of one.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use session_fs_vfs::{
    ConflictPolicy, DescriptorFlags, MergeOptions, Merged, OpenFlags, Session, SessionOptions,
};

use crate::merge::{committed, shown, told};
use crate::support::{MapBase, Sandbox, fails, over, vpath};

fn opened(session: &Session, path: &str) -> session_fs_vfs::Descriptor {
    let root = session.root().expect("open");
    let flags = DescriptorFlags::default();
    let opened = root.open_at(path, true, OpenFlags::default(), flags);
    opened.expect(path)
}

fn put(session: &Session, path: &str, text: &str) {
    session.write(path, text.as_bytes()).expect(path);
}

#[test]
fn open_handles_stay_valid_while_their_object_is_there() {
    let base = MapBase::files(&[("f", "old"), ("g", "old"), ("h", "old")]);
    let session = over(&base);
    put(&session, "own", "own");
    put(&session, "h", "mine");
    let [f, g, h, own, gone] = {
        put(&session, "gone", "gone");
        let handles = ["f", "g", "h", "own", "gone"].map(|path| opened(&session, path));
        session.remove("gone").expect("there");
        handles
    };
    let now = MapBase::files(&[("f", "new"), ("h", "old")]);
    let rebased = session.rebase(Arc::new(now), ConflictPolicy::Fail);
    assert_eq!(told(&rebased.expect("open").conflicts), "");
    let read = |handle: &session_fs_vfs::Descriptor| {
        let bytes = handle.read_at(0, 10);
        bytes.map(|bytes| String::from_utf8(bytes.to_vec()).expect("text"))
    };
    assert_eq!(read(&f).expect("there"), "new");
    assert_eq!(read(&h).expect("there"), "mine");
    assert_eq!(read(&own).expect("there"), "own");
    assert_eq!(read(&gone).expect("held by its handle"), "gone");
    assert_eq!(read(&g).expect("held by its handle"), "old");
    drop((gone, g));
    assert_eq!(shown(&session), "f=new h=mine own=own");
}

#[test]
fn savepoints_do_not_survive() {
    let base = MapBase::files(&[("f", "old")]);
    let session = over(&base);
    session.savepoint("s").expect("open");
    let rebased = session.rebase(Arc::new(base), ConflictPolicy::Fail);
    assert_eq!(rebased.expect("open"), Default::default());
    fails(session.restore("s"), "NoSuchSavepoint");
}

/// A live directory keeps no old versions: what a merge would need of them is a conflict.
#[test]
fn what_was_overwritten_outside_cannot_be_merged_and_nothing_is_lost() {
    let base = MapBase::files(&[
        ("f", "1\n2\n3\n4\n5\n"),
        ("copied", "long enough"),
        ("g", "g"),
    ]);
    let sandbox = Sandbox::of(&base);
    let session = sandbox.session();
    put(&session, "f", "one\n2\n3\n4\n5\n");
    session.copy("copied", "copy").expect("there");
    put(&session, "g", "mine");
    sandbox
        .root()
        .write("f", "1\n2\n3\n4\nfive\n")
        .expect("ours");
    sandbox.root().write("copied", "other").expect("ours");
    let onto = |policy| session.rebase(sandbox.base.clone(), policy).expect("open");
    let conflicts = onto(ConflictPolicy::Merge).conflicts;
    assert_eq!(told(&conflicts), "copy!unreadable f!unreadable");
    assert_eq!(session.read("g").expect("still there"), b"mine");
    session.remove("copy").expect("there");
    let conflicts = onto(ConflictPolicy::Fail).conflicts;
    assert_eq!(told(&conflicts), "f!content");
    put(&session, "f", "all of it is mine");
    assert_eq!(told(&onto(ConflictPolicy::Ours).conflicts), "");
    assert_eq!(session.read("f").expect("there"), b"all of it is mine");
    assert_eq!(session.read("copied").expect("there"), b"other");
}

#[test]
fn a_nested_session_is_rebased_onto_its_parent() {
    let base = MapBase::files(&[("a", "1"), ("b", "2")]);
    let parent = over(&base);
    let child = parent
        .begin_nested(SessionOptions::default())
        .expect("open");
    fails(
        child.rebase(Arc::new(base), ConflictPolicy::Fail),
        "Invalid",
    );
    fails(parent.rebase_onto_parent(ConflictPolicy::Fail), "Invalid");
    put(&child, "a", "child");
    put(&parent, "b", "parent");
    put(&parent, "c", "parent");
    let rebased = child.rebase_onto_parent(ConflictPolicy::Fail);
    assert_eq!(rebased.expect("open"), Default::default());
    assert_eq!(shown(&child), "a=child b=parent c=parent");
    assert_eq!(child.changes().expect("open").len(), 1);
    put(&parent, "a", "parent");
    let rebased = child.rebase_onto_parent(ConflictPolicy::Theirs);
    assert_eq!(rebased.expect("open").dropped, [vpath("a")]);
    assert_eq!(child.changes().expect("open"), []);
}

/// Commits what is selected into the parent, and shows it and what the session still changes.
fn part(act: fn(&Session), paths: &[&str]) -> (String, Vec<String>) {
    let base = MapBase::files(&[("a", "1"), ("d/x", "x"), ("d/y", "y"), ("e/z", "z")]);
    let parent = over(&base);
    let child = parent
        .begin_nested(SessionOptions::default())
        .expect("open");
    act(&child);
    let whole = shown(&child);
    let paths: Vec<_> = paths.iter().map(|path| vpath(path)).collect();
    let sealed = child.seal().expect("open").select(&paths).expect("changed");
    let merged = sealed.merge_into_parent("change", &MergeOptions::default());
    assert!(matches!(merged, Ok(Merged::Applied { .. })), "{merged:?}");
    let applied = shown(&parent);
    let left = if child.status() == session_fs_vfs::Status::Open {
        let rebased = child.rebase_onto_parent(ConflictPolicy::Fail);
        assert_eq!(told(&rebased.expect("open").conflicts), "");
        assert_eq!(shown(&child), whole);
        let changes = child.changes().expect("open").into_iter();
        let left = changes.map(|entry| entry.path.to_string()).collect();
        let sealed = child.seal().expect("open");
        let merged = sealed.merge_into_parent("rest", &MergeOptions::default());
        assert!(matches!(merged, Ok(Merged::Applied { .. })));
        left
    } else {
        Vec::new()
    };
    assert_eq!(shown(&parent), whole, "both parts are the whole");
    (applied, left)
}

#[test]
fn a_part_of_the_changes_is_committed_and_the_session_goes_on() {
    let act: fn(&Session) = |s| {
        s.mkdir("new/deep").expect("free");
        put(s, "new/deep/one", "1");
        put(s, "new/two", "2");
        put(s, "a", "changed");
        s.rename("d/x", "moved").expect("there");
        s.remove_all("e").expect("there");
        put(s, "e", "file");
    };
    let check = |paths: &[&str], applied: &str, left: &[&str]| {
        assert_eq!(
            part(act, paths),
            (
                applied.to_owned(),
                left.iter().map(|path| (*path).to_owned()).collect()
            )
        );
    };
    check(
        &["new/deep/one"],
        "a=1 d/ d/x=x d/y=y e/ e/z=z new/ new/deep/ new/deep/one=1",
        &["a", "e", "e/z", "moved", "new/two"],
    );
    for end in ["moved", "d/x"] {
        check(
            &[end, "a"],
            "a=changed d/ d/y=y e/ e/z=z moved=x",
            &["e", "e/z", "new", "new/deep", "new/deep/one", "new/two"],
        );
    }
    check(
        &["e"],
        "a=1 d/ d/x=x d/y=y e=file",
        &["a", "moved", "new", "new/deep", "new/deep/one", "new/two"],
    );
    check(
        &["a", "d", "e", "moved", "new"],
        "a=changed d/ d/y=y e=file moved=x new/ new/deep/ new/deep/one=1 new/two=2",
        &[],
    );
}

#[test]
fn selecting_nothing_names_the_path() {
    let base = MapBase::files(&[("a", "1")]);
    let session = over(&base);
    put(&session, "b", "1");
    for paths in [&[][..], &[vpath("a")], &[vpath("b"), vpath("a")]] {
        let refused = session.seal().expect("open").select(paths);
        if let Some(path) = paths.last() {
            let error = refused.as_ref().expect_err("not changed").to_string();
            assert!(error.contains(&format!("'{path}'")), "{error}");
        }
        fails(refused, "Invalid");
    }
    put(&session, "still", "open");
}

type Files = BTreeMap<String, String>;

const PATHS: [&str; 6] = ["a", "b", "c", "d/a", "d/b", "e/f/a"];

/// Writes or removes files; a directory is made when it is needed and stays.
fn steps() -> impl Strategy<Value = Vec<(usize, Option<u8>)>> {
    proptest::collection::vec((0..PATHS.len(), proptest::option::of(0..3_u8)), 0..6)
}

fn run(session: &Session, steps: &[(usize, Option<u8>)]) {
    for (path, text) in steps {
        let path = PATHS[*path];
        match text {
            Some(text) => {
                if let Some((dir, _)) = path.rsplit_once('/') {
                    session.mkdir(dir).expect("no file is there");
                }
                session
                    .write(path, text.to_string().as_bytes())
                    .expect(path);
            }
            None => session.remove_all(path).expect(path),
        }
    }
}

fn model(mut files: Files, steps: &[(usize, Option<u8>)]) -> Files {
    for (path, text) in steps {
        match text {
            Some(text) => files.insert(PATHS[*path].to_owned(), text.to_string()),
            None => files.remove(PATHS[*path]),
        };
    }
    files
}

/// The merge of two maps by path, and the paths that both changed and not alike.
fn merged(was: &Files, ours: &Files, theirs: &Files) -> (Files, Vec<String>) {
    let (mut files, mut both) = (Files::new(), Vec::new());
    for path in PATHS {
        let [before, mine, yours] = [was, ours, theirs].map(|files| files.get(path));
        let taken = if mine == before { yours } else { mine };
        if mine != before && yours != before && mine != yours {
            both.push(path.to_owned());
        }
        if let Some(text) = taken {
            files.insert(path.to_owned(), text.clone());
        }
    }
    (files, both)
}

fn files(session: &Session) -> Files {
    let all = crate::support::tree(session).into_iter();
    all.filter(|(_, (kind, ..))| *kind == session_fs_vfs::Kind::File)
        .map(|(path, (_, _, content))| (path, String::from_utf8(content).expect("text")))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Another session commits, this one is rebased and committed: it is the merge of two maps.
    #[test]
    fn a_rebase_is_the_merge_of_maps(first in steps(), ours in steps(), theirs in steps()) {
        let start = over(&MapBase::new(&[]));
        run(&start, &first);
        let base = committed(&start);
        let was = model(Files::new(), &first);
        let (session, other) = (over(&base), over(&base));
        run(&session, &ours);
        run(&other, &theirs);
        let (expected, both) = merged(&was, &model(was.clone(), &ours), &model(was.clone(), &theirs));
        let now = Arc::new(committed(&other));
        let fail = session.rebase(now.clone(), ConflictPolicy::Fail).expect("open");
        let paths: Vec<_> = fail.conflicts.iter().map(|conflict| conflict.path.to_string()).collect();
        prop_assert_eq!(&paths, &both);
        let wins = session.rebase(now, ConflictPolicy::Ours).expect("open");
        prop_assert_eq!(wins.conflicts, []);
        prop_assert_eq!(files(&session), expected.clone());
        // What is committed from here on is what differs from the base, and no more.
        let last = over(&committed(&session));
        prop_assert_eq!(files(&last), expected);
    }
}
