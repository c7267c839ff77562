//! The command line: what can be asked for, with its help.
//!
//! Flags win over the environment and the environment over the defaults. Everything that needs more
//! than its own text to be checked is checked where it is used.

mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use supervisor::Grant;
pub(crate) use values::{BaseName, Pair};

use crate::units;

const EXAMPLES: &str = "\
Examples:
  session-fs run agent.wasm                      run it over the current directory and commit
  session-fs run --dry-run agent.wasm            show what it would change and change nothing
  session-fs run --hold agent.wasm               ask before committing
  session-fs inspect agent.wasm                  show what it is and what it needs

Exit codes:
  0 ok   1 failed   2 usage   3 conflict   4 not found   5 denied   6 limit
  The exit code of a guest that exits by itself is passed through.";

const RUN_EXAMPLES: &str = "\
Examples:
  session-fs run --base ../project license-header.wasm -- --text 'Example Ltd, 2026'
  session-fs run --param from=Foo --param to=Bar rename-symbol.wasm
  session-fs run --dry-run rename-symbol.wasm > change.patch && git apply change.patch
  session-fs run --hold --timeout 5m --memory 256M agent.wasm
  session-fs run --base vfs://scratch --format json agent.wasm | jq .change.entries

Where output goes:
  table        the guest's stdout and an agent's result on stdout, the rest on stderr
  --dry-run    only the diff on stdout
  json, jsonl  only JSON on stdout; the guest's own output on stderr";

const INSPECT_EXAMPLES: &str = "\
Examples:
  session-fs inspect agent.wasm
  session-fs inspect --format json agent.wasm | jq .imports

Exits with 0 when the component would run here and with 1, and the reason, when not.";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  session-fs completions bash > ~/.local/share/bash-completion/completions/session-fs
  session-fs completions fish > ~/.config/fish/completions/session-fs.fish";

/// Runs agents over a project in sessions that commit whole or vanish
#[derive(Debug, Parser)]
#[command(
    name = "session-fs",
    version,
    after_help = EXAMPLES,
    arg_required_else_help = true,
    subcommand_required = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,

    /// How to print the result
    #[arg(
        long,
        global = true,
        env = "SESSION_FS_FORMAT",
        default_value = "table"
    )]
    #[arg(hide_env_values = true, value_name = "FORMAT")]
    pub(crate) format: Format,

    /// Say more; twice for what the host does in detail
    ///
    /// SESSION_FS_LOG sets it as a filter, such as session_fs_runtime=debug. The log goes to
    /// stderr: for a person on a terminal, as JSON elsewhere.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an agent in a session over a base, and commit what it did if it succeeds
    #[command(after_help = RUN_EXAMPLES)]
    Run(Box<RunArgs>),
    /// Show what a component is, what it needs and whether it would run here
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect(InspectArgs),
    /// Print the completions of a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

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

    /// What the agent may do beyond its session: `commit` it, or `begin=vfs://NAME`
    #[arg(long, value_name = "GRANT")]
    pub(crate) grant: Vec<Grant>,

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

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For a person
    Table,
    /// One JSON object
    Json,
    /// One JSON object per line, the result last
    Jsonl,
}

impl Format {
    /// Whether stdout carries JSON and nothing else.
    pub(crate) fn is_json(self) -> bool {
        self != Self::Table
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, String> {
        Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_cannot_be_understood_names_the_argument_and_the_value() {
        let check = |line: &str, parts: &[&str]| {
            let error = parse(line).expect_err(line);
            for part in parts {
                assert!(error.contains(part), "{line}: {part:?} is not in {error}");
            }
        };
        check("session-fs run", &["AGENT.wasm"]);
        check(
            "session-fs run --timeout 30 a",
            &["--timeout", "'30'", "the unit is missing"],
        );
        check(
            "session-fs run --memory 64MB a",
            &["--memory", "'64MB'", "did you mean 'MiB'?"],
        );
        check(
            "session-fs run --memory 5G a",
            &["--memory", "'5G'", "4.0 GiB"],
        );
        check("session-fs run --env NAME a", &["--env", "'NAME'", "K=V"]);
        check(
            "session-fs run --grant all a",
            &["--grant", "unknown grant 'all'"],
        );
        check(
            "session-fs run --base git://x a",
            &["--base", "'git://x'", "vfs://NAME"],
        );
        check(
            "session-fs run --dry-run --hold a",
            &["--dry-run", "--hold"],
        );
        check("session-fs run --dryrun a", &["--dryrun", "--dry-run"]);
        check(
            "session-fs run --format yaml a",
            &["yaml", "table, json, jsonl"],
        );
        check("session-fs runn a", &["runn", "run"]);
    }

    #[test]
    fn arguments_after_the_dashes_are_the_agents() {
        let cli = parse("session-fs run --dry-run a.wasm -- --base x -v").expect("parses");
        let Command::Run(run) = cli.command else {
            panic!("not a run")
        };
        assert_eq!(run.args, ["--base", "x", "-v"]);
        assert_eq!(run.base, BaseName::Directory(".".into()));
        assert_eq!(cli.verbose, 0);
    }
}
