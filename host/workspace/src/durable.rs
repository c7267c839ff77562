//! Durable sessions: begun by one process, worked in by others one after the other, and with
//! everything there that was saved, whatever ended the process before.
//!
//! `Workspace::begin_durable` and `Workspace::open_durable` are the way in. One folder holds one
//! session: `meta`, `log` and, for messages, `owner`; [`DurableStore`] is the folder of folders.

mod clean;
mod damage;
mod error;
mod folder;
mod frame;
mod id;
mod listing;
mod log;
mod look;
mod meta;
mod session;
mod tenant;

use std::fmt;
use std::sync::Arc;

use store::disk::Dir;
use vfs::{Access, Base, Clock, Limits, Metadata, Session, SessionOptions, Timestamp};

pub use self::clean::CleanReport;
pub use self::damage::GivenUp;
pub use self::error::DurableError;
use self::error::Result;
use self::folder::Folder;
use self::frame::FrameKeys;
pub use self::id::{PREFIX_BYTES_MIN, SessionId};
pub use self::listing::{SessionState, SessionSummary};
use self::log::Log;
use self::meta::{End, Life, Meta, RULE_LISTS_MAX};
pub use self::session::DurableSession;
use self::session::Parts;
use crate::change::ChangeId;

/// Tells what came of a commit that its process did not live to see.
pub trait Outcomes: Send + Sync + fmt::Debug {
    /// The change that a session was committed as; `None` when it was not. The answer is final: the
    /// journal has been replayed.
    ///
    /// # Errors
    ///
    /// Those of reading the history.
    fn outcome(&self, session: &SessionId) -> std::io::Result<Option<ChangeId>>;
}

/// How a session is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurableOptions {
    /// Milliseconds without use after which it goes; it stays without.
    pub expires_after_ms: Option<u64>,
    /// Bytes of content in memory beyond which contents go to the disk.
    pub spill_bytes_min: u64,
    /// Whether what it is about to change of a base file is kept, so that it can still be read and
    /// merged after somebody else wrote over it.
    pub keep_pristine: bool,
}

/// What a store of sessions may hold, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurableLimits {
    /// Folders of sessions, ended ones included.
    pub sessions_max: usize,
    /// Milliseconds for which it is remembered how a session ended.
    pub retention_ms: u64,
}

/// What a store needs besides its folder.
#[derive(Clone)]
pub struct DurableContext {
    /// The secret of the store: nobody else can make a session that is taken for one of its own.
    pub key: [u8; 32],
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// What others read of whoever has a session open, such as "process 123 (session-fs run)".
    pub owner: String,
    /// Who knows of commits.
    pub outcomes: Arc<dyn Outcomes>,
    /// What the store may hold.
    pub limits: DurableLimits,
}

/// The durable sessions over one base. All methods may be called from any thread, and the folder by
/// any number of processes.
#[derive(Clone)]
pub struct DurableStore {
    sessions: Arc<dyn Dir>,
    context: Arc<DurableContext>,
}

/// A session that is owned and checked and not yet loaded.
#[must_use = "the session is given back when this is dropped"]
#[derive(Debug)]
pub struct TakenSession {
    store: DurableStore,
    folder: Arc<Folder>,
    meta: Meta,
}

impl DurableStore {
    /// The sessions in a folder, which only such stores write to.
    pub fn new(sessions: Arc<dyn Dir>, context: DurableContext) -> Self {
        Self {
            sessions,
            context: Arc::new(context),
        }
    }

    /// Begins a session that is on the disk when this returns, after cleaning up.
    ///
    /// `options` gives its id, limits, clock, meter and metadata; the spill is the session's own.
    ///
    /// # Errors
    ///
    /// `Limit`, `BadId`, `Io`; nothing is left of the session then.
    pub fn begin(
        &self,
        base: &Arc<dyn Base>,
        base_generation: u64,
        options: SessionOptions,
        durable: &DurableOptions,
    ) -> Result<DurableSession> {
        let meta = Meta::new(base.name(), base_generation, &options, durable)?;
        self.make(meta, options, |options| {
            Ok(Session::begin(base.clone(), options))
        })
    }

    /// Begins a session beside another, from its present state.
    ///
    /// # Errors
    ///
    /// As [`DurableStore::begin`]; `Session` when the other is not open.
    pub fn fork(
        &self,
        session: &DurableSession,
        options: SessionOptions,
        durable: &DurableOptions,
    ) -> Result<DurableSession> {
        let (base, generation) = session.origin();
        // What is begun from a session has its rules, also when another process goes on with it.
        let options = SessionOptions {
            rules: session.session().rules().narrowed(&options.rules),
            ..options
        };
        let meta = Meta::new(&base, generation, &options, durable)?;
        self.make(meta, options, |options| session.session().fork(options))
    }

