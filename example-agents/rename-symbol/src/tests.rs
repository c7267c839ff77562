//! Renaming over made-up sources: what changes, and above all what does not.

use super::*;
use session_fs_sdk::testing::Sandbox;

fn task(from: &str, to: &str) -> Task {
    Task::new("rename")
        .with_parameter("from", from)
        .with_parameter("to", to)
}

#[track_caller]
fn check(from: &str, to: &str, before: &str, after: &str) {
    let sandbox = Sandbox::new().file("a.rs", before);
    sandbox
        .run(|| run(task(from, to)))
        .expect("both are identifiers");
    assert_eq!(sandbox.read("a.rs"), after);
}

#[test]
fn only_identifiers_are_renamed() {
    check(
        "old",
        "new",
        "fn old() { old::old(older, old_) }",
        "fn new() { new::new(older, old_) }",
    );
    check(
        "old",
        "new",
        "// old\n/* old /* old */ */ /// old\nold",
        "// old\n/* old /* old */ */ /// old\nnew",
    );
    check(
        "old",
        "new",
        r##"("old", b"old", r#""old""#, c"old", old)"##,
        r##"("old", b"old", r#""old""#, c"old", new)"##,
    );
    check(
        "o",
        "n",
        "fn f<'o>(o: &'o u8) { 'o: loop { 'o' } }",
        "fn f<'o>(n: &'o u8) { 'o: loop { 'o' } }",
    );
    check("x", "y", "0x1 1x x.x x!{x}", "0x1 1x y.y y!{y}");
}

#[test]
fn every_other_byte_stays() {
    check(
        "old",
        "new",
        "#!/bin/old\r\n\told\u{a0}\r\n",
        "#!/bin/old\r\n\told\u{a0}\r\n",
    );
    check(
        "old",
        "new",
        "#!/bin/old\r\n\told \r\n\n",
        "#!/bin/old\r\n\tnew \r\n\n",
    );
    check(
        "größe",
        "名",
        "\u{feff}let größe = \"größe\";",
        "\u{feff}let 名 = \"größe\";",
    );
}

#[test]
fn a_rename_there_and_back_is_the_source_again() {
    for source in [
        include_str!("lib.rs"),
        include_str!("rename.rs"),
        include_str!("tests.rs"),
    ] {
        for name in ["Name", "source", "fn_that_is_nowhere", "text"] {
            let name = Name::parse(name).expect("an identifier");
            let other = Name::parse("zażółć_7").expect("an identifier");
            let there = Rename {
                from: name.clone(),
                to: other.clone(),
            };
            let back = Rename {
                from: other,
                to: name,
            };
            let renamed = there.apply(source).expect("this is Rust");
            let again = back.apply(&renamed.source).expect("this is Rust");
            assert_eq!(again.source, source);
            assert_eq!(again.occurrences, renamed.occurrences);
        }
    }
}

#[test]
fn raw_identifiers_are_identifiers() {
    check("old", "new", "r#old + old", "r#new + new");
    check("r#type", "kind", "type T = r#type;", "type T = r#kind;");
    check("old", "r#type", "r#old + old", "r#type + r#type");
}

#[test]
fn counts_tell_what_was_done() {
    let sandbox = Sandbox::new()
        .file("src/a.rs", "old(old)")
        .file("src/b.rs", "new(old)")
        .file("src/c.rs", "nothing")
        .file("src/broken.rs", "old \"old")
        .file("src/binary.rs", [0xFF])
        .file("target/x.rs", "old")
        .file("notes.md", "old");
    let outcome = sandbox.run(|| run(task("old", "new"))).expect("it is done");
    assert_eq!(
        outcome.summary,
        "renamed `old` to `new`: 3 occurrences in 2 files"
    );
    let figures: Vec<_> = outcome
        .details
        .iter()
        .map(|(_, figure)| figure.as_str())
        .collect();
    assert_eq!(figures, ["5", "2", "2", "1", "3"]);
    let report = outcome.report.expect("there is something to look at");
    for path in ["src/b.rs", "src/broken.rs", "src/binary.rs"] {
        assert!(report.contains(path), "{report}");
    }
    assert_eq!(sandbox.changes().len(), 2);
}

#[test]
fn a_glob_narrows_the_search() {
    let sandbox = Sandbox::new().file("a/x.rs", "old").file("b/x.rs", "old");
    let task = task("old", "new").with_parameter("glob", "a/**");
    sandbox.run(|| run(task)).expect("it is done");
    assert_eq!(sandbox.read("b/x.rs"), "old");
    assert_eq!(sandbox.read("a/x.rs"), "new");
}

#[test]
fn nothing_found_changes_nothing() {
    let sandbox = Sandbox::new().file("a.rs", "fn main() {}");
    let outcome = sandbox
        .run(|| run(task("old", "new")))
        .expect("it is no error");
    assert_eq!(outcome.summary, "`old` does not occur in 1 file");
    assert_eq!(sandbox.changes(), []);
}

#[test]
fn what_is_no_identifier_is_refused() {
    for (from, to, named) in [
        ("old", "two words", "`two words`"),
        ("old", "1st", "`1st`"),
        ("old", "", "``"),
        ("old", "r#self", "`r#self`"),
        ("old", "_", "`_`"),
        ("old", "type", "`r#type`"),
        ("fn", "new", "`r#fn`"),
    ] {
        let sandbox = Sandbox::new().file("a.rs", "old");
        let error = sandbox.run(|| run(task(from, to))).expect_err(to);
        assert!(error.to_string().contains(named), "{error}");
        assert_eq!(sandbox.changes(), []);
    }
    let error = Sandbox::new()
        .run(|| run(Task::new("rename")))
        .expect_err("no names");
    assert!(error.to_string().contains("`from`"), "{error}");
}

#[test]
fn a_failure_leaves_nothing_renamed() {
    let sandbox = Sandbox::new().file("a.rs", "old").read_only();
    let error = sandbox
        .run(|| run(task("old", "new")))
        .expect_err("it is read-only");
    assert!(error.to_string().contains("read-only"), "{error}");
    assert_eq!(sandbox.read("a.rs"), "old");
}
