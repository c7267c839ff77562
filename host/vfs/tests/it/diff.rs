//! The unified diff: applied by git to where a session began, it must give where it ended.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use session_fs_vfs::{Kind, Session};

use crate::support::{Body, MapBase, Sandbox, empty, fails, over, tree};

type Tree = BTreeMap<String, (Kind, bool, Vec<u8>)>;

/// Runs git in the root of a sandbox with a patch on its input.
#[expect(
    clippy::disallowed_methods,
    reason = "git itself is the judge of its format"
)]
fn git_apply(sandbox: &Sandbox, arguments: &[&str], patch: &str) -> Result<(), String> {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    let root = sandbox.root();
    let mut git = Command::new("git")
        .arg("-C")
        .arg(format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            root.as_raw_fd()
        ))
        .args([
            "-c",
            "core.autocrlf=false",
            "apply",
            "--whitespace=nowarn",
            "--unsafe-paths",
        ])
        .args(arguments)
        .env("GIT_CEILING_DIRECTORIES", "/")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is installed");
    let mut input = git.stdin.take().expect("piped");
    input.write_all(patch.as_bytes()).expect("git reads");
    drop(input);
    let output = git.wait_with_output().expect("git ends");
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The files and links of a tree: git knows no empty directories.
fn files(session: &Session) -> Tree {
    let all = tree(session).into_iter();
    all.filter(|(_, (kind, ..))| *kind != Kind::Directory)
        .collect()
}

/// Checks that the diff of `change` over `base` is one that git applies and that says all of it.
fn check(base: &MapBase, change: impl Fn(&Session)) -> String {
    let session = over(base);
    change(&session);
    let patch = session.diff().expect("within limits");
    let sandbox = Sandbox::of(base);
    if patch.is_empty() {
        assert_eq!(files(&session), files(&sandbox.session()));
        return patch;
    }
    let applied =
        git_apply(&sandbox, &["--check"], &patch).and_then(|()| git_apply(&sandbox, &[], &patch));
    if let Err(error) = applied {
        panic!("{error}\n{patch}");
    }
    assert_eq!(files(&sandbox.session()), files(&session), "{patch}");
    patch
}

fn base() -> MapBase {
    let lines: String = (0..40).map(|line| format!("line {line}\n")).collect();
    MapBase::new(&[
        ("long", Body::File(lines.into_bytes())),
        ("short", Body::File(b"one\ntwo".to_vec())),
        ("empty", Body::File(Vec::new())),
        ("run", Body::Executable(b"#!/bin/sh\n".to_vec())),
        ("dir/a", Body::File(b"a\n".to_vec())),
        ("dir/sub/b", Body::File(b"b\nb\n".to_vec())),
        ("dir/sub/x", Body::Executable(b"x\n".to_vec())),
        ("link", Body::Link("short".to_owned())),
    ])
}

#[test]
fn every_kind_of_change_is_one_that_git_applies() {
    type Change = fn(&Session) -> session_fs_vfs::Result<()>;
    let changes: [(&str, Change); 24] = [
        ("edit", |s| s.edit("long", "line 20\n", "line XX\n", 1)),
        ("two hunks", |s| {
            s.edit("long", "line 1\n", "", 1)?;
            s.edit("long", "line 39\n", "line 39\nline 40", 1)
        }),
        ("end without newline", |s| s.write("short", b"one\nthree")),
        ("newline added", |s| s.append("short", b"\n")),
        ("newline removed", |s| s.truncate("long", 6)),
        ("emptied", |s| s.truncate("short", 0)),
        ("filled", |s| s.append("empty", b"text")),
        ("created", |s| s.write("new", b"text\n")),
        ("created empty", |s| s.write("new", b"")),
        ("created in new directory", |s| {
            s.mkdir("n/m")?;
            s.write("n/m/new", b"text\n")
        }),
        ("removed", |s| s.remove("short")),
        ("removed empty", |s| s.remove("empty")),
        ("removed executable", |s| s.remove("run")),
        ("removed tree", |s| s.remove_all("dir")),
        ("renamed", |s| s.rename("run", "dir/run")),
        ("renamed and edited", |s| {
            s.rename("long", "longer")?;
            s.edit("longer", "line 7\n", "line seven\n", 1)
        }),
        ("renamed directory", |s| s.rename("dir", "moved")),
        ("renamed directory, edited below", |s| {
            s.rename("dir", "moved")?;
            s.append("moved/sub/b", b"c\n")?;
            s.remove("moved/a")?;
            s.write("moved/a2", b"new\n")
        }),
        ("swapped", |s| {
            s.rename("short", "t")?;
            s.rename("run", "short")?;
            s.rename("t", "run")
        }),
        ("link made", |s| s.symlink("long", "to-long")),
        ("link removed", |s| s.remove("link")),
        ("file for link", |s| {
            s.remove("link")?;
            s.write("link", b"a file now\n")
        }),
        ("lines that end otherwise", |s| {
            s.write("short", b"a\rb\r\n\x0b\x0c\n\xc2\x85\ne\r")
        }),
        ("names that need quotes", |s| {
            for name in [
                "a b",
                "tab\there",
                "line\nbreak",
                "quo\"te",
                "back\\slash",
                "\u{e9}t\u{e9}",
            ] {
                s.write(name, b"x\n")?;
            }
            s.rename("short", "new\nname")
        }),
    ];
    for (what, change) in changes {
        let patch = check(&base(), |session| change(session).expect(what));
        assert!(!patch.is_empty(), "{what}");
    }
}

