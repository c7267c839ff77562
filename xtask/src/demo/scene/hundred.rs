//! A hundred sessions at once, over files of the project: `host/supervisor/examples/hundred.rs`
//! begins, edits and commits them, and tells how long each step took and what it held.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{Ran, Stage, show};

const SESSIONS_COUNT: usize = 100;
const FILES_COUNT: usize = 50;

/// What the example puts in front of every file.
const LINE: &[u8] = b"// edited in a session of its own\n";

pub(super) fn play(stage: &Stage<'_>) -> Result<()> {
    let root = stage.bench.target().join("demo/hundred");
    let originals = lay_out(&stage.project.path, &root)?;
    let example = stage.session_fs.with_file_name("examples").join("hundred");
    let output = stage.bench.tool(&example).arg(&root).output();
    let ran = Ran::from(output.with_context(|| format!("cannot start {}", example.display()))?);
    ran.expect_code(0)?;
    show(&ran.stdout);
    for (path, original) in &originals {
        let is = fs::read(path)?;
        ensure!(
            is.strip_prefix(LINE).is_some_and(|rest| rest == original),
            "{} is not what its session made of it",
            path.display()
        );
    }
    println!(
        "  all {} files on the disk are what their sessions made of them",
        originals.len()
    );
    fs::remove_dir_all(&root)?;
    Ok(())
}

/// Copies files of the project into one folder for each session, and returns what is where.
fn lay_out(project: &Path, root: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    if root.exists() {
        fs::remove_dir_all(root)?;
    }
    let mut sources = Vec::new();
    list(project, &mut sources)?;
    sources.sort();
    ensure!(!sources.is_empty(), "the project has no Rust files");
    let mut sources = sources.iter().cycle();
    let mut copies = Vec::with_capacity(SESSIONS_COUNT * FILES_COUNT);
    for session in 0..SESSIONS_COUNT {
        let folder = root.join(format!("session-{session:03}"));
        fs::create_dir_all(&folder)?;
        for file in 0..FILES_COUNT {
            let source = sources.next().context("a cycle never ends")?;
            let content = fs::read(source)?;
            let path = folder.join(format!("file-{file:02}.rs"));
            fs::write(&path, &content)?;
            copies.push((path, content));
        }
    }
    Ok(copies)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
