//! Commits its own session, which takes a grant, and says what became of it.

use session_fs_sdk::prelude::*;

#[agent]
fn run(_task: Task) -> Result<Outcome> {
    let session = Session::current()?;
    session.write("a", "made by the agent")?;
    match session.commit_with("because the test says so") {
        Ok(change) => {
            let after = Session::current()?
                .read("a")
                .expect_err("the session is settled");
            assert!(matches!(after, Error::Closed(_)), "{after:?}");
            Ok(Outcome::new(format!(
                "committed {}",
                change.entries[0].path
            )))
        }
        Err(failed) => {
            let text = failed.error().to_string();
            assert_eq!(failed.conflicts(), []);
            // The session comes back open.
            let session = failed.into_session();
            assert_eq!(session.read_to_string("a")?, "made by the agent");
            Ok(Outcome::new(text))
        }
    }
}
