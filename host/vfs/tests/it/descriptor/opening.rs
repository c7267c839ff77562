//! What `open_at` makes of flags, of paths and of what it finds.

use std::sync::Arc;

use session_fs_vfs::{Access, DescriptorFlags, Kind, Session, SessionOptions};

use super::{READ, READ_WRITE, WRITE, base, open, open_flags, session};
use crate::support::{fails, tree, variant};

/// Opens `path` in a fresh session; gives the flags of what was opened, or the error.
fn opened(path: &str, follow: bool, letters: &str, flags: DescriptorFlags) -> String {
    let session = session();
    let root = session.root().expect("open session");
    match root.open_at(path, follow, open_flags(letters), flags) {
        Ok(descriptor) => {
            let DescriptorFlags { read, write, .. } = descriptor.flags();
            let kind = descriptor.kind().as_str();
            format!(
                "{kind} {}{}",
                ["", "r"][usize::from(read)],
                ["", "w"][usize::from(write)]
            )
        }
        Err(error) => variant(&error),
    }
}

#[test]
fn open_flags_and_descriptor_flags() {
    let none = DescriptorFlags::default();
    for (path, letters, flags, expected) in [
        ("f", "", none, "file r"),
        ("f", "", READ, "file r"),
        ("f", "", WRITE, "file w"),
        ("f", "", READ_WRITE, "file rw"),
        ("f", "x", READ, "file r"),
        ("f", "cx", READ, "AlreadyExists"),
        ("f", "c", READ, "file rw"),
        ("f", "t", READ, "file rw"),
        ("f", "d", READ, "NotADirectory"),
        ("new", "", READ, "NotFound"),
        ("new", "x", READ, "NotFound"),
        ("new", "t", WRITE, "NotFound"),
        ("new", "c", none, "file rw"),
        ("new", "c", WRITE, "file w"),
        ("new", "cx", WRITE, "file w"),
        ("new", "ct", WRITE, "file w"),
        ("none/new", "c", WRITE, "NotFound"),
        ("f/new", "c", WRITE, "NotADirectory"),
        ("dir", "", none, "directory r"),
        ("dir", "d", READ, "directory r"),
        ("dir", "", WRITE, "IsADirectory"),
        ("dir", "c", READ, "IsADirectory"),
        ("dir", "t", READ, "IsADirectory"),
        ("dir", "dc", READ, "Invalid"),
        ("dir", "dx", READ, "Invalid"),
        ("dir", "dt", READ, "Invalid"),
        (".", "", READ, "directory r"),
        ("dir/..", "", READ, "directory r"),
        ("", "", READ, "NotFound"),
    ] {
        assert_eq!(
            opened(path, true, letters, flags),
            expected,
            "{path} {letters} {flags:?}"
        );
    }
}

#[test]
fn links_at_the_end_and_on_the_way() {
    for (path, follow, letters, expected) in [
        ("to-f", true, "", "file r"),
        ("to-f", false, "", "TooManyLinks"),
        ("to-f", false, "c", "TooManyLinks"),
        ("to-f", true, "cx", "AlreadyExists"),
        ("to-dir", true, "d", "directory r"),
        ("to-dir", false, "d", "TooManyLinks"),
        ("to-dir-slash", true, "", "directory r"),
        ("to-dir-slash", false, "", "TooManyLinks"),
        ("to-dir/g", false, "", "file r"),
        ("to-dir-slash/g", false, "", "file r"),
        ("dir/up", true, "", "file r"),
        ("loop", true, "", "TooManyLinks"),
        ("loop", true, "c", "TooManyLinks"),
        ("out", true, "", "Denied"),
        ("out", true, "c", "Denied"),
        ("climb", true, "c", "Denied"),
        ("dangling", true, "", "NotFound"),
        ("dangling", true, "c", "file rw"),
        ("dangling", true, "cx", "AlreadyExists"),
    ] {
        assert_eq!(
            opened(path, follow, letters, READ),
            expected,
            "{path} {follow} {letters}"
        );
    }
    let session = session();
    let root = session.root().expect("open");
    let made = root.open_at("dangling", true, open_flags("c"), WRITE);
    drop(made.expect("the link leads to a free name"));
    assert_eq!(
        session.stat_link("dangling").expect("a link").kind,
        Kind::Symlink
    );
    assert_eq!(session.stat("nothing").expect("made").kind, Kind::File);
}

#[test]
fn paths() {
    let long = "n".repeat(256);
    let deep = "n/".repeat(65);
    let huge = "./".repeat(2048);
    for (path, expected) in [
        ("f", "file r"),
        ("./f", "file r"),
        ("dir/../f", "file r"),
        ("dir/sub/../../f", "file r"),
        ("dir//g", "file r"),
        ("f/", "NotADirectory"),
        ("f//", "NotADirectory"),
        ("f/.", "NotADirectory"),
        ("f/..", "NotADirectory"),
        ("to-f/", "NotADirectory"),
        ("dir/", "directory r"),
        ("dir////", "directory r"),
        ("to-dir/", "directory r"),
        ("new/", "NotFound"),
        ("/f", "Denied"),
        ("/", "Denied"),
        ("..", "Denied"),
        ("../ab/x", "Denied"),
        ("dir/../../f", "Denied"),
        ("none/../f", "NotFound"),
        ("f\0", "InvalidPath"),
        (&long, "InvalidPath"),
        (&deep, "InvalidPath"),
        (&huge, "InvalidPath"),
    ] {
        assert_eq!(opened(path, true, "", READ), expected, "{path:?}");
    }
    for slashes in ["/", "//", "///"] {
        assert_eq!(
            opened(&format!("new{slashes}"), true, "c", WRITE),
            "IsADirectory"
        );
        assert_eq!(
            opened(&format!("f{slashes}"), true, "c", WRITE),
            "NotADirectory"
        );
    }
}

