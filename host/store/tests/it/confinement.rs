//! Hostile entries in the tree: every operation on each, by both ways of resolving.

use std::io;
use std::os::fd::AsRawFd;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::fs::{FileType, Mode};
use session_fs_store::Name;
use session_fs_store::disk::{FileKind, RenameMode};

use crate::{PINS, SECRET, Sandbox, content, name, names, outcome, put};

/// Makes one of everything below `root`.
fn hostile() -> Vec<(&'static str, Sandbox)> {
    PINS.into_iter()
        .map(|(way, pin)| (way, fill(Sandbox::new(pin))))
        .collect()
}

fn fill(sandbox: Sandbox) -> Sandbox {
    let root = &sandbox.root;
    put(&**root, "file", "inside");
    root.mkdir(&name("dir"), 0o755).expect("new");
    root.mkdir(&name("empty"), 0o755).expect("new");
    put(
        &*root.walk(&names("dir")).expect("exists"),
        "file",
        "inside",
    );
    let links = [
        ("etc", "/etc"),
        ("out", "../outside"),
        ("out-slash", "../outside/"),
        ("out-slashes", "../outside///"),
        ("out-file", "../outside/secret"),
        ("out-new", "../outside/new"),
        ("loop", "loop"),
        ("dangling", "nowhere"),
        ("inward", "dir"),
        ("proc", "/proc/self/root"),
    ];
    for (link, target) in links {
        root.symlink(target, &name(link)).expect("new");
    }
    let raw = sandbox.folder.open_dir("root").expect("exists");
    for (node, kind) in [("fifo", FileType::Fifo), ("socket", FileType::Socket)] {
        rustix::fs::mknodat(&raw, node, kind, Mode::from_raw_mode(0o666), 0).expect("new");
    }
    sandbox
}

const LINKS: [&str; 10] = [
    "etc",
    "out",
    "out-slash",
    "out-slashes",
    "out-file",
    "out-new",
    "loop",
    "dangling",
    "inward",
    "proc",
];

/// CVE-2025-53110 was a comparison of path prefixes: root `/p/a`, path `../ab/x`. Here such a path
/// cannot be said at all; `..` has no spelling as a name, folded or not.
#[test]
fn a_path_out_of_the_root_has_no_spelling() {
    for text in [
        "..",
        "../outside",
        "../outside/secret",
        "/etc",
        ".",
        "",
        "dir/..",
        "..\0",
        "a/",
    ] {
        assert!(Name::new(text).is_err(), "{text:?}");
    }
    for (way, sandbox) in hostile() {
        for text in [
            "..%2foutside",
            "..\\outside",
            "\u{ff0e}\u{ff0e}",
            ".. ",
            "...",
            "\u{2024}.",
        ] {
            let found = sandbox.root.stat(&name(text));
            assert_eq!(outcome(&found), "NotFound", "{way} {text:?}");
        }
    }
}

#[test]
fn walking_stops_at_everything_that_is_not_a_directory_here() {
    let mut cases = vec![
        ("", "ok"),
        ("dir", "ok"),
        ("dir/dir", "NotFound"),
        ("missing/dir", "NotFound"),
        ("file", "NotADirectory"),
        ("file/x", "NotADirectory"),
        ("dir/file/x", "NotADirectory"),
        ("fifo", "NotADirectory"),
        ("socket", "NotADirectory"),
        ("etc/ssl", "FilesystemLoop"),
        ("out/secret", "FilesystemLoop"),
        ("inward/file", "FilesystemLoop"),
    ];
    cases.extend(LINKS.map(|link| (link, "FilesystemLoop")));
    let long = ["d".repeat(255), "/".to_owned()].concat().repeat(16);
    let too_long = format!("{long}d");
    cases.push((&long, "NotFound"));
    cases.push((&too_long, "InvalidFilename"));
    for (way, sandbox) in hostile() {
        for (path, expected) in &cases {
            let found = sandbox.root.walk(&names(path));
            assert_eq!(outcome(&found), *expected, "{way} {path:?}");
        }
    }
}

/// CVE-2025-53109 and RUSTSEC-2026-0269: a link to outside was followed, with or without slashes at
/// the end of its target. A FIFO must not block: this test would hang.
#[test]
fn only_regular_files_open() {
    let mut cases = vec![
        ("file", "ok"),
        ("missing", "NotFound"),
        ("dir", "PermissionDenied"),
        ("fifo", "PermissionDenied"),
        ("socket", "PermissionDenied"),
    ];
    cases.extend(LINKS.map(|link| (link, "PermissionDenied")));
    for (way, sandbox) in hostile() {
        for (entry, expected) in &cases {
            let (open, write) = (
                sandbox.root.open(&name(entry)),
                sandbox.root.open_writable(&name(entry)),
            );
            assert_eq!(outcome(&open), *expected, "{way} open {entry}");
            assert_eq!(outcome(&write), *expected, "{way} open_writable {entry}");
        }
    }
}

/// Opening a device can rewind a tape or start a watchdog, opening a FIFO wakes its writer: the
/// refusal must come before, not after. The kernel's own notice of an opening is the witness.
#[test]
fn a_refused_fifo_was_not_opened_for_a_moment() {
    for (way, sandbox) in hostile() {
        let raw = sandbox.folder.open_dir("root").expect("exists");
        let witness = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).expect("inotify");
        let fifo = format!("/proc/self/fd/{}/fifo", raw.as_raw_fd());
        inotify::add_watch(&witness, fifo, WatchFlags::OPEN).expect("exists");
        let opened = [
            sandbox.root.open(&name("fifo")),
            sandbox.root.open_writable(&name("fifo")),
        ];
        assert_eq!(
            opened.map(|result| outcome(&result)),
            ["PermissionDenied"; 2],
            "{way}"
        );
        let noticed = rustix::io::read(&witness, &mut [0; 256]);
        assert_eq!(noticed, Err(rustix::io::Errno::AGAIN), "{way}");
    }
}

