//! Changing names through descriptors: directories, rename, hard links, links, removal.

use session_fs_vfs::{Kind, OpenFlags, Session};

use super::{READ, READ_WRITE, open, session};
use crate::support::{Body, MapBase, empty, fails, over, tree};

#[test]
fn rename_rules() {
    for (source, target, expected) in [
        ("f", "f", "ok"),
        ("f", "h", "ok"),
        ("f", "dir/g", "ok"),
        ("f", "to-dir/h", "ok"),
        ("f", "dir", "IsADirectory"),
        ("f", "new/", "NotADirectory"),
        ("f/", "new", "NotADirectory"),
        ("to-f", "f", "ok"),
        ("to-dir/", "x", "NotADirectory"),
        ("dir", "new", "ok"),
        ("dir/", "new/", "ok"),
        ("dir/sub", "e", "ok"),
        ("dir", "f", "NotADirectory"),
        ("dir", "to-dir", "NotADirectory"),
        ("dir", "full", "NotEmpty"),
        ("dir", "dir/sub/x", "Invalid"),
        ("dir", "dir/sub", "Invalid"),
        ("full", "dir", "NotEmpty"),
        ("full/inner", "full", "NotEmpty"),
        (".", "x", "Busy"),
        ("f", ".", "Busy"),
        ("none", ".", "Busy"),
        ("none", "f/x", "NotADirectory"),
        ("none", "../x", "Denied"),
        ("dir/g", "dir", "NotEmpty"),
        ("dir", ".", "Busy"),
        ("dir", "dir/..", "Busy"),
        ("dir/sub/.", "new", "Busy"),
        ("none", "x", "NotFound"),
        ("f", "none/x", "NotFound"),
        ("f", "f/x", "NotADirectory"),
        ("f", ".session-fs", "Denied"),
        ("f", "../x", "Denied"),
    ] {
        let session = session();
        session.mkdir("full/inner/most").expect("free");
        session.mkdir("e").expect("free");
        let before = tree(&session);
        let root = session.root().expect("open");
        let renamed = root.rename_at(source, &root, target);
        if expected == "ok" {
            renamed.unwrap_or_else(|error| panic!("{source} to {target}: {error}"));
        } else {
            fails(renamed, expected);
            assert_eq!(
                tree(&session),
                before,
                "{source} to {target} changed something"
            );
        }
    }
}

#[test]
fn removing_and_making_rules() {
    type Change = fn(&session_fs_vfs::Descriptor, &str) -> session_fs_vfs::Result<()>;
    let unlink: Change = |root, path| root.unlink_file_at(path);
    let rmdir: Change = |root, path| root.remove_directory_at(path);
    let mkdir: Change = |root, path| root.create_directory_at(path);
    let symlink: Change = |root, path| root.symlink_at("f", path);
    for (change, path, expected) in [
        (unlink, "f", "ok"),
        (unlink, "f/", "NotADirectory"),
        (unlink, "to-dir", "ok"),
        (unlink, "to-dir/", "NotADirectory"),
        (unlink, "to-dir-slash", "ok"),
        (unlink, "to-dir-slash///", "NotADirectory"),
        (unlink, "dir", "IsADirectory"),
        (unlink, ".", "IsADirectory"),
        (unlink, "none", "NotFound"),
        (unlink, "to-dir/.", "IsADirectory"),
        (unlink, "f/.", "NotADirectory"),
        (rmdir, "dir/sub", "ok"),
        (rmdir, "dir/sub/", "ok"),
        (rmdir, "dir", "NotEmpty"),
        (rmdir, "f", "NotADirectory"),
        (rmdir, "to-dir", "NotADirectory"),
        (rmdir, "to-dir/", "NotADirectory"),
        (rmdir, ".", "Invalid"),
        (rmdir, "dir/..", "Invalid"),
        (rmdir, "dir/sub/.", "Invalid"),
        (mkdir, "new", "ok"),
        (mkdir, "new/", "ok"),
        (mkdir, "f", "AlreadyExists"),
        (mkdir, "dir", "AlreadyExists"),
        (mkdir, "dangling", "AlreadyExists"),
        (mkdir, "none/new", "NotFound"),
        (mkdir, "new/.", "NotFound"),
        (mkdir, ".session-fs", "Denied"),
        (mkdir, ".", "AlreadyExists"),
        (symlink, "new", "ok"),
        (symlink, "new/", "NotFound"),
        (symlink, "f", "AlreadyExists"),
    ] {
        let session = session();
        let before = tree(&session);
        let root = session.root().expect("open");
        let changed = change(&root, path);
        if expected == "ok" {
            changed.unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_ne!(tree(&session), before, "{path}");
        } else {
            fails(changed, expected);
            assert_eq!(tree(&session), before, "{path}");
        }
    }
}

#[test]
fn targets_of_links() {
    for (target, at, expected) in [
        ("f", "l", "ok"),
        ("nowhere", "l", "ok"),
        ("dir/", "l", "ok"),
        ("../f", "dir/l", "ok"),
        ("../../f", "dir/l", "Denied"),
        ("..", "l", "Denied"),
        ("/f", "l", "Denied"),
        ("/", "l", "Denied"),
        // `to-dir` leads elsewhere, and the kernel goes up from there.
        ("to-dir/../../x", "dir/sub/l", "Denied"),
        ("dir/../f", "l", "Denied"),
        ("", "l", "NotFound"),
        ("", "f", "NotFound"),
        ("/f", "f", "Denied"),
        ("f\0", "l", "InvalidPath"),
        ("f\0", "f", "InvalidPath"),
    ] {
        let session = session();
        let root = session.root().expect("open");
        let made = root.symlink_at(target, at);
        if expected == "ok" {
            made.unwrap_or_else(|error| panic!("{target}: {error}"));
            assert_eq!(root.read_link_at(at).expect("a link"), target);
        } else {
            fails(made, expected);
        }
    }
    let session = session();
    let root = session.root().expect("open");
    fails(root.read_link_at("out"), "Denied");
    fails(root.read_link_at("f"), "NotALink");
    assert_eq!(root.read_link_at("climb").expect("relative"), "../../x");
}