#[test]
fn nothing_leaves_the_directory_of_a_descriptor() {
    let session = session();
    let dir = open(&session, "dir", READ);
    for path in ["../f", "..", "sub/../../f", "up", "/g"] {
        fails(dir.stat_at(path, true), "Denied");
        fails(dir.open_at(path, true, open_flags("c"), WRITE), "Denied");
    }
    assert_eq!(
        dir.stat_at("up", false).expect("the link").kind,
        Kind::Symlink
    );
    assert_eq!(dir.stat_at("sub/../g", true).expect("inside").size, 5);
    fails(dir.rename_at("g", &dir, "../g"), "Denied");
    fails(dir.create_directory_at("../new"), "Denied");
    fails(dir.unlink_file_at("../f"), "Denied");
}

#[test]
fn what_is_opened_for_reading_is_no_way_to_write() {
    let session = session();
    let file = open(&session, "f", READ);
    fails(file.write_at(0, b"x"), "BadDescriptor");
    fails(file.append(b"x"), "BadDescriptor");
    fails(file.set_size(0), "BadDescriptor");
    let writer = open(&session, "f", WRITE);
    fails(writer.read_at(0, 1), "BadDescriptor");
    let dir = open(&session, "dir", READ);
    fails(dir.read_at(0, 1), "BadDescriptor");
    fails(dir.set_size(0), "BadDescriptor");
    fails(dir.write_at(0, b"x"), "BadDescriptor");
    fails(file.read_dir(), "NotADirectory");
    fails(file.stat_at("f", true), "NotADirectory");
    fails(file.create_directory_at("d"), "NotADirectory");
}

/// RUSTSEC-2026-0149: opening with `truncate` emptied a file of a read-only tree.
#[test]
fn no_combination_of_flags_changes_a_read_only_session() {
    let options = SessionOptions {
        access: Access::ReadOnly,
        ..SessionOptions::default()
    };
    let session = Session::begin(Arc::new(base()), options);
    let before = tree(&session);
    let root = session.root().expect("open");
    assert!(!root.flags().mutate_directory);
    for bits in 0..16_u8 {
        let letters = ["c", "x", "d", "t"].iter().enumerate();
        let letters: String = letters
            .filter(|(bit, _)| bits & (1 << bit) != 0)
            .map(|(_, letter)| *letter)
            .collect();
        for flags in [READ, WRITE, READ_WRITE, DescriptorFlags::default()] {
            let mutate = DescriptorFlags {
                mutate_directory: true,
                ..flags
            };
            for (path, flags) in [
                ("f", flags),
                ("new", flags),
                ("dir", mutate),
                ("to-f", mutate),
            ] {
                let opened = root.open_at(path, true, open_flags(&letters), flags);
                let writes = flags.write || letters.contains(['c', 't']);
                let valid = !(letters.contains('d') && letters.contains(['c', 'x', 't']));
                if writes && valid {
                    fails(opened, "Denied");
                } else if let Ok(opened) = opened {
                    assert!(!opened.flags().write && !opened.flags().mutate_directory);
                }
            }
        }
    }
    let dir = open(&session, "dir", READ);
    fails(dir.unlink_file_at("g"), "Denied");
    fails(dir.create_directory_at("d"), "Denied");
    fails(dir.rename_at("g", &dir, "h"), "Denied");
    fails(dir.link_at(false, "g", &dir, "h"), "Denied");
    fails(dir.symlink_at("g", "h"), "Denied");
    for result in [
        session.write("f", b""),
        session.truncate("f", 0),
        session.remove("f"),
        session.rename("f", "g"),
        session.mkdir("d"),
        session.restore("none"),
    ] {
        fails(result, "Denied");
    }
    assert_eq!(tree(&session), before);
    assert_eq!(session.changes().expect("open"), []);
}

#[test]
fn a_directory_tells_the_flags_it_was_opened_with_and_keeps_the_right() {
    let session = session();
    let root = session.root().expect("open");
    assert!(root.flags().read && root.flags().mutate_directory && !root.flags().write);
    let dir = open(&session, "dir", READ);
    assert_eq!(dir.flags(), READ);
    dir.create_directory_at("made").expect("the root may");
    let asked = DescriptorFlags {
        mutate_directory: true,
        ..READ
    };
    assert!(open(&session, "dir", asked).flags().mutate_directory);
    assert!(
        !open(&session, "f", asked).flags().mutate_directory,
        "a file has nothing below"
    );
}
