//! The log of what the host refused during one run, with the true cause.
//!
//! A guest often sees less than the truth: libc turns every failure of a stream into "input/output
//! error". Whoever reads the report of the run finds here what it really was. Bounded in both ways.

use std::error::Error as _;

use parking_lot::Mutex;
use vfs::ErrorKind;

/// Different events that one run keeps; further ones are only counted.
pub const EVENTS_MAX: usize = 256;

/// Bytes of one event's text; a hostile path cannot blow up the report.
const DETAIL_BYTES_MAX: usize = 512;

/// What kind of thing the host refused or could not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Refused: outside of the session, not granted, or read-only.
    Denied,
    /// A limit was reached.
    Limit,
    /// The base changed under the session.
    Stale,
    /// The system below failed.
    Failed,
}

impl EventKind {
    /// The word for it in tables and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Limit => "limit",
            Self::Stale => "stale",
            Self::Failed => "failed",
        }
    }
}

/// One thing that the host refused, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvent {
    /// What kind of thing it was.
    pub kind: EventKind,
    /// The path as the guest named it, where there is one.
    pub path: Option<String>,
    /// The cause in words, at most 512 bytes.
    pub detail: String,
    /// The grant that would have allowed it, where there is one.
    pub grant: Option<String>,
    /// How often it happened.
    pub count: u64,
}

/// The events of one run, shared by everything that serves it.
#[derive(Debug, Default)]
pub(crate) struct EventLog(Mutex<Events>);

#[derive(Debug, Default)]
struct Events {
    kept: Vec<RunEvent>,
    dropped_count: u64,
}

impl EventLog {
    /// Notes an error of the session if it is one that a person should hear of.
    pub(crate) fn record(&self, error: &vfs::Error) {
        let kind = match error.kind() {
            ErrorKind::Denied => EventKind::Denied,
            ErrorKind::Limit => EventKind::Limit,
            ErrorKind::Retry => EventKind::Stale,
            ErrorKind::Internal => EventKind::Failed,
            _ => return,
        };
        let detail = match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        let grant = match error {
            vfs::Error::Denied { grant, .. } => grant.as_deref(),
            _ => None,
        };
        self.keep(kind, error.path(), &detail, grant);
    }

    /// Notes an event; one that was there already only counts up.
    pub(crate) fn note(&self, kind: EventKind, path: Option<&str>, detail: &str) {
        self.keep(kind, path, detail, None);
    }

    fn keep(&self, kind: EventKind, path: Option<&str>, detail: &str, grant: Option<&str>) {
        let detail = clip(detail, DETAIL_BYTES_MAX);
        let path = path.map(|path| clip(path, DETAIL_BYTES_MAX));
        let mut events = self.0.lock();
        let same = |event: &&mut RunEvent| {
            event.kind == kind && event.detail == detail && event.path.as_deref() == path
        };
        if let Some(event) = events.kept.iter_mut().find(same) {
            event.count += 1;
        } else if events.kept.len() < EVENTS_MAX {
            let (path, detail) = (path.map(str::to_owned), detail.to_owned());
            events.kept.push(RunEvent {
                kind,
                path,
                detail,
                // A part of a grant would be another one.
                grant: grant
                    .filter(|grant| grant.len() <= DETAIL_BYTES_MAX)
                    .map(str::to_owned),
                count: 1,
            });
        } else {
            events.dropped_count += 1;
        }
    }

    /// Hands out what was noted and how many further events there were.
    pub(crate) fn take(&self) -> (Vec<RunEvent>, u64) {
        let events = std::mem::take(&mut *self.0.lock());
        (events.kept, events.dropped_count)
    }
}

/// The longest beginning of a text of at most `bytes_max` bytes.
pub(crate) fn clip(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_events_count_up_and_others_are_bounded() {
        let log = EventLog::default();
        for _ in 0..3 {
            log.note(EventKind::Denied, Some("a"), "outside");
        }
        for number in 0..EVENTS_MAX {
            log.note(EventKind::Limit, None, &format!("limit {number}"));
        }
        let (kept, dropped_count) = log.take();
        assert_eq!(kept[0].count, 3);
        assert_eq!(kept.len(), EVENTS_MAX);
        assert_eq!(dropped_count, 1);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        let log = EventLog::default();
        log.note(
            EventKind::Denied,
            Some(&"ä".repeat(4_000)),
            &format!("x{}", "ä".repeat(4_000)),
        );
        let (kept, _) = log.take();
        assert_eq!(kept[0].detail.len(), DETAIL_BYTES_MAX - 1);
        assert_eq!(
            kept[0].path.as_ref().map(String::len),
            Some(DETAIL_BYTES_MAX)
        );
    }

    #[test]
    fn ordinary_misses_are_no_events() {
        let log = EventLog::default();
        log.record(&vfs::Error::NotFound {
            path: "x".to_owned(),
        });
        log.record(&vfs::Error::Quota {
            which: "memory-bytes-max",
            used: 1,
            limit: 1,
        });
        let (kept, _) = log.take();
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].kind, EventKind::Limit);
    }
}
