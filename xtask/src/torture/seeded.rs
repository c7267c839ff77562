//! Puts each known mistake into a copy of the sources and runs the tests that should notice.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use super::bugs::{BUGS, Bug};
use crate::workbench::Workbench;

/// The crates that are copied.
const CRATES: [&str; 3] = ["host/store", "host/vfs", "host/workspace"];

/// Seeds every bug whose name contains `filter`. One that no test notices, or that no longer fits
/// the sources, is an error.
pub(super) fn run(bench: &Workbench, filter: &str) -> Result<()> {
    let copy = bench.scratch("seeded")?;
    copy_sources(bench.root(), &copy)?;
    let (mut missed, mut caught) = (Vec::new(), Vec::new());
    for bug in BUGS.iter().filter(|bug| bug.name.contains(filter)) {
        let by = seed(bench, &copy, bug).with_context(|| format!("bug '{}'", bug.name))?;
        match by {
            Some(by) => caught.push(format!("| {} | `{by}` |", bug.name)),
            None => missed.push(bug.name),
        }
        println!(
            "{}: {}",
            bug.name,
            if missed.last() == Some(&bug.name) {
                "MISSED"
            } else {
                "caught"
            }
        );
    }
    println!(
        "\n| bug | caught by |\n| --- | --- |\n{}",
        caught.join("\n")
    );
    ensure!(missed.is_empty(), "no test notices: {}", missed.join(", "));
    println!("\n{} seeded bugs, all caught", caught.len());
    Ok(())
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
    let built = test(&["--no-run"]).stderr(Stdio::null()).status()?;
    if !built.success() {
        bail!("the sources do not build with it");
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