#[test]
fn a_hard_link_is_the_same_object() {
    let session = session();
    let root = session.root().expect("open");
    root.link_at(false, "f", &root, "dir/h").expect("free");
    let (first, second) = (
        open(&session, "f", READ_WRITE),
        open(&session, "dir/h", READ),
    );
    assert!(first.is_same_object(&second));
    assert_eq!(first.metadata_hash(), second.metadata_hash());
    assert_eq!(first.stat().expect("there").link_count, 2);
    first.write_at(0, b"CON").expect("may");
    assert_eq!(session.read("dir/h").expect("there"), b"CONtent");
    session.remove("f").expect("there");
    assert_eq!(first.stat().expect("there").link_count, 1);
    assert_eq!(session.read("dir/h").expect("there"), b"CONtent");

    fails(root.link_at(true, "dir/h", &root, "x"), "Invalid");
    fails(root.link_at(false, "dir", &root, "x"), "Denied");
    fails(root.link_at(false, "dir", &root, "dir/h"), "AlreadyExists");
    fails(root.link_at(false, "dir", &root, "none/x"), "NotFound");
    fails(
        root.link_at(false, "dir/h", &root, "dir/g"),
        "AlreadyExists",
    );
    fails(root.link_at(false, "dir/h", &root, ".session-fs"), "Denied");
    fails(root.link_at(false, "none", &root, "x"), "NotFound");
    fails(root.link_at(false, "dir/h", &root, "x/"), "NotFound");
}

/// A handle that is no directory is told before anything that is wrong with flags or paths.
#[test]
fn names_are_below_directories_only() {
    let session = session();
    let (root, file) = (session.root().expect("open"), open(&session, "f", READ));
    let directory = OpenFlags {
        create: true,
        directory: true,
        ..OpenFlags::default()
    };
    fails(file.open_at("x", true, directory, READ), "NotADirectory");
    fails(file.stat_at("/x", true), "NotADirectory");
    fails(file.rename_at("x", &root, "y"), "NotADirectory");
    fails(root.rename_at("f", &file, "y"), "NotADirectory");
    fails(root.link_at(true, "f", &file, "y"), "NotADirectory");
    fails(file.link_at(true, "f", &root, "y"), "NotADirectory");
    fails(file.read_dir().map(drop), "NotADirectory");
}

/// RUSTSEC-2026-0188: a rename or a link across two trees with different rights.
#[test]
fn two_sessions_share_no_names() {
    let (ours, theirs) = (session(), empty());
    let (from, to) = (ours.root().expect("open"), theirs.root().expect("open"));
    fails(from.rename_at("f", &to, "f"), "CrossSession");
    fails(from.link_at(false, "f", &to, "f"), "CrossSession");
    assert!(!from.is_same_object(&to));
    assert_eq!(tree(&theirs).len(), 0);
}

#[test]
fn a_cursor_is_what_was_there_when_it_was_opened() {
    let session = session();
    let root = session.root().expect("open");
    let names = |session: &Session| -> Vec<String> {
        let root = session.root().expect("open");
        let cursor = root.read_dir().expect("a directory");
        cursor.map(|entry| entry.name.to_string()).collect()
    };
    let before = names(&session);
    let mut cursor = root.read_dir().expect("a directory");
    let first = cursor.next().expect("entries");
    session.remove_all("dir").expect("there");
    session.write("aaa", b"").expect("free");
    session.rename("f", "zzz").expect("there");
    let rest: Vec<String> = cursor.map(|entry| entry.name.to_string()).collect();
    assert_eq!([vec![first.name.to_string()], rest].concat(), before);
    assert_ne!(names(&session), before);
}

#[test]
fn a_number_survives_copy_up_rename_and_removal() {
    let base = MapBase::new(&[
        ("d/f", Body::File(b"1".to_vec())),
        ("d/l", Body::Link("f".into())),
    ]);
    let session = over(&base);
    let root = session.root().expect("open");
    let hash = |path: &str| root.metadata_hash_at(path, false).expect(path);
    let (dir, file, link) = (hash("d"), hash("d/f"), hash("d/l"));
    let held = open(&session, "d/f", READ_WRITE);
    held.write_at(0, b"2").expect("may");
    assert_eq!(hash("d/f"), file, "copied up");
    session.rename("d", "e").expect("free");
    assert_eq!(
        (hash("e"), hash("e/f"), hash("e/l")),
        (dir, file, link),
        "moved along"
    );
    session.rename("e/f", "g").expect("free");
    assert_eq!(hash("g"), file, "moved");
    session.remove("g").expect("there");
    assert_eq!(held.metadata_hash(), file, "removed");
    assert_ne!(file.0, 0);
    assert_eq!(root.metadata_hash(), hash("."));
    assert_eq!(
        root.stat().expect("there"),
        root.stat_at(".", true).expect("there")
    );
    let fork = session
        .fork(session_fs_vfs::SessionOptions::default())
        .expect("open");
    assert_eq!(fork.stat("e").expect("there").ino, dir.0, "in a fork");
    assert_eq!(session.stat("e").expect("there").kind, Kind::Directory);
}
