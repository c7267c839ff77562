//! The example agents, built as the components that the host runs.
//!
//! They are built into `target/guests`, apart from the host, so that neither waits for the other's
//! lock or throws away its cache. An agent is a package below `example-agents/`, inside the
//! workspace or not; whatever `.wasm` its build leaves is the agent. Called by `demo` and `lint`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use cargo_metadata::{Message, MetadataCommand};

use crate::setup;
use crate::workbench::Workbench;

/// The target every guest is built for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// One built example agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Guest {
    /// The name of the target that made it: `rename-symbol`, always with dashes.
    pub(crate) name: String,
    /// The component.
    pub(crate) component: PathBuf,
}

/// Builds every example agent with optimisation and returns them sorted by name.
///
/// Programs (`bin`) and libraries of the `agent` world (`cdylib`) alike.
pub(crate) fn build(bench: &Workbench) -> Result<Vec<Guest>> {
    setup::ensure(bench)?;
    let mut guests = Vec::new();
    for manifest in agent_manifests(bench)? {
        guests.extend(build_package(bench, &manifest)?);
    }
    guests.sort();
    Ok(guests)
}

/// The manifests of the example agents, sorted.
pub(crate) fn agent_manifests(bench: &Workbench) -> Result<Vec<PathBuf>> {
    let folder = bench.root().join("example-agents");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut manifests = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let manifest = entry?.path().join("Cargo.toml");
        if manifest.is_file() {
            manifests.push(manifest);
        }
    }
    manifests.sort();
    Ok(manifests)
}

/// The example agents that are no members of the workspace, which `cargo fmt --all` leaves out.
pub(crate) fn stand_alone_manifests(bench: &Workbench) -> Result<Vec<PathBuf>> {
    let metadata = MetadataCommand::new()
        .current_dir(bench.root())
        .no_deps()
        .exec()?;
    let is_member = |path: &PathBuf| metadata.packages.iter().any(|p| p.manifest_path == *path);
    let mut manifests = agent_manifests(bench)?;
    manifests.retain(|path| !is_member(path));
    Ok(manifests)
}

fn build_package(bench: &Workbench, manifest: &Path) -> Result<Vec<Guest>> {
    let mut command = bench.cargo();
    command
        .args(["build", "--release", "--target", TARGET, "--manifest-path"])
        .arg(manifest);
    command
        .arg("--target-dir")
        .arg(bench.target().join("guests"));
    command.arg("--message-format=json-render-diagnostics");
    println!(
        "$ cargo build --release --target {TARGET} --manifest-path {}",
        manifest.display()
    );
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(
        output.status.success(),
        "building the agent {} failed",
        manifest.display()
    );
    let mut guests = Vec::new();
    for message in Message::parse_stream(output.stdout.as_slice()) {
        if let Message::CompilerArtifact(artifact) = message? {
            let component = artifact
                .filenames
                .iter()
                .find(|f| f.extension() == Some("wasm"));
            guests.extend(component.map(|component| Guest {
                name: artifact.target.name.replace('_', "-"),
                component: component.clone().into_std_path_buf(),
            }));
        }
    }
    ensure!(
        !guests.is_empty(),
        "{} builds neither a bin nor a cdylib",
        manifest.display()
    );
    Ok(guests)
}
