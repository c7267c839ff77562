//! An ordinary program over the whole project, as a dry run.

use anyhow::{Result, ensure};

use super::{Stage, show};
use crate::demo::tree::TreePrint;

const HEADER: &str = "Copyright of the demo";

/// Lines of the first file's diff that are shown.
const LINES_SHOWN: usize = 4;

pub(super) fn play(stage: &Stage<'_>) -> Result<()> {
    let before = TreePrint::take(&stage.project.path)?;
    let ran = stage.run(&["--dry-run"], "license-header", &["--text", HEADER])?;
    ran.expect_code(0)?;
    let is_shown = |line: &&str| !line.starts_with("---") && !line.starts_with("+++");
    let head: Vec<&str> = ran
        .stdout
        .lines()
        .filter(is_shown)
        .take(LINES_SHOWN)
        .collect();
    show(&head.join("\n"));
    let files = ran
        .stdout
        .lines()
        .filter(|line| line.starts_with("diff --git "))
        .count();
    let added = ran
        .stdout
        .lines()
        .filter(|line| line.starts_with('+') && line.contains(HEADER));
    let added = added.count();
    let rust_files = stage.project.rust_files_count;
    ensure!(
        files >= rust_files / 2,
        "only {files} of {rust_files} Rust files in the diff"
    );
    ensure!(
        added >= files,
        "{files} files in the diff and {added} headers"
    );
    println!(
        "  … in all {files} files, {} lines",
        ran.stdout.lines().count()
    );
    show(ran.line("dry run")?);
    show(&before.check_same(&stage.project.path)?);
    Ok(())
}