    /// Takes a session that is to be worked in.
    ///
    /// # Errors
    ///
    /// `NotFound`, `SessionBusy`, `Committed`, `RolledBack`, `Expired`, `Corrupt`, `Newer`, `Io`.
    pub fn take(&self, id: &SessionId) -> Result<TakenSession> {
        let folder = Folder::take(&*self.sessions, id)?;
        let mut meta = Meta::read(&*folder.dir, &self.context.key, id)?;
        if meta.life == Life::Settling {
            self.resolve_settling(&folder, &mut meta)?;
        }
        let mut meta = meta.unless_over()?;
        if self.is_expired(&folder, &meta)? {
            self.end(&folder, &mut meta, End::Expired)?;
            return Err(End::Expired.refusal(id));
        }
        folder.sign(&self.context.owner);
        Ok(TakenSession {
            store: self.clone(),
            folder: Arc::new(folder),
            meta,
        })
    }

    /// Makes the folder of a session around the session that `start` begins.
    fn make(
        &self,
        meta: Meta,
        options: SessionOptions,
        start: impl FnOnce(SessionOptions) -> vfs::Result<Session>,
    ) -> Result<DurableSession> {
        self.clean()?;
        self.check_room()?;
        let folder = Folder::make(&*self.sessions, &meta.id, &self.context.owner)?;
        let folder = Arc::new(folder);
        let made = self.fill(&folder, meta, options, start);
        if made.is_err() {
            // What cannot be removed now is a leftover for the next cleaning.
            folder.remove(&*self.sessions, &folder.id.folder_new()).ok();
        }
        made
    }

    fn fill(
        &self,
        folder: &Arc<Folder>,
        meta: Meta,
        options: SessionOptions,
        start: impl FnOnce(SessionOptions) -> vfs::Result<Session>,
    ) -> Result<DurableSession> {
        let log = Log::create(
            &*folder.dir,
            self.keys(&meta.id),
            self.context.clock.clone(),
        );
        let log = log.map_err(|error| DurableError::io(&meta.id, "making its log", error))?;
        meta.write(&*folder.dir, &self.context.key)?;
        let session = self.assemble(folder, meta, log, 0, |spill, meta| {
            start(meta.apply(options, spill))
        })?;
        session.save_first()?;
        folder.publish(&*self.sessions)?;
        Ok(session)
    }

    fn assemble(
        &self,
        folder: &Arc<Folder>,
        meta: Meta,
        log: Log,
        torn_bytes: u64,
        start: impl FnOnce(Arc<dyn vfs::Spill>, &Meta) -> vfs::Result<Session>,
    ) -> Result<DurableSession> {
        let spill = session::LogSpill::new(log, folder.clone());
        let session = start(spill.clone(), &meta).map_err(|source| DurableError::Session {
            session: meta.id.to_string(),
            source,
        })?;
        Ok(DurableSession::new(Parts {
            store: self.clone(),
            folder: folder.clone(),
            spill,
            session,
            meta,
            torn_bytes,
        }))
    }

    /// Asks what came of a commit, and notes the answer.
    fn resolve_settling(&self, folder: &Folder, meta: &mut Meta) -> Result<()> {
        let outcome = self.context.outcomes.outcome(&meta.id);
        let outcome = outcome
            .map_err(|error| DurableError::io(&meta.id, "asking what came of its commit", error))?;
        if let Some(change) = outcome {
            return self.end(folder, meta, End::Committed(Some(change)));
        }
        meta.life = Life::Open;
        meta.write(&*folder.dir, &self.context.key)
    }

    /// Notes that a session is over, and removes its log.
    fn end(&self, folder: &Folder, meta: &mut Meta, end: End) -> Result<()> {
        let ended = Meta {
            life: Life::Ended(self.context.clock.now(), end),
            ..meta.clone()
        };
        ended.write(&*folder.dir, &self.context.key)?;
        *meta = ended;
        // What stays is removed by the next cleaning; that the session is over is on the disk.
        folder.empty().ok();
        Ok(())
    }

    fn keys(&self, id: &SessionId) -> FrameKeys {
        FrameKeys::new(&self.context.key, id)
    }
}

impl TakenSession {
    /// Generation of the base when the session began.
    pub fn base_generation(&self) -> u64 {
        self.meta.base_generation
    }

