//! An agent that tries everything it must not be able to do.

use anyhow::{Result, ensure};

use super::{Stage, show};
use crate::demo::tree::TreePrint;

pub(super) fn play(stage: &Stage<'_>) -> Result<()> {
    let outside = stage.bench.target().join("demo");
    let secret = outside.join("secret.txt");
    std::fs::write(&secret, "nobody's business\n")?;
    let link = stage.project.path.join("way-out");
    std::os::unix::fs::symlink("../secret.txt", &link)?;
    let before = TreePrint::take(&stage.project.path)?;

    let ran = stage.run(&[], "rogue", &["all-files"])?;
    ran.expect_code(1)?;
    let refused = ran
        .stdout
        .lines()
        .filter(|line| line.starts_with("refused "))
        .count();
    ensure!(
        !ran.stdout.contains("GOT IT"),
        "it got something:\n{}",
        ran.stdout
    );
    ensure!(refused > 0, "it tried nothing:\n{}", ran.stdout);
    for line in ran.stdout.lines().filter(|line| line.contains("done ")) {
        show(line);
    }
    println!("  {refused} attempts to get out, {refused} refused");
    for (options, attempt, code, part) in [
        (
            &["--timeout", "500ms"][..],
            "loop",
            6,
            "ran for longer than",
        ),
        (&["--memory", "64M"], "allocate", 6, "needed more than"),
        (
            &["--session-memory", "16M"],
            "flood",
            1,
            "session-memory-bytes",
        ),
    ] {
        let ran = stage.run(options, "rogue", &[attempt])?;
        ran.expect_code(code)?;
        show(ran.line(part)?);
    }
    show(&before.check_same(&stage.project.path)?);
    ensure!(
        std::fs::read(&secret)? == b"nobody's business\n",
        "the file outside was touched"
    );
    std::fs::remove_file(&link)?;
    Ok(())
}
