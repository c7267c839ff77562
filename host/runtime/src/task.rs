//! What a run is given to do, and what a run that succeeded gives back.

use crate::bindings::agent::session_fs::host::agent_types as wit;
use crate::events::clip;

/// Bytes of a summary that are kept.
const SUMMARY_BYTES_MAX: usize = 4 << 10;

/// Pairs of details that are kept.
const DETAILS_MAX: usize = 256;

/// Bytes of one name or value among the details that are kept.
const DETAIL_BYTES_MAX: usize = 4 << 10;

/// Bytes of a report that are kept.
const REPORT_BYTES_MAX: usize = 4 << 20;

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// The task's identity, as the supervisor named it.
    pub id: String,
    /// What to do, in a person's words; may be empty.
    pub instructions: String,
    /// Positional arguments.
    pub arguments: Vec<String>,
    /// Named parameters.
    pub parameters: Vec<(String, String)>,
}

/// What an agent reports when it has succeeded; empty for a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// One line for a person, at most 4 KiB.
    pub summary: String,
    /// Figures and names for a program, at most 256 pairs.
    pub details: Vec<(String, String)>,
    /// A longer text such as a report in Markdown, at most 4 MiB.
    pub report: Option<String>,
}

impl From<Task> for wit::Task {
    fn from(task: Task) -> Self {
        let Task {
            id,
            instructions,
            arguments,
            parameters,
        } = task;
        Self {
            id,
            instructions,
            arguments,
            parameters,
        }
    }
}

impl From<wit::Outcome> for Outcome {
    fn from(outcome: wit::Outcome) -> Self {
        let pair = |(name, value): (String, String)| {
            (
                clipped(name, DETAIL_BYTES_MAX),
                clipped(value, DETAIL_BYTES_MAX),
            )
        };
        Self {
            summary: clipped(outcome.summary, SUMMARY_BYTES_MAX),
            details: outcome
                .details
                .into_iter()
                .take(DETAILS_MAX)
                .map(pair)
                .collect(),
            report: outcome
                .report
                .map(|report| clipped(report, REPORT_BYTES_MAX)),
        }
    }
}

/// A text cut to at most `bytes_max` bytes.
pub(crate) fn clipped(mut text: String, bytes_max: usize) -> String {
    text.truncate(clip(&text, bytes_max).len());
    text
}
