//! The one place where errors become exit codes, messages and hints.
//!
//! Inner layers know no exit codes; here each of their kinds is given one, and the chain of causes
//! is written out once.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use runtime::{LoadError, RunOutcome, RunReport, RuntimeError};
use supervisor::{EffectiveGrant, SupervisorError};
use vfs::ErrorKind;
use workspace::audit::AuditError;
use workspace::{DurableError, HistoryError, WorkspaceError};

use crate::registry::Away;
use crate::report::remedies;
use crate::units;

const LIST_HINT: &str = "session-fs session list --all shows which there are";
/// Directories that cannot be looked at that are named.
const AWAY_MAX: usize = 5;

/// What the process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Done.
    Ok,
    /// Not done, for a reason that has no code of its own.
    Failed,
    /// What was asked for cannot be understood.
    Usage,
    /// The base moved under the session.
    Conflict,
    /// Something that was named is not there.
    NotFound,
    /// The system does not allow it.
    Denied,
    /// A limit was reached.
    Limit,
    /// What the guest itself exited with.
    Guest(u8),
    /// Ended by this signal.
    Signal(u8),
    /// As a report has it.
    Of(u8),
}

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Code {
    /// The number that the shell sees.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Conflict => 3,
            Self::NotFound => 4,
            Self::Denied => 5,
            Self::Limit => 6,
            Self::Guest(code) | Self::Of(code) => code,
            Self::Signal(number) => 128 + number,
        }
    }

    fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Denied => Self::Denied,
            ErrorKind::Limit => Self::Limit,
            ErrorKind::Retry | ErrorKind::Invalid | ErrorKind::Internal => Self::Failed,
        }
    }

    fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::Denied,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::Limit
            }
            _ => Self::Failed,
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        code.number().into()
    }
}

impl Failure {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The system failed at something that the operator named.
    pub(crate) fn io(what: &str, path: &Path, error: &std::io::Error) -> Self {
        let message = format!("{what} '{}': {}", path.display(), plain(error));
        Self::new(Code::of_io(error), message)
    }

    /// A file is no agent that runs here.
    pub(crate) fn load(path: &Path, error: &LoadError) -> Self {
        let code = match error {
            LoadError::TooLarge { .. } => Code::Limit,
            _ => Code::Failed,
        };
        Self::new(
            code,
            format!("cannot run '{}': {}", path.display(), chain(error)),
        )
        .hint(format!(
            "session-fs inspect '{}' shows what it needs",
            path.display()
        ))
    }

    /// A file is no component at all.
    pub(crate) fn component(path: &Path, error: &LoadError) -> Self {
        Self {
            hint: None,
            ..Self::load(path, error)
        }
    }

    /// The runtime could not be set up.
    pub(crate) fn runtime(error: &RuntimeError) -> Self {
        let failure = Self::new(Code::Failed, chain(error));
        match error {
            RuntimeError::Cache(_) => failure.hint("--no-cache goes without"),
            _ => failure,
        }
    }

    /// The session could not be begun, listed or settled.
    pub(crate) fn supervisor(base: &str, error: &SupervisorError) -> Self {
        match error {
            SupervisorError::Workspace(WorkspaceError::Session(error))
            | SupervisorError::Session(error) => {
                Self::session(format!("{base}: {}", chain(error)), error)
            }
            // These name the base themselves.
            SupervisorError::Workspace(error) => {
                Self::workspace(unmade(error, chain(error)), error)
            }
        }
    }

    /// A base or its store could not be worked with.
    pub(crate) fn base(error: &WorkspaceError) -> Self {
        match error {
            WorkspaceError::Session(error) => Self::file(error),
            WorkspaceError::Durable(error) => Self::durable(error),
            error => Self::workspace(chain(error), error),
        }
    }

    /// A commit could not be made.
    pub(crate) fn commit(error: &WorkspaceError) -> Self {
        let failure = Self::base(error);
        Self {
            message: unmade(error, failure.message),
            ..failure
        }
    }

