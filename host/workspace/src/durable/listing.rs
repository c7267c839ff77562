//! What durable sessions there are, without opening any.
//!
//! A session's lock is held for a moment to see whether somebody has it; whoever opens the session
//! just then asks again.

use std::io;

use store::Name;
use store::disk::Dir;
use vfs::{Metadata, Timestamp};

use super::error::{DurableError, Result};
use super::folder::{Folder, read_owner};
use super::id::{PREFIX_BYTES_MIN, SessionId};
use super::log::{self, log_name};
use super::meta::{End, Life, Meta, meta_name};
use super::{DurableStore, TakenSession};
use crate::change::ChangeId;

/// Entries of the folder of sessions that are looked at.
const FOLDERS_MAX: usize = 1_000_000;
/// Candidates that an ambiguous prefix names.
const CANDIDATES_MAX: usize = 10;

/// What is known of a durable session from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSummary {
    /// Its id.
    pub id: SessionId,
    /// What it is for; empty of a damaged one.
    pub metadata: Metadata,
    /// Where it is in its life.
    pub state: SessionState,
    /// When it was opened or saved last; of one that is over, when it ended.
    pub last_used_at: Timestamp,
    /// When it goes unless it is used before; `None` when it stays or is over.
    pub expires_at: Option<Timestamp>,
    /// Bytes that it takes on the disk.
    pub disk_bytes: u64,
    /// The base's name.
    pub base: String,
    /// Generation of the base when it began.
    pub base_generation: u64,
}

/// Where a durable session is in its life, as seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Anyone may open it.
    Open,
    /// Somebody works in it: who, in their own words.
    Owned(Option<String>),
    /// A commit of it was interrupted; opening it finds out what came of that.
    Settling,
    /// It was committed; `None` when there was nothing to commit.
    Committed(Option<ChangeId>),
    /// It was rolled back.
    RolledBack,
    /// It was not used for as long as it was to be kept.
    Expired,
    /// It cannot be read; why.
    Damaged(String),
}

impl DurableStore {
    /// All sessions in the order of their ids, after cleaning up. Of a log only the beginning is
    /// looked at: what else is wrong with it shows when the session is opened, or is
    /// [examined](DurableStore::examine).
    ///
    /// # Errors
    ///
    /// `Io` when the folder of sessions cannot be read; one session that cannot is `Damaged`.
    pub fn sessions(&self) -> Result<Vec<SessionSummary>> {
        self.clean()?;
        self.sessions_as_they_are()
    }

    /// All sessions in the order of their ids. Nothing is cleaned up, and nothing written.
    ///
    /// # Errors
    ///
    /// As [`DurableStore::sessions`].
    pub fn sessions_as_they_are(&self) -> Result<Vec<SessionSummary>> {
        let ids = self.ids()?;
        let summaries = ids.iter().filter_map(|id| self.summary_or_damage(id));
        Ok(summaries.collect())
    }

    /// One session from outside, `Damaged` when it cannot be looked at; `None` when it is gone.
    pub(crate) fn summary_or_damage(&self, id: &SessionId) -> Option<SessionSummary> {
        match self.summary(id) {
            Err(DurableError::NotFound { .. }) => None,
            Err(error) => Some(SessionSummary::damaged(id.clone(), &error)),
            Ok(summary) => Some(summary),
        }
    }

    /// One session from outside, as in [`DurableStore::sessions`].
    ///
    /// # Errors
    ///
    /// `NotFound`, `Corrupt`, `Newer`, `Io`.
    pub fn summary(&self, id: &SessionId) -> Result<SessionSummary> {
        let dir = self.folder_dir(id)?;
        let meta = Meta::read(&*dir, &self.context.key, id)?;
        let last_used_at = last_used_at(&*dir, &meta)?;
        let expires_at = meta.expires_at(last_used_at);
        let state = match &meta.life {
            Life::Ended(_, End::Committed(change)) => SessionState::Committed(*change),
            Life::Ended(_, End::RolledBack) => SessionState::RolledBack,
            Life::Ended(_, End::Expired) => SessionState::Expired,
            _ if is_owned(&*dir, id)? => SessionState::Owned(read_owner(&*dir)),
            Life::Settling => SessionState::Settling,
            Life::Open if self.is_past(expires_at) => SessionState::Expired,
            Life::Open => SessionState::Open,
        };
        let state = match state {
            SessionState::Open | SessionState::Settling => self.looked_at(&*dir, id, state)?,
            state => state,
        };
        let is_live = !matches!(meta.life, Life::Ended(..));
        Ok(SessionSummary {
            id: id.clone(),
            metadata: meta.metadata,
            state,
            last_used_at,
            expires_at: expires_at.filter(|_| is_live),
            disk_bytes: size(&*dir, &meta_name()) + size(&*dir, &log_name()),
            base: meta.base,
            base_generation: meta.base_generation,
        })
    }

    /// The state of a session that nobody has, unless its log is damaged where it begins.
    fn looked_at(
        &self,
        dir: &dyn Dir,
        id: &SessionId,
        state: SessionState,
    ) -> Result<SessionState> {
        match log::look(dir, &self.keys(id)).map_err(|error| error.of(id)) {
            Ok(()) => Ok(state),
            // Somebody has ended the session since.
            Err(_) if Meta::read(dir, &self.context.key, id)?.is_over() => {
                self.summary(id).map(|summary| summary.state)
            }
            Err(error @ DurableError::Corrupt { .. }) => {
                Ok(SessionState::Damaged(error.to_string()))
            }
            Err(error) => Err(error),
        }
    }

