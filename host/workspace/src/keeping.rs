//! What a base keeps beside its directory: durable sessions, history, and what became of commits.

use std::sync::Arc;

use vfs::Digest;

use crate::base::{BaseHandle, Target};
use crate::change::ChangeId;
use crate::directory::Engine;
use crate::durable::{
    DurableContext, DurableError, DurableLimits, DurableStore, Outcomes, SessionId,
};
use crate::error::{Result, WorkspaceError};
use crate::held_back::{HeldBack, Holders};
use crate::history::{GcNeeds, GcReport, History, HistoryLimits, LogFilter, Report, Retention};
use crate::workspace::Workspace;

/// Changes of one session that are asked for at once.
const OUTCOMES_PAGE: usize = 100;

impl Workspace {
    /// The durable sessions of a directory. Its store is made when there is none.
    ///
    /// # Errors
    ///
    /// As [`Workspace::commit`]; `Durable` for a base in memory.
    pub fn durable_store(&self, base: &Arc<BaseHandle>) -> Result<DurableStore> {
        let engine = directory(base)?;
        let access = engine.access(true)?;
        let access = access.ok_or_else(|| WorkspaceError::Poisoned {
            base: base.name().to_owned(),
        })?;
        let sessions = crate::directory::ensure(&access.dir, "sessions");
        let sessions = sessions.map_err(|error| error.at(base.name()))?;
        let context = self.durable_context(engine, access.key);
        Ok(DurableStore::new(sessions, context))
    }

    /// What the sessions of a directory need of the workspace; `key` is the secret of their store.
    pub(crate) fn durable_context(&self, engine: &Arc<Engine>, key: [u8; 32]) -> DurableContext {
        DurableContext {
            key,
            clock: self.options.clock.clone(),
            owner: self.options.owner.clone(),
            outcomes: Arc::new(EngineOutcomes(engine.clone())),
            limits: DurableLimits::default(),
        }
    }

    /// The history of a directory, up to now; `None` when nothing was ever committed or kept there.
    ///
    /// # Errors
    ///
    /// As [`Workspace::commit`]; `History`; `Durable` for a base in memory.
    pub fn history(&self, base: &Arc<BaseHandle>) -> Result<Option<History>> {
        open_history(directory(base)?)
    }

    /// The change that a session was committed as; `None` when it was not. The answer is final when
    /// whoever committed it has ended.
    ///
    /// # Errors
    ///
    /// As [`Workspace::history`].
    pub fn outcome(&self, base: &Arc<BaseHandle>, session: &str) -> Result<Option<ChangeId>> {
        outcome(directory(base)?, session)
    }

    /// Checks everything that is kept of a directory while nobody commits to it; with `repair` mends
    /// what can be mended and tells what is left. `None` when nothing is kept.
    ///
    /// # Errors
    ///
    /// As [`Workspace::history`].
    pub fn doctor(&self, base: &Arc<BaseHandle>, repair: bool) -> Result<Option<Report>> {
        let engine = directory(base)?;
        let Some(history) = open_history(engine)? else {
            return Ok(None);
        };
        let is_live = |digest: &Digest| engine.needs_object(digest);
        let report = engine.exclusively(|| {
            let report = history.doctor(&is_live)?;
            if !repair || !report.findings.iter().any(|it| it.kind.is_repairable()) {
                return Ok(report);
            }
            history.repair(&report)?;
            history.doctor(&is_live)
        })?;
        Ok(Some(report.map_err(Arc::new)?))
    }

    /// Drops the oldest history, but nothing that a durable session which is not over needs, or an
    /// open session of this or any other process, and tells what it left for their sake; with
    /// `dry_run` it only tells what would go. `None` when there is no history.
    ///
    /// # Errors
    ///
    /// As [`Workspace::history`].
    pub fn gc(
        &self,
        base: &Arc<BaseHandle>,
        retention: &Retention,
        dry_run: bool,
    ) -> Result<Option<(GcReport, Option<HeldBack>)>> {
        let engine = directory(base)?;
        let Some(history) = open_history(engine)? else {
            return Ok(None);
        };
        let sessions = self.durable_store(base)?;
        let is_live = |digest: &Digest| engine.needs_object(digest);
        let now = self.options.clock.now();
        let report = engine.exclusively(|| -> Result<_> {
            let holders = Holders::of(self, base, &sessions, engine.leased_generation()?)?;
            let needs = GcNeeds {
                generation_min: holders.generation_min(),
                is_live: &is_live,
                is_pinned: &|_| false,
            };
            // Commits wait meanwhile: every change file is read once, whatever is asked of them.
            let stock = history.stock().map_err(Arc::new)?;
            let plan = stock.plan(retention, now, &needs);
            let places = (&stock, &sessions);
            let held_back = holders.held_back(places, retention, now, (&needs, &plan));
            if !dry_run {
                history.gc_as_planned(&plan).map_err(Arc::new)?;
            }
            Ok((plan, held_back))
        })?;
        report.map(Some)
    }
}

pub(crate) fn directory(base: &BaseHandle) -> Result<&Arc<Engine>> {
    match &base.target {
        Target::Directory(engine) => Ok(engine),
        Target::Memory(_) => Err(DurableError::MemoryBase {
            base: base.name().to_owned(),
        }
        .into()),
    }
}

fn open_history(engine: &Arc<Engine>) -> Result<Option<History>> {
    let Some(access) = engine.access(false)? else {
        return Ok(None);
    };
    let root = engine.root().clone();
    let history = History::open(access.dir, root, HistoryLimits::default());
    Ok(Some(history.map_err(Arc::new)?))
}

fn outcome(engine: &Arc<Engine>, session: &str) -> Result<Option<ChangeId>> {
    if let Some((_, change)) = engine.pending_change_of(session) {
        return Ok(Some(change));
    }
    let Some(history) = open_history(engine)? else {
        return Ok(None);
    };
    let filter = LogFilter {
        session: Some(session.to_owned()),
        ..LogFilter::default()
    };
    let mut below = None;
    loop {
        let page = history.log(&filter, below, OUTCOMES_PAGE);
        let page = page.map_err(Arc::new)?;
        for entry in &page.entries {
            let (id, file) = history.show(&entry.id.to_string()).map_err(Arc::new)?;
            // After a part the session went on.
            if !file.change.is_part {
                return Ok(Some(id));
            }
        }
        match page.next {
            Some(next) => below = Some(next),
            None => return Ok(None),
        }
    }
}

/// Knows of commits what the journal and the history of a base say.
#[derive(Debug)]
struct EngineOutcomes(Arc<Engine>);

impl Outcomes for EngineOutcomes {
    fn outcome(&self, session: &SessionId) -> std::io::Result<Option<ChangeId>> {
        outcome(&self.0, session.as_str()).map_err(std::io::Error::other)
    }
}
