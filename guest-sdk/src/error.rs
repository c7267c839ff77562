//! `Error`: everything that can go wrong in an agent, with the path it went wrong at.
//!
//! It is the contract's `error`, variant by variant, and a place for the agent's own errors.

use crate::Conflict;
use std::fmt;

/// The result of nearly every call of the SDK.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, with the path it went wrong at.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Nothing stands at the path.
    NotFound {
        /// The path.
        path: String,
    },
    /// Something stands at the path already.
    AlreadyExists {
        /// The path.
        path: String,
    },
    /// A directory was needed.
    NotADirectory {
        /// The path.
        path: String,
    },
    /// Something other than a directory was needed.
    IsADirectory {
        /// The path.
        path: String,
    },
    /// The directory still has entries.
    NotEmpty {
        /// The path.
        path: String,
    },
    /// A symbolic link was needed.
    NotALink {
        /// The path.
        path: String,
    },
    /// The root, or a directory that cannot be moved into itself.
    Busy {
        /// The path.
        path: String,
    },
    /// The session has no savepoint of this name.
    NoSuchSavepoint {
        /// The name.
        name: String,
    },
    /// More symbolic links on the way than are followed.
    TooManyLinks {
        /// The path.
        path: String,
    },
    /// The action is not allowed.
    Denied {
        /// The path, where there is one.
        path: Option<String>,
        /// Which rule denies it.
        reason: DenialReason,
        /// What exactly was denied.
        detail: String,
        /// The operator's option that would allow it; `None` when none would.
        grant: Option<String>,
    },
    /// The path is not well formed.
    InvalidPath {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An argument other than the path is not usable.
    Invalid(String),
    /// The text to replace was found another number of times; nothing was changed.
    EditMismatch {
        /// The path.
        path: String,
        /// How often it was to be found.
        expected: u32,
        /// How often it was found.
        found: u32,
    },
    /// The base moved under the session; nothing was applied.
    Conflict(Vec<Conflict>),
    /// A limit was reached; nothing was taken.
    Quota {
        /// The limit's name.
        which: String,
        /// How much of it was taken already.
        used: u64,
        /// The limit.
        limit: u64,
    },
    /// The session has been committed, rolled back or has expired.
    Closed(String),
    /// A session that this one is nested in has ended; all it can do is to be rolled back.
    Orphaned {
        /// The id of the session that ended, the nearest one above.
        ancestor: String,
        /// The change that it was committed as; `None` when it was rolled back.
        change: Option<String>,
    },
    /// The base changed here after the session had seen it.
    Stale {
        /// The path.
        path: String,
    },
    /// The host does not offer this.
    Unsupported(String),
    /// The system below failed.
    Io {
        /// The path, where there is one.
        path: Option<String>,
        /// What failed.
        cause: String,
    },
    /// The file is not text.
    NotUtf8 {
        /// The path.
        path: String,
    },
    /// An error of the agent's own.
    Other(Box<dyn std::error::Error + Send + Sync>),
}

/// Why an action was denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DenialReason {
    /// The path leads out of the session.
    Confinement,
    /// The task was not granted this.
    Capability,
    /// The session or the handle is read-only.
    ReadOnly,
}

