//! The session: an isolated, mutable view of one generation of a base.
//!
//! `Session` is a handle; its clones are the same session. Dropping the last one of a session that
//! was not sealed discards what it changed.

mod edit;
mod files;
mod mode;
mod names;
mod rebase;
mod seal;
mod settle;

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

pub(crate) use files::BaseFileSlot;
pub(crate) use names::{Budget, remove_child};
use parking_lot::Mutex;
pub use rebase::Rebased;
pub use seal::Sealed;
pub(crate) use settle::SAVEPOINT_NAME_BYTES_MAX;
pub use settle::Savepoint;

use crate::base::Base;
use crate::core::Core;
use crate::descriptor::{Descriptor, OpenFlags, root_flags};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::meter::Meter;
use crate::observer::{Observer, Operation, OperationKind};
use crate::reads::{BaseSlot, Reads, World};
use crate::rules::PathRules;
use crate::spill::Spill;
use crate::time::{Clock, FixedClock, Timestamp};
use crate::tree::{Family, Tree};
use crate::{DirEntry, inode::Ino};

/// An isolated, mutable view of a file tree. All methods may be called from any thread.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    id: String,
    world: World,
    clock: Arc<dyn Clock>,
    access: Access,
    metadata: Metadata,
    observer: Option<Arc<dyn Observer>>,
    parent: Option<Session>,
    depth: u32,
    /// How the session ended, for those that are nested in it to see without its lock.
    ended: OnceLock<Status>,
    core: Mutex<Core>,
    /// Last, so that it outlives what the session gives back.
    _tenure: Option<Arc<dyn Any + Send + Sync>>,
}

/// How to begin a session.
#[derive(Clone)]
pub struct SessionOptions {
    /// The session's identity; whoever begins it makes it unique.
    pub id: String,
    /// Tells the file system of this session from others in metadata hashes.
    pub file_system_id: u64,
    /// What the session may take.
    pub limits: Limits,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// The account of the workspace, which the session's own hangs below.
    pub meter: Arc<Meter>,
    /// Whether the session may change anything.
    pub access: Access,
    /// Which paths the session may read and write; everything by default. One begun from another
    /// has the rules of that one as well.
    pub rules: PathRules,
    /// What the session is for.
    pub metadata: Metadata,
    /// Where contents go that are not to stay in memory; they stay there without. A nested session
    /// that has none uses that of the session it is in.
    pub spill: Option<Arc<dyn Spill>>,
    /// Whether the pristine content of a base file of up to 8 MiB is saved before its first change,
    /// so that it can be read after somebody wrote over the base. Holds for nested sessions too.
    pub keep_pristine: bool,
    /// Dropped together with the session; never looked at.
    pub tenure: Option<Arc<dyn Any + Send + Sync>>,
    /// Who is told of every operation. A session begun from another does not inherit it.
    pub observer: Option<Arc<dyn Observer>>,
}

/// Whether a session may change anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// It may.
    #[default]
    ReadWrite,
    /// Every change is denied.
    ReadOnly,
}

/// What is known of a session apart from its tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// What the session is for, in a person's words.
    pub purpose: Option<String>,
    /// The agent that works in it.
    pub agent: Option<String>,
    /// The task that it belongs to.
    pub task_id: Option<String>,
    /// Free pairs of name and value.
    pub labels: Vec<(String, String)>,
    /// When it began.
    pub created_at: Timestamp,
}

/// Where a session is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It can be read and changed.
    Open,
    /// A commit of it is under way.
    Settling,
    /// What it changed was applied by this change.
    Committed(String),
    /// What it changed was thrown away.
    RolledBack,
    /// A session that it is nested in ended; all it can do is to be rolled back.
    Orphaned {
        /// The id of that session, the nearest one.
        ancestor: String,
        /// How that one ended.
        ended: Box<Self>,
    },
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In the byte order of the names.
    pub entries: Vec<DirEntry>,
    /// The last name of this page when there is more.
    pub next: Option<String>,
}

impl Session {
    /// Begins a session over a base in O(1): nothing of the base is opened, walked or hashed.
    pub fn begin(base: Arc<dyn Base>, options: SessionOptions) -> Self {
        let family = Arc::new(Family::new(options.file_system_id));
        let core = Core::new(Tree::default(), Tree::default(), Reads::default());
        Self::with_core(base, family, options, core, None, 0)
    }

    /// Begins a session whose base is this one's present state; it is merged back into this one.
    ///
    /// # Errors
    ///
    /// `Closed` when this session is not open, `Quota` at `Limits::nesting_depth_max`.
    pub fn begin_nested(&self, options: SessionOptions) -> Result<Self> {
        let id = self.observer().map(|_| options.id.clone());
        let mut call = Operation::new(OperationKind::Nest);
        call.target = id.as_deref();
        self.noted(call, |_| self.nest(options))
    }

