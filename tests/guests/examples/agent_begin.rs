//! Begins sessions over a base that was granted and over one that was not.

use session_fs_sdk::prelude::*;
use session_fs_sdk::{BeginOptions, DenialReason};

#[agent]
fn run(task: Task) -> Result<Outcome> {
    let granted = task.required("granted")?;
    let options = BeginOptions::new("try it").label("attempt", "1");
    let scratch = Session::begin(granted, options)?;
    let metadata = scratch.metadata()?;
    assert_eq!(metadata.purpose.as_deref(), Some("try it"));
    assert_eq!(metadata.labels, [("attempt".to_owned(), "1".to_owned())]);
    assert_eq!(
        scratch.path(),
        None,
        "only the run's own session is mounted"
    );
    scratch.write("a", "in the scratch session")?;
    assert!(!Session::current()?.exists("a")?, "two sessions are apart");
    let change = scratch.commit()?;
    assert_eq!(change.entries.len(), 1);

    let refused = Session::begin(task.required("secret")?, "look").expect_err("not granted");
    let Error::Denied {
        reason: DenialReason::Capability,
        grant: Some(grant),
        ..
    } = refused
    else {
        panic!("{refused:?}");
    };
    let labels = (0..17).fold(BeginOptions::new("x"), |it, n| it.label(n.to_string(), ""));
    Session::begin(granted, labels).expect_err("too many labels");
    Ok(Outcome::new(grant).detail("change", change.id))
}
