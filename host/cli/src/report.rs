//! What a run came to, as one value that every format prints.
//!
//! The field names are a contract: `docs/cli.md` lists them and the tests read them back.

use std::time::Duration;

use runtime::{Outcome, RunEvent, RunOutcome, RunReport};
use serde::Serialize;
use supervisor::{EffectiveGrant, Grant, Review};
use vfs::{ChangeEntry, Conflict, ConflictSide, VPath};
use workspace::{ChangeInfo, Displaced};

use crate::exit::{Code, Failure};

/// A run and what became of its session.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// The session's id.
    pub(crate) session: String,
    /// The base's name.
    pub(crate) base: String,
    /// The agent's file, as it was named.
    pub(crate) agent: String,
    pub(crate) outcome: Settled,
    pub(crate) exit_code: u8,
    pub(crate) run: Run,
    /// What an agent returned.
    pub(crate) result: Option<AgentResult>,
    /// What was, or in a dry run would be, committed.
    pub(crate) change: Option<Change>,
    pub(crate) conflicts: Vec<ConflictedPath>,
    /// The unified diff of a dry run.
    pub(crate) diff: Option<String>,
    pub(crate) events: Vec<Event>,
    pub(crate) events_dropped_count: u64,
    pub(crate) usage: Usage,
    pub(crate) error: Option<Problem>,
}

/// What became of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Settled {
    Committed,
    Unchanged,
    DryRun,
    Conflicted,
    RolledBack,
    /// A commit failed and the base is not simply as it was.
    InDoubt,
}

