//! `HeldBack`: why `gc` leaves more than it was asked to keep: sessions that may still ask for it.

use std::sync::Arc;

use crate::base::BaseHandle;
use crate::durable::{DurableStore, SessionId, SessionSummary};
use crate::error::Result;
use crate::history::{GcNeeds, GcReport, Retention, Stock};
use crate::workspace::Workspace;

/// What would go besides, were it not for open sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldBack {
    /// Changes that would go.
    pub changes_count: usize,
    /// Bytes that would become free.
    pub bytes: u64,
    /// The durable sessions that hold something of it back, the one that holds back most first; one
    /// that cannot be looked at is `Damaged`.
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
        // A session of which this is not known may need anything: without it nothing is dropped.
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
    pub(crate) fn held_back(
        &self,
        (stock, store): (&Stock, &DurableStore),
        retention: &Retention,
        now: vfs::Timestamp,
        (needs, report): (&GcNeeds<'_>, &GcReport),
    ) -> Option<HeldBack> {
        report.needed_since?;
        let without = GcNeeds {
            generation_min: None,
            ..*needs
        };
        let without = stock.plan(retention, now, &without);
        let newest = stock.generation_of(without.changes.last()?)?;
        let holds = |generation: u64| generation < newest;
        let holders = self.durable.iter();
        let holders = holders.filter(|(_, generation)| holds(*generation));
        Some(HeldBack {
            changes_count: without.changes.len().saturating_sub(report.changes.len()),
            bytes: without.bytes_freed.saturating_sub(report.bytes_freed),
            // Why one cannot be looked at is told with it: what is dropped does not depend on that.
            sessions: holders
                .filter_map(|(id, _)| store.summary_or_damage(id))
                .collect(),
            is_in_use: self.process.is_some_and(holds),
        })
    }
}
