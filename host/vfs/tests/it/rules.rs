//! What rules by glob let through, over every operation and both faces of a session.

use std::sync::Arc;

use session_fs_vfs::{
    DescriptorFlags, Error, NewTime, OpenFlags, PathRules, Result, SearchQuery, Session,
    SessionOptions,
};

use crate::support::{Body, MapBase, fails, over, tree};

/// An operation at a path; `{}` of the paths below is one of the directories.
type Act = fn(&Session, &str) -> Result<()>;

fn base() -> MapBase {
    let text = |text: &str| Body::File(text.as_bytes().to_vec());
    MapBase::new(&[
        ("hidden/f", text("hidden")),
        ("hidden/d/deep", text("hidden")),
        ("hidden/empty", Body::Directory),
        ("shown/f", text("shown")),
        ("shown/d/deep", text("shown")),
        ("shown/empty", Body::Directory),
        ("open/f", text("open")),
        ("open/d/deep", text("open")),
        ("open/empty", Body::Directory),
        ("top", text("hidden")),
        ("open/to-hidden", Body::Link("../hidden/f".to_owned())),
        ("open/to-shown", Body::Link("../shown/f".to_owned())),
    ])
}

fn ruled(read: &[&str], write: &[&str]) -> Session {
    let options = SessionOptions {
        rules: PathRules::allowing(read, write).expect("valid globs"),
        ..SessionOptions::default()
    };
    Session::begin(Arc::new(base()), options)
}

/// `hidden` may not even be read, `shown` be read, `open` be written.
fn three() -> Session {
    ruled(&["shown/**"], &["open/**"])
}

const CREATE: OpenFlags = OpenFlags {
    create: true,
    exclusive: false,
    directory: false,
    truncate: false,
};
const TRUNCATE: OpenFlags = OpenFlags {
    truncate: true,
    create: false,
    exclusive: false,
    directory: false,
};
const READ: DescriptorFlags = DescriptorFlags {
    read: true,
    write: false,
    mutate_directory: false,
};
const WRITE: DescriptorFlags = DescriptorFlags {
    read: false,
    write: true,
    mutate_directory: false,
};

fn opens(s: &Session, path: &str, open: OpenFlags, flags: DescriptorFlags) -> Result<()> {
    s.root()?.open_at(path, true, open, flags).map(drop)
}

const READING: &[(&str, Act)] = &[
    ("read", |s, d| s.read(&format!("{d}/f")).map(drop)),
    ("read-range", |s, d| {
        s.read_range(&format!("{d}/f"), 0, 1).map(drop)
    }),
    ("open", |s, d| {
        opens(s, &format!("{d}/f"), OpenFlags::default(), READ)
    }),
    ("open directory", |s, d| {
        opens(s, d, OpenFlags::default(), READ)
    }),
    ("stat", |s, d| s.stat(&format!("{d}/f")).map(drop)),
    ("stat directory", |s, d| s.stat(d).map(drop)),
    ("stat_at", |s, d| {
        s.root()?.stat_at(&format!("{d}/f"), true).map(drop)
    }),
    ("list", |s, d| s.list(d, None, 10).map(drop)),
    ("copy from", |s, d| s.copy(&format!("{d}/d"), "open/copy")),
];

