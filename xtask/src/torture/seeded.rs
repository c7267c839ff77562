//! Puts each known mistake into a copy of the sources and runs the tests that should notice.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use super::bugs::{BUGS, Bug};
use crate::workbench::Workbench;

/// The crates that are copied.
const CRATES: [&str; 3] = ["host/store", "host/vfs", "host/workspace"];

/// Seeds every bug whose name contains `filter`; returns how many that were, and how many of them no
/// test noticed or no longer fit the sources.
///
/// # Errors
///
/// The sources cannot be copied.
pub(super) fn run(bench: &Workbench, filter: &str) -> Result<(u64, u64)> {
    let copy = bench.scratch("seeded")?;
    copy_sources(bench.root(), &copy)?;
    let (mut lines, mut count, mut missed) = (Vec::new(), 0, 0);
    for bug in BUGS.iter().filter(|bug| bug.name.contains(filter)) {
        let by = match seed(bench, &copy, bug) {
            Ok(Some(by)) => format!("`{by}`"),
            Ok(None) => "MISSED".to_owned(),
            Err(error) => format!("BROKEN: {error:#}"),
        };
        println!("{}: {by}", bug.name);
        count += 1;
        missed += u64::from(!by.starts_with('`'));
        lines.push(format!("| {} | {by} |", bug.name));
    }
    println!("\n| bug | caught by |\n| --- | --- |\n{}", lines.join("\n"));
    Ok((count, missed))
}

/// Copies the crates, with a manifest that knows no others.
fn copy_sources(root: &Path, copy: &Path) -> Result<()> {
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let (_, rest) = manifest
        .split_once("[workspace.package]")
        .context("the manifest has no [workspace.package]")?;
    let members = CRATES.map(|name| format!("\"{name}\"")).join(", ");
    let head = format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n\n");
    fs::write(
        copy.join("Cargo.toml"),
        format!("{head}[workspace.package]{rest}"),
    )?;
    fs::copy(root.join("Cargo.lock"), copy.join("Cargo.lock"))?;
    for name in CRATES {
        let target = copy.join(name);
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
        copy_tree(&root.join(name), &target)?;
    }
    Ok(())
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_tree(&entry.path(), &target)?,
            false => fs::copy(entry.path(), target).map(drop)?,
        }
    }
    Ok(())
}

/// Seeds one bug; returns the test that failed, and leaves the copy as it was.
fn seed(bench: &Workbench, copy: &Path, bug: &Bug) -> Result<Option<String>> {
    let path = copy.join(bug.file);
    let sound = fs::read_to_string(&path)?;
    ensure!(sound.contains(bug.right), "it no longer fits {}", bug.file);
    fs::write(&path, sound.replace(bug.right, bug.wrong))?;
    let found = failing_test(bench, copy, bug);
    fs::write(&path, sound)?;
    found
}

fn failing_test(bench: &Workbench, copy: &Path, bug: &Bug) -> Result<Option<String>> {
    let package = format!("session-fs-{}", bug.package);
    let test = |last: &[&str]| {
        let mut command = bench.cargo();
        command
            .current_dir(copy)
            // Its own: cargo would take these crates for those of the repository.
            .env("CARGO_TARGET_DIR", copy.join("target"))
            .args(["test", "--offline", "-q", "-p", &package, "--test", "it"])
            .args(last);
        command
    };
    let built = test(&["--no-run"]).stdout(Stdio::null()).output()?;
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr);
        let first = said.lines().find(|line| line.starts_with("error"));
        bail!("the sources do not build with it: {}", first.unwrap_or("?"));
    }
    let mut words = vec!["--"];
    words.extend(bug.tests);
    let output = test(&words).stderr(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let failures = text.rsplit("failures:").next().unwrap_or_default();
    let name = failures
        .lines()
        .map(str::trim)
        .find(|line| line.contains("::"));
    Ok(Some(
        name.unwrap_or("the run, which did not end").to_owned(),
    ))
}
