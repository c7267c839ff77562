//! Every operation at every path that a hostile guest would try, over every base, by both faces of a
//! session: nothing outside is seen or touched, and what is refused leaves nothing behind.

use std::sync::Arc;

use session_fs_vfs::{DescriptorFlags, OpenFlags, PathRules, Result, Session, SessionOptions};

use crate::support::{Body, MapBase, SECRET, Sandbox};

/// An operation at a path; returns all that it shows.
type Act = fn(&Session, &str) -> Result<String>;

const NEW: OpenFlags = OpenFlags {
    create: true,
    exclusive: true,
    directory: false,
    truncate: false,
};
const READ_WRITE: DescriptorFlags = DescriptorFlags {
    read: true,
    write: true,
    mutate_directory: false,
};

/// The operations that look, by the text of a path and by a descriptor.
const LOOKING: [(&str, Act); 6] = [
    ("read", |s, path| s.read(path).map(|bytes| text(&bytes))),
    ("stat", |s, path| {
        s.stat(path).map(|stat| format!("{stat:?}"))
    }),
    ("list", |s, path| {
        s.list(path, None, 99).map(|page| format!("{page:?}"))
    }),
    ("open to read", |s, path| {
        let file = s.root()?.open_at(path, true, OpenFlags::default(), READ)?;
        let listed = file
            .read_dir()
            .map(|cursor| format!("{:?}", cursor.collect::<Vec<_>>()));
        listed.or_else(|_| file.read_at(0, 99).map(|bytes| text(&bytes)))
    }),
    ("stat by descriptor", |s, path| {
        s.root()?
            .stat_at(path, true)
            .map(|stat| format!("{stat:?}"))
    }),
    ("read a link", |s, path| s.root()?.read_link_at(path)),
];

/// Those that change something.
const CHANGING: [(&str, Act); 14] = [
    ("write", |s, path| told(s.write(path, b"x"))),
    ("create", |s, path| {
        told(s.root()?.open_at(path, true, NEW, READ_WRITE).map(drop))
    }),
    ("open to write", |s, path| {
        let file = s
            .root()?
            .open_at(path, true, OpenFlags::default(), READ_WRITE)?;
        told(file.write_at(0, b"x"))
    }),
    ("mkdir", |s, path| told(s.mkdir(path))),
    ("mkdir by descriptor", |s, path| {
        told(s.root()?.create_directory_at(path))
    }),
    ("symlink", |s, path| told(s.symlink("f", path))),
    ("symlink by descriptor", |s, path| {
        told(s.root()?.symlink_at("f", path))
    }),
    ("link from", |s, path| {
        let root = s.root()?;
        told(root.link_at(true, path, &root, "second"))
    }),
    ("link to", |s, path| {
        let root = s.root()?;
        told(root.link_at(false, "d/f", &root, path))
    }),
    ("rename from", |s, path| told(s.rename(path, "moved"))),
    ("rename to", |s, path| told(s.rename("d/f", path))),
    ("copy from", |s, path| told(s.copy(path, "copied"))),
    ("remove", |s, path| told(s.remove(path))),
    ("remove by descriptor", |s, path| {
        told(s.root()?.unlink_file_at(path))
    }),
];

const READ: DescriptorFlags = DescriptorFlags {
    read: true,
    write: false,
    mutate_directory: false,
};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn told(done: Result<()>) -> Result<String> {
    done.map(|()| String::new())
}

fn objects() -> MapBase {
    let link = |target: &str| Body::Link(target.to_owned());
    let file = |text: &str| Body::File(text.as_bytes().to_vec());
    MapBase::new(&[
        ("d/f", file("inside")),
        ("e/empty", Body::Directory),
        (".session-fs/journal", file("ours")),
        (".git/config", file("[core]")),
        ("d/.git/config", file("[core]")),
        ("out", link("../outside")),
        ("slash", link("../outside/")),
        ("slashes", link("../outside///")),
        ("point", link("../outside/.")),
        ("e/up", link("../../outside")),
        ("chain", link("e/up")),
        ("longer", link("e/../chain/")),
        ("absolute", link("/etc")),
        ("machine", link("/proc/self/root")),
        ("loop", link("loop")),
        ("ping", link("pong")),
        ("pong", link("ping")),
    ])
}

/// Paths at which nothing can be done.
fn refused() -> Vec<String> {
    let mut paths: Vec<String> = [
        // Out by steps.
        "..",
        "../outside/secret",
        "d/../../outside/secret",
        "d/f/../../../outside/secret",
        "./../outside/secret",
        "e/empty/../../../outside/secret",
        // Out by a link.
        "out/secret",
        "out/new",
        "out/../outside/secret",
        "slash/secret",
        "slashes/secret",
        "point/secret",
        "e/up/secret",
        "chain/secret",
        "longer/secret",
        "absolute/passwd",
        "machine/etc/passwd",
        // In circles.
        "loop/x",
        "ping/x",
        // The host's own folder.
        ".session-fs/journal",
        ".session-fs/new",
        ".SESSION-FS/journal",
        "d/../.session-fs/journal",
        "./.session-fs./journal",
        ".sessi\u{200d}on-fs/journal",
        // What is no path.
        "d/f\0",
        "\0",
        // Through a file.
        "d/f/x",
        "d/f/../f",
    ]
    .map(str::to_owned)
    .to_vec();
    paths.push("n".repeat(256));
    paths.push("d/".repeat(2_100) + "f");
    paths.push("e/empty/".to_owned() + &"deep/".repeat(70) + "f");
    for slashes in 1..4 {
        paths.push(format!("slash{}secret", "/".repeat(slashes)));
    }
    paths
}

