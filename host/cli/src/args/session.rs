//! `session-fs session`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueHint};

use super::commit::{ConflictArgs, PolicyArg};
use super::grant::{PathArgs, ReviewArgs};
use super::values::{self, Pair};
use crate::units;

pub(super) const EXAMPLES: &str = "\
Examples:
  id=$(session-fs session begin --base ../project --purpose 'new logo' --expires 2h)
  session-fs session commit $id --message 'new logo' --on-conflict merge
  id=$(session-fs session begin --read '**' --write 'docs/**')
  session-fs session commit $id --grant 'execute=Makefile'
  session-fs session commit $id --dry-run --format json | jq .conflicts

A session is named by its id or by the beginning of it, 4 characters or more.";

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// Begin a session over a directory and print its id
    Begin(BeginArgs),
    /// List the sessions of a directory
    List(ListArgs),
    /// Show what is known of a session, and which paths it changed
    Show(SessionArgs),
    /// Show what a session changed as a unified diff
    Diff(SessionArgs),
    /// Show what was done in a session
    Log(SessionArgs),
    /// Apply what a session changed to its directory: all of it, or nothing
    Commit(CommitArgs),
    /// Throw away what a session changed
    Rollback {
        #[command(flatten)]
        session: SessionArgs,
        /// Remove a session that cannot be read any more, and with it all that it changed
        #[arg(long)]
        damaged: bool,
    },
    /// Move a session onto the present state of its directory
    Rebase {
        #[command(flatten)]
        session: SessionArgs,
        /// What to do where the directory changed under the session
        #[arg(long, value_name = "POLICY", default_value = "fail")]
        on_conflict: PolicyArg,
    },
    /// Begin a session from the present state of another, and print its id
    Fork(ForkArgs),
    /// Mark the present state of a session by a name
    Savepoint {
        #[command(flatten)]
        session: SessionArgs,
        /// The name
        #[arg(value_name = "NAME", value_parser = values::some_text())]
        name: String,
    },
    /// Bring a session back to a savepoint
    Restore {
        #[command(flatten)]
        session: SessionArgs,
        /// The savepoint's name
        #[arg(value_name = "NAME", value_parser = values::some_text())]
        name: String,
    },
    /// Remove what is left of sessions that expired or ended long ago
    Gc(BaseArgs),
}

/// A directory, with what is kept of it.
#[derive(Debug, Args)]
pub(crate) struct BaseArgs {
    /// The directory [default: the current one, or the nearest above it that has sessions or a history]
    #[arg(long, env = "SESSION_FS_BASE", hide_env_values = true)]
    #[arg(value_name = "DIR", value_parser = values::directory(), value_hint = ValueHint::DirPath)]
    pub(crate) base: Option<PathBuf>,
}

/// A session, wherever it is.
#[derive(Debug, Args)]
pub(crate) struct SessionArgs {
    /// The session's id, or the beginning of it
    #[arg(value_name = "SESSION", value_parser = values::text())]
    pub(crate) session: String,

    /// Look for it over this directory alone [default: wherever it is]
    #[arg(long, value_name = "DIR")]
    #[arg(value_parser = values::directory(), value_hint = ValueHint::DirPath)]
    pub(crate) base: Option<PathBuf>,
}

/// What a session is for.
#[derive(Debug, Args)]
pub(crate) struct MetadataArgs {
    /// What it is for, in words
    #[arg(long, value_name = "TEXT", value_parser = values::text())]
    pub(crate) purpose: Option<String>,

    /// Who works in it
    #[arg(long, value_name = "NAME", value_parser = values::text())]
    pub(crate) agent: Option<String>,

    /// The task that it belongs to
    #[arg(long, value_name = "ID", value_parser = values::text())]
    pub(crate) task: Option<String>,

    /// A name and a value of your own
    #[arg(long, value_name = "K=V", value_parser = values::pair())]
    pub(crate) label: Vec<Pair>,

    /// Drop it when it was not used for so long, such as 30m, 2h or 7d
    #[arg(long, value_name = "D", value_parser = units::parse_duration)]
    pub(crate) expires: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct BeginArgs {
    /// The directory that it starts from and is committed to
    #[arg(
        long,
        env = "SESSION_FS_BASE",
        default_value = ".",
        hide_env_values = true
    )]
    #[arg(value_name = "DIR", value_parser = values::directory(), value_hint = ValueHint::DirPath)]
    pub(crate) base: PathBuf,

    #[command(flatten)]
    pub(crate) metadata: MetadataArgs,

    /// Deny every change
    #[arg(long)]
    pub(crate) read_only: bool,

    #[command(flatten)]
    pub(crate) paths: PathArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ForkArgs {
    #[command(flatten)]
    pub(crate) session: SessionArgs,

    #[command(flatten)]
    pub(crate) metadata: MetadataArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) base: BaseArgs,

    /// The sessions of every directory that is known
    #[arg(long, conflicts_with = "base")]
    pub(crate) all: bool,

    /// Those that have ended, too
    #[arg(long)]
    pub(crate) ended: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CommitArgs {
    #[command(flatten)]
    pub(crate) session: SessionArgs,

    /// Why the change is made, for the history
    #[arg(long, short, value_name = "TEXT", value_parser = values::text())]
    pub(crate) message: Option<String>,

    /// Only what changed at or below these paths; the session stays open with the rest
    #[arg(long, value_name = "PATH", num_args = 1.., value_parser = values::some_path())]
    pub(crate) paths: Vec<vfs::VPath>,

    /// Say what would happen and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) conflict: ConflictArgs,

    #[command(flatten)]
    pub(crate) review: ReviewArgs,
}
