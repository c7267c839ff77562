//! What every program does, and what has to come of it: an inventory of the folder `notes`.
//!
//! It lists the notes into `out/list.txt`, which it writes under another name first, removes `old.txt`,
//! tries to write beside the tree, and says for whom it was. For `fail` it fails once all is done.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::languages::Language;
use crate::workbench::Workbench;

const BEFORE: [(&str, &str); 3] = [
    ("notes/a.txt", "one\n"),
    ("notes/b.txt", "ä\n"),
    ("old.txt", "old\n"),
];

const AFTER: [(&str, &str); 3] = [
    ("notes/a.txt", "one\n"),
    ("notes/b.txt", "ä\n"),
    ("out/list.txt", "a.txt: 4 bytes\nb.txt: 3 bytes\n"),
];

/// Runs programs.
pub(super) struct Inventory<'a> {
    pub(super) bench: &'a Workbench,
    pub(super) session_fs: PathBuf,
}

impl Inventory<'_> {
    /// A program that fails changes nothing; one that succeeds is committed.
    pub(super) fn check(&self, program: &Path, language: &Language) -> Result<()> {
        let scratch = self.bench.scratch("programs/tree")?;
        fs::remove_dir_all(&scratch)?;
        let tree = scratch.join("base");
        for (path, content) in BEFORE {
            let path = tree.join(path);
            fs::create_dir_all(path.parent().context("it is below the tree")?)?;
            fs::write(path, content)?;
        }
        let (code, told) = self.run(program, &tree, "fail")?;
        ensure!(code != 0, "it was told to fail\n{told}");
        expect(&tree, &BEFORE).with_context(|| told)?;
        let (code, told) = self.run(program, &tree, "you")?;
        ensure!(code == 0, "exit code {code}\n{told}");
        ensure!(told.contains("2 notes for you"), "it did not say:\n{told}");
        let is_denied = told.contains("the network was not granted");
        ensure!(
            is_denied == language.tries_network,
            "it tries the network: {}; denied: {is_denied}\n{told}",
            language.tries_network
        );
        expect(&tree, &AFTER).with_context(|| told)?;
        ensure!(
            !scratch.join("beside.txt").exists(),
            "it wrote beside the tree"
        );
        Ok(())
    }

    /// The exit code, and all that was printed.
    fn run(&self, program: &Path, tree: &Path, whom: &str) -> Result<(i32, String)> {
        let mut command = self.bench.tool(&self.session_fs);
        command.env_clear();
        // It makes the folder itself, for nobody else to write to.
        let cache = self.bench.scratch("programs")?.join("cache");
        command.env("SESSION_FS_CACHE_DIR", cache);
        command.arg("run").arg("--base").arg(tree).arg(program);
        let output = command.args(["--", whom]).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let told = text(&output.stdout) + &text(&output.stderr);
        Ok((output.status.code().unwrap_or(-1), told))
    }
}

/// The tree has these files and no others, apart from what session-fs itself keeps in it.
fn expect(tree: &Path, expected: &[(&str, &str)]) -> Result<()> {
    let mut found = Vec::new();
    let mut waiting = vec![tree.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name == ".session-fs") {
                continue;
            }
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(tree)?.display().to_string();
                found.push((name, fs::read_to_string(&path)?));
            }
        }
    }
    found.sort();
    let expected: Vec<(String, String)> = expected
        .iter()
        .map(|(path, content)| ((*path).to_owned(), (*content).to_owned()))
        .collect();
    ensure!(
        found == expected,
        "the tree is {found:?} and not {expected:?}"
    );
    Ok(())
}
