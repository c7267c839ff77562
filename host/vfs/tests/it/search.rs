//! Search: globs, lines, pages, what is left out, and patterns meant to hurt.

use std::sync::Arc;

use session_fs_vfs::{Limits, SearchMatch, SearchQuery, Session};

use crate::support::{Body, MapBase, fails, limited, over};

fn session() -> Session {
    let text = |text: &str| Body::File(text.as_bytes().to_vec());
    let base = MapBase::new(&[
        ("README.md", text("# Title\nfn in prose\n")),
        ("src/lib.rs", text("fn one() {}\r\nfn two() {}\r\n")),
        ("src/deep/er.rs", text("fn three() {}\n\nfn FOUR() {}")),
        ("src.rs", text("fn beside\n")),
        ("src/.hidden/x.rs", text("fn hidden\n")),
        (".github/y.rs", text("fn workflow\n")),
        ("bin", Body::File(b"fn \0 binary\n".to_vec())),
        ("latin", Body::File(b"fn caf\xe9\n".to_vec())),
        ("link.rs", Body::Link("src/lib.rs".to_owned())),
        ("empty.rs", text("")),
    ]);
    let session = over(&base);
    session.mkdir("made").expect("free");
    session.write("made/new.rs", b"fn new\n").expect("free");
    session.remove("src.rs").expect("there");
    session
}

fn query(glob: &str, pattern: &str) -> SearchQuery {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    SearchQuery {
        glob: given(glob),
        pattern: given(pattern),
        ..SearchQuery::default()
    }
}

fn shown(matches: &[SearchMatch]) -> Vec<String> {
    let line = |found: &SearchMatch| format!("{}:{}:{}", found.path, found.line, found.text);
    matches.iter().map(line).collect()
}

#[test]
fn globs() {
    let session = session();
    for (glob, expected) in [
        ("*.rs", "empty.rs"),
        ("**/*.rs", "empty.rs made/new.rs src/deep/er.rs src/lib.rs"),
        ("src/*.rs", "src/lib.rs"),
        ("src/**", "src/deep/er.rs src/lib.rs"),
        ("src/{lib,other}.rs", "src/lib.rs"),
        ("[Rr]*.md", "README.md"),
        ("?in", "bin"),
        ("src/.hidden/*", "src/.hidden/x.rs"),
        ("{.github,src}/*.rs", ".github/y.rs src/lib.rs"),
        ("nothing", ""),
    ] {
        let page = session.search(&query(glob, "")).expect(glob);
        let paths: Vec<String> = page
            .matches
            .iter()
            .map(|found| found.path.to_string())
            .collect();
        assert_eq!(paths.join(" "), expected, "{glob}");
        assert_eq!(page.next, None);
    }
}

#[test]
fn lines() {
    let session = session();
    let page = session.search(&query("", "^fn [a-z]")).expect("valid");
    assert_eq!(
        shown(&page.matches),
        [
            "README.md:2:fn in prose",
            "latin:1:fn caf\u{fffd}",
            "made/new.rs:1:fn new",
            "src/deep/er.rs:1:fn three() {}",
            "src/lib.rs:1:fn one() {}",
            "src/lib.rs:2:fn two() {}",
        ]
    );
    let exact = session.search(&query("src/**", "four")).expect("valid");
    assert_eq!(exact.matches, []);
    let folded = SearchQuery {
        ignore_case: true,
        ..query("src/**", "four")
    };
    let folded = session.search(&folded).expect("valid");
    assert_eq!(shown(&folded.matches), ["src/deep/er.rs:3:fn FOUR() {}"]);
}

#[test]
fn pages_of_every_size_give_what_one_page_gives() {
    let session = session();
    for (glob, pattern) in [("", ""), ("", "fn"), ("**/*.rs", "."), ("**/.*/**", "")] {
        let whole = session
            .search(&query(glob, pattern))
            .expect("valid")
            .matches;
        for size in 1..=whole.len() + 1 {
            let mut found = Vec::new();
            let mut after = None;
            loop {
                let page = session.search(&SearchQuery {
                    matches_max: size,
                    after,
                    ..query(glob, pattern)
                });
                let page = page.expect("valid");
                assert!(page.matches.len() <= size);
                assert!(!page.matches.is_empty() || page.next.is_none());
                found.extend(page.matches);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(found, whole, "{glob} {pattern} by {size}");
        }
    }
}

#[test]
fn patterns_that_are_meant_to_hurt() {
    let session = session();
    session
        .write("as", "a".repeat(100_000).as_bytes())
        .expect("fits");
    session.search(&query("as", "(a*)*b")).expect("linear");
    session.search(&query("as", "(a|aa)+$")).expect("linear");
    let nested = "{".repeat(2_000);
    let repeats = "((a{100}){100}){100}".to_owned();
    let long = "a".repeat(5_000);
    for (glob, pattern) in [
        ("", &*repeats),
        ("", "("),
        ("", "\\"),
        ("", &*long),
        (&*long, ""),
        (&*nested, ""),
        ("[", ""),
    ] {
        fails(session.search(&query(glob, pattern)), "Invalid");
    }
    for after in ["", "x", "1", "x:y", "1:../up", "-1:f"] {
        let asked = SearchQuery {
            after: Some(after.to_owned()),
            ..SearchQuery::default()
        };
        assert!(session.search(&asked).is_err(), "{after:?}");
    }
}

#[test]
fn a_search_visits_so_much_and_no_more() {
    let limits = Limits {
        visited_max: 5,
        ..Limits::default()
    };
    let files: Vec<String> = (0..6).map(|number| format!("f{number}")).collect();
    let objects: Vec<_> = files
        .iter()
        .map(|path| (&**path, Body::File(Vec::new())))
        .collect();
    let (session, _) = limited(Arc::new(MapBase::new(&objects)), limits);
    fails(session.search(&SearchQuery::default()), "Quota");
    fails(session.copy(".", "x"), "Invalid");
    session.remove("f0").expect("there");
    assert_eq!(
        session
            .search(&SearchQuery::default())
            .expect("within it")
            .matches
            .len(),
        5
    );
}
