//! `session-fs fs`.

use clap::{Args, Subcommand};

use super::session::SessionArgs;
use super::values;

pub(super) const EXAMPLES: &str = "\
Examples:
  session-fs fs write $id src/new.rs < new.rs
  session-fs fs read $id src/new.rs | wc -l
  session-fs fs edit $id Cargo.toml --search 'version = \"1\"' --replace 'version = \"2\"'
  session-fs fs grep $id 'fn main' --glob '**/*.rs'

Each command is saved when it ends with 0, whatever happens to the machine then. Paths are from the
session's root; nothing outside of the directory can be named.";

#[derive(Debug, Subcommand)]
pub(crate) enum FsCommand {
    /// Print the content of a file
    Read(FileArgs),
    /// Make what comes on stdin the content of a file; create it when it is absent
    Write(FileArgs),
    /// Add what comes on stdin at the end of a file; create it when it is absent
    Append(FileArgs),
    /// Replace text in a file
    Edit(EditArgs),
    /// List a directory
    Ls(LsArgs),
    /// Describe what stands at a path
    Stat(FileArgs),
    /// Create a directory and those above it
    Mkdir(FileArgs),
    /// Remove a file, a link or an empty directory
    Rm(RmArgs),
    /// Rename or move
    Mv(PairArgs),
    /// Copy a file or a tree
    Cp(PairArgs),
    /// Find lines that match a regular expression
    Grep(GrepArgs),
}

#[derive(Debug, Args)]
pub(crate) struct FileArgs {
    #[command(flatten)]
    pub(crate) session: SessionArgs,

    /// The path, from the session's root
    #[arg(value_name = "PATH", value_parser = values::text())]
    pub(crate) path: String,
}

#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// The text to replace
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = values::text())]
    pub(crate) search: String,

    /// What to put in its place
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = values::text())]
    pub(crate) replace: String,

    /// How often it has to be there; nothing is changed otherwise
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) count: u32,
}

#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    #[command(flatten)]
    pub(crate) session: SessionArgs,

    /// The directory, from the session's root
    #[arg(value_name = "PATH", default_value = "", hide_default_value = true)]
    #[arg(value_parser = values::text())]
    pub(crate) path: String,

    /// Show kind, size and time
    #[arg(short, long)]
    pub(crate) long: bool,

    /// List what is below, too
    #[arg(short = 'R', long)]
    pub(crate) recursive: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    #[command(flatten)]
    pub(crate) file: FileArgs,

    /// Remove everything below it, too
    #[arg(short, long)]
    pub(crate) recursive: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PairArgs {
    #[command(flatten)]
    pub(crate) session: SessionArgs,

    /// What there is
    #[arg(value_name = "SOURCE", value_parser = values::text())]
    pub(crate) source: String,

    /// Where it is to be; below it when that is a directory
    #[arg(value_name = "TARGET", value_parser = values::text())]
    pub(crate) target: String,
}

#[derive(Debug, Args)]
pub(crate) struct GrepArgs {
    #[command(flatten)]
    pub(crate) session: SessionArgs,

    /// The regular expression
    #[arg(value_name = "PATTERN", value_parser = values::text())]
    pub(crate) pattern: String,

    /// A file or directory to look at; all when it is not given
    #[arg(value_name = "PATH", value_parser = values::text())]
    pub(crate) path: Option<String>,

    /// Look only at paths like this, such as '**/*.rs'
    #[arg(long, value_name = "GLOB", conflicts_with = "path", value_parser = values::text())]
    pub(crate) glob: Option<String>,

    /// Take capital and small letters for the same
    #[arg(short, long)]
    pub(crate) ignore_case: bool,
}