    /// The one session whose id is, or begins with, `prefix`.
    ///
    /// # Errors
    ///
    /// `NotFound`, `Ambiguous`, `ShortPrefix`, `BadId`, `Io`.
    pub fn resolve(&self, prefix: &str) -> Result<SessionId> {
        let wanted = SessionId::new(prefix)?;
        let mut found = self.ids()?;
        if found.binary_search(&wanted).is_ok() {
            return Ok(wanted);
        }
        if prefix.len() < PREFIX_BYTES_MIN {
            return Err(DurableError::ShortPrefix {
                prefix: prefix.to_owned(),
            });
        }
        found.retain(|id| id.as_str().starts_with(prefix));
        match &found[..] {
            [] => Err(DurableError::not_found(&wanted)),
            [id] => Ok(id.clone()),
            _ => Err(DurableError::Ambiguous {
                prefix: prefix.to_owned(),
                candidates: found
                    .iter()
                    .take(CANDIDATES_MAX)
                    .map(ToString::to_string)
                    .collect(),
            }),
        }
    }

    /// The sessions that are not over, and the generation that each began from.
    ///
    /// # Errors
    ///
    /// `Io` when a session cannot be looked at: it may need anything.
    pub(crate) fn generations(&self) -> Result<Vec<(SessionId, u64)>> {
        let mut generations = Vec::new();
        for id in self.ids()? {
            let meta = self
                .folder_dir(&id)
                .and_then(|dir| Meta::read(&*dir, &self.context.key, &id));
            let generation = match meta {
                Ok(meta) if matches!(meta.life, Life::Ended(..)) => continue,
                Ok(meta) => meta.base_generation,
                // It went meanwhile; or nobody can ever open it.
                Err(DurableError::NotFound { .. } | DurableError::Corrupt { .. }) => continue,
                // Only a newer program knows what it needs.
                Err(DurableError::Newer { .. }) => 0,
                Err(error) => return Err(error),
            };
            generations.push((id, generation));
        }
        Ok(generations)
    }

    /// The ids of all sessions, in order.
    pub(super) fn ids(&self) -> Result<Vec<SessionId>> {
        let names = self.folder_names()?;
        let ids = names.iter().filter_map(|name| SessionId::new(name).ok());
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable();
        Ok(ids)
    }

    pub(super) fn folder_names(&self) -> Result<Vec<Name>> {
        let listing = self.sessions.list(FOLDERS_MAX);
        let listing = listing.map_err(|source| DurableError::List {
            source: source.into(),
        })?;
        Ok(listing.items.into_iter().map(|item| item.name).collect())
    }

    pub(super) fn check_room(&self) -> Result<()> {
        let (used, limit) = (self.ids()?.len(), self.context.limits.sessions_max);
        if used < limit {
            return Ok(());
        }
        Err(DurableError::Limit {
            used: used as u64,
            limit: limit as u64,
        })
    }

    pub(super) fn folder_dir(&self, id: &SessionId) -> Result<std::sync::Arc<dyn Dir>> {
        let walked = self.sessions.walk(std::slice::from_ref(id.folder()));
        walked.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => DurableError::not_found(id),
            _ => DurableError::io(id, "opening its folder", error),
        })
    }

    /// Whether nobody used the session for as long as it is to be kept.
    pub(super) fn is_expired(&self, folder: &Folder, meta: &Meta) -> Result<bool> {
        let last_used_at = last_used_at(&*folder.dir, meta)?;
        Ok(self.is_past(meta.expires_at(last_used_at)))
    }

    pub(super) fn is_past(&self, time: Option<Timestamp>) -> bool {
        time.is_some_and(|time| time <= self.context.clock.now())
    }
}

impl TakenSession {
    /// What the session is for.
    pub fn metadata(&self) -> &Metadata {
        &self.meta.metadata
    }
}

impl SessionSummary {
    fn damaged(id: SessionId, error: &DurableError) -> Self {
        Self {
            id,
            metadata: Metadata::default(),
            state: SessionState::Damaged(error.to_string()),
            last_used_at: Timestamp::default(),
            expires_at: None,
            disk_bytes: 0,
            base: String::new(),
            base_generation: 0,
        }
    }
}

/// When a session was opened or saved last: the time of its log.
pub(super) fn last_used_at(dir: &dyn Dir, meta: &Meta) -> Result<Timestamp> {
    if let Life::Ended(at, _) = meta.life {
        return Ok(at);
    }
    match dir.stat(&log_name()) {
        Ok(stat) => Ok(Timestamp::from_nanoseconds(stat.mtime_ns).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(DurableError::corrupt(&meta.id, "its file 'log' is missing"))
        }
        Err(error) => Err(DurableError::io(&meta.id, "looking at its log", error)),
    }
}

fn is_owned(dir: &dyn Dir, id: &SessionId) -> Result<bool> {
    let lock = dir.try_lock();
    let lock = lock.map_err(|error| DurableError::io(id, "looking at its lock", error))?;
    Ok(lock.is_none())
}

fn size(dir: &dyn Dir, name: &Name) -> u64 {
    dir.stat(name).map_or(0, |stat| stat.size)
}