    fn nest(&self, options: SessionOptions) -> Result<Self> {
        let depth = self.inner.depth + 1;
        let limit = self.inner.world.limits.nesting_depth_max;
        if depth > limit {
            let used = u64::from(self.inner.depth);
            return Err(Error::Quota {
                which: "nesting-depth",
                used,
                limit: u64::from(limit),
            });
        }
        let core = self.with(|core, _| {
            Ok(Core::new(
                core.tree.clone(),
                core.tree.clone(),
                core.reads.share_nested(),
            ))
        })?;
        // What it takes counts against this session too, which holds it after a commit.
        let options = SessionOptions {
            meter: self.inner.world.contents.clone(),
            spill: options.spill.or_else(|| self.inner.world.spill.clone()),
            keep_pristine: options.keep_pristine || self.inner.world.keep_pristine,
            ..options
        };
        Ok(self.descend(options, core, Some(self.clone()), depth))
    }

    /// Begins a session beside this one, from its present state and over the same base; O(1).
    ///
    /// # Errors
    ///
    /// `Closed` when this session is not open.
    pub fn fork(&self, options: SessionOptions) -> Result<Self> {
        let id = self.observer().map(|_| options.id.clone());
        let mut call = Operation::new(OperationKind::Fork);
        call.target = id.as_deref();
        self.noted(call, |_| self.branch(options))
    }

    /// The same, and no observer is told of it nor of anything that is done in the fork: to find out
    /// what something would come to.
    ///
    /// # Errors
    ///
    /// As [`Session::fork`].
    pub fn fork_unobserved(&self, options: SessionOptions) -> Result<Self> {
        self.branch(SessionOptions {
            observer: None,
            ..options
        })
    }

    /// The same to look at and nothing else, with no rules of this session: for whoever decides what
    /// becomes of it, and never for who works in it.
    ///
    /// # Errors
    ///
    /// As [`Session::fork`].
    pub fn review(&self, options: SessionOptions) -> Result<Self> {
        let options = SessionOptions {
            observer: None,
            access: Access::ReadOnly,
            rules: PathRules::default(),
            ..options
        };
        let world = &self.inner.world;
        Ok(Self::with_core(
            world.base.get(),
            world.family.clone(),
            options,
            self.share()?,
            self.inner.parent.clone(),
            self.inner.depth,
        ))
    }

    fn branch(&self, options: SessionOptions) -> Result<Self> {
        let parent = self.inner.parent.clone();
        Ok(self.descend(options, self.share()?, parent, self.inner.depth))
    }

    /// The present state, for another session to go on from.
    fn share(&self) -> Result<Core> {
        self.with(|core, _| {
            Ok(Core::new(
                core.start.clone(),
                core.tree.clone(),
                core.reads.share(),
            ))
        })
    }

    fn descend(
        &self,
        options: SessionOptions,
        core: Core,
        parent: Option<Self>,
        depth: u32,
    ) -> Self {
        let world = &self.inner.world;
        let options = SessionOptions {
            rules: world.rules.narrowed(&options.rules),
            ..options
        };
        Self::with_core(
            world.base.get(),
            world.family.clone(),
            options,
            core,
            parent,
            depth,
        )
    }

    fn with_core(
        base: Arc<dyn Base>,
        family: Arc<Family>,
        options: SessionOptions,
        core: Core,
        parent: Option<Self>,
        depth: u32,
    ) -> Self {
        let meter = options
            .meter
            .child("session-memory-bytes", options.limits.memory_bytes_max);
        // A link of its own only where somebody asks how much is content.
        let contents = match options.spill {
            Some(_) => meter.child("session-memory-bytes", u64::MAX),
            None => meter.clone(),
        };
        let world = World {
            base: BaseSlot::new(base),
            family,
            meter,
            contents,
            home: options.meter,
            spill: options.spill,
            keep_pristine: options.keep_pristine,
            limits: options.limits,
            rules: options.rules,
        };
        world.family.join();
        let inner = Inner {
            id: options.id,
            world,
            clock: options.clock,
            access: options.access,
            metadata: options.metadata,
            observer: options.observer,
            parent,
            depth,
            ended: OnceLock::new(),
            core: Mutex::new(core),
            _tenure: options.tenure,
        };
        let session = Self {
            inner: Arc::new(inner),
        };
        session.note(&Operation::new(OperationKind::Begin));
        session
    }

    /// The session's identity.
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// The session that this one is nested in.
    pub fn parent(&self) -> Option<&Self> {
        self.inner.parent.as_ref()
    }

    /// The base below this session and all it is nested in.
    pub fn base(&self) -> Arc<dyn Base> {
        self.inner.world.base.get()
    }

    /// Whether two handles are the same session.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// Where the session is in its life.
    pub fn status(&self) -> Status {
        let status = self.inner.core.lock().status.clone();
        match status {
            Status::Open | Status::Settling => self.orphaned().unwrap_or(status),
            ended => ended,
        }
    }

