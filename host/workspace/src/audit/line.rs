//! One line of the audit log: encoded by hand, since there is one for every operation, and parsed back.
//!
//! `docs/formats.md` specifies it. The number and the chain are put around the middle of a line when
//! it is written out, because only then is it known which line it follows.

use vfs::{DenialReason, ErrorKind, Failure, Operation, Timestamp};

use super::chain::{CHAIN_DIGITS, Chain};
use super::text::{Cursor, TimeText, push_number, push_text};

/// Bytes of a path as it is kept: what is longer is no valid path, and was refused.
pub(super) const PATH_BYTES_MAX: usize = 4_096;
/// Bytes of a session's id, an agent or a task as they are kept.
const NAME_BYTES_MAX: usize = 256;
/// Bytes of a line: two paths and three names, every byte of them escaped, and what is between.
pub(super) const LINE_BYTES_MAX: usize = 64 << 10;

/// What stands between the fields of an operation and the chain.
pub(super) const CHAIN_MARK: &[u8] = b",\"chain\":\"";
/// What ends a line.
pub(super) const LINE_END: &[u8] = b"\"}\n";

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its number, from 1; no number is missing.
    pub number: u64,
    /// When the operation ended.
    pub time: Timestamp,
    /// The session; `None` for what the log says of itself.
    pub session: Option<String>,
    /// The agent that worked in the session.
    pub agent: Option<String>,
    /// The task that the session belonged to.
    pub task: Option<String>,
    /// What was done, as [`vfs::OperationKind::as_str`] has it, or a word of [`LogEvent`].
    pub operation: String,
    /// The path, as it was asked for.
    pub path: Option<String>,
    /// The second path or name; of `begin` the base.
    pub target: Option<String>,
    /// How a handle was opened: letters of `rwmcxdt` for read, write, mutate-directory, create,
    /// exclusive, directory and truncate.
    pub flags: Option<String>,
    /// Bytes read or written.
    pub bytes: u64,
    /// Calls that the line stands for.
    pub calls: u64,
    /// `ok`, or the kind of the error.
    pub outcome: String,
    /// Which rule denied it, or which limit was reached.
    pub reason: Option<String>,
}

/// What the log says of itself; the word of each begins with `log-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// A segment begins: `path` is its name, `target` the chain before it.
    Segment,
    /// Operations could not be kept, or were more than a session may have lines: `calls` of them.
    Lost,
    /// A session has as many lines as it may; what follows is only counted.
    Capped,
    /// An unfinished line was cut off after a crash: `bytes` of it.
    Cut,
    /// The log was shorter than its head said: `calls` lines are missing before this one.
    Gap,
    /// The head was missing or could not be read, and was made anew.
    Head,
    /// Old segments were removed: `calls` lines; `path` is the first segment that is left.
    Retained,
}

impl LogEvent {
    /// The word that stands for it in a line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Segment => "log-segment",
            Self::Lost => "log-lost",
            Self::Capped => "log-capped",
            Self::Cut => "log-cut",
            Self::Gap => "log-gap",
            Self::Head => "log-head",
            Self::Retained => "log-retained",
        }
    }

    /// Whether a line with this word says that something is missing.
    pub(super) fn is_loss(word: &str) -> bool {
        [Self::Lost, Self::Cut, Self::Gap, Self::Head]
            .iter()
            .any(|event| event.as_str() == word)
    }
}

/// Who did it, encoded once for all lines of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct Identity(Vec<u8>);

impl Identity {
    pub(super) fn new(session: &str, agent: Option<&str>, task: Option<&str>) -> Self {
        let mut fields = Vec::new();
        for (field, value) in [("session", Some(session)), ("agent", agent), ("task", task)] {
            push_field(&mut fields, field, value, NAME_BYTES_MAX);
        }
        Self(fields)
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.0.len()
    }
}

/// Appends the middle of an operation's line.
pub(super) fn push_operation(
    line: &mut Vec<u8>,
    (times, now): (&mut TimeText, Timestamp),
    identity: &Identity,
    operation: &Operation<'_>,
) {
    push_start(line, (times, now), identity, operation.kind.as_str());
    push_field(line, "path", operation.path, PATH_BYTES_MAX);
    push_field(line, "target", operation.target, PATH_BYTES_MAX);
    if let Some((open, rights)) = operation.flags {
        let letters = [
            (rights.read, b'r'),
            (rights.write, b'w'),
            (rights.mutate_directory, b'm'),
            (open.create, b'c'),
            (open.exclusive, b'x'),
            (open.directory, b'd'),
            (open.truncate, b't'),
        ];
        line.extend_from_slice(b",\"flags\":\"");
        line.extend(letters.iter().filter(|(set, _)| *set).map(|(_, l)| l));
        line.push(b'"');
    }
    push_counts(line, operation.bytes, operation.calls);
    match operation.outcome {
        Ok(()) => line.extend_from_slice(b",\"outcome\":\"ok\""),
        Err(failure) => push_failure(line, failure),
    }
}