const WRITING: &[(&str, Act)] = &[
    ("write", |s, d| s.write(&format!("{d}/f"), b"x")),
    ("write-range", |s, d| {
        s.write_range(&format!("{d}/f"), 0, b"x")
    }),
    ("append", |s, d| s.append(&format!("{d}/f"), b"x")),
    ("truncate", |s, d| s.truncate(&format!("{d}/f"), 0)),
    ("edit", |s, d| s.edit(&format!("{d}/f"), d, "x", 1)),
    ("open to write", |s, d| {
        opens(s, &format!("{d}/f"), OpenFlags::default(), WRITE)
    }),
    ("open to truncate", |s, d| {
        opens(s, &format!("{d}/f"), TRUNCATE, READ)
    }),
    ("create", |s, d| s.write(&format!("{d}/new"), b"x")),
    ("create by append", |s, d| {
        s.append(&format!("{d}/new"), b"x")
    }),
    ("open to create", |s, d| {
        opens(s, &format!("{d}/new"), CREATE, READ)
    }),
    ("mkdir", |s, d| s.mkdir(&format!("{d}/new/below"))),
    ("create_directory_at", |s, d| {
        s.root()?.create_directory_at(&format!("{d}/new"))
    }),
    ("symlink", |s, d| s.symlink("f", &format!("{d}/new"))),
    ("symlink_at", |s, d| {
        s.root()?.symlink_at("f", &format!("{d}/new"))
    }),
    ("copy to", |s, d| s.copy("open/d", &format!("{d}/new"))),
    ("copy over", |s, d| s.copy("open/d/deep", &format!("{d}/f"))),
    ("set times", |s, d| {
        s.root()?
            .set_times_at(&format!("{d}/f"), true, NewTime::Now, NewTime::Now)
    }),
    ("link from", |s, d| {
        link(s, &format!("{d}/f"), "open/second")
    }),
    ("link to", |s, d| link(s, "open/f", &format!("{d}/second"))),
    ("rename from", |s, d| {
        s.rename(&format!("{d}/f"), "open/moved")
    }),
    ("rename to", |s, d| {
        s.rename("open/f", &format!("{d}/moved"))
    }),
    ("rename over", |s, d| {
        s.rename("open/d/deep", &format!("{d}/f"))
    }),
    ("rename directory from", |s, d| {
        s.rename(&format!("{d}/d"), "open/moved")
    }),
    ("rename directory to", |s, d| {
        s.rename("open/d", &format!("{d}/moved"))
    }),
    ("rename_at", |s, d| {
        let root = s.root()?;
        root.rename_at(&format!("{d}/f"), &root, "open/moved")
    }),
    ("remove", |s, d| s.remove(&format!("{d}/f"))),
    ("remove directory", |s, d| s.remove(&format!("{d}/empty"))),
    ("unlink_file_at", |s, d| {
        s.root()?.unlink_file_at(&format!("{d}/f"))
    }),
    ("remove_directory_at", |s, d| {
        s.root()?.remove_directory_at(&format!("{d}/empty"))
    }),
    ("remove-all", |s, d| s.remove_all(d)),
];

fn link(session: &Session, source: &str, target: &str) -> Result<()> {
    let root = session.root()?;
    root.link_at(false, source, &root, target)
}

/// Runs one operation in a fresh session; a denial leaves nothing behind.
fn check(name: &str, act: Act, dir: &str, allowed: bool, verb: &str) {
    let session = three();
    let outcome = act(&session, dir);
    if allowed {
        outcome.unwrap_or_else(|error| panic!("{name} in {dir}: {error}"));
        return;
    }
    let Err(Error::Denied { grant, .. }) = outcome else {
        panic!("{name} in {dir}: {outcome:?}");
    };
    let grant = grant.unwrap_or_else(|| panic!("{name} in {dir}: which grant?"));
    assert!(
        grant.starts_with(&format!("{verb}={dir}")),
        "{name}: {grant}"
    );
    assert_eq!(session.changes().expect("open"), [], "{name} in {dir}");
}

#[test]
fn every_operation_asks_the_rules() {
    for (name, act) in READING {
        check(name, *act, "hidden", false, "read");
        check(name, *act, "shown", true, "read");
        check(name, *act, "open", true, "read");
    }
    for (name, act) in WRITING {
        check(name, *act, "hidden", false, "write");
        check(name, *act, "shown", false, "write");
        check(name, *act, "open", true, "write");
    }
}

