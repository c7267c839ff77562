//! Sessions as an agent sees them, over the native engine.

use crate::testing::Sandbox;
use crate::{BeginOptions, ChangeKind, DenialReason, Error, Kind, Result, SearchQuery, Session};

fn within<T>(sandbox: &Sandbox, work: impl FnOnce(&Session) -> Result<T>) -> Result<T> {
    sandbox.run(|| work(&Session::current()?))
}

#[test]
fn outside_of_a_run_there_is_no_session() {
    let error = Session::current().expect_err("nothing is mounted");
    assert!(matches!(error, Error::Unsupported(_)), "{error:?}");
}

#[test]
fn a_panic_in_a_run_leaves_the_thread_without_a_session() {
    let sandbox = Sandbox::new();
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        sandbox.run(|| panic!("the agent gave up"));
    }));
    assert!(result.is_err());
    assert!(Session::current().is_err());
}

#[test]
fn dropping_a_nested_session_rolls_it_back() -> Result<()> {
    let sandbox = Sandbox::new().file("a", "one");
    within(&sandbox, |session| {
        let nested = session.begin_nested("an attempt")?;
        nested.write("a", "two")?;
        let id = nested.metadata()?.id;
        drop(nested);
        let error = Session::open(&id)?
            .read("a")
            .expect_err("it is rolled back");
        assert!(matches!(error, Error::Closed(_)), "{error:?}");
        Ok(())
    })?;
    assert_eq!(sandbox.read("a"), "one");
    assert_eq!(sandbox.changes(), []);
    Ok(())
}

#[test]
fn dropping_the_current_session_keeps_it() -> Result<()> {
    let sandbox = Sandbox::new();
    within(&sandbox, |session| session.write("a", "one"))?;
    within(&sandbox, |session| session.append("a", " two"))?;
    assert_eq!(sandbox.read("a"), "one two");
    Ok(())
}

#[test]
fn a_nested_session_commits_into_the_one_it_was_begun_from() -> Result<()> {
    let sandbox = Sandbox::new().file("a", "one").file("b", "b");
    let info = within(&sandbox, |session| {
        let nested = session.begin_nested(BeginOptions::new("x").label("try", "1"))?;
        nested.write("a", "two")?;
        nested.remove("b")?;
        assert_eq!(session.read_to_string("a")?, "one");
        Ok(nested.commit()?)
    })?;
    let changed: Vec<_> = info
        .entries
        .iter()
        .map(|it| (it.path.as_str(), it.change))
        .collect();
    assert_eq!(
        changed,
        [("a", ChangeKind::Modified), ("b", ChangeKind::Removed)]
    );
    assert_eq!(sandbox.read("a"), "two");
    assert!(!sandbox.exists("b"));
    Ok(())
}

#[test]
fn a_conflict_gives_the_session_back() -> Result<()> {
    let sandbox = Sandbox::new().file("a", "one").file("b", "one");
    within(&sandbox, |session| {
        let nested = session.begin_nested("x")?;
        nested.write("a", "nested")?;
        nested.write("b", "nested")?;
        session.write("a", "outer")?;
        let failed = nested.commit().expect_err("both changed `a`");
        let paths: Vec<_> = failed
            .conflicts()
            .iter()
            .map(|it| it.path.as_str())
            .collect();
        assert_eq!(paths, ["a"]);
        assert_eq!(session.read_to_string("b")?, "one", "nothing was applied");
        let nested = failed.into_session();
        assert_eq!(nested.read_to_string("a")?, "nested");
        nested.rollback()
    })
}

#[test]
fn a_fork_begins_from_the_present_state_and_leaves_it_alone() -> Result<()> {
    let sandbox = Sandbox::new().file("a", "one");
    within(&sandbox, |session| {
        session.write("a", "two")?;
        let fork = session.fork("another way")?;
        assert_eq!(fork.read_to_string("a")?, "two");
        fork.write("a", "three")?;
        assert_eq!(session.read_to_string("a")?, "two");
        Ok(())
    })
}

#[test]
fn to_commit_the_run_itself_takes_a_grant() -> Result<()> {
    let sandbox = Sandbox::new();
    let error = within(&sandbox, |session| {
        session.write("a", "one")?;
        Ok(Session::current()?.commit()?)
    });
    let Err(Error::Denied { reason, grant, .. }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        (reason, grant.as_deref()),
        (DenialReason::Capability, Some("commit"))
    );

    let sandbox = Sandbox::new().grant_commit();
    let settled = within(&sandbox, |session| {
        session.write("a", "one")?;
        Session::current()?.commit_with("because")?;
        session.read("a")
    });
    assert!(matches!(settled, Err(Error::Closed(_))), "{settled:?}");
    assert_eq!(sandbox.read("a"), "one");
    Ok(())
}

#[test]
fn a_commit_meets_what_somebody_else_did_to_the_base() {
    let sandbox = Sandbox::new().file("a", "one").grant_commit();
    let result = within(&sandbox, |session| {
        session.write("a", "ours")?;
        sandbox.write_base("a", "theirs");
        Ok(Session::current()?.commit()?)
    });
    assert!(matches!(result, Err(Error::Conflict(_))), "{result:?}");
}

#[test]
fn a_base_takes_a_grant() -> Result<()> {
    let sandbox = Sandbox::new().grant_base("vfs://scratch");
    within(&sandbox, |_| {
        let scratch = Session::begin("vfs://scratch", "cache")?;
        scratch.write("a", "one")?;
        let error = Session::begin("vfs://other", "x").expect_err("it was not granted");
        assert!(matches!(error, Error::Denied { .. }), "{error:?}");
        Ok(())
    })?;
    assert!(!sandbox.exists("a"));
    Ok(())
}

