//! Checks of the repository itself, as ordinary tests.
//!
//! Each check is a helper that returns its offenders, one test that runs it on the repository, and
//! tests that show on made-up input that it bites. An offender names the file and what to do.
#![expect(
    clippy::disallowed_methods,
    reason = "tidy reads the sources of the repository, never what a guest names"
)]

mod confinement;
mod edges;
mod files;
mod limits;
mod manifests;
mod modules;
mod needles;
mod scan;

use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};

/// One file of the repository: its path from the root, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }
}

/// The directory of the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .parent()
        .expect("the tests package is in the repository")
        .to_path_buf()
}

/// The packages of the workspace without their dependencies; needs no network.
fn workspace() -> Metadata {
    let mut command = MetadataCommand::new();
    command
        .current_dir(root())
        .no_deps()
        .exec()
        .expect("cargo can read the workspace")
}

/// Every text file of the repository, sorted by path; what is built, and git's own, left out.
fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&root(), "", &mut sources);
    assert!(!sources.is_empty(), "the repository has files");
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Those of them that are Rust.
fn rust_sources() -> Vec<Source> {
    let mut sources = sources();
    sources.retain(|source| source.path.ends_with(".rs"));
    sources
}

fn collect(folder: &Path, prefix: &str, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("the repository can be listed") {
        let entry = entry.expect("the repository can be listed");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().expect("an entry has a kind");
        if kind.is_dir() && !matches!(name.as_str(), "target" | ".git" | ".session-fs") {
            collect(&entry.path(), &format!("{path}/"), sources);
        } else if kind.is_file() {
            let bytes = fs::read(entry.path()).expect("a file of the repository can be read");
            // what is not text is of no interest to any check
            sources.extend(
                String::from_utf8(bytes)
                    .ok()
                    .map(|text| Source { path, text }),
            );
        }
    }
}

/// Fails with one line per offender.
#[track_caller]
fn assert_none(what: &str, offenders: &[String]) {
    assert!(
        offenders.is_empty(),
        "{what}:\n  {}",
        offenders.join("\n  ")
    );
}
