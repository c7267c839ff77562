//! `Workbench`: where the repository is, and how a command is started in it.
//!
//! Every process that xtask starts goes through here, so that each is echoed, runs at the root of
//! the repository, and is named in the error when it fails.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cargo_metadata::{Metadata, MetadataCommand};

/// How often a bounded command is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The repository that the commands work on.
pub(crate) struct Workbench {
    root: PathBuf,
    target: PathBuf,
}

impl Workbench {
    /// Finds the repository from the manifest of this package.
    pub(crate) fn locate() -> Result<Self> {
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|| OsString::from(env!("CARGO_MANIFEST_DIR")));
        let root = Path::new(&manifest_dir)
            .parent()
            .context("the xtask package has no parent directory")?
            .to_path_buf();
        let metadata = MetadataCommand::new()
            .current_dir(&root)
            .no_deps()
            .exec()
            .context("cannot read the workspace with `cargo metadata`")?;
        let target = metadata.target_directory.into_std_path_buf();
        Ok(Self { root, target })
    }

    /// The directory of the workspace's `Cargo.toml`.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory cargo builds into.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Reads the workspace and its whole dependency graph for the machine we are on.
    pub(crate) fn metadata(&self, host: &str) -> Result<Metadata> {
        MetadataCommand::new()
            .current_dir(&self.root)
            .other_options(["--filter-platform", host].map(String::from))
            .exec()
            .context("cannot read the dependency graph with `cargo metadata`")
    }

    /// A `cargo` command at the root.
    pub(crate) fn cargo(&self) -> Command {
        self.tool(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// A `rustc` command at the root.
    pub(crate) fn rustc(&self) -> Command {
        self.tool(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
    }

    /// Any other program, at the root.
    pub(crate) fn tool(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        command.current_dir(&self.root);
        command
    }

    /// Echoes the command, runs it with our own terminal, and fails when it fails.
    #[expect(
        clippy::unused_self,
        reason = "only somebody with a workbench starts processes"
    )]
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        let line = display(command);
        println!("$ {line}");
        let status = command
            .status()
            .with_context(|| format!("cannot start `{line}`"))?;
        if !status.success() {
            bail!("`{line}` failed: {status}");
        }
        Ok(())
    }

    /// Runs the command in silence for at most `limit` and returns what it printed.
    ///
    /// The error carries the end of what it printed to both streams.
    pub(crate) fn capture(&self, command: &mut Command, limit: Duration) -> Result<String> {
        let line = display(command);
        let log_path = self
            .scratch("log")?
            .join(format!("{}.log", std::process::id()));
        let log = File::create(&log_path).context("cannot write below the target directory")?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start `{line}`"))?;
        let deadline = Instant::now() + limit;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if Instant::now() >= deadline {
                child.kill()?;
                child.wait()?;
                break None;
            }
            thread::sleep(POLL_INTERVAL);
        };
        let printed = String::from_utf8_lossy(&fs::read(&log_path)?).into_owned();
        fs::remove_file(&log_path)?;
        let tail = last_lines(&printed, 12);
        match status {
            Some(status) if status.success() => Ok(printed),
            Some(status) => bail!("`{line}` failed: {status}\n{tail}"),
            None => bail!("`{line}` was stopped after {} s\n{tail}", limit.as_secs()),
        }
    }

    /// A directory of our own below the target directory, made when missing.
    pub(crate) fn scratch(&self, name: &str) -> Result<PathBuf> {
        let path = self.target.join("xtask").join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }
}

/// The command as a person would type it, without the environment.
fn display(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

fn last_lines(text: &str, lines_max: usize) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(lines_max)..].join("\n")
}