/// A name with a line break could add lines, and so files, to the diff that a person applies.
#[test]
fn no_name_adds_lines_to_a_diff() {
    let session = empty();
    session.write("x\n+++ b", b"1\n").expect("free");
    let patch = session.diff().expect("small");
    assert!(patch.lines().all(|line| line != "+++ b"), "{patch}");
    assert!(patch.contains(r#""b/x\012+++ b""#), "{patch}");
}

#[test]
fn what_is_not_text_is_named_only() {
    let base = MapBase::new(&[
        ("nul", Body::File(b"a\0b".to_vec())),
        ("latin", Body::File(b"caf\xe9\n".to_vec())),
        ("huge", Body::Sparse(9 << 20)),
    ]);
    let session = over(&base);
    session.append("nul", b"c").expect("fits");
    session.append("latin", b"c").expect("fits");
    session.append("huge", b"c").expect("fits");
    let expected: String = ["huge", "latin", "nul"]
        .map(|name| {
            format!("diff --git a/{name} b/{name}\nBinary files a/{name} and b/{name} differ\n")
        })
        .concat();
    assert_eq!(session.diff().expect("named only"), expected);
}

/// Two texts without a line in common took the line matcher hours.
#[test]
fn texts_that_share_nothing_are_compared_quickly() {
    let old: String = (0..300_000).map(|line| format!("{line}\n")).collect();
    let new: String = (300_000..600_000).map(|line| format!("{line}\n")).collect();
    let session = over(&MapBase::files(&[("f", &old)]));
    session.write("f", new.as_bytes()).expect("fits");
    let patch = session.diff().expect("within limits");
    assert!(patch.contains("@@ -1,300000 +1,300000 @@"));
}

#[test]
fn a_diff_has_a_limit() {
    let limits = session_fs_vfs::Limits {
        diff_bytes_max: 1_000,
        ..session_fs_vfs::Limits::default()
    };
    let base = std::sync::Arc::new(base());
    let (session, _) = crate::support::limited(base, limits);
    session
        .write("new", "line\n".repeat(1_000).as_bytes())
        .expect("fits");
    fails(session.diff(), "Quota");
}

/// One random step on text files.
#[derive(Clone, Debug)]
enum Step {
    Write(String, String),
    Append(String, String),
    Rename(String, String),
    RemoveAll(String),
    Copy(String, String),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let path = || "(long|short|empty|run|dir|dir/a|dir/sub|dir/sub/b|new|new/c)";
    let text = || "([ab]\n){0,4}[ab]{0,1}";
    let step = prop_oneof![
        (path(), text()).prop_map(|(path, text)| Step::Write(path, text)),
        (path(), text()).prop_map(|(path, text)| Step::Append(path, text)),
        (path(), path()).prop_map(|(source, target)| Step::Rename(source, target)),
        path().prop_map(Step::RemoveAll),
        (path(), path()).prop_map(|(source, target)| Step::Copy(source, target)),
    ];
    prop::collection::vec(step, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_changes_are_ones_that_git_applies(steps in steps()) {
        check(&base(), |session| {
            for step in &steps {
                // What is refused is no part of the change.
                let _refused = match step {
                    Step::Write(path, text) => session.write(path, text.as_bytes()),
                    Step::Append(path, text) => session.append(path, text.as_bytes()),
                    Step::Rename(source, target) => session.rename(source, target),
                    Step::RemoveAll(path) => session.remove_all(path),
                    Step::Copy(source, target) => session.copy(source, target),
                };
            }
        });
    }
}

#[test]
fn the_diff_of_nothing_is_nothing() {
    assert_eq!(check(&base(), |_| ()), "");
}
