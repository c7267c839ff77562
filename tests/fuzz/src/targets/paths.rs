//! Paths as a guest spells them, to a session that has links of every kind.

use std::sync::Arc;

use vfs::{OpenFlags, Session, SessionOptions, VPath};

use crate::Target;
use crate::model::content;
use crate::support::tree;

pub(crate) const TARGET: Target = Target {
    name: "paths",
    run,
    seeds,
};

/// What can be parsed means the same when it is written as it is read; and whatever is named, nothing
/// but what the session shows changes.
fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n');
    let (one, other) = (
        lines.next().unwrap_or_default(),
        lines.next().unwrap_or_default(),
    );
    if let Ok(path) = VPath::parse(one) {
        let again = VPath::parse(&path.to_string());
        assert_eq!(again.expect("it was parsed"), path);
        assert!(path.components().iter().all(|name| is_plain(name)));
    }
    let session = Session::begin(Arc::new(content()), SessionOptions::default());
    session.savepoint("before").expect("few");
    let before = tree(&session);
    act(&session, one, other);
    let names = |path: &String| path.split('/').all(is_plain);
    assert!(tree(&session).keys().all(names), "{one:?} {other:?}");
    session.restore("before").expect("it is there");
    assert_eq!(tree(&session), before);
    session.rollback().expect("open");
}

fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

/// All that takes a path, with these; what is refused is as good as what is done.
fn act(session: &Session, one: &str, other: &str) {
    let root = session.root().expect("open");
    let create = OpenFlags {
        create: true,
        ..OpenFlags::default()
    };
    let flags = vfs::DescriptorFlags {
        read: true,
        write: true,
        mutate_directory: false,
    };
    let results = [
        session.stat(one).map(drop),
        session.read(one).map(drop),
        session.list(one, Some(other), 3).map(drop),
        session.write(one, b"1"),
        session.append(other, b"2"),
        root.open_at(one, true, create, flags).map(drop),
        root.metadata_hash_at(other, true).map(drop),
        session.mkdir(one),
        session.symlink(other, one),
        session.symlink(one, other),
        session.read_link(one).map(drop),
        session.rename(one, other),
        session.copy(other, one),
        session.remove(one),
        session.remove_all(other),
    ];
    for error in results.into_iter().filter_map(Result::err) {
        assert!(!error.to_string().is_empty());
    }
}

fn seeds() -> Vec<Vec<u8>> {
    [
        "a/b/x\nx/y",
        "l/../f\nk",
        "../..\n/etc/passwd",
        "o/passwd\nu/u/u",
        "s/b/c/.\nd",
        ".session-fs/store\na//b/./c",
        "c/\nn/",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