/// Appends the middle of a line that the log writes of itself, `calls` and `bytes` being counts.
pub(super) fn push_event(
    line: &mut Vec<u8>,
    (times, now): (&mut TimeText, Timestamp),
    identity: &Identity,
    event: &Event<'_>,
) {
    push_start(line, (times, now), identity, event.kind.as_str());
    push_field(line, "path", event.path, PATH_BYTES_MAX);
    push_field(line, "target", event.target, PATH_BYTES_MAX);
    push_counts(line, event.bytes, event.calls);
    line.extend_from_slice(b",\"outcome\":\"ok\"");
}

/// A line that the log writes of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event<'a> {
    pub(super) kind: LogEvent,
    pub(super) path: Option<&'a str>,
    pub(super) target: Option<&'a str>,
    pub(super) bytes: u64,
    pub(super) calls: u64,
}

impl Event<'_> {
    pub(super) fn new(kind: LogEvent) -> Self {
        Self {
            kind,
            path: None,
            target: None,
            bytes: 0,
            calls: 1,
        }
    }
}

fn push_start(
    line: &mut Vec<u8>,
    (times, now): (&mut TimeText, Timestamp),
    identity: &Identity,
    word: &str,
) {
    line.extend_from_slice(b"\"time\":\"");
    times.push(line, now);
    line.push(b'"');
    line.extend_from_slice(&identity.0);
    line.extend_from_slice(b",\"operation\":\"");
    line.extend_from_slice(word.as_bytes());
    line.push(b'"');
}

fn push_field(line: &mut Vec<u8>, field: &str, value: Option<&str>, bytes_max: usize) {
    if let Some(value) = value {
        line.extend_from_slice(b",\"");
        line.extend_from_slice(field.as_bytes());
        line.extend_from_slice(b"\":");
        push_text(line, value, bytes_max);
    }
}

fn push_counts(line: &mut Vec<u8>, bytes: u64, calls: u64) {
    if bytes > 0 {
        line.extend_from_slice(b",\"bytes\":");
        push_number(line, bytes);
    }
    if calls != 1 {
        line.extend_from_slice(b",\"calls\":");
        push_number(line, calls);
    }
}

fn push_failure(line: &mut Vec<u8>, failure: Failure) {
    let denial = failure.denial.map(|reason| match reason {
        DenialReason::Confinement => "confinement",
        DenialReason::Capability => "capability",
        DenialReason::ReadOnly => "read-only",
    });
    push_field(
        line,
        "outcome",
        Some(kind_word(failure.kind)),
        NAME_BYTES_MAX,
    );
    push_field(line, "reason", denial.or(failure.limit), NAME_BYTES_MAX);
}

fn kind_word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Retry => "retry",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Invalid => "invalid",
        ErrorKind::Limit => "limit",
        ErrorKind::NotFound => "not-found",
        ErrorKind::Denied => "denied",
        ErrorKind::Internal => "internal",
    }
}

/// Puts a number and the chain around the middle of a line, and appends it to `out`.
///
/// `out` ends with the line before, or with its chain and [`LINE_END`].
pub(super) fn push_chained(out: &mut Vec<u8>, chain: &Chain, number: u64, middle: &[u8]) {
    let from = out.len() - LINE_END.len() - CHAIN_DIGITS;
    out.extend_from_slice(b"{\"n\":");
    push_number(out, number);
    out.push(b',');
    out.extend_from_slice(middle);
    out.extend_from_slice(CHAIN_MARK);
    let link = chain.link(&out[from..]);
    out.extend_from_slice(&link);
    out.extend_from_slice(LINE_END);
}

