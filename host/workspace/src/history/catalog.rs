//! `Catalog`: which changes there are and which paths each of them touched, in memory or in an index.
//!
//! It only selects changes; what one did is always read from its change file.

use std::collections::BTreeSet;

use vfs::{Timestamp, VPath};

use super::error::{HistoryError, Result};
use super::index::Index;
use crate::change::{ChangeFile, ChangeId};

/// Changes of one page unless fewer are asked for.
pub(super) const PAGE_CHANGES_MAX: usize = 1_000;

/// What a catalog knows of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Generation of the base that the change made.
    pub generation: u64,
    /// The change.
    pub id: ChangeId,
    /// The change before it; `None` for the first of a store.
    pub previous: Option<ChangeId>,
    /// The session that it was.
    pub session: String,
    /// The agent that worked in it.
    pub agent: Option<String>,
    /// When it was committed.
    pub committed_at: Timestamp,
    /// Why, in the words of whoever committed it.
    pub message: Option<String>,
    /// Every path that something left, came to or changed at, in order.
    pub touched: Vec<Touched>,
}

/// A path that a change names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touched {
    /// The path.
    pub path: VPath,
    /// Whether something was moved from or to there, so that all below it moved too.
    pub moved: bool,
}

/// A change in the chain of all. Generations have gaps where a commit was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) generation: u64,
    pub(super) id: ChangeId,
    pub(super) previous: Option<ChangeId>,
}

/// Which changes to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Those that touched this path or something below it, or moved it with a directory above.
    pub path: Option<VPath>,
    /// Those of this session.
    pub session: Option<String>,
    /// Those of this agent.
    pub agent: Option<String>,
    /// Those committed at this time or later.
    pub since: Option<Timestamp>,
    /// Those committed at this time or earlier.
    pub until: Option<Timestamp>,
}

/// One page of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPage {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// What to ask for changes below, when there are more.
    pub next: Option<u64>,
}

/// The changes of one store.
#[derive(Debug)]
pub(super) enum Catalog {
    /// Sorted by generation.
    Memory(Vec<Entry>),
    Indexed(Index),
}

impl Entry {
    pub(super) fn of(id: ChangeId, file: &ChangeFile) -> Self {
        let change = &file.change;
        Self {
            generation: file.generation,
            id,
            previous: file.previous,
            session: change.session.clone(),
            agent: change.metadata.agent.clone(),
            committed_at: change.committed_at,
            message: change.message.clone(),
            touched: touched(file),
        }
    }

    fn touches(&self, path: &VPath) -> bool {
        let hits = |touched: &Touched| {
            touched.path == *path || (touched.moved && path.starts_with(&touched.path))
        };
        self.touched.iter().any(hits)
    }

    fn passes(&self, filter: &LogFilter) -> bool {
        let below = |path: &VPath| {
            let mut touched = self.touched.iter();
            self.touches(path) || touched.any(|touched| touched.path.starts_with(path))
        };
        filter.path.as_ref().is_none_or(below)
            && filter.session.as_ref().is_none_or(|id| *id == self.session)
            && filter
                .agent
                .as_ref()
                .is_none_or(|agent| Some(agent) == self.agent.as_ref())
            && filter.since.is_none_or(|since| since <= self.committed_at)
            && filter.until.is_none_or(|until| self.committed_at <= until)
    }
}

impl Catalog {
    /// All ids that it knows, sorted.
    pub(super) fn ids(&self) -> rusqlite::Result<Vec<ChangeId>> {
        match self {
            Self::Memory(entries) => {
                let mut ids: Vec<ChangeId> = entries.iter().map(|entry| entry.id).collect();
                ids.sort_unstable();
                Ok(ids)
            }
            Self::Indexed(index) => index.ids(),
        }
    }

    /// The ids of sessions that begin so, sorted; at most `count`.
    pub(super) fn sessions(&self, prefix: &str, count: usize) -> rusqlite::Result<Vec<String>> {
        match self {
            Self::Memory(entries) => {
                let sessions = entries.iter().map(|entry| &entry.session);
                let matching = sessions.filter(|session| session.starts_with(prefix));
                let distinct: BTreeSet<&String> = matching.collect();
                Ok(distinct.into_iter().take(count).cloned().collect())
            }
            Self::Indexed(index) => index.sessions(prefix, count),
        }
    }

