//! `cargo xtask demo`: the whole path on a real project, on one screen.
//!
//! Prepares the stage (agents, the `session-fs` binary, a copy of a dependency's sources), then
//! plays the scenes in order. Everything it changes is below `target/demo`.

mod project;
mod scene;
mod tree;

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::guests;
use crate::workbench::Workbench;
use scene::Stage;

/// What `cargo xtask demo` is given.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only scenes whose title contains this
    filter: Option<String>,
}

/// Sets the stage and plays the scenes; the first one that fails ends the demo.
pub(crate) fn run(bench: &Workbench, options: &Options) -> Result<()> {
    let guests = guests::build(bench)?;
    let session_fs = build_session_fs(bench)?;
    let stage = Stage {
        bench,
        guests,
        session_fs,
        project: project::copy(bench)?,
    };
    println!(
        "\n{} {}: {} files, {} of them Rust, copied to {}",
        stage.project.name,
        stage.project.version,
        stage.project.files_count,
        stage.project.rust_files_count,
        stage.project.path.display()
    );
    let filter = options.filter.as_deref().unwrap_or_default();
    for scene in scene::all()
        .iter()
        .filter(|scene| scene.title.contains(filter))
    {
        println!("--- {}", scene.title);
        (scene.play)(&stage).with_context(|| format!("scene `{}` failed", scene.title))?;
    }
    Ok(())
}

/// Builds the binary in the profile that is there already, so that CI, which has just tested in
/// the dev profile, does not build wasmtime a second time.
///
/// `--workspace` and `--examples` build nothing more; they make cargo resolve the same features as
/// for the tests, so that demo and tests share every dependency.
pub(crate) fn build_session_fs(bench: &Workbench) -> Result<PathBuf> {
    let binary = |profile: &str| bench.target().join(profile).join("session-fs");
    let release = binary("release").is_file() && !binary("debug").is_file();
    let mut command = bench.cargo();
    command.args(["build", "--workspace", "--bin", "session-fs", "--examples"]);
    if release {
        command.arg("--release");
    }
    bench.run(&mut command)?;
    Ok(binary(if release { "release" } else { "debug" }))
}