    /// A durable session could not be found, opened or saved.
    pub(crate) fn durable(error: &DurableError) -> Self {
        let code = match error {
            DurableError::BadId { .. }
            | DurableError::ShortPrefix { .. }
            | DurableError::Ambiguous { .. } => Code::Usage,
            error => io_cause(error).map_or_else(|| Code::of(error.kind()), Code::of_io),
        };
        let failure = Self::new(code, chain(error));
        match error {
            DurableError::NotFound { .. } => failure.hint(LIST_HINT),
            DurableError::Corrupt { session, .. } => failure.hint(format!(
                "session-fs doctor tells more; session-fs session rollback --damaged {session} removes it, \
                and all that it changed is lost then"
            )),
            error => match io_hint(error) {
                Some(hint) => failure.hint(hint),
                None => failure,
            },
        }
    }

    /// No session is called so, as far as the directories that have sessions can be looked at.
    pub(crate) fn no_session(name: &str, away: &[Away]) -> Self {
        let missing = Self::new(Code::NotFound, format!("there is no session '{name}'"));
        if away.is_empty() {
            return missing.hint(LIST_HINT);
        }
        let denied = away.iter().map(|it| Code::of_io(&it.error));
        let code = denied.into_iter().find(|code| *code == Code::Denied);
        let mut message = format!("{} where sessions can be looked for", missing.message);
        for Away { base, error } in away.iter().take(AWAY_MAX) {
            message.push_str(&format!("\nnot in '{}': {}", base.display(), plain(error)));
        }
        if away.len() > AWAY_MAX {
            message.push_str(&format!("\n… and {} more", away.len() - AWAY_MAX));
        }
        let hint = "a directory that was moved is named by --base, one that is not mounted is found \
            when it is there again, and session gc --base forgets one that is gone";
        Self::new(code.unwrap_or(Code::NotFound), message).hint(hint)
    }

    /// Nothing was ever committed there.
    pub(crate) fn no_history(base: &str) -> Self {
        Self::new(
            Code::NotFound,
            format!("nothing was ever committed to {base}"),
        )
        .hint("--base names another directory")
    }

    /// The history could not be read, or something of it not be brought back.
    pub(crate) fn history(error: &HistoryError) -> Self {
        let code = match error {
            HistoryError::BadVersion { .. } | HistoryError::AmbiguousChange { .. } => Code::Usage,
            error => io_cause(error).map_or_else(|| Code::of(error.kind()), Code::of_io),
        };
        let failure = Self::new(code, chain(error));
        match error {
            HistoryError::UnknownChange { .. } => {
                failure.hint("session-fs history log shows which changes there are")
            }
            _ => failure,
        }
    }

    /// The audit log could not be read.
    pub(crate) fn audit(error: &AuditError) -> Self {
        let code = io_cause(error).map_or(Code::Failed, Code::of_io);
        let failure = Self::new(code, chain(error));
        match error {
            AuditError::Corrupt { .. } => failure.hint("session-fs audit verify tells more"),
            _ => failure,
        }
    }

    /// An operation in a session did not succeed.
    pub(crate) fn file(error: &vfs::Error) -> Self {
        let code = io_cause(error).map_or_else(|| Code::of(error.kind()), Code::of_io);
        let failure = Self::new(code, chain(error));
        match error {
            vfs::Error::Stale { .. } => {
                failure.hint("session-fs session rebase moves the session onto what is there now")
            }
            // What was asked for could never be done.
            vfs::Error::Invalid { .. } | vfs::Error::InvalidPath { .. } => Self {
                code: Code::Usage,
                ..failure
            },
            vfs::Error::NoSuchSavepoint { .. } => Self {
                code: Code::NotFound,
                ..failure
            },
            _ => failure,
        }
    }

    /// The same with every place that would have allowed it, where an error names a grant.
    pub(crate) fn with_remedies(self, error: &vfs::Error, granted: &EffectiveGrant) -> Self {
        let vfs::Error::Denied {
            grant: Some(grant), ..
        } = error
        else {
            return self;
        };
        let places = remedies(granted, grant);
        match places.is_empty() {
            true => self,
            false => self.hint(format!("{} would allow it", places.join(" and "))),
        }
    }

