//! `session-fs audit`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::session::BaseArgs;
use super::values;
use crate::units;

pub(super) const EXAMPLES: &str = "\
Examples:
  session-fs audit log --session 0190 --outcome denied
  session-fs audit verify && session-fs audit export --as csv > audit.csv";

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Show the last operations, oldest first
    Log {
        #[command(flatten)]
        base: BaseArgs,
        #[command(flatten)]
        filter: AuditFilterArgs,
        /// How many at most; the last ones are shown
        #[arg(long, value_name = "N", default_value = "100", value_parser = values::count())]
        limit: usize,
    },
    /// Check that the log is as it was written
    Verify {
        #[command(flatten)]
        base: BaseArgs,
    },
    /// Print the whole log
    Export {
        #[command(flatten)]
        base: BaseArgs,
        #[command(flatten)]
        filter: AuditFilterArgs,
        /// As lines that can be verified, or as a table for a spreadsheet
        #[arg(long = "as", value_name = "FORM", default_value = "jsonl")]
        form: ExportAs,
    },
}

/// Which operations to show.
#[derive(Debug, Args)]
pub(crate) struct AuditFilterArgs {
    /// Only of this session, by its id or the beginning of it
    #[arg(long, value_name = "ID", value_parser = values::text())]
    pub(crate) session: Option<String>,

    /// Only of this agent
    #[arg(long, value_name = "NAME", value_parser = values::text())]
    pub(crate) agent: Option<String>,

    /// Only of this task
    #[arg(long, value_name = "ID", value_parser = values::text())]
    pub(crate) task: Option<String>,

    /// Only this operation, such as write
    #[arg(long, value_name = "WORD", value_parser = values::operation)]
    pub(crate) operation: Option<String>,

    /// Only with this outcome, such as ok or denied
    #[arg(long, value_name = "WORD", value_parser = values::outcome)]
    pub(crate) outcome: Option<String>,

    /// Only at this path or below it
    #[arg(long, value_name = "PATH", value_parser = values::text())]
    pub(crate) path: Option<String>,

    /// Only what is not older, such as 12h or 7d
    #[arg(long, value_name = "D", value_parser = units::parse_duration)]
    pub(crate) since: Option<Duration>,
}

/// How the log is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportAs {
    /// One JSON object per line, as the log has it
    Jsonl,
    /// A table for a spreadsheet
    Csv,
}