/// RUSTSEC-2026-0149, for a path instead of a session.
#[test]
fn no_combination_of_flags_writes_where_only_reading_is_allowed() {
    let session = three();
    let root = session.root().expect("open");
    for bits in 0..64_u8 {
        let bit = |index: u8| bits & (1 << index) != 0;
        let open = OpenFlags {
            create: bit(0),
            exclusive: bit(1),
            directory: bit(2),
            truncate: bit(3),
        };
        let flags = DescriptorFlags {
            read: bit(4),
            write: bit(5),
            mutate_directory: true,
        };
        for path in ["shown/f", "shown/new", "open/to-shown", "shown/d/deep"] {
            if let Ok(opened) = root.open_at(path, true, open, flags) {
                assert!(!opened.flags().write, "{path} {open:?} {flags:?}");
                fails(opened.write_at(0, b"x"), "BadDescriptor");
                fails(opened.set_size(0), "BadDescriptor");
                fails(opened.set_times(NewTime::Now, NewTime::Now), "Denied");
            }
        }
    }
    assert_eq!(session.changes().expect("open"), []);
}

#[test]
fn listings_and_searches_show_what_may_be_read_and_the_way_there() {
    let check = |read: &[&str], expected: &[&str]| {
        let session = ruled(read, &[]);
        let shown: Vec<_> = tree(&session).into_keys().collect();
        assert_eq!(shown, expected, "{read:?}");
        let found = session.search(&SearchQuery::default()).expect("searches");
        for found in found.matches {
            assert!(
                shown.contains(&found.path.to_string()),
                "{read:?}: {found:?}"
            );
        }
    };
    check(&["shown/d/*"], &["shown", "shown/d", "shown/d/deep"]);
    check(&["top"], &["top"]);
    check(&["open/empty/**"], &["open", "open/empty"]);
    check(&["nothing/**"], &[]);
    check(&["sh?wn"], &["shown"]);
    let session = ruled(&["*/d/**"], &[]);
    let page = session.list("hidden", None, 1).expect("on the way");
    assert_eq!(
        page.entries.len(),
        1,
        "what is left out takes no place on a page"
    );
    assert_eq!(page.next, None);
    let dir = session.root().expect("open");
    let listed: Vec<_> = dir.read_dir().expect("lists").collect();
    assert_eq!(listed.len(), 3, "a handle lists the same: {listed:?}");
}

/// Whether something is there must not show where it may not be read.
#[test]
fn a_denial_is_the_same_whether_or_not_anything_is_there() {
    let session = three();
    for (there, absent) in [
        ("hidden/f", "hidden/none"),
        ("hidden/d", "hidden/n"),
        ("top", "tip"),
        ("hidden/f/x", "hidden/none/x"),
    ] {
        let texts = [there, absent].map(|path| {
            let error = session.stat(path).expect_err(path);
            error.to_string().replace(path, "?")
        });
        assert_eq!(texts[0], texts[1], "{there}");
        fails(session.exists(there), "Denied");
        fails(session.exists(absent), "Denied");
    }
    let session = ruled(&["shown/*/deep"], &[]);
    fails(session.stat("shown/f"), "Denied");
    fails(session.stat("shown/none"), "Denied");
    fails(session.stat("shown/d/none"), "Denied");
    fails(session.stat("shown/none/deep"), "Denied");
}

#[test]
fn a_link_leads_only_where_its_end_may_be_read() {
    let session = three();
    fails(session.read("open/to-hidden"), "Denied");
    fails(session.write("open/to-hidden", b"x"), "Denied");
    fails(session.append("open/to-shown", b"x"), "Denied");
    assert_eq!(session.read("open/to-shown").expect("shown"), b"shown");
    session
        .symlink("../shown/d", "open/way")
        .expect("a link is data");
    fails(session.write("open/way/new", b"x"), "Denied");
    fails(session.rename("open/way/deep", "open/deep"), "Denied");
    assert_eq!(session.read("open/way/deep").expect("shown"), b"shown");
    assert_eq!(
        session
            .read_link("open/to-hidden")
            .expect("the link itself"),
        "../hidden/f"
    );
}

/// RUSTSEC-2026-0188: a second name or a move from where only reading is allowed gave writing.
#[test]
fn nothing_moves_to_where_more_is_allowed() {
    let session = ruled(&["**"], &["open/**", "shown/*.md"]);
    for target in ["open/x", "shown/x.md"] {
        fails(link(&session, "shown/f", target), "Denied");
        fails(session.rename("shown/f", target), "Denied");
        fails(session.rename("shown/d", target), "Denied");
        fails(link(&session, "open/to-shown", "shown/link"), "Denied");
    }
    session
        .copy("shown/f", "open/x")
        .expect("a copy is another file");
    session.write("open/x", b"mine").expect("allowed");
    assert_eq!(session.read("shown/f").expect("there"), b"shown");
    assert_eq!(session.changes().expect("open").len(), 1);
}