/// CVE-2024-38358: creation followed a link that led outside or to itself.
#[test]
fn nothing_is_created_through_a_link() {
    for (way, sandbox) in hostile() {
        let root = &sandbox.root;
        for link in LINKS {
            let link = name(link);
            let results: [io::Result<()>; 5] = [
                root.create(&link, 0o644).map(drop),
                root.mkdir(&link, 0o755),
                root.symlink("x", &link),
                root.rename(&name("file"), &**root, &link, RenameMode::NoReplace),
                root.rename(&name("dir"), &**root, &link, RenameMode::NoReplace),
            ];
            for result in results {
                assert_eq!(outcome(&result), "AlreadyExists", "{way} {link}");
            }
            assert_eq!(outcome(&root.rmdir(&link)), "NotADirectory", "{way} {link}");
            assert_eq!(root.stat(&link).expect("exists").kind, FileKind::Symlink);
        }
        assert_outside_untouched(&sandbox);
    }
}

#[test]
fn links_are_replaced_and_removed_themselves() {
    for (_, sandbox) in hostile() {
        let root = &*sandbox.root;
        root.unlink(&name("out-slash")).expect("a link");
        root.rename(&name("file"), root, &name("out-file"), RenameMode::Replace)
            .expect("a link");
        assert_eq!(content(root, "out-file").expect("now a file"), "inside");
        root.rename(&name("dir"), root, &name("out"), RenameMode::Exchange)
            .expect("both exist");
        assert_eq!(
            root.read_link(&name("dir")).expect("now a link"),
            "../outside"
        );
        assert_eq!(
            root.stat(&name("out")).expect("swapped").kind,
            FileKind::Directory
        );
        assert_eq!(root.read_link(&name("etc")).expect("a link"), "/etc");
        assert_outside_untouched(&sandbox);
    }
}

#[test]
fn special_files_are_listed_and_removed() {
    for (way, sandbox) in hostile() {
        let root = &sandbox.root;
        let listing = root.list(100).expect("below the limit");
        for special in ["fifo", "socket"] {
            let item = listing
                .items
                .iter()
                .find(|item| item.name.as_str() == special);
            assert_eq!(
                item.map(|item| item.kind),
                Some(FileKind::Other),
                "{way} {special}"
            );
            assert_eq!(
                root.stat(&name(special)).expect("exists").kind,
                FileKind::Other
            );
            root.unlink(&name(special)).expect("removable");
        }
        assert_eq!(listing.items.len(), LINKS.len() + 5);
    }
}

/// A handle stays on its directory when somebody puts a link in the directory's place.
#[test]
fn a_directory_replaced_by_a_link_between_two_calls() {
    for (way, sandbox) in hostile() {
        let held = sandbox.root.walk(&names("dir")).expect("exists");
        sandbox
            .folder
            .rename("root/dir", &sandbox.folder, "root/moved")
            .expect("exists");
        sandbox
            .root
            .symlink("../outside", &name("dir"))
            .expect("free now");
        assert_eq!(
            content(&*held, "file").expect("still there"),
            "inside",
            "{way}"
        );
        assert_eq!(outcome(&held.stat(&name("secret"))), "NotFound", "{way}");
        assert_eq!(
            outcome(&sandbox.root.walk(&names("dir"))),
            "FilesystemLoop",
            "{way}"
        );
        put(&*held, "new", "inside");
        assert_outside_untouched(&sandbox);
    }
}

#[test]
fn mounts_and_magic_links_are_not_crossed() {
    for (way, pin) in PINS {
        let ambient = |path| {
            let dir = cap_std::fs::Dir::open_ambient_dir(path, cap_std::ambient_authority());
            pin(dir.expect("every Linux has it")).expect("readable")
        };
        assert_eq!(
            outcome(&ambient("/").walk(&names("proc"))),
            "CrossesDevices",
            "{way}"
        );
        assert_eq!(
            outcome(&ambient("/").walk(&names("proc/self"))),
            "CrossesDevices",
            "{way}"
        );
        let process = ambient("/proc/self");
        assert_eq!(
            outcome(&process.walk(&names("root"))),
            "FilesystemLoop",
            "{way}"
        );
        assert_eq!(
            outcome(&process.walk(&names("cwd"))),
            "FilesystemLoop",
            "{way}"
        );
        assert_eq!(
            outcome(&process.open(&name("exe"))),
            "PermissionDenied",
            "{way}"
        );
    }
}

#[test]
fn a_file_with_a_second_name_is_not_written() {
    for (way, sandbox) in hostile() {
        let folder = &sandbox.folder;
        folder
            .hard_link("outside/secret", folder, "root/twin")
            .expect("same file system");
        let twin = sandbox.root.open_writable(&name("twin"));
        assert_eq!(outcome(&twin), "PermissionDenied", "{way}");
        assert_eq!(
            content(&*sandbox.root, "twin").expect("may be read"),
            SECRET
        );
    }
}

fn assert_outside_untouched(sandbox: &Sandbox) {
    let outside = sandbox.folder.open_dir("outside").expect("exists");
    assert_eq!(outside.read_to_string("secret").expect("exists"), SECRET);
    assert_eq!(outside.entries().expect("readable").count(), 1);
}