    fn workspace(message: String, error: &WorkspaceError) -> Self {
        let code = io_cause(error).map_or_else(|| Code::of(error.kind()), Code::of_io);
        let failure = Self::new(code, message);
        match base_hint(error) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    pub(crate) fn session(message: String, error: &vfs::Error) -> Self {
        let code = io_cause(error).map_or_else(|| Code::of(error.kind()), Code::of_io);
        let failure = Self::new(code, message);
        match error {
            vfs::Error::Quota { which, .. } if which.contains("memory") => {
                failure.hint("raise it with --session-memory")
            }
            vfs::Error::Stale { .. } => failure.hint("run the agent again"),
            _ => failure,
        }
    }

    /// How a run ended that did not succeed; `None` when it did.
    pub(crate) fn run(report: &RunReport, signal: Option<u8>) -> Option<Self> {
        let failure = outcome(&report.outcome, signal)?;
        let short_of_memory = report
            .events
            .iter()
            .any(|event| event.detail.contains("session-memory-bytes"));
        if failure.hint.is_none() && short_of_memory {
            return Some(failure.hint("raise the memory for changes with --session-memory"));
        }
        Some(failure)
    }
}

/// The message of a commit that was not made, where the error does not say itself what is where.
fn unmade(error: &WorkspaceError, message: String) -> String {
    use WorkspaceError::{Audit, Away, Busy, Io, Poisoned, Store};
    match error {
        Audit { .. } | Away { .. } | Busy { .. } | Io { .. } | Poisoned { .. } | Store { .. } => {
            format!("nothing was committed: {message}")
        }
        _ => message,
    }
}

/// What to do about a base that could not be worked with.
fn base_hint(error: &WorkspaceError) -> Option<&'static str> {
    match error {
        WorkspaceError::Busy { .. } => Some("try again in a moment"),
        error => io_hint(error),
    }
}

/// What to do about what the system refused.
fn io_hint(error: &(dyn Error + 'static)) -> Option<&'static str> {
    use std::io::ErrorKind;
    match io_cause(error)?.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some("make room where the base is and try again")
        }
        ErrorKind::ReadOnlyFilesystem => Some(
            "the base is read-only here, and sessions and commits write to .session-fs: \
            make the file system writable, or work on a copy",
        ),
        ErrorKind::PermissionDenied => Some(
            "sessions and commits need the right to write there, and to what is in .session-fs",
        ),
        _ => None,
    }
}

fn outcome(outcome: &RunOutcome, signal: Option<u8>) -> Option<Failure> {
    let failure = match outcome {
        RunOutcome::Succeeded(_) => return None,
        RunOutcome::Failed { text } => {
            Failure::new(Code::Failed, format!("the agent failed: {text}"))
        }
        RunOutcome::Exited { code: 0 } => Failure::new(
            Code::Failed,
            "the agent exited instead of returning a result",
        ),
        RunOutcome::Exited { code } => {
            let own = u8::try_from(*code).map_or(Code::Failed, Code::Guest);
            Failure::new(own, format!("the agent exited with code {code}"))
        }
        RunOutcome::Trapped { message, .. } => {
            Failure::new(Code::Failed, format!("the agent trapped: {message}"))
        }
        RunOutcome::TimedOut { limit } => {
            let limit = units::duration(*limit);
            Failure::new(
                Code::Limit,
                format!("the agent ran for longer than {limit}"),
            )
            .hint("raise the limit with --timeout")
        }
        RunOutcome::OutOfMemory { limit_bytes } => {
            let limit = units::bytes(*limit_bytes);
            Failure::new(
                Code::Limit,
                format!("the agent needed more than {limit} of memory"),
            )
            .hint("raise the limit with --memory")
        }
        RunOutcome::Cancelled => {
            let code = signal.map_or(Code::Failed, Code::Signal);
            Failure::new(code, "the agent was stopped from outside")
        }
        RunOutcome::Refused(full) => Failure::new(Code::Limit, chain(full)),
        RunOutcome::Internal { message } => Failure::new(
            Code::Failed,
            format!("the host failed, which is a bug of it: {message}"),
        ),
    };
    Some(failure)
}

