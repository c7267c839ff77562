//! Begins sessions inside its session: one is committed into it, one dropped, one conflicts.

use session_fs_sdk::prelude::*;

#[agent]
fn run(_task: Task) -> Result<Outcome> {
    let session = Session::current()?;
    session.write("a", "own")?;
    let nested = session.begin_nested("kept")?;
    nested.write("b", "nested")?;
    nested.edit("a", "own", "own and nested", 1)?;
    let deeper = nested.begin_nested("deeper")?;
    deeper.write("c", "deeper")?;
    assert!(!nested.exists("c")? && !session.exists("b")?);
    deeper.commit()?;
    assert_eq!(nested.read_to_string("c")?, "deeper");
    nested.commit()?;
    assert_eq!(session.read_to_string("a")?, "own and nested");

    {
        let dropped = session.begin_nested("dropped")?;
        dropped.remove_all("a")?;
        dropped.write("d", "never seen")?;
    }
    assert!(session.exists("a")? && !session.exists("d")?);

    let late = session.begin_nested("too late")?;
    late.write("a", "late")?;
    session.write("a", "early")?;
    let failed = late.commit().expect_err("both changed it");
    let paths: Vec<&str> = failed
        .conflicts()
        .iter()
        .map(|it| it.path.as_str())
        .collect();
    assert_eq!(paths, ["a"]);
    assert_eq!(
        failed.into_session().read_to_string("a")?,
        "late",
        "still open"
    );
    assert_eq!(session.read_to_string("a")?, "early");
    Ok(Outcome::new("nested"))
}
