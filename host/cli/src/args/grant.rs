//! What an agent may do: the same for every command that says so.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use supervisor::Grant;

use super::values::{self, Pair};
use crate::units;

/// What the operator grants a run.
#[derive(Debug, Args)]
pub(crate) struct GrantArgs {
    /// A TOML file with what the agent may do; what is said here as well has to allow it too
    #[arg(long, env = "SESSION_FS_POLICY", hide_env_values = true)]
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,

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

    /// A variable of the guest's environment, which is empty otherwise; NAME alone passes ours on
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = values::env())]
    pub(crate) env: Vec<EnvArg>,

    /// How long the agent may run, such as 500ms, 30s or 1h30m [default: 5m]
    #[arg(long, env = "SESSION_FS_TIMEOUT", hide_env_values = true)]
    #[arg(value_name = "D", value_parser = units::parse_duration)]
    pub(crate) timeout: Option<Duration>,

    /// Memory that the agent may have, such as 64M or 1G; 4G at most [default: 512M]
    #[arg(long, env = "SESSION_FS_MEMORY", hide_env_values = true)]
    #[arg(value_name = "N", value_parser = values::guest_memory)]
    pub(crate) memory: Option<u64>,

    /// Memory that what the agent changes may take [default: 256M]
    #[arg(long, env = "SESSION_FS_SESSION_MEMORY", hide_env_values = true)]
    #[arg(value_name = "N", value_parser = units::parse_bytes)]
    pub(crate) session_memory: Option<u64>,
}

/// What may be committed without a second look.
#[derive(Debug, Args)]
pub(crate) struct ReviewArgs {
    /// A TOML file with what may be committed
    #[arg(long, env = "SESSION_FS_POLICY", hide_env_values = true)]
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,

    /// What may be committed: with `execute=GLOB` what runs by itself when the tree is opened or
    /// built, with `any-names` names such as a and A in one directory
    #[arg(long, value_name = "GRANT", value_parser = values::review_grant)]
    pub(crate) grant: Vec<Grant>,
}

/// Which paths of a session that lasts may be reached.
#[derive(Debug, Args)]
pub(crate) struct PathArgs {
    /// A TOML file with the paths that may be reached
    #[arg(long, env = "SESSION_FS_POLICY", hide_env_values = true)]
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,

    /// What may be read, such as 'src/**'. With --read or --write nothing else is reached
    #[arg(long, value_name = "GLOB", value_parser = values::read_grant)]
    pub(crate) read: Vec<Grant>,

    /// What may be written, made and removed, and read
    #[arg(long, value_name = "GLOB", value_parser = values::write_grant)]
    pub(crate) write: Vec<Grant>,
}

/// A variable for the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EnvArg {
    /// `NAME=VALUE`
    Value(Pair),
    /// `NAME`: what it is here.
    Pass(String),
}

impl EnvArg {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Value(pair) => &pair.name,
            Self::Pass(name) => name,
        }
    }
}
