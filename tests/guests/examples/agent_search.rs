//! Searches, lists what changed and shows it as a diff.

use session_fs_sdk::prelude::*;

#[agent]
fn run(_task: Task) -> Result<Outcome> {
    let session = Session::current()?;
    session.mkdir("src")?;
    session.write("src/new.rs", "fn new() {}\n// TODO: more\n")?;
    session.edit("src/old.rs", "two", "2", 1)?;
    let found = |query: SearchQuery| -> Result<Vec<String>> {
        let matches = session.search(query);
        matches
            .map(|it| it.map(|it| format!("{}:{}:{}", it.path, it.line, it.text)))
            .collect()
    };
    let todo = found(
        SearchQuery::lines("todo")
            .within("src/**/*.rs")
            .ignore_case(),
    )?;
    assert_eq!(todo, ["src/new.rs:2:// TODO: more"]);
    assert_eq!(found(SearchQuery::paths("**/*.txt"))?, ["notes.txt:0:"]);
    assert_eq!(found(SearchQuery::lines("^2$"))?, ["src/old.rs:2:2"]);
    assert_eq!(found(SearchQuery::lines("nowhere to be found"))?, [""; 0]);
    for index in 0..3000 {
        session.append("src/many.txt", format!("needle {index}\n"))?;
    }
    assert_eq!(
        found(SearchQuery::lines("needle"))?.len(),
        3000,
        "over several pages"
    );
    session.remove("src/many.txt")?;
    Ok(Outcome::new("found").report(session.diff()?))
}
