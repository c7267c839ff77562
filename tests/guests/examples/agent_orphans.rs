//! Ends a session around another: the inner one says so by a type of its own, and can be dropped.

use session_fs_sdk::prelude::*;

#[agent]
fn run(_task: Task) -> Result<Outcome> {
    let session = Session::current()?;
    let outer = session.begin_nested("outer")?;
    let id = outer.metadata()?.id;
    let inner = outer.begin_nested("inner")?;
    inner.write("lost", "x")?;
    outer.write("kept", "x")?;
    let applied = outer.commit()?;
    let failed = inner.write("late", "x").expect_err("its parent is over");
    let Error::Orphaned { ancestor, change } = &failed else {
        panic!("{failed:?}")
    };
    assert_eq!((ancestor, change), (&id, &Some(applied.id)));
    assert!(matches!(
        inner.commit().expect_err("too late").error(),
        Error::Orphaned { .. }
    ));

    let outer = session.begin_nested("dropped")?;
    let inner = outer.begin_nested("inside")?;
    outer.rollback()?;
    let failed = inner.read("kept").expect_err("its parent is over");
    assert!(
        matches!(failed, Error::Orphaned { change: None, .. }),
        "{failed:?}"
    );
    inner.rollback()?;
    Ok(Outcome::new(failed.to_string()))
}
