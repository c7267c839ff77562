//! What is done with bytes that somebody else may have chosen: one function for each thing that reads
//! such bytes. Each panics where something is not as it must be.
//!
//! `cargo xtask fuzz` looks for such bytes for as long as it is told, led by coverage. The tests of
//! this package do the same for a moment without it: over the seeds, over what was kept in `corpus`,
//! and over what chance makes of both.
#![expect(
    dead_code,
    unused_imports,
    reason = "the modules belong to other tests, which use all of them"
)]

extern crate vfs as session_fs_vfs;
extern crate workspace as session_fs_workspace;

#[path = "../../../host/vfs/tests/it"]
mod engine {
    pub(crate) mod model;
    pub(crate) mod support;
}
#[path = "../../../host/workspace/tests/it"]
mod commits {
    pub(crate) mod rig;
}
mod mutation;
mod targets;

use commits::rig;
use engine::{model, support};

pub use mutation::mutations;

/// One thing that reads bytes of others.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is asked for by, and the folder of its corpus.
    pub name: &'static str,
    /// Reads the bytes and everything that follows from them.
    pub run: fn(&[u8]),
    /// Inputs that lead far into it.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: [Target; 8] = [
    targets::change::TARGET,
    targets::globs::TARGET,
    targets::paths::TARGET,
    targets::programs::TARGET,
    targets::records::TARGET,
    targets::saved::TARGET,
    targets::stores::TARGET,
    targets::texts::TARGET,
];

/// The target of a name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