/// How the run ended.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) ended: &'static str,
    /// What the guest exited with, if it exited.
    pub(crate) exit_code: Option<i32>,
    pub(crate) backtrace: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct AgentResult {
    pub(crate) summary: String,
    pub(crate) details: Vec<(String, String)>,
    pub(crate) report: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Change {
    pub(crate) id: Option<String>,
    pub(crate) generation: Option<u64>,
    pub(crate) entries: Vec<Entry>,
    /// What somebody else wrote just then, and where it is kept.
    pub(crate) displaced: Vec<DisplacedFile>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct DisplacedFile {
    pub(crate) path: String,
    pub(crate) kept: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) change: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) renamed_from: Option<String>,
    pub(crate) size_before: Option<u64>,
    pub(crate) size_after: Option<u64>,
    /// Whether it runs by itself when somebody opens or builds the tree.
    pub(crate) runs_on_open: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ConflictedPath {
    pub(crate) path: String,
    /// Why the two sides cannot be joined.
    pub(crate) reason: Option<&'static str>,
    pub(crate) before: Option<Side>,
    pub(crate) ours: Option<Side>,
    pub(crate) theirs: Option<Side>,
    /// How the base's text becomes the session's, where both have one.
    pub(crate) diff: Option<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Side {
    pub(crate) kind: &'static str,
    pub(crate) size: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Event {
    pub(crate) kind: &'static str,
    pub(crate) path: Option<String>,
    pub(crate) detail: String,
    /// What `--grant` takes to allow it.
    pub(crate) grant: Option<String>,
    /// Where more has to be said for it to be allowed, all of these.
    pub(crate) allowed_by: Vec<String>,
    pub(crate) count: u64,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Usage {
    pub(crate) duration_ms: u64,
    pub(crate) memory_bytes_peak: u64,
    pub(crate) output_bytes: u64,
    pub(crate) output_bytes_dropped: u64,
}

/// Why the exit code is not 0.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// What is printed when there was no run at all.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Refusal {
    pub(crate) exit_code: u8,
    pub(crate) error: Problem,
}

/// What was run and over what, as the operator named it.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) base: String,
    pub(crate) agent: String,
}

impl Report {
    /// Whether the guest was stopped, rather than coming to an end of its own.
    pub(crate) fn was_stopped(&self) -> bool {
        matches!(self.run.ended, "timed-out" | "cancelled")
    }

    /// The report of a run before it is known what becomes of its session.
    pub(crate) fn of_run(
        subject: Subject,
        session: String,
        run: RunReport,
        took: Duration,
    ) -> Self {
        let usage = Usage {
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            memory_bytes_peak: run.usage.memory_bytes_peak,
            output_bytes: run.usage.output_bytes,
            output_bytes_dropped: run.usage.output_bytes_dropped,
        };
        Self {
            session,
            base: subject.base,
            agent: subject.agent,
            outcome: Settled::RolledBack,
            exit_code: Code::Ok.number(),
            run: Run::from(&run.outcome),
            result: result(run.outcome),
            change: None,
            conflicts: Vec::new(),
            diff: None,
            events: run.events.into_iter().map(Event::from).collect(),
            events_dropped_count: run.events_dropped_count,
            usage,
            error: None,
        }
    }

    /// Notes where what was denied could have been allowed.
    pub(crate) fn name_remedies(&mut self, granted: &EffectiveGrant) {
        for event in &mut self.events {
            event.allowed_by = event
                .grant
                .as_deref()
                .map_or(Vec::new(), |grant| remedies(granted, grant));
        }
    }

    /// Notes why this did not end well.
    pub(crate) fn fail(&mut self, failure: Failure) {
        self.exit_code = failure.code.number();
        self.error = Some(failure.into());
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self {
            message: failure.message,
            hint: failure.hint,
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self {
            exit_code: failure.code.number(),
            error: failure.into(),
        }
    }
}

impl From<&RunOutcome> for Run {
    fn from(outcome: &RunOutcome) -> Self {
        let ended = match outcome {
            RunOutcome::Succeeded(_) => "succeeded",
            RunOutcome::Failed { .. } => "failed",
            RunOutcome::Exited { .. } => "exited",
            RunOutcome::Trapped { .. } => "trapped",
            RunOutcome::TimedOut { .. } => "timed-out",
            RunOutcome::OutOfMemory { .. } => "out-of-memory",
            RunOutcome::Cancelled => "cancelled",
            RunOutcome::Refused(_) => "refused",
            RunOutcome::Internal { .. } => "internal",
        };
        let (mut exit_code, mut trace) = (None, None);
        match outcome {
            RunOutcome::Exited { code } => exit_code = Some(*code),
            RunOutcome::Trapped { backtrace, .. } => trace.clone_from(backtrace),
            _ => {}
        }
        Self {
            ended,
            exit_code,
            backtrace: trace,
        }
    }
}

impl Change {
    /// The same with what runs by itself pointed out by a list of an operator's own.
    pub(crate) fn reviewed(mut self, review: &Review) -> Self {
        for entry in &mut self.entries {
            let path = VPath::parse(&entry.path);
            entry.runs_on_open = path.is_ok_and(|path| review.runs_on_open.has(&path));
        }
        self
    }

    /// What would be committed.
    pub(crate) fn proposed(entries: &[ChangeEntry]) -> Self {
        let entries = entries.iter().map(Entry::from).collect();
        Self {
            id: None,
            generation: None,
            entries,
            displaced: Vec::new(),
        }
    }
}

impl From<&ChangeInfo> for Change {
    fn from(change: &ChangeInfo) -> Self {
        Self {
            id: Some(change.id.to_string()),
            generation: Some(change.generation),
            entries: change.entries.iter().map(Entry::from).collect(),
            displaced: change.displaced.iter().map(DisplacedFile::from).collect(),
        }
    }
}

impl From<&Displaced> for DisplacedFile {
    fn from(displaced: &Displaced) -> Self {
        Self {
            path: displaced.path.to_string(),
            kept: displaced.kept.clone(),
        }
    }
}

impl From<&ChangeEntry> for Entry {
    fn from(entry: &ChangeEntry) -> Self {
        Self {
            path: entry.path.to_string(),
            change: entry.change.as_str(),
            kind: entry.kind.as_str(),
            renamed_from: entry.renamed_from.as_ref().map(ToString::to_string),
            size_before: entry.size_before,
            size_after: entry.size_after,
            runs_on_open: supervisor::runs_on_open(&entry.path),
        }
    }
}

impl From<&Conflict> for ConflictedPath {
    fn from(conflict: &Conflict) -> Self {
        Self {
            path: conflict.path.to_string(),
            reason: Some(conflict.reason.as_str()),
            before: conflict.before.map(Side::from),
            ours: conflict.ours.map(Side::from),
            theirs: conflict.theirs.map(Side::from),
            diff: None,
        }
    }
}

impl From<ConflictSide> for Side {
    fn from(side: ConflictSide) -> Self {
        Self {
            kind: side.kind.map_or("other", vfs::Kind::as_str),
            size: side.size,
        }
    }
}

impl From<RunEvent> for Event {
    fn from(event: RunEvent) -> Self {
        let RunEvent {
            kind,
            path,
            detail,
            grant,
            count,
        } = event;
        Self {
            kind: kind.as_str(),
            path,
            detail,
            grant,
            allowed_by: Vec::new(),
            count,
        }
    }
}

/// Where more has to be said for a grant, as denials name it.
pub(crate) fn remedies(granted: &EffectiveGrant, grant: &str) -> Vec<String> {
    let parsed: Result<Grant, String> = grant.parse();
    let remedies = parsed.map_or(Vec::new(), |denied| granted.remedies(&denied));
    remedies.iter().map(ToString::to_string).collect()
}

/// A command returns nothing, and then there is nothing to show.
fn result(outcome: RunOutcome) -> Option<AgentResult> {
    let RunOutcome::Succeeded(outcome) = outcome else {
        return None;
    };
    if outcome == Outcome::default() {
        return None;
    }
    let Outcome {
        summary,
        details,
        report,
    } = outcome;
    Some(AgentResult {
        summary,
        details,
        report,
    })
}
