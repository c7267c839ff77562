//! The observer: told of every operation of a session once it has ended, whatever came of it.
//!
//! **Invariant:** an observer learns names, sizes and outcomes, never contents. It is called without
//! the session's lock, on the thread that made the call. A session without one pays one branch.

use std::fmt;

use crate::descriptor::{DescriptorFlags, OpenFlags};
use crate::error::{DenialReason, Error, ErrorKind, Result};
use crate::merge::Outcome;
use crate::session::Session;

/// Is told of the operations of one session.
pub trait Observer: Send + Sync + fmt::Debug {
    /// Takes note of an operation. The caller waits for it, and it must not call the session.
    fn note(&self, operation: &Operation<'_>);
}

/// An operation that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation<'a> {
    /// What was done.
    pub kind: OperationKind,
    /// The path as it was asked for, from the session's root; of a handle the one that it was
    /// opened by. For a search the glob. It may be any text when the operation failed.
    pub path: Option<&'a str>,
    /// The second path of a rename, copy or link; where a symbolic link leads; the name of a
    /// savepoint; the id of a session begun from this one; the id of the change of a commit.
    pub target: Option<&'a str>,
    /// How a handle was opened.
    pub flags: Option<(OpenFlags, DescriptorFlags)>,
    /// Bytes that were read or that were to be written; the new size of a truncated or edited file.
    pub bytes: u64,
    /// How many calls this stands for: over 1 for reads and writes through one handle.
    pub calls: u64,
    /// What came of it.
    pub outcome: Result<(), Failure>,
}

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind of the error.
    pub kind: ErrorKind,
    /// Which rule denied it.
    pub denial: Option<DenialReason>,
    /// The name of the limit that was reached.
    pub limit: Option<&'static str>,
}

macro_rules! operation_kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $word:literal,)+) => {
        /// What an operation does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum OperationKind {
            $($(#[doc = $doc])+ $kind,)+
        }

        impl OperationKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// The word for it in logs and on the command line.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)+
                }
            }
        }
    };
}

operation_kinds! {
    /// The session began.
    Begin = "begin",
    /// What the run of the session was granted.
    Grant = "grant",
    /// A session was begun beside this one.
    Fork = "fork",
    /// A session was begun inside this one.
    Nest = "nest",
    /// A file was read, whole, by range or through a handle.
    Read = "read",
    /// A file was written, whole, by range or through a handle.
    Write = "write",
    /// Bytes were added at the end of a file.
    Append = "append",
    /// A file was cut or extended.
    Truncate = "truncate",
    /// Text in a file was replaced.
    Edit = "edit",
    /// An object was described.
    Stat = "stat",
    /// It was asked whether something stands at a path.
    Exists = "exists",
    /// A directory was listed.
    List = "list",
    /// A directory was made.
    Mkdir = "mkdir",
    /// An object was removed.
    Remove = "remove",
    /// An object was removed with everything below.
    RemoveAll = "remove-all",
    /// An object got another name.
    Rename = "rename",
    /// A file or a tree was copied.
    Copy = "copy",
    /// A file got a second name.
    Link = "link",
    /// A symbolic link was made.
    Symlink = "symlink",
    /// The target of a symbolic link was read.
    ReadLink = "read-link",
    /// The times of an object were set.
    SetTimes = "set-times",
    /// The tree was searched.
    Search = "search",
    /// The changes were listed.
    Changes = "changes",
    /// The changes were shown as text.
    Diff = "diff",
    /// A handle was opened.
    Open = "open",
    /// A handle was flushed.
    Sync = "sync",
    /// A handle was closed.
    Close = "close",
    /// A savepoint was made.
    Savepoint = "savepoint",
    /// The session went back to a savepoint.
    Restore = "restore",
    /// The session was moved onto the present state of its base.
    Rebase = "rebase",
    /// What a nested session changed was applied to this one.
    Merge = "merge",
    /// The session was frozen for a commit.
    Seal = "seal",
    /// The commit came to nothing and the session is open again.
    Reopen = "reopen",
    /// The session was closed as committed.
    Commit = "commit",
    /// The session was thrown away.
    Rollback = "rollback",
    /// The last handle of an open session was dropped, and its changes with it.
    Discard = "discard",
    /// A session was asked for by its id.
    Resume = "resume",
    /// A socket or an address was asked for.
    Connect = "connect",
}

impl OperationKind {
    /// The kind of a word, as `as_str` gives it.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word)
    }

    /// Whether the session ends with it when it succeeds.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Commit | Self::Rollback | Self::Discard)
    }
}

impl<'a> Operation<'a> {
    /// An operation without a path that went well.
    pub fn new(kind: OperationKind) -> Self {
        Self {
            kind,
            path: None,
            target: None,
            flags: None,
            bytes: 0,
            calls: 1,
            outcome: Ok(()),
        }
    }

    /// An operation at a path.
    pub fn at(kind: OperationKind, path: &'a str) -> Self {
        Self {
            path: Some(path),
            ..Self::new(kind)
        }
    }

    /// The same with a second path or name.
    #[must_use]
    pub fn to(self, target: &'a str) -> Self {
        Self {
            target: Some(target),
            ..self
        }
    }

    /// The same of this many bytes.
    #[must_use]
    pub fn of(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            denial: match error {
                Error::Denied { reason, .. } => Some(*reason),
                _ => None,
            },
            limit: match error {
                Error::Quota { which, .. } => Some(which),
                Error::FileTooLarge { .. } => Some("file-bytes"),
                _ => None,
            },
        }
    }
}

impl Session {
    /// Runs an operation and tells the observer what came of it; `run` may set the bytes.
    pub(crate) fn noted<R>(
        &self,
        operation: Operation<'_>,
        run: impl FnOnce(&mut u64) -> Result<R>,
    ) -> Result<R> {
        let mut bytes = operation.bytes;
        let outcome = run(&mut bytes);
        if let Some(observer) = self.observer() {
            observer.note(&Operation {
                bytes,
                outcome: outcome.as_ref().map(drop).map_err(Failure::from),
                ..operation
            });
        }
        outcome
    }

    /// Tells the observer that a nested session came to be merged; conflicts count as a failure.
    pub(crate) fn note_merge(&self, child: &str, outcome: &Result<Outcome>) {
        let outcome = match outcome {
            Ok(outcome) if outcome.conflicts.is_empty() => Ok(()),
            Ok(_) => Err(Failure {
                kind: ErrorKind::Conflict,
                denial: None,
                limit: None,
            }),
            Err(error) => Err(Failure::from(error)),
        };
        self.note(&Operation {
            outcome,
            ..Operation::new(OperationKind::Merge).to(child)
        });
    }

    /// Tells the observer of something that was asked for in the name of this session and that the
    /// session itself was never asked: what whoever stands before it denied, say.
    pub fn report(&self, operation: &Operation<'_>) {
        self.note(operation);
    }

    /// Tells the observer of something that cannot fail.
    pub(crate) fn note(&self, operation: &Operation<'_>) {
        if let Some(observer) = self.observer() {
            observer.note(operation);
        }
    }
}
