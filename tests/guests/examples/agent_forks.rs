//! Forks its session, goes two ways and keeps neither.

use session_fs_sdk::prelude::*;

#[agent]
fn run(_task: Task) -> Result<Outcome> {
    let session = Session::current()?;
    session.write("a", "common")?;
    let first = session.fork("first way")?;
    let second = first.fork("second way")?;
    first.write("a", "first")?;
    second.write("b", "second")?;
    session.write("a", "own")?;
    assert_eq!(first.read_to_string("a")?, "first");
    assert_eq!(second.read_to_string("a")?, "common");
    assert!(!first.exists("b")? && !session.exists("b")?);
    let changed: Vec<String> = second
        .changes()?
        .into_iter()
        .map(|entry| entry.path)
        .collect();
    assert_eq!(changed, ["a", "b"], "a fork has what was changed before it");
    first.rollback()?;
    drop(second);
    Ok(Outcome::new(session.read_to_string("a")?))
}
