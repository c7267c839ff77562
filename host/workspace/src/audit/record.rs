//! Operations that are no lines yet: records of one size, and their texts one behind the other.
//!
//! An operation pays for copying itself into one; its text, its number and its place in the chain
//! are made when it is written out.

use std::sync::Arc;

use vfs::{DescriptorFlags, Failure, OpenFlags, Operation, OperationKind, Timestamp};

use super::line::{Event, Identity, LogEvent, PATH_BYTES_MAX, push_event, push_operation};
use super::text::TimeText;

/// Bytes beyond which a buffer is given back once it was written out.
pub(super) const KEPT_BYTES_MAX: usize = 256 << 10;

/// Operations and the log's own events, in order.
#[derive(Debug, Default)]
pub(super) struct Records {
    records: Vec<Record>,
    texts: String,
    /// Who did it: a new entry where it is somebody else than in the record before.
    identities: Vec<Arc<Identity>>,
    identities_bytes: usize,
}

#[derive(Debug)]
struct Record {
    time: Timestamp,
    /// Its place in `identities`.
    identity: usize,
    path_bytes: Option<usize>,
    target_bytes: Option<usize>,
    bytes: u64,
    calls: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Operation {
        kind: OperationKind,
        flags: Option<(OpenFlags, DescriptorFlags)>,
        outcome: Result<(), Failure>,
    },
    Event(LogEvent),
}

impl Records {
    /// Keeps an operation.
    pub(super) fn push(
        &mut self,
        time: Timestamp,
        identity: &Arc<Identity>,
        operation: &Operation<'_>,
    ) {
        let record = Record {
            time,
            identity: self.identify(identity),
            path_bytes: self.text(operation.path),
            target_bytes: self.text(operation.target),
            bytes: operation.bytes,
            calls: operation.calls,
            what: What::Operation {
                kind: operation.kind,
                flags: operation.flags,
                outcome: operation.outcome,
            },
        };
        self.records.push(record);
    }

    /// Keeps what the log says of a session.
    pub(super) fn push_event(
        &mut self,
        time: Timestamp,
        identity: &Arc<Identity>,
        event: &Event<'_>,
    ) {
        let record = Record {
            time,
            identity: self.identify(identity),
            path_bytes: self.text(event.path),
            target_bytes: self.text(event.target),
            bytes: event.bytes,
            calls: event.calls,
            what: What::Event(event.kind),
        };
        self.records.push(record);
    }

    /// Memory that the records take.
    pub(super) fn bytes(&self) -> usize {
        self.records.len() * size_of::<Record>() + self.texts.len() + self.identities_bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Appends the middles of all lines, each with a line break, and forgets the records.
    pub(super) fn render(&mut self, middles: &mut Vec<u8>, times: &mut TimeText) {
        let mut texts = self.texts.as_str();
        let mut text = |bytes: Option<usize>| {
            let (text, rest) = texts.split_at(bytes?);
            texts = rest;
            Some(text)
        };
        for record in &self.records {
            let identity = &self.identities[record.identity];
            let (path, target) = (text(record.path_bytes), text(record.target_bytes));
            record.render(middles, times, identity, (path, target));
            middles.push(b'\n');
        }
        self.clear();
    }

    fn clear(&mut self) {
        self.records.clear();
        self.records.shrink_to(KEPT_BYTES_MAX / size_of::<Record>());
        self.texts.clear();
        self.texts.shrink_to(KEPT_BYTES_MAX);
        self.identities.clear();
        self.identities
            .shrink_to(KEPT_BYTES_MAX / size_of::<Arc<Identity>>());
        self.identities_bytes = 0;
    }

    fn identify(&mut self, identity: &Arc<Identity>) -> usize {
        let known = self.identities.last();
        if !known.is_some_and(|last| Arc::ptr_eq(last, identity)) {
            self.identities_bytes += size_of::<Arc<Identity>>() + identity.bytes();
            self.identities.push(identity.clone());
        }
        self.identities.len() - 1
    }

    /// Keeps a text: as much of it as a line does, and of a longer one enough to show that it is.
    fn text(&mut self, text: Option<&str>) -> Option<usize> {
        let text = text?;
        let kept = &text[..text.floor_char_boundary(PATH_BYTES_MAX + char::MAX_LEN_UTF8)];
        self.texts.push_str(kept);
        Some(kept.len())
    }
}

impl Record {
    fn render(
        &self,
        middle: &mut Vec<u8>,
        times: &mut TimeText,
        identity: &Identity,
        (path, target): (Option<&str>, Option<&str>),
    ) {
        match self.what {
            What::Operation {
                kind,
                flags,
                outcome,
            } => {
                let operation = Operation {
                    kind,
                    path,
                    target,
                    flags,
                    bytes: self.bytes,
                    calls: self.calls,
                    outcome,
                };
                push_operation(middle, (times, self.time), identity, &operation);
            }
            What::Event(kind) => {
                let event = Event {
                    kind,
                    path,
                    target,
                    bytes: self.bytes,
                    calls: self.calls,
                };
                push_event(middle, (times, self.time), identity, &event);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The line that an operation has when it is written without a record between.
    fn direct(time: Timestamp, identity: &Identity, operation: &Operation<'_>) -> Vec<u8> {
        let mut middle = Vec::new();
        push_operation(
            &mut middle,
            (&mut TimeText::new(), time),
            identity,
            operation,
        );
        middle.push(b'\n');
        middle
    }

    proptest! {
        #[test]
        fn records_give_the_lines_of_their_operations(
            told in proptest::collection::vec(
                (
                    0..2_usize,
                    proptest::option::of(any::<String>()),
                    proptest::option::of(any::<String>()),
                    (0..OperationKind::ALL.len(), any::<u64>(), 0..4_000_000_000_i64),
                ),
                0..20,
            ),
        ) {
            let who = [Identity::new("s1", Some("a"), None), Identity::new("s2", None, None)];
            let who = who.map(Arc::new);
            let (mut records, mut expected) = (Records::default(), Vec::new());
            for (index, path, target, (kind, bytes, seconds)) in &told {
                let operation = Operation {
                    path: path.as_deref(),
                    target: target.as_deref(),
                    ..Operation::new(OperationKind::ALL[*kind]).of(*bytes)
                };
                let time = Timestamp { seconds: *seconds, nanoseconds: 1 };
                records.push(time, &who[*index], &operation);
                expected.extend(direct(time, &who[*index], &operation));
            }
            let mut middles = Vec::new();
            records.render(&mut middles, &mut TimeText::new());
            prop_assert_eq!(middles, expected);
            prop_assert!(records.is_empty());
            prop_assert_eq!(records.bytes(), 0);
        }
    }

    #[test]
    fn a_text_that_a_line_cuts_is_cut_in_the_same_place() {
        let identity = Arc::new(Identity::new("s1", None, None));
        for character in ["a", "é", "…", "𝄞"] {
            for extra in 0..8 {
                let text = "x".repeat(PATH_BYTES_MAX - 5 + extra) + &character.repeat(4);
                let operation = Operation::at(OperationKind::Rename, &text).to(&text);
                let mut records = Records::default();
                records.push(Timestamp::default(), &identity, &operation);
                assert!(records.bytes() < 2 * PATH_BYTES_MAX + 1_000);
                let mut middles = Vec::new();
                records.render(&mut middles, &mut TimeText::new());
                assert!(middles == direct(Timestamp::default(), &identity, &operation));
            }
        }
    }
}
