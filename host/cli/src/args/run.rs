//! `session-fs run` and `session-fs inspect`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::commit::ConflictArgs;
use super::grant::GrantArgs;
use super::values::{self, BaseName, Pair};

pub(super) const RUN_EXAMPLES: &str = "\
Examples:
  session-fs run --base ../project license-header.wasm -- --text 'Example Ltd, 2026'
  session-fs run --param from=Foo --param to=Bar rename-symbol.wasm
  session-fs run --dry-run rename-symbol.wasm > change.patch && git apply change.patch
  session-fs run --read '**' --write 'docs/**' agent.wasm
  session-fs run --policy ci.toml --env TOKEN agent.wasm
  session-fs run --hold --timeout 5m --memory 256M agent.wasm
  session-fs run --base vfs://scratch --format json agent.wasm | jq .change.entries

Where output goes:
  table        the guest's stdout and an agent's result on stdout, the rest on stderr
  --dry-run    only the diff on stdout
  json, jsonl  only JSON on stdout; the guest's own output on stderr";

pub(super) const INSPECT_EXAMPLES: &str = "\
Examples:
  session-fs inspect agent.wasm
  session-fs inspect --base ../project --write 'docs/**' agent.wasm
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

    #[command(flatten)]
    pub(crate) grant: GrantArgs,

    /// Give the guest our stdin; it is empty otherwise
    #[arg(long)]
    pub(crate) stdin: bool,

    #[command(flatten)]
    pub(crate) cache: CacheArgs,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The component
    #[arg(value_name = "AGENT.wasm", value_hint = ValueHint::FilePath)]
    pub(crate) agent: PathBuf,

    /// The base whose own policy is asked as well
    #[arg(long, value_name = "DIR|vfs://NAME")]
    #[arg(value_parser = values::base(), value_hint = ValueHint::DirPath)]
    pub(crate) base: Option<BaseName>,

    #[command(flatten)]
    pub(crate) grant: GrantArgs,

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
