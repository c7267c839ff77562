//! Uses every operation on files and names that a session has.

use session_fs_sdk::prelude::*;

#[agent]
fn run(_task: Task) -> Result<Outcome> {
    let session = Session::current()?;
    session.mkdir("a/b/c")?;
    session.mkdir("a/b")?;
    session.write("a/file", "0123456789")?;
    assert_eq!(session.read_range("a/file", 2, 3)?, b"234");
    assert_eq!(session.read_range("a/file", 8, 100)?, b"89");
    assert_eq!(session.read_range("a/file", u64::MAX, 1)?, b"");
    session.write_range("a/file", 12, "x")?;
    session.append("a/file", "y")?;
    session.append("a/new", "made by appending")?;
    assert_eq!(session.read("a/file")?, b"0123456789\0\0xy");
    session.truncate("a/file", 4)?;
    session.edit("a/file", "12", "twelve", 1)?;
    assert_eq!(session.read_to_string("a/file")?, "0twelve3");

    session.symlink("file", "a/link")?;
    assert_eq!(session.read_link("a/link")?, "file");
    assert_eq!(
        (session.stat("a/link")?.kind, session.stat("a/link")?.size),
        (Kind::File, 8)
    );
    assert_eq!(session.stat_link("a/link")?.kind, Kind::Symlink);
    session.copy("a", "copy")?;
    session.rename("a", "moved")?;
    let names: Vec<String> = session.list("moved")?.into_iter().map(|e| e.name).collect();
    assert_eq!(names, ["b", "file", "link", "new"]);
    session.remove("moved/link")?;
    session.remove_all("moved/b")?;
    session.remove_all("moved/b")?;
    assert!(!session.exists("moved/b")? && session.exists("copy/b/c")?);
    for index in 0..2500 {
        session.write(&format!("copy/b/c/{index:04}"), "")?;
    }
    assert_eq!(session.list("copy/b/c")?.len(), 2500, "over several pages");
    session.remove_all("copy/b")?;
    let walked: Vec<String> = session
        .walk("")?
        .map(|entry| entry.map(|e| e.path))
        .collect::<Result<_>>()?;
    Ok(Outcome::new(walked.join(" ")))
}
