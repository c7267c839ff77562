//! Holds and drops handles of sessions, and opens sessions by identities that it knows or invents.

use session_fs_sdk::DenialReason;
use session_fs_sdk::prelude::*;

#[agent]
fn run(task: Task) -> Result<Outcome> {
    let granted = task.required("granted")?;
    // Each ends with its value, so there are never two.
    for number in 0..200 {
        Session::begin(granted, "short")?.write("a", number.to_string())?;
    }
    let mut held = Vec::new();
    let refused = loop {
        match Session::begin(granted, "held") {
            Ok(session) => held.push(session),
            Err(error) => break error,
        }
        assert!(held.len() < 10_000, "never refused");
    };
    assert!(matches!(refused, Error::Quota { .. }), "{refused:?}");
    let held_count = held.len();

    let id = held[0].metadata()?.id;
    held[0].write("a", "x")?;
    let again = Session::open(&id)?;
    assert_eq!(again.read_to_string("a")?, "x");
    held.clear();
    assert_eq!(
        again.read_to_string("a").map_err(|_| ()),
        again.read_to_string("a").map_err(|_| ())
    );
    let own = Session::current()?.metadata()?.id;
    assert_eq!(Session::open(&own)?.metadata()?.id, own);

    for forged in [
        "",
        "outer",
        "own2",
        "begun-9999",
        "../own",
        "0",
        "\0",
        task.required("secret")?,
    ] {
        let refused = Session::open(forged)
            .map(drop)
            .expect_err("it was never begun here");
        assert!(
            matches!(
                refused,
                Error::Denied {
                    reason: DenialReason::Capability,
                    ..
                }
            ),
            "{forged:?}: {refused:?}"
        );
    }
    Ok(Outcome::new(format!("{held_count} at once")))
}
