//! Confinement as far as a session decides it, over a base in memory and a directory alike.

use std::sync::Arc;

use session_fs_vfs::{Base, DescriptorFlags, Kind, OpenFlags, Session, SessionOptions};

use crate::support::{Body, MapBase, SECRET, Sandbox, fails, over, tree};

/// Runs a check over the same objects in memory and in a directory.
fn on_both(objects: &[(&str, Body)], check: impl Fn(&Session)) {
    let base = MapBase::new(objects);
    check(&over(&base));
    let sandbox = Sandbox::of(&base);
    check(&sandbox.session());
    let secret = sandbox
        .folder
        .read_to_string("outside/secret")
        .expect("there");
    assert_eq!(secret, SECRET);
    assert_eq!(sandbox.folder.entries().expect("lists").count(), 2);
}

fn link(target: &str) -> Body {
    Body::Link(target.to_owned())
}

fn file(text: &str) -> Body {
    Body::File(text.as_bytes().to_vec())
}

/// CVE-2025-53110: a prefix is not a directory.
#[test]
fn a_sibling_with_the_same_beginning_is_outside() {
    on_both(
        &[("p/a/f", file("in")), ("p/ab/x", file("beside"))],
        |session| {
            let root = session.root().expect("open");
            let read = DescriptorFlags::default();
            let dir = root
                .open_at("p/a", true, OpenFlags::default(), read)
                .expect("there");
            for path in ["../ab/x", "../a/f", "f/../../ab/x"] {
                let error = dir.stat_at(path, true).expect_err(path);
                assert!(error.to_string().contains("leads out") || path.starts_with("f/"));
            }
            fails(session.read("../root/p/a/f"), "Denied");
            fails(session.read("../outside/secret"), "Denied");
        },
    );
}

/// CVE-2025-53109: a link of the base that leads out is data, and leads nowhere.
#[test]
fn links_of_the_base_lead_nowhere_outside() {
    let objects = [
        ("l", link("/etc")),
        ("r", link("../outside")),
        ("d/r", link("../../outside")),
        ("chain", link("d/r")),
        ("proc", link("/proc/self/root")),
        ("in", link("d")),
    ];
    on_both(&objects, |session| {
        for path in [
            "l",
            "l/passwd",
            "l/",
            "r/secret",
            "d/r/secret",
            "chain/secret",
            "proc/etc",
        ] {
            fails(session.read(path), "Denied");
            fails(session.write(path, b"x"), "Denied");
            fails(session.append(path, b"x"), "Denied");
            fails(session.truncate(path, 0), "Denied");
            fails(session.list(path, None, 10), "Denied");
            fails(session.mkdir(path), "Denied");
            fails(session.exists(path), "Denied");
            fails(session.copy(path, "copy"), "Denied");
        }
        for path in ["l/passwd", "r/secret", "chain/secret"] {
            fails(session.remove(path), "Denied");
            fails(session.remove_all(path), "Denied");
            fails(session.rename(path, "x"), "Denied");
            fails(session.symlink("x", path), "Denied");
        }
        fails(session.read_link("l"), "Denied");
        assert_eq!(session.read_link("r").expect("relative"), "../outside");
        assert_eq!(session.changes().expect("open"), []);
        session.remove("l").expect("the link itself");
        session.rename("r", "moved").expect("the link itself");
        assert_eq!(
            session.stat_link("moved").expect("there").kind,
            Kind::Symlink
        );
    });
}

/// A link's target must not show in an error: it may name what is outside.
#[test]
fn no_error_tells_where_a_link_of_the_base_leads() {
    let long = format!("/srv/{}/x", "hidden".repeat(60));
    let deep = format!("/srv/hidden{}", "/n".repeat(80));
    for target in [long.as_str(), deep.as_str(), "/srv/hidden", "../hidden"] {
        on_both(&[("l", link(target))], |session| {
            let errors = [
                session.read("l").map(drop),
                session.read("l/x").map(drop),
                session.write("l/x", b""),
                session.read_link("l/x").map(drop),
                session.mkdir("l/x"),
            ];
            for error in errors.into_iter().filter_map(Result::err) {
                let text = format!("{error} {error:?}");
                assert!(!text.contains("hidden"), "{text}");
            }
        });
    }
}

