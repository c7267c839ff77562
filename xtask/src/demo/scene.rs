//! `Stage` and `Scene`: what a scene of the demo has to work with, and the list of scenes.
//!
//! A scene is a function over the stage. It runs the real `session-fs` binary on the real project,
//! prints a few lines, and fails when what it shows is not true, so that CI proves the demo.

use std::path::PathBuf;

use anyhow::Result;

use super::project::Project;
use crate::guests::Guest;
use crate::workbench::Workbench;

/// What is ready when the curtain rises.
#[expect(dead_code, reason = "read by the scenes, of which none is written yet")]
pub(super) struct Stage<'a> {
    /// Starts processes.
    pub(super) bench: &'a Workbench,
    /// The example agents, sorted by name.
    pub(super) guests: Vec<Guest>,
    /// The `session-fs` binary.
    pub(super) session_fs: PathBuf,
    /// The project that the agents work on.
    pub(super) project: Project,
}

/// One thing the demo shows.
pub(super) struct Scene {
    /// What the audience is told first.
    pub(super) title: &'static str,
    /// Shows it; an error when it does not hold.
    pub(super) play: fn(&Stage<'_>) -> Result<()>,
}

/// The scenes, in the order in which they are played.
pub(super) fn all() -> Vec<Scene> {
    Vec::new()
}
