//! `Project`: a real project for the agents to work on, copied from cargo's own sources.
//!
//! Any machine that has built the workspace has one on its disk, so the demo needs no network. The
//! choice depends only on `Cargo.lock`: every machine shows the same project.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, Package};

use crate::setup::Toolchain;
use crate::workbench::Workbench;

/// The size that is real and still copied in a moment.
const FILES_COUNT: std::ops::RangeInclusive<usize> = 300..=2000;

/// A copy of the sources of one dependency.
pub(super) struct Project {
    /// The package's name.
    pub(super) name: String,
    /// The package's version.
    pub(super) version: String,
    /// All files.
    pub(super) files_count: usize,
    /// The files that end in `.rs`.
    pub(super) rust_files_count: usize,
    /// Where the copy is.
    pub(super) path: PathBuf,
}

/// Copies the sources of the dependency with the most Rust files to `target/demo/project`, anew.
pub(super) fn copy(bench: &Workbench) -> Result<Project> {
    let metadata = bench.metadata(Toolchain::find(bench, None)?.host())?;
    let (package, files) = choose(&metadata)?;
    let path = bench.target().join("demo/project");
    if path.exists() {
        fs::remove_dir_all(&path).with_context(|| path.display().to_string())?;
    }
    let source = root_of(package);
    for file in &files {
        let target = path.join(file.strip_prefix(source)?);
        fs::create_dir_all(target.parent().context("a file has a parent")?)?;
        fs::copy(file, &target).with_context(|| target.display().to_string())?;
    }
    Ok(Project {
        name: package.name.to_string(),
        version: package.version.to_string(),
        files_count: files.len(),
        rust_files_count: rust_files(&files),
        path,
    })
}

/// Of the dependencies of a fitting size, the one with the most Rust files; the first by name wins.
fn choose(metadata: &Metadata) -> Result<(&Package, Vec<PathBuf>)> {
    let mut best: Option<(&Package, Vec<PathBuf>)> = None;
    let mut packages: Vec<&Package> = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some())
        .collect();
    packages.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    for package in packages {
        let mut files = Vec::new();
        list_files(root_of(package), &mut files)?;
        let is_better = best
            .as_ref()
            .is_none_or(|(_, most)| rust_files(&files) > rust_files(most));
        if FILES_COUNT.contains(&files.len()) && is_better {
            best = Some((package, files));
        }
    }
    best.context("no dependency has between 300 and 2000 files")
}

fn root_of(package: &Package) -> &Path {
    package
        .manifest_path
        .as_std_path()
        .parent()
        .unwrap_or_else(|| Path::new("/"))
}

fn rust_files(files: &[PathBuf]) -> usize {
    files
        .iter()
        .filter(|file| file.extension().is_some_and(|e| e == "rs"))
        .count()
}

/// All regular files below a directory, without following links.
fn list_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            list_files(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