/// The message with those of its causes; one that its successor repeats is left out.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = as_io(error).map_or_else(|| error.to_string(), plain);
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

/// The system's words as a lower-case phrase without the number.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error ").next().unwrap_or(&text);
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if !chars.as_str().starts_with(|c: char| c.is_uppercase()) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

/// Whether a store could not be opened because nothing can be written there.
pub(crate) fn is_unwritable(error: &(dyn Error + 'static)) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    io_cause(error).is_some_and(|it| matches!(it.kind(), PermissionDenied | ReadOnlyFilesystem))
}

fn io_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a std::io::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = as_io(error) {
            return Some(io);
        }
        cause = error.source();
    }
    None
}

/// The system's error; inner layers share theirs, to be able to clone them.
fn as_io<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a std::io::Error> {
    let shared = || error.downcast_ref::<Arc<std::io::Error>>().map(Arc::as_ref);
    error.downcast_ref().or_else(shared)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_end_of_a_run_has_a_code_and_names_what_to_do() {
        let check = |end: RunOutcome, code: u8, part: &str, hint: Option<&str>| {
            let failure = outcome(&end, Some(2)).expect("not a success");
            assert_eq!(failure.code.number(), code, "{end:?}");
            assert!(failure.message.contains(part), "{}", failure.message);
            match hint {
                Some(hint) => assert!(failure.hint.expect("a hint").contains(hint)),
                None => assert_eq!(failure.hint, None),
            }
        };
        check(
            RunOutcome::Failed {
                text: "no 'from'".into(),
            },
            1,
            "no 'from'",
            None,
        );
        check(RunOutcome::Exited { code: 42 }, 42, "42", None);
        check(
            RunOutcome::Exited { code: 0 },
            1,
            "instead of returning",
            None,
        );
        check(RunOutcome::Exited { code: -1 }, 1, "-1", None);
        let trap = RunOutcome::Trapped {
            message: "unreachable".into(),
            backtrace: None,
        };
        check(trap, 1, "unreachable", None);
        let limit = Duration::from_secs(30);
        check(
            RunOutcome::TimedOut { limit },
            6,
            "30.0 s",
            Some("--timeout"),
        );
        let limit_bytes = 64 << 20;
        check(
            RunOutcome::OutOfMemory { limit_bytes },
            6,
            "64.0 MiB",
            Some("--memory"),
        );
        check(RunOutcome::Cancelled, 130, "stopped", None);
        assert_eq!(
            outcome(&RunOutcome::Succeeded(Default::default()), None),
            None
        );
    }

    #[test]
    fn the_system_speaks_in_phrases() {
        let error = |code: i32| io::Error::from_raw_os_error(code);
        let failure = Failure::io("cannot open the base", Path::new("/x"), &error(2));
        assert_eq!(
            failure.message,
            "cannot open the base '/x': no such file or directory"
        );
        assert_eq!(failure.code, Code::NotFound);
        let nested = vfs::Error::io("a/b", error(28));
        assert_eq!(
            chain(&nested),
            "'a/b': input/output error: no space left on device"
        );
        assert_eq!(Failure::session(String::new(), &nested).code, Code::Limit);
        assert_eq!(
            Failure::session(String::new(), &vfs::Error::io("a", error(13))).code,
            Code::Denied
        );
    }

    #[test]
    fn kinds_keep_their_codes() {
        let check = |kind: ErrorKind, code: u8| assert_eq!(Code::of(kind).number(), code);
        check(ErrorKind::Conflict, 3);
        check(ErrorKind::NotFound, 4);
        check(ErrorKind::Denied, 5);
        check(ErrorKind::Limit, 6);
        check(ErrorKind::Internal, 1);
    }
}
