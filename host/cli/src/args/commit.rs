//! How conflicts are met: the same for every command that commits.

use clap::{Args, ValueEnum};
use vfs::{ConflictPolicy, Isolation};

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ConflictArgs {
    /// What to do where the base changed under the session
    #[arg(long, value_name = "POLICY", default_value = "fail")]
    pub(crate) on_conflict: PolicyArg,

    /// Whether what the session only read has to be unchanged as well
    #[arg(long, value_name = "LEVEL", default_value = "snapshot")]
    pub(crate) isolation: IsolationArg,

    /// Take somebody else's write in the very moment of the commit for a conflict too
    #[arg(long)]
    pub(crate) strict: bool,
}

/// What to do at a path that both sides changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyArg {
    /// Change nothing, and show every such path
    Fail,
    /// Join both where that is clean, texts by lines
    Merge,
    /// Take the session's version
    Ours,
    /// Keep the base's version
    Theirs,
}

/// What has to be unchanged for a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum IsolationArg {
    /// What the session writes
    Snapshot,
    /// What it read, listed and looked for, too
    Serializable,
}

impl From<PolicyArg> for ConflictPolicy {
    fn from(policy: PolicyArg) -> Self {
        match policy {
            PolicyArg::Fail => Self::Fail,
            PolicyArg::Merge => Self::Merge,
            PolicyArg::Ours => Self::Ours,
            PolicyArg::Theirs => Self::Theirs,
        }
    }
}

impl From<IsolationArg> for Isolation {
    fn from(isolation: IsolationArg) -> Self {
        match isolation {
            IsolationArg::Snapshot => Self::Snapshot,
            IsolationArg::Serializable => Self::Serializable,
        }
    }
}
