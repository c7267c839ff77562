//! Meets conflicts of several kinds in nested sessions; each says why.

use session_fs_sdk::ConflictReason;
use session_fs_sdk::prelude::*;

/// Lets both sides act from one state, and returns why the inner one conflicts.
fn conflict(
    session: &Session,
    inner: impl FnOnce(&Session) -> Result<()>,
    outer: impl FnOnce(&Session) -> Result<()>,
) -> Result<ConflictReason> {
    let nested = session.begin_nested("to conflict")?;
    inner(&nested)?;
    outer(session)?;
    let failed = nested.commit().expect_err("both changed it");
    let [conflict] = failed.conflicts() else {
        panic!("{:?}", failed.conflicts())
    };
    Ok(conflict.reason)
}

#[agent]
fn run(_task: Task) -> Result<Outcome> {
    let session = Session::current()?;
    for path in ["text", "removed", "kept"] {
        session.write(path, "one")?;
    }
    let both = |text: &'static str| move |it: &Session| it.write("text", text);
    let found = conflict(&session, both("two"), both("three"))?;
    assert_eq!(found, ConflictReason::Content);
    let found = conflict(
        &session,
        |it| it.remove("removed"),
        |it| it.write("removed", "two"),
    )?;
    assert_eq!(found, ConflictReason::RemovedHere);
    let found = conflict(
        &session,
        |it| it.write("kept", "two"),
        |it| it.remove("kept"),
    )?;
    assert_eq!(found, ConflictReason::RemovedThere);
    let create = |text: &'static str| move |it: &Session| it.write("new", text);
    let found = conflict(&session, create("one"), create("two"))?;
    assert_eq!(found, ConflictReason::BothCreated);
    Ok(Outcome::new("reasons"))
}