/// A directory takes along what is below it, which may have rules of its own.
#[test]
fn a_directory_moves_only_with_all_below_writable_at_both_ends() {
    let session = ruled(&[], &["open", "open/*", "open/*/*.txt", "elsewhere/**"]);
    session.mkdir("open/n").expect("allowed");
    session.write("open/n/a.txt", b"x").expect("allowed");
    session
        .rename("open/n", "elsewhere")
        .expect("all of it may be written");
    fails(session.rename("open/d", "elsewhere/d"), "Denied");
    session.write("elsewhere/b.md", b"x").expect("allowed");
    fails(session.rename("elsewhere", "open/n"), "Denied");
    fails(session.remove_all("open"), "Denied");
    fails(session.remove_all("open/d"), "Denied");
    fails(session.remove("open/d"), "NotEmpty");
    assert_eq!(session.stat("open/empty").expect("there").link_count, 1);
    session.remove("elsewhere/b.md").expect("allowed");
    session
        .rename("elsewhere", "open/n")
        .expect("all of it may be written again");
}

#[test]
fn what_is_begun_from_a_session_only_narrows() {
    let session = three();
    let wide = || SessionOptions {
        rules: PathRules::allowing(&["**"], &["**"]).expect("valid"),
        ..SessionOptions::default()
    };
    let narrow = || SessionOptions {
        rules: PathRules::allowing(&["**"], &["open/f", "shown/f"]).expect("valid"),
        ..SessionOptions::default()
    };
    for begun in [
        session.begin_nested(wide()).expect("open"),
        session.fork(wide()).expect("open"),
        session
            .begin_nested(SessionOptions::default())
            .expect("open"),
        session.fork(SessionOptions::default()).expect("open"),
    ] {
        fails(begun.read("hidden/f"), "Denied");
        fails(begun.write("shown/f", b"x"), "Denied");
        begun.write("open/d/new", b"x").expect("as the first may");
    }
    for begun in [
        session.begin_nested(narrow()).expect("open"),
        session.fork(narrow()).expect("open"),
    ] {
        fails(begun.read("hidden/f"), "Denied");
        fails(begun.write("shown/f", b"x"), "Denied");
        fails(begun.write("open/d/new", b"x"), "Denied");
        begun.read("open/d/deep").expect("both may");
        begun.write("open/f", b"x").expect("both may");
        let below = begun.begin_nested(wide()).expect("open");
        fails(below.write("open/d/new", b"x"), "Denied");
    }
}

/// A rebase follows a file that others moved, which may be to where it may not be written.
#[test]
fn what_others_moved_under_a_change_is_denied_when_sealed() {
    let session = three();
    session.write("open/f", b"mine").expect("allowed");
    let moved = over(&base());
    let parent = moved.begin_nested(SessionOptions::default()).expect("open");
    let child = SessionOptions {
        rules: PathRules::allowing(&["shown/**"], &["open/**"]).expect("valid"),
        ..SessionOptions::default()
    };
    let child = parent.begin_nested(child).expect("open");
    child.write("open/f", b"mine").expect("allowed");
    parent
        .rename("open/f", "shown/moved")
        .expect("without rules");
    let policy = session_fs_vfs::ConflictPolicy::Merge;
    let rebased = child.rebase_onto_parent(policy).expect("moves");
    assert_eq!(rebased.conflicts, []);
    let Err(error) = child.seal() else {
        panic!("it changed 'shown/moved'");
    };
    assert!(error.to_string().contains("'shown/moved'"), "{error}");
    assert!(session.seal().is_ok());
}

fn guarded(objects: &[(&str, Body)]) -> Session {
    let options = SessionOptions {
        rules: PathRules::guarded(),
        ..SessionOptions::default()
    };
    Session::begin(Arc::new(MapBase::new(objects)), options)
}

