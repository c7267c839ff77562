//! Uses both faces of one session, `std::fs` and the session handle, and sees the same in both.

use std::fs;
use std::io::Write;

use session_fs_sdk::prelude::*;

#[agent]
fn run(_task: Task) -> Result<Outcome> {
    let session = Session::current()?;
    let mount = session.path().expect("the run's own session is mounted");
    session.write("by-handle", "1")?;
    assert_eq!(fs::read(format!("{mount}by-handle")).expect("read"), b"1");
    fs::create_dir("directory").expect("made");
    fs::write("directory/by-std", "2").expect("written");
    assert_eq!(session.read("directory/by-std")?, b"2");

    // A savepoint goes back for both, and a handle to what it undoes is dead, not dangerous.
    let savepoint = session.savepoint("before")?;
    let mut file = fs::File::create("undone").expect("created");
    file.write_all(b"x").expect("written");
    session.write("by-handle", "changed")?;
    savepoint.restore()?;
    assert_eq!(fs::read("by-handle").expect("read"), b"1");
    assert!(fs::metadata("undone").is_err());
    file.write_all(b"y").expect_err("its file is gone");
    Ok(Outcome::new(session.diff()?))
}
