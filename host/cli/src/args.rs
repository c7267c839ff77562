//! The command line: what can be asked for, with its help.
//!
//! Flags win over the environment and the environment over the defaults. Everything that needs more
//! than its own text to be checked is checked where it is used.

mod values;

mod audit;
mod commit;
mod doctor;
mod fs;
mod grant;
mod history;
mod run;
mod session;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

pub(crate) use audit::{AuditCommand, AuditFilterArgs, ExportAs};
pub(crate) use commit::ConflictArgs;
pub(crate) use doctor::DoctorArgs;
pub(crate) use fs::{FileArgs, FsCommand, GrepArgs, LsArgs};
pub(crate) use grant::{EnvArg, GrantArgs, PathArgs, ReviewArgs};
pub(crate) use history::{HistoryCommand, HistoryGcArgs, HistoryLogArgs, RevertArgs, VersionOf};
pub(crate) use run::{CacheArgs, InspectArgs, RunArgs};
pub(crate) use session::{
    BaseArgs, BeginArgs, CommitArgs, ForkArgs, ListArgs, MetadataArgs, SessionArgs, SessionCommand,
};
pub(crate) use values::{BaseName, Pair, guest_memory};

const EXAMPLES: &str = "\
Examples:
  session-fs run agent.wasm                      run it over the current directory and commit
  session-fs run --dry-run agent.wasm            show what it would change and change nothing
  session-fs run --hold agent.wasm               ask before committing
  session-fs inspect agent.wasm                  show what it is and what it needs
  id=$(session-fs session begin)                 begin a session that lasts
  session-fs fs write $id notes.txt < notes      work in it, from any directory and process
  session-fs session diff $id                    show what it changed
  session-fs session commit $id                  apply all of it, or nothing
  session-fs history log                         show what was committed to the directory

Exit codes:
  0 ok   1 failed   2 usage   3 conflict   4 not found   5 denied   6 limit
  The exit code of a guest that exits by itself is passed through.";

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
    #[command(after_help = run::RUN_EXAMPLES)]
    Run(Box<RunArgs>),
    /// Show what a component is, what it needs and whether it would run here
    #[command(after_help = run::INSPECT_EXAMPLES)]
    Inspect(InspectArgs),
    /// Begin, show, commit and drop sessions that last
    #[command(subcommand, after_help = session::EXAMPLES)]
    Session(SessionCommand),
    /// Work on the files of a session
    #[command(subcommand, after_help = fs::EXAMPLES)]
    Fs(FsCommand),
    /// Show what was committed to a directory, and bring it back
    #[command(subcommand, after_help = history::EXAMPLES)]
    History(HistoryCommand),
    /// Show and check the log of what sessions did
    #[command(subcommand, after_help = audit::EXAMPLES)]
    Audit(AuditCommand),
    /// Check everything that session-fs keeps of a directory
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(DoctorArgs),
    /// Print the completions of a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
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
        check(
            "session-fs run --param NAME a",
            &["--param", "'NAME'", "K=V"],
        );
        check("session-fs run --env =V a", &["--env", "'=V'", "K=V"]);
        check(
            "session-fs run --grant all a",
            &["--grant", "unknown grant 'all'"],
        );
        check(
            "session-fs run --read /etc/** a",
            &["--read", "'/etc/**'", "absolute"],
        );
        check("session-fs run --write a[ a", &["--write", "'a['"]);
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
