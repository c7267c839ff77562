//! Writes a greeting beside every `README.md`, with the number of lines it has.

use session_fs_sdk::prelude::*;

#[agent]
fn run(task: Task) -> Result<Outcome> {
    let session = Session::current()?;
    let name = task.parameter("name").unwrap_or("world");
    let mut greeted = 0;
    for entry in session.walk("")?.skip_names([".git", "target"]) {
        let path = entry?.path;
        let Some(directory) = path.strip_suffix("README.md") else {
            continue;
        };
        let lines = session.read_to_string(&path)?.lines().count();
        let greeting = format!("Hello, {name}! The README has {lines} lines.\n");
        session.write(&format!("{directory}HELLO.txt"), greeting)?;
        greeted += 1;
    }
    if greeted == 0 {
        return Err(Error::other("there is no README.md to greet from"));
    }
    Ok(Outcome::new(format!("greeted {greeted} times")).detail("greetings", greeted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use session_fs_sdk::testing::Sandbox;

    #[test]
    fn greets_beside_every_readme() {
        let sandbox = Sandbox::new()
            .file("README.md", "a\nb\n")
            .file("sub/README.md", "");
        let task = Task::new("greet").with_parameter("name", "reader");
        let outcome = sandbox.run(|| run(task)).expect("there is a README");
        assert_eq!(outcome.summary, "greeted 2 times");
        assert_eq!(
            sandbox.read("HELLO.txt"),
            "Hello, reader! The README has 2 lines.\n"
        );
        assert!(sandbox.exists("sub/HELLO.txt"));
    }

    #[test]
    fn nothing_to_greet_is_an_error() {
        let sandbox = Sandbox::new().file("notes.txt", "");
        let error = sandbox
            .run(|| run(Task::new("greet")))
            .expect_err("no README");
        assert_eq!(error.to_string(), "there is no README.md to greet from");
    }
}