#[test]
fn errors_are_typed_and_carry_the_path() {
    #[track_caller]
    fn check(
        work: impl FnOnce(&Session) -> Result<()>,
        expected: impl FnOnce(&Error) -> bool,
        path: &str,
    ) {
        let sandbox = Sandbox::new().file("d/a", "x x").file("bin", [0xFF]);
        let error = within(&sandbox, work).expect_err("it cannot be done");
        assert!(expected(&error), "{error:?}");
        assert_eq!(error.path(), Some(path));
    }
    check(
        |it| it.read("no").map(drop),
        |it| matches!(it, Error::NotFound { .. }),
        "no",
    );
    check(
        |it| it.read("d").map(drop),
        |it| matches!(it, Error::IsADirectory { .. }),
        "d",
    );
    check(
        |it| it.walk("d/a").map(drop),
        |it| matches!(it, Error::NotADirectory { .. }),
        "d/a",
    );
    check(
        |it| it.remove("d"),
        |it| matches!(it, Error::NotEmpty { .. }),
        "d",
    );
    check(
        |it| it.read_to_string("bin").map(drop),
        |it| matches!(it, Error::NotUtf8 { .. }),
        "bin",
    );
    check(
        |it| it.edit("d/a", "x", "y", 1),
        |it| {
            matches!(
                it,
                Error::EditMismatch {
                    expected: 1,
                    found: 2,
                    ..
                }
            )
        },
        "d/a",
    );
    check(
        |it| it.write("../x", ""),
        |it| {
            matches!(
                it,
                Error::Denied {
                    reason: DenialReason::Confinement,
                    ..
                }
            )
        },
        "../x",
    );
}

#[test]
fn a_read_only_session_denies_every_change() {
    let sandbox = Sandbox::new().file("a", "one").read_only();
    let error = within(&sandbox, |it| it.write("a", "two")).expect_err("it is read-only");
    assert!(
        matches!(
            error,
            Error::Denied {
                reason: DenialReason::ReadOnly,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn a_walk_goes_by_the_order_of_names_and_not_through_links() -> Result<()> {
    let sandbox = Sandbox::new()
        .file("b/x", "")
        .file("b.txt", "")
        .file("a/deep/er", "")
        .file(".git/config", "")
        .symlink("a", "link");
    within(&sandbox, |session| {
        let paths = |walk: crate::Walk<'_>| -> Result<Vec<(String, usize)>> {
            walk.map(|entry| entry.map(|entry| (entry.path, entry.depth)))
                .collect()
        };
        let all = paths(session.walk("")?.skip_names([".git"]))?;
        let all: Vec<_> = all
            .iter()
            .map(|(path, depth)| (path.as_str(), *depth))
            .collect();
        let expected = [
            ("a", 1),
            ("a/deep", 2),
            ("a/deep/er", 3),
            ("b", 1),
            ("b/x", 2),
            ("b.txt", 1),
            ("link", 1),
        ];
        assert_eq!(all, expected);
        assert_eq!(paths(session.walk("/a/")?)?[1], ("a/deep/er".to_owned(), 2));
        assert_eq!(
            paths(session.walk("a")?.depth_max(1))?,
            [("a/deep".to_owned(), 1)]
        );
        let files: Vec<_> = session.walk("b")?.files().collect::<Result<_>>()?;
        assert_eq!(files, ["b/x"]);
        Ok(())
    })
}

#[test]
fn a_listing_and_a_search_go_on_over_pages() -> Result<()> {
    const FILES: usize = 2_500;
    let sandbox = Sandbox::new();
    within(&sandbox, |session| {
        session.mkdir("d")?;
        for index in 0..FILES {
            session.write(&format!("d/{index:04}"), "needle\n")?;
        }
        let names: Vec<_> = session
            .list("d")?
            .into_iter()
            .map(|entry| entry.name)
            .collect();
        assert_eq!(names.len(), FILES);
        assert!(names.is_sorted());
        assert_eq!(session.walk("")?.files().count(), FILES);
        let found: Vec<_> = session.search("need.e").collect::<Result<_>>()?;
        assert_eq!(found.len(), FILES);
        assert_eq!((found[7].path.as_str(), found[7].line), ("d/0007", 1));
        let paths = session
            .search(SearchQuery::paths("d/00*"))
            .collect::<Result<Vec<_>>>()?;
        assert_eq!(paths.len(), 100);
        Ok(())
    })
}

#[test]
fn a_savepoint_is_returned_to_by_its_guard_and_by_its_name() -> Result<()> {
    let sandbox = Sandbox::new().file("a", "one");
    within(&sandbox, |session| {
        let savepoint = session.savepoint("before")?;
        session.write("a", "two")?;
        savepoint.restore()?;
        assert_eq!(session.read_to_string("a")?, "one");
        session.write("a", "three")?;
        session.restore(savepoint.name())?;
        assert_eq!(session.read_to_string("a")?, "one");
        assert!(session.restore("no such").is_err());
        Ok(())
    })
}

#[test]
fn an_attempt_that_fails_leaves_nothing() -> Result<()> {
    let sandbox = Sandbox::new().file("a", "one");
    within(&sandbox, |session| {
        let failed = session.attempt(|session| {
            session.write("a", "two")?;
            session.attempt(|session| session.write("b", "new"))?;
            session.edit("a", "three", "four", 1)
        });
        assert!(
            matches!(failed, Err(Error::EditMismatch { .. })),
            "{failed:?}"
        );
        assert_eq!(session.read_to_string("a")?, "one");
        assert!(!session.exists("b")?);
        session.attempt(|session| session.write("a", "five"))?;
        assert_eq!(session.read_to_string("a")?, "five");
        assert_eq!(session.stat("a")?.kind, Kind::File);
        Ok(())
    })
}