    /// What the session is for.
    pub fn metadata(&self) -> &Metadata {
        &self.inner.metadata
    }

    /// What the session may take.
    pub fn limits(&self) -> &Limits {
        &self.inner.world.limits
    }

    /// What the session has taken.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.inner.world.meter
    }

    /// Whether the session may change anything.
    pub fn access(&self) -> Access {
        self.inner.access
    }

    /// Which paths the session may read and write.
    pub fn rules(&self) -> &PathRules {
        &self.inner.world.rules
    }

    /// A descriptor of the session's root directory.
    ///
    /// # Errors
    ///
    /// `Closed` when the session is not open.
    pub fn root(&self) -> Result<Descriptor> {
        let mut call = Operation::at(OperationKind::Open, "");
        call.flags = Some((OpenFlags::default(), root_flags(self.access())));
        self.noted(call, |_| Descriptor::root(self))
    }

    /// Number of the root directory in `Stat::ino`.
    pub fn root_ino(&self) -> u64 {
        Ino::ROOT.0
    }

    pub(crate) fn world(&self) -> &World {
        &self.inner.world
    }

    pub(crate) fn observer(&self) -> Option<&Arc<dyn Observer>> {
        self.inner.observer.as_ref()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Runs an operation that reads.
    pub(crate) fn with<R>(
        &self,
        operation: impl FnOnce(&mut Core, &World) -> Result<R>,
    ) -> Result<R> {
        let mut core = self.inner.core.lock();
        let orphaned = self.orphaned();
        if core.status != Status::Open || orphaned.is_some() {
            let own = matches!(core.status, Status::Committed(_) | Status::RolledBack);
            let status = orphaned.filter(|_| !own).unwrap_or(core.status.clone());
            return Err(Error::Closed {
                session: self.inner.id.clone(),
                status,
            });
        }
        operation(&mut core, &self.inner.world)
    }

    /// How the nearest session above that has ended did; one load for each level.
    fn orphaned(&self) -> Option<Status> {
        let mut above = self.inner.parent.as_ref();
        while let Some(session) = above {
            if let Some(ended) = session.inner.ended.get() {
                return Some(Status::Orphaned {
                    ancestor: session.inner.id.clone(),
                    ended: Box::new(ended.clone()),
                });
            }
            above = session.inner.parent.as_ref();
        }
        None
    }

    /// Ends the session and gives its memory back; called with its lock held.
    fn end(&self, core: &mut Core, status: Status) {
        self.inner.ended.get_or_init(|| status.clone());
        core.status = status;
        core.discard(&self.inner.world);
    }

    /// Runs an operation that changes the session and leaves it as it was when it fails.
    pub(crate) fn change<R>(
        &self,
        path: Option<&str>,
        operation: impl FnOnce(&mut Core, &World, Timestamp) -> Result<R>,
    ) -> Result<R> {
        if self.inner.access == Access::ReadOnly {
            return Err(Error::read_only(path));
        }
        let now = self.now();
        self.with(|core, world| operation(core, world, now))
    }

    /// Runs an operation that changes names: all of it or nothing.
    pub(crate) fn rearrange<R>(
        &self,
        path: Option<&str>,
        operation: impl FnOnce(&mut Core, &World, Timestamp) -> Result<R>,
    ) -> Result<R> {
        self.change(path, |core, world, now| {
            core.attempt(|core| operation(core, world, now))
        })
    }

    /// Runs something whatever the session's status is: closing handles, settling.
    pub(crate) fn with_any_status<R>(&self, operation: impl FnOnce(&mut Core, &World) -> R) -> R {
        operation(&mut self.inner.core.lock(), &self.inner.world)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let core = self.core.get_mut();
        // One that was settled gave everything back then.
        if matches!(core.status, Status::Open | Status::Settling) {
            core.discard(&self.world);
            if let Some(observer) = &self.observer {
                observer.note(&Operation::new(OperationKind::Discard));
            }
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.inner.id)
            .finish_non_exhaustive()
    }
}

impl Default for SessionOptions {
    /// A session for tests and examples: standing clock, no workspace above it.
    fn default() -> Self {
        Self {
            id: "session".to_owned(),
            file_system_id: 1,
            limits: Limits::default(),
            clock: Arc::new(FixedClock::default()),
            meter: Meter::new("host-memory-bytes", u64::MAX),
            access: Access::default(),
            rules: PathRules::default(),
            metadata: Metadata::default(),
            spill: None,
            keep_pristine: false,
            tenure: None,
            observer: None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("open"),
            Self::Settling => f.write_str("being committed"),
            Self::Committed(change) => write!(f, "committed as {change}"),
            Self::RolledBack => f.write_str("rolled back"),
            Self::Orphaned { ancestor, ended } => {
                write!(
                    f,
                    "orphaned: session {ancestor}, which it is nested in, is {ended}"
                )
            }
        }
    }
}
