//! `session-fs history`.

use std::time::Duration;

use clap::{Args, Subcommand};
use workspace::history::VersionSelector;

use super::commit::ConflictArgs;
use super::session::BaseArgs;
use super::values;
use crate::units;

pub(super) const EXAMPLES: &str = "\
Examples:
  session-fs history log --path src --since 7d
  session-fs history versions src/main.rs
  session-fs history restore src/main.rs@12 --message 'back to the old way'
  session-fs history undo 3f9a1c --dry-run

A change is named by its generation, such as 12 or @12, or by the beginning of its id, such as
3f9a1c. A version is one of these, for what the change left, or 3f9a1c^ or 12^ for what it found.";

#[derive(Debug, Subcommand)]
pub(crate) enum HistoryCommand {
    /// List what was committed, newest first
    Log(HistoryLogArgs),
    /// Show one change
    Show {
        #[command(flatten)]
        base: BaseArgs,
        /// The change's id, the beginning of it, or its generation
        #[arg(value_name = "CHANGE", value_parser = values::text())]
        change: String,
    },
    /// List the versions of a file, newest first, through renames
    Versions {
        #[command(flatten)]
        base: BaseArgs,
        /// The file, from the directory
        #[arg(value_name = "PATH", value_parser = values::path())]
        path: vfs::VPath,
    },
    /// Show what changed between two versions, or what one change did
    Diff {
        #[command(flatten)]
        base: BaseArgs,
        /// The change, or the older version
        #[arg(value_name = "VERSION", value_parser = values::version)]
        older: VersionSelector,
        /// The newer version
        #[arg(value_name = "VERSION", value_parser = values::version)]
        newer: Option<VersionSelector>,
        /// Only of this file
        #[arg(long, value_name = "PATH", value_parser = values::path())]
        path: Option<vfs::VPath>,
    },
    /// Bring back a version of a file, and commit that
    Restore {
        /// The file and its version
        #[arg(value_name = "PATH@VERSION", value_parser = values::version_of)]
        version: VersionOf,
        #[command(flatten)]
        revert: RevertArgs,
    },
    /// Take a change back, and commit that
    Undo {
        /// The change's id, the beginning of it, or its generation
        #[arg(value_name = "CHANGE", value_parser = values::text())]
        change: String,
        #[command(flatten)]
        revert: RevertArgs,
    },
    /// Drop the oldest changes, and contents that nobody needs
    Gc(HistoryGcArgs),
}

/// A version of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VersionOf {
    pub(crate) path: vfs::VPath,
    pub(crate) selector: VersionSelector,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryLogArgs {
    #[command(flatten)]
    pub(crate) base: BaseArgs,

    /// Only what touched this path or something below it
    #[arg(long, value_name = "PATH", value_parser = values::path())]
    pub(crate) path: Option<vfs::VPath>,

    /// Only of this session, by its id or the beginning of it
    #[arg(long, value_name = "ID", value_parser = values::text())]
    pub(crate) session: Option<String>,

    /// Only of this agent
    #[arg(long, value_name = "NAME", value_parser = values::text())]
    pub(crate) agent: Option<String>,

    /// Only what is not older, such as 12h or 7d
    #[arg(long, value_name = "D", value_parser = units::parse_duration)]
    pub(crate) since: Option<Duration>,

    /// Only what is at least so old
    #[arg(long, value_name = "D", value_parser = units::parse_duration)]
    pub(crate) until: Option<Duration>,

    /// How many at most
    #[arg(long, value_name = "N", default_value = "100", value_parser = values::count())]
    pub(crate) limit: usize,
}

/// How something is brought back.
#[derive(Debug, Args)]
pub(crate) struct RevertArgs {
    #[command(flatten)]
    pub(crate) base: BaseArgs,

    /// Show the diff and change nothing
    #[arg(long, conflicts_with = "hold")]
    pub(crate) dry_run: bool,

    /// Leave a session with it that is not committed, and print its id
    #[arg(long)]
    pub(crate) hold: bool,

    /// Why, for the history
    #[arg(long, short, value_name = "TEXT", value_parser = values::text())]
    pub(crate) message: Option<String>,

    #[command(flatten)]
    pub(crate) conflict: ConflictArgs,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryGcArgs {
    #[command(flatten)]
    pub(crate) base: BaseArgs,

    /// Keep so many changes
    #[arg(long, value_name = "N")]
    pub(crate) keep_changes: Option<usize>,

    /// Keep what is not older, such as 90d
    #[arg(long, value_name = "D", value_parser = units::parse_duration)]
    pub(crate) keep_age: Option<Duration>,

    /// Keep so many bytes, such as 2G
    #[arg(long, value_name = "N", value_parser = units::parse_bytes)]
    pub(crate) keep_bytes: Option<u64>,

    /// Say what would go and remove nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