/// RUSTSEC-2026-0269: a link whose target ends in `/` was followed where it must not be.
#[test]
fn a_link_with_a_slash_at_the_end_of_its_target() {
    for (target, own) in [
        ("../../outside/", "Denied"),
        ("/etc/", "Denied"),
        ("dir/", ""),
    ] {
        on_both(
            &[("a/link", link(target)), ("a/dir/f", file("in"))],
            |session| {
                for slashes in ["/", "//", "///"] {
                    let path = format!("a/link{slashes}");
                    for result in [
                        session.remove(&path),
                        session.remove_all(&path),
                        session.rename(&path, "x"),
                    ] {
                        fails(result, "NotADirectory");
                    }
                    if own.is_empty() {
                        assert_eq!(session.stat(&path).expect("inside").kind, Kind::Directory);
                    } else {
                        fails(session.stat(&path), own);
                        fails(session.stat_link(&path), own);
                        fails(session.write(&format!("{path}f"), b"x"), own);
                        fails(session.copy(&path, "x"), own);
                    }
                }
                assert_eq!(
                    session.stat_link("a/link").expect("there").kind,
                    Kind::Symlink
                );
                session.remove("a/link").expect("the link itself");
                assert!(session.exists("a/dir/f").expect("inside"));
            },
        );
    }
}

/// CVE-2024-38358: creating through a link.
#[test]
fn nothing_is_made_through_links_that_lead_out_or_in_circles() {
    let objects = [
        ("out", link("../outside/new")),
        ("abs", link("/tmp/session-fs-new")),
        ("loop", link("pool")),
        ("pool", link("loop")),
        ("own", link("made")),
        ("f", file("source")),
    ];
    on_both(&objects, |session| {
        for (path, expected) in [
            ("out", "Denied"),
            ("abs", "Denied"),
            ("loop", "TooManyLinks"),
        ] {
            fails(session.write(path, b"x"), expected);
            fails(session.append(path, b"x"), expected);
            fails(session.mkdir(path), expected);
            fails(session.copy("f", path), expected);
        }
        session.write("own", b"x").expect("inside");
        assert_eq!(session.read("made").expect("where the link leads"), b"x");
    });
}

/// CVE-2026-44471: a prefix that was resolved once is not what it was.
#[test]
fn a_name_that_becomes_a_link_is_walked_anew() {
    on_both(
        &[("a/f", file("first")), ("b/f", file("second"))],
        |session| {
            assert_eq!(session.read("a/f").expect("there"), b"first");
            session.rename("a", "c").expect("free");
            session.symlink("b", "a").expect("free");
            assert_eq!(session.read("a/f").expect("through the link"), b"second");
            session.remove("a").expect("the link");
            session.mkdir("a").expect("free");
            fails(session.read("a/f"), "NotFound");
            assert_eq!(session.read("c/f").expect("moved"), b"first");
        },
    );
}

/// A link that is fine where it was made may lead out from where it, or its directory, was moved to.
#[test]
fn a_link_that_was_moved_up_does_not_leave_the_session() {
    on_both(
        &[("a/b/c/f", file("x")), ("a/old", link("../a"))],
        |session| {
            session.symlink("../../x", "a/b/l").expect("inside");
            session.rename("a/b", "b").expect("free");
            fails(session.seal(), "Denied");
            fails(session.read("b/l"), "Denied");
            session.rename("b", "a/b").expect("free");
            drop(session.seal().expect("inside again"));
            session.rename("a/old", "old").expect("free");
            fails(session.seal(), "Denied");
        },
    );
}