/// Runs a check in a fresh session of every kind, and holds what is outside against what it was.
fn on_every_base(rules: &PathRules, check: impl Fn(&str, &dyn Fn() -> Session)) {
    let options = || SessionOptions {
        rules: rules.clone(),
        ..SessionOptions::default()
    };
    let map = objects();
    check("a map", &|| {
        Session::begin(Arc::new(map.clone()), options())
    });
    let sandbox = Sandbox::of(&map);
    let over_directory = || Session::begin(sandbox.base.clone(), options());
    check("a directory", &over_directory);
    check("a fork", &|| {
        over_directory().fork(options()).expect("open")
    });
    check("a nested session", &|| {
        let nested = over_directory().begin_nested(options());
        nested.expect("open")
    });
    check("a session that moved something", &|| {
        let session = over_directory();
        // Where it may.
        if session.rename("e", "t").is_ok() {
            session.rename("t", "e").expect("it may");
        }
        session
    });
    let outside = sandbox.folder.read_to_string("outside/secret");
    assert_eq!(outside.expect("there"), SECRET);
    let count = |dir: &str| sandbox.folder.read_dir(dir).expect("lists").count();
    assert_eq!((count("outside"), count(".")), (1, 2));
    assert_eq!(snapshot(&sandbox), snapshot(&Sandbox::of(&map)), "the base");
}

/// The names in a base and what its files hold.
fn snapshot(sandbox: &Sandbox) -> Vec<(String, Vec<u8>)> {
    let files = [".session-fs/journal", ".git/config", "d/.git/config", "d/f"];
    let root = sandbox.root();
    let read = |path: &str| (path.to_owned(), root.read(path).expect("there"));
    files.map(read).to_vec()
}

fn assert_nothing_shown(shown: &str, context: &str) {
    for secret in [SECRET, "root:", "\"secret\"", "journal", "passwd"] {
        assert!(!shown.contains(secret), "{context} shows {shown}");
    }
}

#[test]
fn no_operation_leads_out_or_to_what_is_the_host_s() {
    on_every_base(&PathRules::default(), |base, begin| {
        for path in refused() {
            for (name, act) in LOOKING.iter().chain(&CHANGING) {
                let session = begin();
                let before = session.changes().expect("open");
                let context = format!("{name} at {path:.60?} in {base}");
                match act(&session, &path) {
                    Ok(shown) => panic!("{context}: done, {shown}"),
                    Err(error) => {
                        // What was asked for is told again.
                        let told = error.to_string().replace(path.as_str(), "");
                        assert_nothing_shown(&told, &context);
                    }
                }
                assert_eq!(session.changes().expect("open"), before, "{context}");
            }
        }
    });
}

/// Version control of any kind, also where there is none yet.
#[test]
fn no_operation_changes_version_control() {
    let paths = [
        ".git/config",
        ".git/hooks",
        "d/.git/config",
        ".GIT/config",
        ".git./config",
        ".g\u{200c}it/config",
        "git~1/config",
        "e/.hg/hgrc",
        ".jj",
        "d/../.git/config",
        "e/empty/.svn",
    ];
    on_every_base(&PathRules::guarded(), |base, begin| {
        for path in paths {
            for (name, act) in CHANGING {
                if name == "copy from" {
                    continue;
                }
                let session = begin();
                let before = session.changes().expect("open");
                let context = format!("{name} at {path:?} in {base}");
                assert!(act(&session, path).is_err(), "{context}");
                assert_eq!(session.changes().expect("open"), before, "{context}");
            }
        }
    });
}

#[test]
fn no_operation_changes_what_is_only_read() {
    let rules = PathRules::allowing(&["**"], &[]).expect("globs");
    let paths = [
        "d/f",
        "d/new",
        "e/empty",
        "e",
        "second",
        "out",
        "e/empty/../f",
    ];
    on_every_base(&rules, |base, begin| {
        for path in paths {
            for (name, act) in CHANGING {
                let session = begin();
                let context = format!("{name} at {path:?} in {base}");
                let done = act(&session, path).is_ok();
                // As `mkdir -p`, that is content with a directory that there is.
                let is_there = name == "mkdir" && session.list(path, None, 1).is_ok();
                assert!(!done || is_there, "{context}");
                assert_eq!(session.changes().expect("open"), [], "{context}");
            }
        }
    });
}