impl AuditEntry {
    /// Reads a line with its end; `None` when it is not written as this crate writes it.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(line);
        cursor.skip(b"{\"n\":")?;
        let number = cursor.number()?;
        cursor.skip(b",\"time\":\"")?;
        let time = cursor.time()?;
        cursor.skip(b"\"")?;
        let mut text = |field: &[u8]| match cursor.skip(field) {
            Some(()) => cursor.text().map(Some),
            None => Some(None),
        };
        let session = text(b",\"session\":")?;
        let agent = text(b",\"agent\":")?;
        let task = text(b",\"task\":")?;
        let operation = text(b",\"operation\":")??;
        let path = text(b",\"path\":")?;
        let target = text(b",\"target\":")?;
        let flags = text(b",\"flags\":")?;
        let mut count = |field: &[u8], usual| match cursor.skip(field) {
            Some(()) => cursor.number(),
            None => Some(usual),
        };
        let (bytes, calls) = (count(b",\"bytes\":", 0)?, count(b",\"calls\":", 1)?);
        cursor.skip(b",\"outcome\":")?;
        let outcome = cursor.text()?;
        let reason = match cursor.skip(b",\"reason\":") {
            Some(()) => Some(cursor.text()?),
            None => None,
        };
        cursor.skip(CHAIN_MARK)?;
        cursor.take(CHAIN_DIGITS)?;
        cursor.skip(LINE_END)?;
        cursor.is_at_end().then_some(Self {
            number,
            time,
            session,
            agent,
            task,
            operation,
            path,
            target,
            flags,
            bytes,
            calls,
            outcome,
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vfs::OperationKind;

    proptest! {
        #[test]
        fn a_line_is_read_back_and_is_json(
            session in ".{0,60}",
            agent in proptest::option::of(".{0,20}"),
            path in proptest::option::of(any::<String>()),
            target in proptest::option::of(any::<String>()),
            (kind, bytes, calls) in (0..OperationKind::ALL.len(), any::<u64>(), any::<u64>()),
            limit in proptest::option::of(Just("file-bytes")),
            seconds in 0..4_000_000_000_i64,
        ) {
            let kind = OperationKind::ALL[kind];
            let failure = Failure { kind: ErrorKind::Limit, denial: None, limit };
            let operation = Operation {
                path: path.as_deref(),
                target: target.as_deref(),
                bytes,
                calls,
                outcome: limit.map_or(Ok(()), |_| Err(failure)),
                ..Operation::new(kind)
            };
            let identity = Identity::new(&session, agent.as_deref(), None);
            let time = Timestamp { seconds, nanoseconds: 5 };
            let mut middle = Vec::new();
            push_operation(&mut middle, (&mut TimeText::new(), time), &identity, &operation);
            let mut out = Chain::start().to_vec();
            out.extend_from_slice(LINE_END);
            let start = out.len();
            push_chained(&mut out, &Chain::new(&[7; 32]), 12, &middle);
            let line = &out[start..];
            prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            let entry = AuditEntry::parse(line).expect("ours");
            prop_assert_eq!(entry.number, 12);
            prop_assert_eq!(entry.time, time);
            prop_assert_eq!(entry.session.as_ref(), Some(&session));
            prop_assert_eq!(&entry.agent, &agent);
            prop_assert_eq!(&entry.path, &path);
            prop_assert_eq!(&entry.target, &target);
            prop_assert_eq!(&entry.operation, kind.as_str());
            prop_assert_eq!((entry.bytes, entry.calls), (bytes, calls));
            prop_assert_eq!(entry.reason.as_deref(), limit);
            let json: serde_json::Value = serde_json::from_slice(line).expect("JSON");
            prop_assert_eq!(json["path"].as_str(), path.as_deref());
            prop_assert_eq!(json["session"].as_str(), Some(session.as_str()));
            prop_assert_eq!(json["chain"].as_str().map(str::len), Some(CHAIN_DIGITS));
        }

        #[test]
        fn parsing_any_bytes_ends_without_a_panic(bytes: Vec<u8>) {
            prop_assert_eq!(AuditEntry::parse(&bytes), None);
        }
    }

    #[test]
    fn the_longest_line_fits() {
        let long = "\u{1}".repeat(10_000);
        let identity = Identity::new(&long, Some(&long), Some(&long));
        let operation = Operation {
            bytes: u64::MAX,
            calls: u64::MAX,
            ..Operation::at(OperationKind::Rename, &long).to(&long)
        };
        let mut line = Vec::new();
        let now = Timestamp::default();
        push_operation(
            &mut line,
            (&mut TimeText::new(), now),
            &identity,
            &operation,
        );
        assert!(line.len() + 200 < LINE_BYTES_MAX, "{}", line.len());
    }
}