    /// Adds changes, and forgets others.
    pub(super) fn update(&mut self, added: Vec<Entry>, gone: &[ChangeId]) -> rusqlite::Result<()> {
        match self {
            Self::Memory(entries) => {
                entries.retain(|entry| !gone.contains(&entry.id));
                entries.extend(added);
                entries.sort_by_key(|entry| (entry.generation, entry.id));
                Ok(())
            }
            Self::Indexed(index) => index.update(&added, gone),
        }
    }

    /// Every entry, oldest first.
    pub(super) fn entries(&self) -> rusqlite::Result<Vec<Entry>> {
        match self {
            Self::Memory(entries) => Ok(entries.clone()),
            Self::Indexed(index) => index.entries(),
        }
    }

    /// The changes below generation `below` that pass, newest first; one more than `count` when there
    /// are more.
    pub(super) fn log(
        &self,
        filter: &LogFilter,
        below: u64,
        count: usize,
    ) -> rusqlite::Result<Vec<Entry>> {
        match self {
            Self::Memory(entries) => {
                let newest_first = entries.iter().rev();
                let found = newest_first
                    .filter(|entry| entry.generation < below && entry.passes(filter))
                    .take(count.saturating_add(1));
                Ok(found.cloned().collect())
            }
            Self::Indexed(index) => index.log(filter, below, count.saturating_add(1)),
        }
    }

    /// The newest change below generation `below` that named the path or moved a directory above it.
    pub(super) fn touching(
        &self,
        path: &VPath,
        below: u64,
    ) -> rusqlite::Result<Option<(u64, ChangeId)>> {
        match self {
            Self::Memory(entries) => {
                let mut newest_first = entries.iter().rev();
                let found =
                    newest_first.find(|entry| entry.generation < below && entry.touches(path));
                Ok(found.map(|entry| (entry.generation, entry.id)))
            }
            Self::Indexed(index) => index.touching(path, below),
        }
    }

    /// The oldest change above generation `above` that did.
    pub(super) fn touching_next(
        &self,
        path: &VPath,
        above: u64,
    ) -> rusqlite::Result<Option<(u64, ChangeId)>> {
        match self {
            Self::Memory(entries) => {
                let mut oldest_first = entries.iter();
                let found =
                    oldest_first.find(|entry| entry.generation > above && entry.touches(path));
                Ok(found.map(|entry| (entry.generation, entry.id)))
            }
            Self::Indexed(index) => index.touching_next(path, above),
        }
    }

    /// Every change with its generation and the change before it, oldest first.
    pub(super) fn chain(&self) -> rusqlite::Result<Vec<Member>> {
        match self {
            Self::Memory(entries) => {
                let members = entries.iter().map(|entry| Member {
                    generation: entry.generation,
                    id: entry.id,
                    previous: entry.previous,
                });
                Ok(members.collect())
            }
            Self::Indexed(index) => index.chain(),
        }
    }
}

/// The one of these changes whose id begins so.
pub(super) fn by_prefix(ids: &[ChangeId], prefix: &str) -> Result<ChangeId> {
    let mut found = ids.iter().filter(|id| id.to_string().starts_with(prefix));
    let Some(id) = found.next() else {
        let id = prefix.to_owned();
        return Err(HistoryError::UnknownChange { id });
    };
    if found.next().is_some() {
        let prefix = prefix.to_owned();
        return Err(HistoryError::AmbiguousChange { prefix });
    }
    Ok(*id)
}

fn touched(file: &ChangeFile) -> Vec<Touched> {
    let change = &file.change;
    let mut touched = Vec::new();
    let mut add = |path: &VPath, moved: bool| {
        let path = path.clone();
        touched.push(Touched { path, moved });
    };
    for gone in &change.departures {
        add(&gone.path, gone.moved_to.is_some());
    }
    for come in &change.arrivals {
        add(&come.path, come.moved_from.is_some());
    }
    for update in &change.updates {
        add(&update.path, false);
        add(&update.source, false);
    }
    // Of two with one path the one that moved comes first and stays.
    touched.sort_by(|a, b| a.path.cmp(&b.path).then(b.moved.cmp(&a.moved)));
    touched.dedup_by(|later, earlier| later.path == earlier.path);
    touched
}
