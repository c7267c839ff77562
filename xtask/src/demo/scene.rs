//! `Stage` and `Scene`: what a scene of the demo has to work with, and the list of scenes.
//!
//! A scene is a function over the stage. It runs the real `session-fs` binary on the real project,
//! prints a few lines, and fails when what it shows is not true, so that CI proves the demo.

mod hundred;
mod license;
mod rename;
mod rogue;
mod two;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::project::Project;
use crate::guests::Guest;
use crate::workbench::Workbench;

/// What is ready when the curtain rises.
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

/// What one call of the binary did.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

/// The scenes, in the order in which they are played.
pub(super) fn all() -> Vec<Scene> {
    vec![
        Scene {
            title: "license-header as a dry run: a patch, and nothing is touched",
            play: license::play,
        },
        Scene {
            title: "rename-symbol, committed: the project still parses",
            play: rename::play,
        },
        Scene {
            title: "rogue, refused: not a byte, mode or time has changed",
            play: rogue::play,
        },
        Scene {
            title: "two agents at once on different files: both commit",
            play: two::different,
        },
        Scene {
            title: "two agents at once on the same file: the second is told",
            play: two::same,
        },
        Scene {
            title: "100 sessions at once, 50 edited files each",
            play: hundred::play,
        },
    ]
}

impl Stage<'_> {
    fn guest(&self, name: &str) -> Result<&Path> {
        let guest = self.guests.iter().find(|guest| guest.name == name);
        let guest = guest.with_context(|| format!("there is no agent {name}"))?;
        Ok(&guest.component)
    }

    /// `session-fs run OPTIONS AGENT.wasm -- ARGS` over the project; echoed.
    fn command(&self, options: &[&str], guest: &str, args: &[&str]) -> Result<Command> {
        let component = self.guest(guest)?;
        let dashes = if args.is_empty() { &[][..] } else { &["--"] };
        let file = format!("{guest}.wasm");
        let shown = [&["run"], options, &[&file], dashes, args].concat();
        println!(
            "$ session-fs {}",
            shown
                .iter()
                .map(|word| quoted(word))
                .collect::<Vec<_>>()
                .join(" ")
        );
        let mut command = self.bench.tool(&self.session_fs);
        // What the developer has set for their own use is none of the demo's.
        command.env_clear().current_dir(&self.project.path);
        command.env(
            "SESSION_FS_CACHE_DIR",
            self.bench.target().join("demo/cache"),
        );
        command
            .arg("run")
            .args(options)
            .arg(component)
            .args(dashes)
            .args(args);
        Ok(command)
    }

    fn run(&self, options: &[&str], guest: &str, args: &[&str]) -> Result<Ran> {
        let output = self.command(options, guest, args)?.output();
        output.context("cannot start session-fs").map(Ran::from)
    }
}

impl Ran {
    fn expect_code(&self, code: i32) -> Result<()> {
        let Self {
            code: got,
            stdout,
            stderr,
        } = self;
        ensure!(
            *got == code,
            "exit code {got} instead of {code}\n{stdout}{stderr}"
        );
        Ok(())
    }

    /// The first line of stderr that has this in it.
    fn line(&self, part: &str) -> Result<&str> {
        let line = self.stderr.lines().find(|line| line.contains(part));
        line.with_context(|| format!("it does not say '{part}':\n{}{}", self.stdout, self.stderr))
    }
}

impl From<std::process::Output> for Ran {
    fn from(output: std::process::Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

fn quoted(word: &str) -> String {
    if word.contains(' ') {
        format!("'{word}'")
    } else {
        word.to_owned()
    }
}

/// Prints text below a command, indented.
fn show(text: &str) {
    for line in text.lines() {
        println!("  {line}");
    }
}
