//! Makes every error that a path or an argument can be wrong by; each carries the path.

use session_fs_sdk::prelude::*;
use session_fs_sdk::{DenialReason, Session as Own};

#[agent]
fn run(_task: Task) -> Result<Outcome> {
    let session = Session::current()?;
    session.mkdir("directory/full")?;
    session.write("file", "aa bb aa")?;
    session.symlink("round", "round")?;
    paths(&session);
    assert!(matches!(
        session.read_to_string("binary"),
        Err(Error::NotUtf8 { .. })
    ));
    let mismatch = session
        .edit("file", "aa", "c", 1)
        .expect_err("it stands there twice");
    assert!(
        matches!(
            mismatch,
            Error::EditMismatch {
                expected: 1,
                found: 2,
                ..
            }
        ),
        "{mismatch:?}"
    );
    assert_eq!(
        session.read_to_string("file")?,
        "aa bb aa",
        "nothing was changed"
    );
    session.restore("none").expect_err("no such savepoint");
    let broken = session
        .search("(")
        .next()
        .expect("an answer")
        .expect_err("not a pattern");
    assert!(matches!(broken, Error::Invalid(_)), "{broken:?}");
    let nested = session.begin_nested("to be closed")?;
    let other = Session::open(&nested.metadata()?.id)?;
    nested.rollback()?;
    let closed = other.read("file").expect_err("rolled back");
    assert!(matches!(closed, Error::Closed(_)), "{closed:?}");
    Ok(Outcome::new("as expected"))
}

fn paths(session: &Own) {
    let check = |result: Result<()>, path: &str, is_right: fn(&Error) -> bool| {
        let error = result.expect_err(path);
        assert!(is_right(&error), "{path}: {error:?}");
        assert_eq!(error.path(), Some(path), "{error:?}");
    };
    let read = |path: &str| session.read(path).map(drop);
    check(read("absent"), "absent", |e| {
        matches!(e, Error::NotFound { .. })
    });
    check(read("file/below"), "file/below", |e| {
        matches!(e, Error::NotADirectory { .. })
    });
    check(read("directory"), "directory", |e| {
        matches!(e, Error::IsADirectory { .. })
    });
    check(read("round"), "round", |e| {
        matches!(e, Error::TooManyLinks { .. })
    });
    check(read("../canary.txt"), "../canary.txt", |e| {
        matches!(
            e,
            Error::Denied {
                reason: DenialReason::Confinement,
                ..
            }
        )
    });
    check(session.remove("directory"), "directory", |e| {
        matches!(e, Error::NotEmpty { .. })
    });
    check(session.mkdir("file"), "file", |e| {
        matches!(e, Error::AlreadyExists { .. } | Error::NotADirectory { .. })
    });
    check(session.symlink("x", "file"), "file", |e| {
        matches!(e, Error::AlreadyExists { .. })
    });
    let long = "n".repeat(256);
    let error = session.write(&long, "x").expect_err("too long a name");
    assert!(matches!(error, Error::InvalidPath { .. }), "{error:?}");
    let error = session.symlink("/etc", "out").expect_err("it leads out");
    assert!(matches!(error, Error::Denied { .. }), "{error:?}");
    let error = session.truncate("file", 1 << 62).expect_err("too large");
    assert!(matches!(error, Error::Quota { .. }), "{error:?}");
}
