//! What others move to another name, and files that are open while a part is committed.

use session_fs_workspace::{CommitOptions, CommitOutcome};

use crate::scene::Scene;

/// A name that changes moves the time of the last change, and nothing else.
#[test]
fn what_another_commit_moves_is_read_as_it_was() {
    let files = [("f", "f"), ("g", "g"), ("h", "h"), ("l", "-> f")];
    let scene = Scene::new(&files);
    let session = scene.begin();
    let before = ["f", "g", "h"].map(|path| session.stat(path).expect("is there"));
    session.stat_link("l").expect("is there");
    let other = scene.begin();
    for (source, target) in [("f", "f2"), ("g", "g2"), ("h", "h2"), ("l", "l2")] {
        other.rename(source, target).expect("renames");
    }
    scene.applied(&other);
    let other = scene.begin();
    other.rename("f2", "f3").expect("renames");
    other.write("g2", b"later").expect("writes");
    other.remove("h2").expect("removes");
    scene.applied(&other);
    for checkpointed in [false, true] {
        if checkpointed {
            scene.base.checkpoint().expect("checkpointed");
        }
        for (path, before) in ["f", "g", "h"].into_iter().zip(&before) {
            let read = session.read(path).expect("as it was");
            assert_eq!(read, path.as_bytes());
            assert_eq!(&session.stat(path).expect("as it was"), before);
        }
        assert_eq!(session.read_link("l").expect("as it was"), "f");
        let unseen = session.list("", None, 9).expect("as it was").entries;
        assert_eq!(unseen.len(), 4);
    }
    session.copy("f", "mine").expect("copies");
    scene.applied(&session);
    assert_eq!(
        (scene.text("mine"), scene.text("f3")),
        ("f".into(), "f".into())
    );
}

/// Opens a file to be read and written.
fn opened(root: &vfs::Descriptor, path: &str) -> vfs::Descriptor {
    let flags = vfs::DescriptorFlags {
        read: true,
        write: true,
        mutate_directory: false,
    };
    let opened = root.open_at(path, true, vfs::OpenFlags::default(), flags);
    opened.expect("opens")
}

#[test]
fn handles_last_through_a_commit_of_a_part() {
    let files = [
        ("a", "1"),
        ("d/b", "2"),
        ("d/m", "3"),
        ("d/o", "4"),
        ("d/r", "5"),
    ];
    let scene = Scene::new(&files);
    let session = scene.begin();
    let root = session.root().expect("open");
    let open = |path: &str| opened(&root, path);
    let (replaced, removed) = (open("d/o"), open("d/r"));
    session.mkdir("d/new").expect("free");
    for path in ["a", "d/b", "d/c", "d/new/f", "t"] {
        session.write(path, path.as_bytes()).expect("writes");
    }
    session.rename("d/m", "d/n").expect("renames");
    session.rename("t", "d/o").expect("replaces");
    session.remove("d/r").expect("is there");
    let expected = [
        ("a", "a"),
        ("d/b", "d/b"),
        ("d/c", "d/c"),
        ("d/n", "3"),
        ("d/o", "t"),
        ("d/new/f", "d/new/f"),
    ];
    let held = expected.map(|(path, text)| (path, open(path), text));
    let folder = vfs::OpenFlags {
        directory: true,
        ..vfs::OpenFlags::default()
    };
    let folder = root.open_at("d/new", true, folder, vfs::DescriptorFlags::default());
    let folder = folder.expect("opens");
    let options = CommitOptions {
        paths: vec![vfs::VPath::parse("d").expect("valid")],
        ..CommitOptions::default()
    };
    let outcome = scene.workspace.commit(&session, &options).expect("commits");
    assert!(matches!(outcome, CommitOutcome::Applied(_)), "{outcome:?}");
    for (path, handle, text) in &held {
        assert_eq!(
            session.read(path).expect("by path"),
            text.as_bytes(),
            "{path}"
        );
        let read = handle.read_at(0, 99).expect(path);
        assert_eq!(read, text.as_bytes(), "{path}");
        let number = root.metadata_hash_at(path, true).expect("is there");
        assert_eq!(handle.metadata_hash(), number, "{path}");
        handle.write_at(0, b"X").expect(path);
        let written = session.read(path).expect("is there");
        assert_eq!(written[0], b'X', "{path}");
    }
    for (handle, text) in [(&replaced, "4"), (&removed, "5")] {
        assert_eq!(handle.read_at(0, 99).expect("is held"), text.as_bytes());
        handle.write_at(0, b"Y").expect("is held");
    }
    let stat = folder.stat_at("f", true).expect("is there");
    assert_eq!(stat.size, 7);
    assert_eq!(session.read("d/o").expect("is there"), b"X");
    scene.applied(&session);
    assert_eq!(
        (scene.text("d/c"), scene.text("d/n")),
        ("X/c".into(), "X".into())
    );
    assert_eq!(scene.text("d/o"), "X");
}
