//! What needs a grant to be committed, and what does not.

use workspace::{BeginOptions, CommitOptions, CommitOutcome, Workspace, WorkspaceOptions};

use super::*;

/// Commits what `first` does to an empty base, then says what the review of `then` comes to.
fn reviewed(
    review: &Review,
    first: impl Fn(&Session) -> vfs::Result<()>,
    then: impl Fn(&Session) -> vfs::Result<()>,
) -> Result<(), vfs::Error> {
    reviewed_under(PathRules::default(), review, first, then)
}

fn reviewed_under(
    rules: PathRules,
    review: &Review,
    first: impl Fn(&Session) -> vfs::Result<()>,
    then: impl Fn(&Session) -> vfs::Result<()>,
) -> Result<(), vfs::Error> {
    let workspace = Workspace::new(WorkspaceOptions::default());
    let base = workspace.memory("base");
    let begun = workspace.begin(&base, BeginOptions::default());
    let begun = begun.expect("begun");
    first(&begun).expect("allowed");
    begun.write("always", b"").expect("allowed");
    let committed = workspace.commit(&begun, &CommitOptions::default());
    assert!(matches!(committed, Ok(CommitOutcome::Applied(_))));
    let options = BeginOptions {
        rules,
        ..BeginOptions::default()
    };
    let session = workspace.begin(&base, options).expect("begun");
    then(&session).expect("allowed");
    review.check(&session, &[])
}

fn granting(globs: &[&str]) -> Review {
    Review {
        granted: Some(PathRules::allowing(globs, &[]).expect("valid globs")),
        ..Review::default()
    }
}

fn nothing(_: &Session) -> vfs::Result<()> {
    Ok(())
}

#[test]
fn what_runs_is_committed_only_when_it_was_granted() {
    let check = |granted: &[&str], then: fn(&Session) -> vfs::Result<()>| {
        let result = reviewed(&granting(granted), nothing, then);
        result.map_err(|error| error.to_string())
    };
    assert_eq!(check(&[], |s| s.write("a", b"x")), Ok(()));
    let two: fn(&Session) -> vfs::Result<()> = |s| {
        s.mkdir("sub/.vscode")?;
        s.write("sub/.vscode/tasks.json", b"{}")?;
        s.write("Makefile", b"all:\n")
    };
    let error = check(&["sub/**"], two).expect_err("not the Makefile");
    assert!(error.contains("'execute=Makefile'"), "{error}");
    let error = check(&["Makefile"], two).expect_err("not the folder");
    assert!(error.contains("(and 1 more)"), "{error}");
    assert_eq!(check(&["Makefile", "sub/**"], two), Ok(()));
}

#[test]
fn the_list_is_the_operators() {
    let own = RunsOnOpen::of(&["**/justfile".to_owned()]).expect("a glob");
    let review = Review {
        runs_on_open: own,
        ..Review::default()
    };
    assert!(reviewed(&review, nothing, |s| s.write("Makefile", b"")).is_ok());
    assert!(reviewed(&review, nothing, |s| s.write("Justfile", b"")).is_err());
}

/// The listing of changes has the directory alone.
#[test]
fn a_renamed_directory_takes_along_what_then_runs() {
    let first = |s: &Session| {
        s.mkdir("x/workflows")?;
        s.write("x/workflows/ci.yml", b"on: push")?;
        s.write("x/Makefile", b"all:")
    };
    let review = Review::default();
    let moved = reviewed(&review, first, |s| s.rename("x", "y"));
    moved.expect("the Makefile was one before");
    let error = reviewed(&review, first, |s| s.rename("x", ".github"));
    let error = error.expect_err("a workflow now");
    assert_eq!(error.path(), Some(".github/workflows"));
}

#[test]
fn as_many_as_there_are_are_counted_to_a_bound() {
    let first = |s: &Session| (0..PLANTED_MAX + 50).try_for_each(|n| s.mkdir(&format!("x/{n}")));
    let review = Review {
        runs_on_open: RunsOnOpen::of(&["y/*".to_owned()]).expect("a glob"),
        ..Review::default()
    };
    let error = reviewed(&review, first, |s| s.rename("x", "y")).expect_err("many");
    let text = error.to_string();
    assert!(text.contains("(and 1000 more, or even more)"), "{text}");
}

fn make_repository(s: &Session, dir: &str, names: [&str; 3]) -> vfs::Result<()> {
    let below = |name: &str| match dir {
        "" => name.to_owned(),
        dir => format!("{dir}/{name}"),
    };
    s.write(&below(names[0]), b"ref: refs/heads/main\n")?;
    s.mkdir(&below(names[1]))?;
    s.mkdir(&below(names[2]))
}

