//! Reading a log by pages, oldest first, in bounded memory.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use store::disk::Dir;
use vfs::Timestamp;

use super::chain::Chain;
use super::line::AuditEntry;
use super::scan::{Lines, Next, header, segment_name, segments};
use super::{AuditError, AuditLog, AuditResult};

/// Entries of one page at most.
const PAGE_ENTRIES_MAX: usize = 10_000;

/// Which lines to read; a field that is absent takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Of this session.
    pub session: Option<String>,
    /// Of this agent.
    pub agent: Option<String>,
    /// Of this task.
    pub task: Option<String>,
    /// Of this operation, by its word.
    pub operation: Option<String>,
    /// With this outcome, such as `denied`.
    pub outcome: Option<String>,
    /// With this path, or one below it, as first or second path.
    pub path: Option<String>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// Which page to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditPageRequest {
    /// Lines after this number; 0 for the first page.
    pub after: u64,
    /// Entries at most; 10,000 is the cap.
    pub entries_max: usize,
}

/// One page of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// In the order of their numbers.
    pub entries: Vec<AuditEntry>,
    /// Pass this as `after` to go on; `None` at the end of the log.
    pub next: Option<u64>,
}

impl AuditFilter {
    /// Whether a line is to be read.
    pub fn takes(&self, entry: &AuditEntry) -> bool {
        let same = |wanted: &Option<String>, found: Option<&String>| {
            wanted.is_none() || wanted.as_ref() == found
        };
        same(&self.session, entry.session.as_ref())
            && same(&self.agent, entry.agent.as_ref())
            && same(&self.task, entry.task.as_ref())
            && same(&self.operation, Some(&entry.operation))
            && same(&self.outcome, Some(&entry.outcome))
            && self.since.is_none_or(|since| since <= entry.time)
            && self.until.is_none_or(|until| entry.time < until)
            && self.path.as_deref().is_none_or(|path| {
                let paths = [&entry.path, &entry.target];
                paths.into_iter().flatten().any(|it| is_within(it, path))
            })
    }
}

fn is_within(path: &str, dir: &str) -> bool {
    let (path, dir) = (path.trim_start_matches('/'), dir.trim_matches('/'));
    match path.strip_prefix(dir) {
        Some(rest) => dir.is_empty() || rest.is_empty() || rest.starts_with('/'),
        None => false,
    }
}

/// The log in a folder, to be read. Nothing is written: what a crash left behind stays as it is.
#[derive(Clone, Debug)]
pub struct AuditReader {
    pub(super) dir: Arc<dyn Dir>,
    pub(super) chain: Chain,
}

impl AuditReader {
    /// The log in a folder, with the key of its store.
    pub fn new(dir: Arc<dyn Dir>, key: &[u8; 32]) -> Self {
        let chain = Chain::new(key);
        Self { dir, chain }
    }

    /// Reads a page of the lines that a filter takes.
    ///
    /// # Errors
    ///
    /// `Unreadable`; `Corrupt` for a line that is none. Links are not checked here.
    pub fn read(&self, filter: &AuditFilter, request: AuditPageRequest) -> AuditResult<AuditPage> {
        let entries_max = request.entries_max.clamp(1, PAGE_ENTRIES_MAX);
        let mut page = AuditPage::default();
        self.each(request.after, &mut |entry, _| {
            if page.entries.len() == entries_max {
                page.next = page.entries.last().map(|last| last.number);
                return Ok(false);
            }
            if filter.takes(&entry) {
                page.entries.push(entry);
            }
            Ok(true)
        })?;
        Ok(page)
    }

    /// The ids of sessions that begin so and have a line, sorted; `count` at most, the first ones in
    /// the log. All of the log is read, unless one of them is `prefix` itself.
    ///
    /// # Errors
    ///
    /// As [`AuditReader::read`].
    pub fn sessions(&self, prefix: &str, count: usize) -> AuditResult<Vec<String>> {
        let mut found = BTreeSet::new();
        let mut is_exact = false;
        self.each(0, &mut |entry, _| {
            let session = entry.session.filter(|session| session.starts_with(prefix));
            if let Some(session) = session {
                is_exact = session == prefix;
                if is_exact {
                    return Ok(false);
                }
                if found.len() < count {
                    found.insert(session);
                }
            }
            Ok(true)
        })?;
        if is_exact {
            return Ok(vec![prefix.to_owned()]);
        }
        Ok(found.into_iter().collect())
    }

    /// Hands out each line after a number, parsed and as it stands, until `each` returns false.
    pub(super) fn each(
        &self,
        after: u64,
        each: &mut dyn FnMut(AuditEntry, &[u8]) -> AuditResult<bool>,
    ) -> AuditResult<()> {
        let dir = &*self.dir;
        let present = first_needed(dir, after).map_err(AuditError::unreadable)?;
        let mut number = None;
        for segment in present {
            let name = segment_name(segment);
            let file = dir.open(&name).map_err(AuditError::unreadable)?;
            let mut lines = Lines::new(file, 0);
            // A line that is not finished is being written, or for `verify` to tell of.
            while let Next::Line(line) = lines.next().map_err(AuditError::unreadable)? {
                let entry = AuditEntry::parse(line).ok_or_else(|| AuditError::Corrupt {
                    segment: name.to_string(),
                    number: number.map_or(1, |last: u64| last.saturating_add(1)),
                })?;
                number = Some(entry.number);
                if entry.number > after && !each(entry, line)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

impl AuditLog {
    /// What reads the log. What is pending is written first, if it can be.
    ///
    /// # Errors
    ///
    /// `Detached`.
    pub fn reader(&self) -> AuditResult<AuditReader> {
        self.core.with_writer(|_, writer, _| {
            Ok(AuditReader {
                dir: writer.dir.clone(),
                chain: writer.chain.clone(),
            })
        })
    }

    /// Reads a page of the lines that a filter takes. What is pending is written first.
    ///
    /// # Errors
    ///
    /// `Detached`; as [`AuditReader::read`].
    pub fn read(&self, filter: &AuditFilter, request: AuditPageRequest) -> AuditResult<AuditPage> {
        self.reader()?.read(filter, request)
    }

    /// The ids of sessions that begin so, as [`AuditReader::sessions`].
    ///
    /// # Errors
    ///
    /// As [`AuditLog::read`].
    pub fn sessions(&self, prefix: &str, count: usize) -> AuditResult<Vec<String>> {
        self.reader()?.sessions(prefix, count)
    }
}

/// The segments from the one on that holds the line after a number.
fn first_needed(dir: &dyn Dir, after: u64) -> io::Result<Vec<u64>> {
    let mut present = segments(dir)?;
    let mut needed = 0;
    for (index, segment) in present.iter().enumerate().skip(1) {
        let header = header(&dir.open(&segment_name(*segment))?)?;
        if header.is_none_or(|header| header.number > after) {
            break;
        }
        needed = index;
    }
    Ok(present.split_off(needed))
}
