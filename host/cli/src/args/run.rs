//! `session-fs run` and `session-fs inspect`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use supervisor::Grant;

use super::commit::ConflictArgs;
use super::values::{self, BaseName, Pair};
use crate::units;

pub(super) const RUN_EXAMPLES: &str = "\
Examples:
  session-fs run --base ../project license-header.wasm -- --text 'Example Ltd, 2026'
  session-fs run --param from=Foo --param to=Bar rename-symbol.wasm
  session-fs run --dry-run rename-symbol.wasm > change.patch && git apply change.patch
  session-fs run --read '**' --write 'docs/**' agent.wasm
  session-fs run --hold --timeout 5m --memory 256M agent.wasm
  session-fs run --base vfs://scratch --format json agent.wasm | jq .change.entries

Where output goes:
  table        the guest's stdout and an agent's result on stdout, the rest on stderr
  --dry-run    only the diff on stdout
  json, jsonl  only JSON on stdout; the guest's own output on stderr";

pub(super) const INSPECT_EXAMPLES: &str = "\
Examples:
  session-fs inspect agent.wasm
  session-fs inspect --format json agent.wasm | jq .imports

Exits with 0 when the component would run here and with 1, and the reason, when not.";

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The agent: a component of the world session-fs:host/agent or a wasi:cli command
    #[arg(value_name = "AGENT.wasm", value_hint = ValueHint::FilePath)]
    pub(crate) agent: PathBuf,

    /// Arguments of the agent
    #[arg(last = true, value_name = "ARGS", value_parser = values::text())]
    pub(crate) args: Vec<String>,

    /// What the session starts from: a directory, or vfs://NAME for an empty tree in memory
    #[arg(
        long,
        env = "SESSION_FS_BASE",
        default_value = ".",
        hide_env_values = true
    )]
    #[arg(value_name = "DIR|vfs://NAME", value_parser = values::base(), value_hint = ValueHint::DirPath)]
    pub(crate) base: BaseName,

    /// Print what the agent changed as a unified diff and discard it
    #[arg(long, conflicts_with = "hold")]
    pub(crate) dry_run: bool,

    /// Ask before committing; `commit` or `rollback` is read from stdin
    #[arg(long, conflicts_with = "stdin")]
    pub(crate) hold: bool,

    /// Deny every change
    #[arg(long)]
    pub(crate) read_only: bool,

    /// A variable of the guest's environment, which is empty otherwise
    #[arg(long, value_name = "K=V", value_parser = values::pair())]
    pub(crate) env: Vec<Pair>,

    /// What to do, in words; agents only
    #[arg(long, value_name = "TEXT", value_parser = values::text())]
    pub(crate) task: Option<String>,

    /// A named parameter of the task; agents only
    #[arg(long, value_name = "K=V", value_parser = values::pair())]
    pub(crate) param: Vec<Pair>,

    /// Why the change is made, for the history
    #[arg(long, value_name = "TEXT", value_parser = values::text())]
    pub(crate) message: Option<String>,

    #[command(flatten)]
    pub(crate) conflict: ConflictArgs,

    /// What the agent may do beyond its session: `commit` it, or `begin=vfs://NAME`; the paths of
    /// the base that it may reach, as with --read and --write; and with `execute=GLOB` what is
    /// committed without a person although it runs by itself when the tree is opened or built
    #[arg(long, value_name = "GRANT")]
    pub(crate) grant: Vec<Grant>,

    /// What the agent may read, such as 'src/**'. With --read or --write it reaches nothing else
    #[arg(long, value_name = "GLOB", value_parser = values::read_grant)]
    pub(crate) read: Vec<Grant>,

    /// What it may write, make and remove, and read
    #[arg(long, value_name = "GLOB", value_parser = values::write_grant)]
    pub(crate) write: Vec<Grant>,

    /// Give the guest our stdin; it is empty otherwise
    #[arg(long)]
    pub(crate) stdin: bool,

    /// How long the agent may run, such as 500ms, 30s or 1h30m
    #[arg(
        long,
        env = "SESSION_FS_TIMEOUT",
        default_value = "5m",
        hide_env_values = true
    )]
    #[arg(value_name = "D", value_parser = units::parse_duration)]
    pub(crate) timeout: Duration,

    /// Memory that the agent may have, such as 64M or 1G; 4G at most
    #[arg(
        long,
        env = "SESSION_FS_MEMORY",
        default_value = "512M",
        hide_env_values = true
    )]
    #[arg(value_name = "N", value_parser = values::guest_memory)]
    pub(crate) memory: u64,

    /// Memory that what the agent changes may take
    #[arg(
        long,
        env = "SESSION_FS_SESSION_MEMORY",
        default_value = "256M",
        hide_env_values = true
    )]
    #[arg(value_name = "N", value_parser = units::parse_bytes)]
    pub(crate) session_memory: u64,

    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The component
    #[arg(value_name = "AGENT.wasm", value_hint = ValueHint::FilePath)]
    pub(crate) agent: PathBuf,

    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    /// Compile the component anew and do not keep the result
    #[arg(long)]
    pub(crate) no_cache: bool,

    /// Where compiled components are kept [default: session-fs in the user's cache directory]
    #[arg(long, env = "SESSION_FS_CACHE_DIR", hide_env_values = true)]
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) cache_dir: Option<PathBuf>,
}