fn file() -> Body {
    Body::File(b"[core]".to_vec())
}

/// CVE-2014-9390 and its kin, and CVE-2026-25725: also where none is there yet.
#[test]
fn version_control_is_not_written_by_any_spelling_or_operation() {
    let spellings = [
        ".git",
        ".GIT",
        ".git.",
        ".g\u{200c}it",
        "git~1",
        ".git::$DATA",
        ".hg",
        ".svn",
    ];
    for name in spellings {
        for dir in ["", "vendor/x/"] {
            let session = guarded(&[
                ("vendor/x/f", file()),
                ("f", file()),
                (&format!("{dir}{name}/config"), file()),
                (&format!("{dir}{name}/f"), file()),
                (&format!("{dir}{name}/d/deep"), file()),
                (&format!("{dir}{name}/empty"), Body::Directory),
                ("open/f", file()),
                ("open/d/deep", file()),
            ]);
            let path = format!("{dir}{name}");
            for (act_name, act) in WRITING {
                let Err(Error::Denied { grant, .. }) = act(&session, &path) else {
                    panic!("{act_name} in {path}");
                };
                assert!(grant.is_some_and(|grant| grant.starts_with("write=")));
            }
            for (_, act) in READING.iter().filter(|(name, _)| *name != "copy from") {
                act(&session, &path).expect("reading is not denied");
            }
            fails(session.copy(&path, "open/.git"), "Denied");
            fails(session.rename(&path, "other"), "Denied");
            assert_eq!(session.changes().expect("open"), []);

            let without = guarded(&[("vendor/x/f", file()), ("open/d/config", file())]);
            fails(without.mkdir(&path), "Denied");
            fails(without.write(&path, b"gitdir: elsewhere"), "Denied");
            fails(without.symlink("../open", &path), "Denied");
            fails(without.rename("open/d", &path), "Denied");
            fails(without.copy("open", &path), "Denied");
            assert_eq!(without.changes().expect("open"), []);
        }
    }
}

/// CVE-2021-21300 and CVE-2024-32002: a link is no other way in.
#[test]
fn a_link_into_version_control_is_no_way_to_write_there() {
    let session = guarded(&[(".git/hooks/sample", file()), ("f", file())]);
    session.symlink(".git/hooks", "a").expect("a link is data");
    fails(session.write("a/post-checkout", b"x"), "Denied");
    fails(session.rename("f", "a/post-checkout"), "Denied");
    fails(session.remove_all("a/sample"), "Denied");
    assert_eq!(session.read("a/sample").expect("there"), b"[core]");
}

#[test]
fn version_control_moves_along_and_is_not_removed_along() {
    let session = guarded(&[("vendor/x/.git/config", file()), ("vendor/y/f", file())]);
    fails(session.remove_all("vendor"), "Denied");
    fails(session.copy("vendor/x", "copy"), "Denied");
    session.rename("vendor", "third-party").expect("as it is");
    session
        .remove_all("third-party/y")
        .expect("nothing of it there");
    fails(session.write("third-party/x/.git/config", b"x"), "Denied");
}

#[test]
fn version_control_is_written_by_who_was_granted_it_by_name() {
    let begin = |write: &[&str]| {
        let options = SessionOptions {
            rules: PathRules::allowing(&["**"], write).expect("valid"),
            ..SessionOptions::default()
        };
        Session::begin(Arc::new(MapBase::files(&[("a/.git/config", "x")])), options)
    };
    for write in [
        ["**", "**/*"],
        ["a/**", "a/?git/*"],
        ["a/.hg/**", "a/.[g]it/**"],
    ] {
        fails(begin(&write).write("a/.git/config", b"y"), "Denied");
    }
    let session = begin(&["**", "a/.git/**"]);
    session
        .write("a/.git/config", b"y")
        .expect("granted by name");
    fails(session.mkdir("a/.GIT"), "Denied");
    fails(session.mkdir("a/.git/.git"), "Denied");
    fails(session.mkdir("b/.git"), "Denied");
    // What was written by that name must not come to stand under another.
    fails(session.rename("a", "b"), "Denied");
}
