//! `HeldBack`: why `gc` leaves more than it was asked to keep: sessions that may still ask for it.

use std::sync::Arc;

use crate::base::BaseHandle;
use crate::durable::{DurableStore, SessionId, SessionSummary};
use crate::error::Result;
use crate::history::{GcNeeds, GcReport, History, Retention};
use crate::workspace::Workspace;

/// What would go besides, were it not for open sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldBack {
    /// Changes that would go.
    pub changes_count: usize,
    /// Bytes that would become free.
    pub bytes: u64,
    /// The durable sessions that hold something of it back, the one that holds back most first.
    pub sessions: Vec<SessionSummary>,
    /// Whether a running process has open sessions that do.
    pub is_in_use: bool,
}

/// The generations that open sessions began from.
pub(crate) struct Holders {
    /// Of the durable sessions that are not over.
    durable: Vec<(SessionId, u64)>,
    /// The oldest of all that running processes have.
    process: Option<u64>,
}

impl Holders {
    /// Those of a base; asked by whoever has the turn.
    pub(crate) fn of(
        workspace: &Workspace,
        base: &Arc<BaseHandle>,
        store: &DurableStore,
        leased: Option<u64>,
    ) -> Result<Self> {
        let own = workspace.registry().generation_min(base);
        let mut durable = store.generations()?;
        durable.sort_by_key(|(_, generation)| *generation);
        Ok(Self {
            durable,
            process: own.into_iter().chain(leased).min(),
        })
    }

    /// The oldest generation that any of them began from.
    pub(crate) fn generation_min(&self) -> Option<u64> {
        let durable = self.durable.first().map(|(_, generation)| *generation);
        durable.into_iter().chain(self.process).min()
    }

    /// What they hold back, beside what `report` says is dropped; `None` when that is nothing.
    ///
    /// # Errors
    ///
    /// Those of [`History::gc_plan`].
    pub(crate) fn held_back(
        &self,
        (history, store): (&History, &DurableStore),
        retention: &Retention,
        now: vfs::Timestamp,
        (needs, report): (&GcNeeds<'_>, &GcReport),
    ) -> crate::history::Result<Option<HeldBack>> {
        if report.needed_since.is_none() {
            return Ok(None);
        }
        let without = GcNeeds {
            generation_min: None,
            ..*needs
        };
        let without = history.gc_plan(retention, now, &without)?;
        let Some(last) = without.changes.last() else {
            return Ok(None);
        };
        let (_, newest) = history.show(&last.to_string())?;
        let holds = |generation: u64| generation < newest.generation;
        let holders = self.durable.iter();
        let holders = holders.filter(|(_, generation)| holds(*generation));
        Ok(Some(HeldBack {
            changes_count: without.changes.len().saturating_sub(report.changes.len()),
            bytes: without.bytes_freed.saturating_sub(report.bytes_freed),
            // One that went meanwhile holds nothing any more.
            sessions: holders
                .filter_map(|(id, _)| store.summary(id).ok())
                .collect(),
            is_in_use: self.process.is_some_and(holds),
        }))
    }
}
