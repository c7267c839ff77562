//! Sets savepoints and goes back to them, by name and by an attempt that fails.

use session_fs_sdk::prelude::*;

#[agent]
fn run(_task: Task) -> Result<Outcome> {
    let session = Session::current()?;
    session.write("a", "one")?;
    let first = session.savepoint("first")?;
    session.write("a", "two")?;
    session.write("b", "x")?;
    let second = session.savepoint("second")?;
    session.remove_all("a")?;
    second.restore()?;
    assert_eq!(session.read_to_string("a")?, "two");
    first.restore()?;
    assert_eq!(session.read_to_string("a")?, "one");
    assert!(!session.exists("b")?);
    second
        .restore()
        .expect_err("forgotten with what came after the first");
    first.restore()?;

    let failed: Result<()> = session.attempt(|session| {
        session.write("a", "half done")?;
        Err(Error::other("gave up"))
    });
    assert_eq!(failed.expect_err("it gave up").to_string(), "gave up");
    let length = session.attempt(|session| {
        session.append("a", " more")?;
        Ok(session.read("a")?.len())
    })?;
    assert_eq!(length, 8);
    let mut count = 0;
    while session.savepoint(format!("number {count}")).is_ok() {
        count += 1;
        assert!(count < 100_000, "never refused");
    }
    Ok(Outcome::new(session.read_to_string("a")?))
}
