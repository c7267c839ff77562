//! Names reach the kernel through one file, `host/store/src/disk/real.rs`, and nowhere else.
//!
//! clippy bans `std::fs` with a reason at each call; it knows nothing of raw system calls, so the
//! crates that offer them are looked for here. Calls on an open handle are fine anywhere; the list
//! is of what is allowed, so that a call nobody thought of is refused. Tests of the door are spared:
//! they play the outsider.

use super::scan::{Token, tokens};
use super::{Source, assert_none, rust_sources};

/// The one file.
const DOOR: &str = "host/store/src/disk/real.rs";

/// Functions of `rustix::fs` that take a handle or a number and no name; types are fine too.
const NAMELESS: [&str; 10] = [
    "syncfs",
    "fallocate",
    "fchmod",
    "fdatasync",
    "flock",
    "fstat",
    "fsync",
    "ftruncate",
    "futimens",
    "makedev",
];

/// Functions that take a name, in a file that gives them the empty one, which means the handle.
const GIVEN_NO_NAME: [(&str, &str); 1] = [("host/store/src/disk/handle.rs", "statx")];

#[test]
fn only_the_door_calls_the_kernel_with_names() {
    let sources = rust_sources();
    assert!(
        sources.iter().any(|source| source.path == DOOR),
        "the door has moved; update DOOR"
    );
    assert_none("go through `store::disk`", &trespassers(&sources));
}

fn trespassers(sources: &[Source]) -> Vec<String> {
    let is_inside = |source: &&Source| {
        let is_test = source.path.contains("/tests/") || source.path.ends_with("/tests.rs");
        source.path.starts_with("host/") && source.path != DOOR && !is_test
    };
    let mut offenders = Vec::new();
    for source in sources.iter().filter(is_inside) {
        let tokens = tokens(&source.text);
        for (index, token) in tokens.iter().enumerate() {
            let rest = &tokens[index + 1..];
            let called = match token {
                Token::Ident("openat2") => vec!["openat2"],
                Token::Ident(name @ ("libc" | "nix")) if is_path(rest) => vec![*name],
                Token::Ident("rustix") if rest.first() == Some(&Token::Ident("as")) => vec!["as"],
                Token::Ident("rustix") if is_path(rest) => names_below(&rest[2..]),
                _ => Vec::new(),
            };
            let is_refused = |name: &&str| !is_nameless(name, &source.path);
            offenders.extend(
                called
                    .into_iter()
                    .filter(is_refused)
                    .map(|n| format!("{}: {n}", source.path)),
            );
        }
    }
    offenders
}

fn is_nameless(name: &str, path: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        || NAMELESS.contains(&name)
        || GIVEN_NO_NAME.contains(&(path, name))
}

fn is_path(rest: &[Token<'_>]) -> bool {
    rest.starts_with(&[Token::Punct(':'); 2])
}

/// What is named of `fs` in a path that starts after `rustix::`; the module itself, under which
/// anything could be called, comes out as `fs`, and a glob as `*`.
fn names_below<'a>(rest: &[Token<'a>]) -> Vec<&'a str> {
    match rest {
        [Token::Punct('*'), ..] => vec!["*"],
        [Token::Punct('{'), ..] => {
            let group = group(rest);
            let parts = group.iter().enumerate().filter(|(_, t)| is_fs_or_glob(t));
            parts
                .flat_map(|(at, _)| names_below(&group[at..]))
                .collect()
        }
        [Token::Ident("fs"), below @ ..] if is_path(below) => match &below[2..] {
            [Token::Ident(name), ..] => vec![*name],
            [Token::Punct('{'), ..] => group(&below[2..]).iter().filter_map(leaf).collect(),
            _ => vec!["*"],
        },
        [Token::Ident("fs"), ..] => vec!["fs"],
        _ => Vec::new(),
    }
}

fn is_fs_or_glob(token: &Token<'_>) -> bool {
    matches!(token, Token::Ident("fs") | Token::Punct('*'))
}

/// The module under its own name is as good as all of it, hence `self` counts as `fs`.
fn leaf<'a>(token: &Token<'a>) -> Option<&'a str> {
    match token {
        Token::Ident("self") => Some("fs"),
        Token::Ident(name) => Some(name),
        Token::Punct('*') => Some("*"),
        Token::Text(_) | Token::Punct(_) => None,
    }
}

/// What is between a brace and the one that closes it.
fn group<'s, 'a>(rest: &'s [Token<'a>]) -> &'s [Token<'a>] {
    let mut depth = 0;
    for (index, token) in rest.iter().enumerate() {
        match token {
            Token::Punct('{') => depth += 1,
            Token::Punct('}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &rest[1..index.max(1)];
        }
    }
    &rest[1..]
}

#[test]
fn every_spelling_is_seen_and_comments_are_not() {
    let check = |path: &str, text: &str, passes: bool| {
        let offenders = trespassers(&[Source::new(path, text)]);
        assert_eq!(offenders.is_empty(), passes, "{path}: {text:?}");
    };
    check("host/vfs/src/a.rs", "use rustix::fs::open;", false);
    check(
        "host/vfs/src/a.rs",
        "use rustix :: { io, fs::{self} };",
        false,
    );
    check("host/vfs/src/a.rs", "use rustix::*;", false);
    check("host/vfs/src/a.rs", "use rustix::{io, *};", false);
    check("host/vfs/src/a.rs", "use rustix::fs::*;", false);
    check("host/vfs/src/a.rs", "use rustix::fs;", false);
    check("host/vfs/src/a.rs", "use rustix as r;", false);
    check(
        "host/vfs/src/a.rs",
        "use rustix::fs::{Mode, fstat, mkdirat};",
        false,
    );
    check(
        "host/vfs/src/a.rs",
        "use rustix::fs::{Mode, fstat};\nuse rustix::{io, fs::fsync};",
        true,
    );
    check(
        "host/vfs/src/a.rs",
        "fn f() { rustix::fs::statx(h, c\"\"); }",
        false,
    );
    check(
        "host/store/src/disk/handle.rs",
        "fn f() { rustix::fs::statx(h, c\"\"); }",
        true,
    );
    check(
        "host/vfs/src/a.rs",
        "fn f() { rustix::fs::unlink(p); }",
        false,
    );
    check("host/vfs/src/a.rs", "fn f() { libc::open(p, 0); }", false);
    check("host/vfs/src/a.rs", "fn f() { x::openat2(); }", false);
    check(
        "host/vfs/src/a.rs",
        "//! as rustix::fs::openat2 does\nuse rustix::io::Errno;",
        true,
    );
    check("host/vfs/src/a.rs", "fn f() { g(\"rustix::fs\"); }", true);
    check(
        "host/cli/src/a.rs",
        "use rustix::process::getuid;\nuse x::fs;",
        true,
    );
    check(DOOR, "use rustix::fs::openat2;", true);
    check("tests/it/a.rs", "use rustix::fs::open;", true);
    check("host/store/tests/a.rs", "use rustix::fs::open;", true);
}