#[test]
fn the_store_is_invisible_under_every_spelling() {
    let objects = [
        (".session-fs/journal", file("ours")),
        ("d/.session-fs", file("theirs")),
    ];
    on_both(&objects, |session| {
        let spellings = [
            ".session-fs",
            "./.session-fs",
            "d/../.session-fs",
            "/.session-fs/",
            ".SESSION-FS",
            ".session-fs.",
            ".session-fs ",
            ".sessi\u{200d}on-fs",
            ".se\u{df}ion-fs",
            ".session-fs:x",
        ];
        for path in spellings {
            assert!(!session.exists(path).expect("well formed"), "{path}");
            fails(session.read(&format!("{path}/journal")), "NotFound");
            fails(session.list(path, None, 10), "NotFound");
            fails(session.remove(path), "NotFound");
            session.remove_all(path).expect("nothing there");
            fails(session.rename(path, "x"), "NotFound");
            fails(session.copy(path, "x"), "NotFound");
            fails(session.mkdir(path), "Denied");
            if !path.ends_with('/') {
                fails(session.write(path, b"x"), "Denied");
                fails(session.append(path, b"x"), "Denied");
                fails(session.symlink("d", path), "Denied");
                fails(session.copy("d/.session-fs", path), "Denied");
            }
            fails(session.rename("d", path), "Denied");
        }
        session.symlink(".session-fs", "d/l").expect("data");
        session.symlink(".session-fs/journal", "l").expect("data");
        fails(session.read("l"), "NotFound");
        let root = session.root().expect("open");
        let names: Vec<_> = root.read_dir().expect("a directory").collect();
        assert!(names.iter().all(|entry| &*entry.name != ".session-fs"));
        assert!(!tree(session).contains_key(".session-fs"));
        assert_eq!(
            session.read("d/.session-fs").expect("only at the root"),
            b"theirs"
        );
    });
}

#[test]
fn what_is_no_file_directory_or_link_is_not_there() {
    let sandbox = Sandbox::new();
    let root = sandbox.root();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(&root, "fifo", rustix::fs::FileType::Fifo, mode, 0).expect("allowed");
    rustix::fs::mknodat(&root, "socket", rustix::fs::FileType::Socket, mode, 0).expect("allowed");
    root.write("file", "x").expect("ours");
    let session = sandbox.session();
    for path in ["fifo", "socket"] {
        fails(session.read(path), "NotFound");
        fails(session.stat(path), "NotFound");
        fails(session.rename(path, "x"), "NotFound");
        fails(session.read(&format!("{path}/x")), "NotFound");
    }
    assert_eq!(tree(&session).into_keys().collect::<Vec<_>>(), ["file"]);
}

#[test]
fn names_that_are_not_utf_8_are_left_out() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let sandbox = Sandbox::new();
    let root = sandbox.root();
    root.write(OsStr::from_bytes(b"bad\xff"), "x")
        .expect("allowed");
    root.write("good", "x").expect("ours");
    let session = sandbox.session();
    assert_eq!(tree(&session).into_keys().collect::<Vec<_>>(), ["good"]);
    session.rename("good", "better").expect("free");
    assert_eq!(session.changes().expect("open").len(), 1);
}

/// A base deeper than any stack: guests can make such a tree of a checkout with ease.
#[test]
fn a_base_a_thousand_deep_is_no_danger() {
    let sandbox = Sandbox::new();
    let mut dir = sandbox.root();
    for _ in 0..1_000 {
        dir.create_dir("n").expect("fresh");
        dir = dir.open_dir("n").expect("just made");
    }
    dir.write("end", "x").expect("fresh");
    let session = sandbox.session();
    session.rename("n", "m").expect("free");
    assert_eq!(session.changes().expect("open").len(), 1);
    fails(session.copy("m", "copy"), "InvalidPath");
    assert!(!session.exists("copy").expect("well formed"));
    let query = session_fs_vfs::SearchQuery::default();
    assert_eq!(session.search(&query).expect("bounded").matches, []);
    let removed = session.remove_all("m");
    if let Err(error) = removed {
        // A path of over 4,095 bytes is more than the kernel walks.
        panic!("{error}");
    }
    assert_eq!(session.changes().expect("open").len(), 1_001);
}

/// Every rename is O(1) and adds the depth of what it moves: unbounded, paths vanished from the
/// changes once they were 256 deep.
#[test]
fn what_renames_make_too_deep_is_refused_and_never_lost() {
    let base: Arc<dyn Base> = Arc::new(MapBase::new(&[]));
    let session = Session::begin(base, SessionOptions::default());
    for round in 0..8 {
        let deep = format!("{round}{}", "/n".repeat(62));
        session.mkdir(&deep).expect("within bounds");
        if round > 0 {
            let below = format!("{deep}/m");
            session
                .rename(&(round - 1).to_string(), &below)
                .expect("the name is");
        } else {
            session
                .write(&format!("{deep}/f"), b"x")
                .expect("within bounds");
        }
    }
    fails(session.changes(), "InvalidPath");
    fails(session.seal(), "InvalidPath");
    session.remove_all("7").expect("however deep");
    assert_eq!(session.changes().expect("nothing is left"), []);
}