#[test]
fn what_git_takes_for_a_repository_is_not_planted() {
    let review = Review::default();
    let usual = ["HEAD", "objects", "refs"];
    for dir in ["", "docs", "a/b"] {
        for names in [usual, ["head", "Objects", "REFS"]] {
            let plant = |s: &Session| {
                s.mkdir("a")?;
                s.mkdir("docs")?;
                s.mkdir("a/b")?;
                make_repository(s, dir, names)
            };
            let error = reviewed(&review, nothing, plant).expect_err(dir);
            assert!(error.to_string().contains("git takes"), "{error}");
            assert!(reviewed(&granting(&["**"]), nothing, plant).is_ok());
        }
    }
    // A part of it was there before, or all of it.
    let part = |s: &Session| {
        s.mkdir("x/objects")?;
        s.mkdir("x/other")?;
        s.write("x/HEAD", b"")
    };
    let part = |s: &Session| s.mkdir("x").and_then(|()| part(s));
    let completed = reviewed(&review, part, |s| s.rename("x/other", "x/refs"));
    assert!(completed.is_err());
    assert!(reviewed(&review, part, |s| s.write("x/other/a", b"")).is_ok());
    let whole = |s: &Session| s.mkdir("x").and_then(|()| make_repository(s, "x", usual));
    for path in ["x/config", "x/refs/deep"] {
        let error = reviewed(&review, whole, |s| s.write(path, b"[core]")).expect_err(path);
        assert_eq!(error.path(), Some(path));
    }
    assert!(reviewed(&review, whole, |s| s.write("y", b"")).is_ok());
    assert!(reviewed(&review, whole, |s| s.remove_all("x")).is_ok());
    // It is said elsewhere where its objects are.
    let pointed = |s: &Session| {
        s.mkdir("x")?;
        s.write("x/HEAD", b"")?;
        s.write("x/commondir", b"../y")
    };
    assert!(reviewed(&review, nothing, pointed).is_err());
}

/// What the rules hide from the agent is no less there.
#[test]
fn what_is_hidden_from_the_agent_counts() {
    let rules = || PathRules::allowing(&[], &["x/config", "x/readme"]).expect("valid globs");
    let first = |s: &Session| {
        s.mkdir("x")?;
        s.write("x/README", b"")?;
        make_repository(s, "x", ["HEAD", "objects", "refs"])
    };
    let review = Review::default();
    let config = |s: &Session| s.write("x/config", b"[core]");
    assert!(reviewed_under(rules(), &review, first, config).is_err());
    let other = |s: &Session| {
        s.mkdir("x")?;
        s.write("x/README", b"")
    };
    let readme = |s: &Session| s.write("x/readme", b"");
    let error = reviewed_under(rules(), &review, other, readme).expect_err("one name");
    assert!(error.to_string().contains("README"), "{error}");
}

#[test]
fn two_names_that_are_one_elsewhere_are_refused() {
    let review = Review::default();
    for (one, other) in [
        ("readme", "README"),
        ("a/x", "a/X"),
        ("stra\u{df}e", "STRASSE"),
        ("caf\u{e9}", "cafe\u{301}"),
        ("a\u{200d}b", "ab"),
    ] {
        let both = |s: &Session| {
            s.mkdir("a")?;
            s.write(one, b"1")?;
            s.write(other, b"2")
        };
        let error = reviewed(&review, nothing, both).expect_err(one);
        assert!(error.to_string().contains("any-names"), "{error}");
        let first = |s: &Session| s.mkdir("a").and_then(|()| s.write(one, b"1"));
        assert!(
            reviewed(&review, first, |s| s.write(other, b"2")).is_err(),
            "{one}"
        );
        // Another spelling of the same file is one name.
        assert!(
            reviewed(&review, first, |s| s.rename(one, other)).is_ok(),
            "{one}"
        );
        let any = Review {
            any_names: true,
            ..Review::default()
        };
        assert!(reviewed(&any, nothing, both).is_ok());
    }
    // What was so before is no fault of whoever works beside it.
    let first = |s: &Session| {
        s.write("b", b"")?;
        s.write("B", b"")
    };
    assert!(reviewed(&review, first, |s| s.write("c", b"")).is_ok());
    assert!(reviewed(&review, first, |s| s.write("b", b"x")).is_ok());
    let like = |s: &Session| {
        s.write("a:1", b"")?;
        s.write("a:2", b"")?;
        s.write("x.", b"")?;
        s.write("x", b"")
    };
    assert!(
        reviewed(&review, nothing, like).is_ok(),
        "only case and forms"
    );
}
