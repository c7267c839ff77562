//! Ends as its parameter says, after it has written a file and begun a session.

use session_fs_sdk::prelude::*;

#[agent]
fn run(task: Task) -> Result<Outcome> {
    Session::current()?.write("written", "before the end")?;
    let begun = Session::begin(task.required("granted")?, "left behind")?;
    begun.write("a", "x")?;
    // Nobody drops it: the host has to.
    std::mem::forget(begun);
    match task.required("how")? {
        "ok" => Ok(Outcome::new("well").detail("count", 3).report("# Long\n")),
        "error" => Err(Error::other("too bad").context("doing the task")),
        "panic" => panic!("the agent gives up"),
        "exit" => std::process::exit(0),
        "loop" => loop {
            std::hint::black_box(());
        },
        other => panic!("{other}"),
    }
}