    /// Bytes of content in memory beyond which contents go to the disk.
    pub fn spill_bytes_min(&self) -> u64 {
        self.meta.spill_bytes_min
    }

    /// Reads the session as it was saved last.
    ///
    /// `options` gives its limits, clock and meter; the rest is as it was when it began.
    ///
    /// # Errors
    ///
    /// `Corrupt`, `Session` when it does not fit its limits, `Io`.
    pub fn load(self, base: Arc<dyn Base>, options: SessionOptions) -> Result<DurableSession> {
        let Self {
            store,
            folder,
            meta,
        } = self;
        let keys = store.keys(&meta.id);
        let opened = Log::open(&*folder.dir, keys, store.context.clock.clone());
        let opened = opened.map_err(|error| error.of(&meta.id))?;
        let records = opened.records;
        let load = |spill, meta: &Meta| Session::load(base, meta.apply(options, spill), &records);
        let session = store.assemble(&folder, meta, opened.log, opened.torn_bytes, load)?;
        session.compact_data();
        Ok(session)
    }
}

impl Meta {
    fn new(
        base: &str,
        base_generation: u64,
        options: &SessionOptions,
        durable: &DurableOptions,
    ) -> Result<Self> {
        if options.rules.lists().len() > RULE_LISTS_MAX {
            let detail = format!("more than {RULE_LISTS_MAX} lists of rules");
            return Err(DurableError::Session {
                session: options.id.clone(),
                source: vfs::Error::Unsupported { detail },
            });
        }
        Ok(Self {
            id: SessionId::new(&options.id)?,
            life: Life::Open,
            base: base.to_owned(),
            base_generation,
            file_system_id: options.file_system_id,
            is_read_only: options.access == Access::ReadOnly,
            metadata: options.metadata.clone(),
            expires_after_ms: durable.expires_after_ms,
            spill_bytes_min: durable.spill_bytes_min,
            keep_pristine: durable.keep_pristine,
            rules: options.rules.clone(),
        })
    }

    /// The options of the session that this is of.
    fn apply(&self, options: SessionOptions, spill: Arc<dyn vfs::Spill>) -> SessionOptions {
        SessionOptions {
            id: self.id.to_string(),
            file_system_id: self.file_system_id,
            limits: Limits {
                spill_bytes_min: self.spill_bytes_min,
                ..options.limits
            },
            access: if self.is_read_only {
                Access::ReadOnly
            } else {
                Access::ReadWrite
            },
            metadata: Metadata::clone(&self.metadata),
            spill: Some(spill),
            keep_pristine: self.keep_pristine,
            rules: self.rules.clone(),
            ..options
        }
    }

    /// The same of a session that can still be worked in.
    fn unless_over(self) -> Result<Self> {
        match &self.life {
            Life::Ended(_, end) => Err(end.refusal(&self.id)),
            Life::Open | Life::Settling => Ok(self),
        }
    }

    /// Whether the session is over.
    fn is_over(&self) -> bool {
        matches!(self.life, Life::Ended(..))
    }

    /// When the session expires if it was last used at a time.
    fn expires_at(&self, last_used_at: Timestamp) -> Option<Timestamp> {
        after_ms(last_used_at, self.expires_after_ms?)
    }
}

impl End {
    /// What is said to whoever wants to work in a session that ended so.
    fn refusal(&self, id: &SessionId) -> DurableError {
        let session = id.to_string();
        match self {
            Self::Committed(change) => DurableError::Committed {
                session,
                change: *change,
            },
            Self::RolledBack => DurableError::RolledBack { session },
            Self::Expired => DurableError::Expired { session },
        }
    }
}

/// A time later by so much; `None` when that is never.
fn after_ms(time: Timestamp, ms: u64) -> Option<Timestamp> {
    Timestamp::from_nanoseconds(time.as_nanoseconds() + i128::from(ms) * 1_000_000)
}

impl Default for DurableOptions {
    fn default() -> Self {
        Self {
            expires_after_ms: None,
            spill_bytes_min: Limits::default().spill_bytes_min,
            keep_pristine: true,
        }
    }
}

impl Default for DurableLimits {
    fn default() -> Self {
        Self {
            sessions_max: 10_000,
            retention_ms: 30 * 24 * 3_600_000,
        }
    }
}

impl fmt::Debug for DurableStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableStore")
            .field("sessions", &self.sessions)
            .field("owner", &self.context.owner)
            .finish_non_exhaustive()
    }
}