impl Error {
    /// Makes an error of the agent's own, from a text or from another error.
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Other(error.into())
    }

    /// Says what was being done; this error becomes the source of the new one.
    #[must_use]
    pub fn context(self, doing: impl Into<String>) -> Self {
        Self::Other(Box::new(Context {
            doing: doing.into(),
            source: self,
        }))
    }

    /// What is to be said of an error that is a path and nothing else.
    fn advice(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not found: check the path or create it first",
            Self::AlreadyExists { .. } => "exists already: remove it first or choose another name",
            Self::NotADirectory { .. } => "is not a directory: name a directory here",
            Self::IsADirectory { .. } => "is a directory: name a file here, or list it",
            Self::NotEmpty { .. } => "is not empty: remove_all removes it with its content",
            Self::NotALink { .. } => "is not a symbolic link: read it instead",
            Self::Busy { .. } => "cannot be moved or removed: name something below it",
            Self::TooManyLinks { .. } => {
                "leads through too many symbolic links: name what they lead to"
            }
            Self::Stale { .. } => {
                "changed in the base after the session had seen it: roll back and begin again"
            }
            Self::NotUtf8 { .. } => "is not UTF-8 text: read its bytes or leave it out",
            _ => "",
        }
    }

    /// The path that the error is about, where there is one.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::NotFound { path }
            | Self::AlreadyExists { path }
            | Self::NotADirectory { path }
            | Self::IsADirectory { path }
            | Self::NotEmpty { path }
            | Self::NotALink { path }
            | Self::Busy { path }
            | Self::TooManyLinks { path }
            | Self::InvalidPath { path, .. }
            | Self::EditMismatch { path, .. }
            | Self::Stale { path }
            | Self::NotUtf8 { path } => Some(path),
            Self::Denied { path, .. } | Self::Io { path, .. } => path.as_deref(),
            Self::Conflict(conflicts) => conflicts.first().map(|conflict| conflict.path.as_str()),
            Self::Other(error) => error
                .downcast_ref::<Context>()
                .and_then(|it| it.source.path()),
            Self::Invalid(_)
            | Self::NoSuchSavepoint { .. }
            | Self::Quota { .. }
            | Self::Closed(_)
            | Self::Orphaned { .. }
            | Self::Unsupported(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied {
                path,
                reason,
                detail,
                grant,
            } => denied(f, path.as_deref(), *reason, detail, grant.as_deref()),
            Self::InvalidPath { path, reason } => write!(f, "path `{path}` is invalid: {reason}"),
            Self::EditMismatch {
                path,
                expected,
                found,
            } => write!(
                f,
                "the text to replace stands {found} times in `{path}`, not {expected}: read the \
                 file again and give as much context as makes it unique"
            ),
            Self::Conflict(conflicts) => conflicted(f, conflicts),
            Self::Quota { which, used, limit } => write!(
                f,
                "the limit {which} is reached, {used} of {limit} are taken: do with less or ask \
                 the operator for more"
            ),
            Self::Invalid(detail) => f.write_str(detail),
            Self::NoSuchSavepoint { name } => {
                write!(
                    f,
                    "no savepoint `{name}`: set it first, restoring forgets later ones"
                )
            }
            Self::Closed(detail) => write!(f, "{detail}: begin another session"),
            Self::Orphaned { ancestor, change } => {
                let how = match change {
                    Some(_) => "committed",
                    None => "rolled back",
                };
                write!(
                    f,
                    "session {ancestor}, which this one is nested in, was {how}: commit what is \
                     inside first, or begin beside it"
                )
            }
            Self::Unsupported(detail) => write!(f, "not offered by this host: {detail}"),
            Self::Io { cause, .. } => match self.path() {
                Some(path) => write!(f, "input or output at `{path}`: {cause}"),
                None => write!(f, "input or output: {cause}"),
            },
            Self::Other(error) => error.fmt(f),
            _ => write!(f, "`{}` {}", self.path().unwrap_or_default(), self.advice()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // `Display` shows the inner error itself, so the chain goes on below it.
            Self::Other(error) => error.source(),
            _ => None,
        }
    }
}

fn denied(
    f: &mut fmt::Formatter<'_>,
    path: Option<&str>,
    reason: DenialReason,
    detail: &str,
    grant: Option<&str>,
) -> fmt::Result {
    if let Some(path) = path {
        write!(f, "`{path}`: ")?;
    }
    let reason = match reason {
        DenialReason::Confinement => "leads out of the session",
        DenialReason::Capability => "not granted to this task",
        DenialReason::ReadOnly => "read-only",
    };
    write!(f, "denied, {reason}: {detail}")?;
    match grant {
        Some(grant) => write!(f, "; the operator allows it by {grant}"),
        None => Ok(()),
    }
}

/// Names the first few paths; the caller has the whole list.
fn conflicted(f: &mut fmt::Formatter<'_>, conflicts: &[Conflict]) -> fmt::Result {
    const PATHS_SHOWN_MAX: usize = 3;
    write!(f, "the base has moved at {} paths", conflicts.len())?;
    for (index, conflict) in conflicts.iter().take(PATHS_SHOWN_MAX).enumerate() {
        write!(
            f,
            "{}`{}`",
            if index == 0 { ": " } else { ", " },
            conflict.path
        )?;
    }
    let more = if conflicts.len() > PATHS_SHOWN_MAX {
        ", …"
    } else {
        ""
    };
    write!(
        f,
        "{more}; nothing was applied, begin again from the present state"
    )
}

/// What was being done when an error came.
#[derive(Debug)]
struct Context {
    doing: String,
    source: Error,
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)
    }
}

impl std::error::Error for Context {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: &Error, path: Option<&str>, text: &str) {
        assert_eq!(error.path(), path, "{error:?}");
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn an_error_names_its_path_and_what_to_do() {
        let path = "src/a.rs".to_owned();
        check(
            &Error::NotFound { path: path.clone() },
            Some("src/a.rs"),
            "`src/a.rs` not found: check the path or create it first",
        );
        let denied = Error::Denied {
            path: Some(path),
            reason: DenialReason::Capability,
            detail: "commit".to_owned(),
            grant: Some("--grant commit".to_owned()),
        };
        check(
            &denied,
            Some("src/a.rs"),
            "`src/a.rs`: denied, not granted to this task: commit; the operator allows it by \
             --grant commit",
        );
    }

    #[test]
    fn many_conflicts_are_counted_and_not_all_listed() {
        let conflict = |path: &str| Conflict {
            path: path.to_owned(),
            before: None,
            ours: None,
            theirs: None,
            reason: crate::ConflictReason::Content,
        };
        let conflicts = ["a", "b", "c", "d"].map(conflict).to_vec();
        check(
            &Error::Conflict(conflicts),
            Some("a"),
            "the base has moved at 4 paths: `a`, `b`, `c`, …; nothing was applied, begin again \
             from the present state",
        );
    }

    #[test]
    fn context_keeps_the_path() {
        let error = Error::NotFound {
            path: "a".to_owned(),
        }
        .context("reading the list");
        check(&error, Some("a"), "reading the list");
    }
}
