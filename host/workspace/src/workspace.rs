//! The workspace: a tenant that owns bases and the sessions begun over them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use store::disk::Dir;
use vfs::{
    Access, Clock, ConflictPolicy, DirectoryBase, EmptyBase, FixedClock, Limits, Metadata, Meter,
    PathRules, Rebased, Session, SessionOptions, Status,
};

use crate::audit::Life;
use crate::base::{BaseHandle, Target};
use crate::commit::{self, CommitOptions, CommitOutcome, Preview};
use crate::directory::{Engine, Locator};
use crate::error::{Result, WorkspaceError};
use crate::ids::{CountingIds, IdSource};
use crate::limits::WorkspaceLimits;
use crate::registry::{Origin, Registry};

/// A tenant: nothing mutable is shared between two. All methods may be called from any thread.
pub struct Workspace {
    pub(crate) options: WorkspaceOptions,
    meter: Arc<Meter>,
    registry: Arc<Registry>,
    directories: Mutex<HashMap<(u64, u64), Weak<BaseHandle>>>,
    memories: Mutex<HashMap<String, Arc<BaseHandle>>>,
}

/// How to make a workspace.
#[derive(Clone)]
pub struct WorkspaceOptions {
    /// The tenant's name.
    pub name: String,
    /// What the workspace may take.
    pub limits: WorkspaceLimits,
    /// What one session may take unless it is begun with limits of its own.
    pub session_limits: Limits,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where identities come from. Processes that share a base need sources that never give the same:
    /// random ones, and not the default, which counts.
    pub ids: Arc<dyn IdSource>,
    /// Which start of the machine this is, so that a recovery knows whether what was written is still
    /// in its memory; without it everything is looked at.
    pub boot: Option<[u8; 16]>,
    /// Whether it may start threads of its own, which empty the journal and make files while a record
    /// is on its way to the disk. Without them callers do all of that themselves.
    pub threads: bool,
    /// What others read of this process where they wait for it, such as "process 123 (session-fs)".
    pub owner: String,
}

/// How to begin a session.
#[derive(Clone, Debug, Default)]
pub struct BeginOptions {
    /// What it is for, in a person's words.
    pub purpose: Option<String>,
    /// The agent that works in it.
    pub agent: Option<String>,
    /// The task that it belongs to.
    pub task_id: Option<String>,
    /// Free pairs of name and value.
    pub labels: Vec<(String, String)>,
    /// Whether it may change anything.
    pub access: Access,
    /// Which paths it may read and write; everything by default.
    pub rules: PathRules,
    /// What it may take; the workspace's `session_limits` when absent.
    pub limits: Option<Limits>,
}

impl Workspace {
    /// A workspace without bases and sessions.
    pub fn new(options: WorkspaceOptions) -> Self {
        Self {
            meter: Meter::new("workspace-memory-bytes", options.limits.memory_bytes_max),
            registry: Registry::new(options.limits.sessions_max),
            directories: Mutex::default(),
            memories: Mutex::default(),
            options,
        }
    }

    /// The tenant's name.
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// What all its sessions and memory bases have taken together.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// How many sessions are neither settled nor dropped.
    pub fn sessions_count(&self) -> usize {
        self.registry.sessions_count()
    }

    /// A live directory as a base. Nothing is written to it before the first commit, unless an earlier
    /// commit was interrupted: that one is completed first.
    ///
    /// Asked again for the same directory, the handle is the same as long as anyone holds it.
    ///
    /// # Errors
    ///
    /// `Io` when the directory cannot be described.
    pub fn directory(&self, root: Arc<dyn Dir>, name: &str) -> Result<Arc<BaseHandle>> {
        self.open_directory(root, name, None)
    }

    /// A live directory that others know by a place: a commit is refused with `Away` when it is not
    /// there any more. Commits go to the directory that was opened, and never to what took its place.
    ///
    /// # Errors
    ///
    /// As [`Workspace::directory`].
    pub fn directory_at(
        &self,
        root: Arc<dyn Dir>,
        name: &str,
        locator: Arc<dyn Locator>,
    ) -> Result<Arc<BaseHandle>> {
        self.open_directory(root, name, Some(locator))
    }

    fn open_directory(
        &self,
        root: Arc<dyn Dir>,
        name: &str,
        locator: Option<Arc<dyn Locator>>,
    ) -> Result<Arc<BaseHandle>> {
        let stat = root
            .stat_self()
            .map_err(|e| WorkspaceError::io(name, ".", e))?;
        let mut directories = self.directories.lock();
        directories.retain(|_, handle| handle.strong_count() > 0);
        let key = (stat.dev, stat.ino);
        if let Some(handle) = directories.get(&key).and_then(Weak::upgrade) {
            return Ok(handle);
        }
        let engine = Engine::open(
            Arc::new(DirectoryBase::new(root, name)),
            name,
            &self.options,
            locator,
        );
        let target = Target::Directory(engine);
        let handle = BaseHandle::new(name.to_owned(), target);
        directories.insert(key, Arc::downgrade(&handle));
        Ok(handle)
    }

    /// The memory base of a name without its `vfs://`, which begins empty.
    pub fn memory(&self, name: &str) -> Arc<BaseHandle> {
        let mut memories = self.memories.lock();
        if let Some(handle) = memories.get(name) {
            return handle.clone();
        }
        let full_name = format!("vfs://{name}");
        let session_limits = &self.options.session_limits;
        let head = Session::begin(
            Arc::new(EmptyBase::new(full_name.as_str())),
            SessionOptions {
                id: full_name.clone(),
                file_system_id: self.options.ids.number(),
                limits: Limits {
                    memory_bytes_max: self.options.limits.memory_bytes_max,
                    // The sessions of the base are nested in the head.
                    nesting_depth_max: session_limits.nesting_depth_max.saturating_add(1),
                    ..session_limits.clone()
                },
                clock: self.options.clock.clone(),
                meter: self.meter.clone(),
                access: Access::ReadWrite,
                metadata: Metadata::default(),
                ..SessionOptions::default()
            },
        );
        let handle = BaseHandle::new(full_name, Target::Memory(head));
        memories.insert(name.to_owned(), handle.clone());
        handle
    }

    /// Begins a session over a base; O(1).
    ///
    /// # Errors
    ///
    /// `Limit` over `sessions_max` or `metadata_bytes_max`.
    pub fn begin(&self, base: &Arc<BaseHandle>, options: BeginOptions) -> Result<Session> {
        let (tree, generation) = base.tree();
        let origin = Origin {
            base: base.clone(),
            generation,
        };
        let options = self.session_options(origin, options)?;
        match &base.target {
            Target::Directory(_) => Ok(Session::begin(tree, options)),
            Target::Memory(head) => Ok(head.begin_nested(options)?),
        }
    }

    /// Begins a session inside another, which it is committed to; O(1).
    ///
    /// # Errors
    ///
    /// As [`Workspace::begin`]; `UnknownSession`; `Session` with `Closed` or, at
    /// `Limits::nesting_depth_max`, with `Quota`.
    pub fn begin_nested(&self, parent: &Session, options: BeginOptions) -> Result<Session> {
        let options = self.session_options(self.origin(parent)?, options)?;
        Ok(parent.begin_nested(options)?)
    }

    /// Begins a session beside another, from its present state; O(1).
    ///
    /// # Errors
    ///
    /// As [`Workspace::begin_nested`].
    pub fn fork(&self, session: &Session, options: BeginOptions) -> Result<Session> {
        let options = self.session_options(self.origin(session)?, options)?;
        Ok(session.fork(options)?)
    }

    /// Applies what a session changed to its base, or to the session that it is nested in: all of
    /// it, or nothing.
    ///
    /// A session that changed nothing is closed as committed under [`crate::UNCHANGED`] or, when it
    /// was read-only, as rolled back.
    ///
    /// # Errors
    ///
    /// `Session` with `Closed` when the session is not open, `UnknownSession`, `Busy`, `Io`,
    /// `Limit`: the base is as it was and the session open. `NeedsRecovery` and `InDoubt` say
    /// themselves what is where.
    pub fn commit(&self, session: &Session, options: &CommitOptions) -> Result<CommitOutcome> {
        self.origin(session)?;
        let outcome = commit::commit(self, session, options);
        let is_part = !options.paths.is_empty() && session.status() == Status::Open;
        if is_part && matches!(outcome, Ok(CommitOutcome::Applied(_))) {
            // What was committed vanishes from the session. Where the rest conflicts it stays as it
            // is, and its next commit says so.
            drop(self.rebase(session, ConflictPolicy::Fail)?);
        }
        if session.status() != Status::Open {
            self.registry.leave(session.id());
        }
        outcome
    }

    /// Throws away what a session changed and closes it.
    ///
    /// # Errors
    ///
    /// `Session` with `Closed` when the session is not open.
    pub fn rollback(&self, session: &Session) -> Result<()> {
        session.rollback()?;
        self.registry.leave(session.id());
        Ok(())
    }

    /// Moves an open session onto the newest generation of its base, or of the session that it is
    /// nested in: all of its changes, or nothing and the conflicts are the result.
    ///
    /// # Errors
    ///
    /// As [`Session::rebase`]; `UnknownSession`.
    pub fn rebase(&self, session: &Session, policy: ConflictPolicy) -> Result<Rebased> {
        let origin = self.origin(session)?;
        let (tree, generation) = origin.base.tree();
        let rebased = match session.parent() {
            Some(_) => session.rebase_onto_parent(policy)?,
            None => session.rebase(tree, policy)?,
        };
        if rebased.conflicts.is_empty() {
            self.registry.advance(session.id(), generation);
        }
        Ok(rebased)
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// What a commit with the same options would do now: the same conflicts, or the same changes.
    /// Nothing is changed, the session is as it was, and its audit knows nothing of it.
    ///
    /// Too little room is foreseen as far as the file system tells how much there is; what only
    /// shows when it is written is not.
    ///
    /// # Errors
    ///
    /// Those of [`Workspace::commit`] before it writes; `Limit` over `sessions_max`.
    pub fn preview(&self, session: &Session, options: &CommitOptions) -> Result<Preview> {
        commit::preview(self, session, options)
    }

    /// A read-only session over what a base holds now, to look at; no audit is told of it.
    ///
    /// # Errors
    ///
    /// As [`Workspace::begin`].
    pub fn look(&self, base: &Arc<BaseHandle>) -> Result<Session> {
        let (tree, generation) = base.tree();
        let origin = Origin {
            base: base.clone(),
            generation,
        };
        let options = SessionOptions {
            file_system_id: self.options.ids.number(),
            access: Access::ReadOnly,
            ..self.options_of(self.options.ids.session_id(), origin, None)?
        };
        match &base.target {
            Target::Directory(_) => Ok(Session::begin(tree, options)),
            Target::Memory(head) => Ok(head.fork_unobserved(options)?),
        }
    }

    /// A session beside another, from its present state, to find out what something would come to;
    /// no audit is told of it.
    ///
    /// # Errors
    ///
    /// As [`Workspace::fork`].
    pub fn fork_unobserved(&self, session: &Session) -> Result<Session> {
        let id = self.options.ids.session_id();
        let limits = Some(session.limits().clone());
        let options = SessionOptions {
            file_system_id: self.options.ids.number(),
            metadata: session.metadata().clone(),
            ..self.options_of(id, self.origin(session)?, limits)?
        };
        Ok(session.fork_unobserved(options)?)
    }

    pub(crate) fn origin(&self, session: &Session) -> Result<Origin> {
        let origin = self.registry.origin(session.id());
        origin.ok_or_else(|| match session.status() {
            Status::Open | Status::Settling => WorkspaceError::UnknownSession {
                session: session.id().to_owned(),
            },
            status => WorkspaceError::Session(vfs::Error::Closed {
                session: session.id().to_owned(),
                status,
            }),
        })
    }

    pub(crate) fn session_options(
        &self,
        origin: Origin,
        options: BeginOptions,
    ) -> Result<SessionOptions> {
        self.check_metadata(&options)?;
        let id = self.options.ids.session_id();
        let metadata = Metadata {
            purpose: options.purpose,
            agent: options.agent,
            task_id: options.task_id,
            labels: options.labels,
            created_at: self.options.clock.now(),
        };
        let observer = origin.base.observer(&id, &metadata, Life::Process);
        Ok(SessionOptions {
            file_system_id: self.options.ids.number(),
            access: options.access,
            rules: options.rules,
            metadata,
            observer,
            ..self.options_of(id, origin, options.limits)?
        })
    }

    /// The options of a session that are the workspace's, and its place in the registry.
    pub(crate) fn options_of(
        &self,
        id: String,
        origin: Origin,
        limits: Option<Limits>,
    ) -> Result<SessionOptions> {
        let tenure = self.registry.enter(&id, origin)?;
        Ok(SessionOptions {
            id,
            limits: limits.unwrap_or_else(|| self.options.session_limits.clone()),
            clock: self.options.clock.clone(),
            meter: self.meter.clone(),
            tenure: Some(Arc::new(tenure)),
            ..SessionOptions::default()
        })
    }

    fn check_metadata(&self, options: &BeginOptions) -> Result<()> {
        let texts = [&options.purpose, &options.agent, &options.task_id];
        let texts = texts.into_iter().flatten();
        let labels = options
            .labels
            .iter()
            .flat_map(|(name, value)| [name, value]);
        let bytes: usize = texts.chain(labels).map(String::len).sum();
        check_limit(
            "metadata-bytes",
            bytes,
            self.options.limits.metadata_bytes_max,
        )
    }
}

/// Refuses an amount that is over its limit.
pub(crate) fn check_limit(which: &'static str, bytes: usize, bytes_max: usize) -> Result<()> {
    if bytes <= bytes_max {
        return Ok(());
    }
    Err(WorkspaceError::Limit {
        which,
        used: bytes as u64,
        limit: bytes_max as u64,
    })
}

impl Default for WorkspaceOptions {
    /// For tests and examples: standing clock, counted ids.
    fn default() -> Self {
        Self {
            name: "default".to_owned(),
            limits: WorkspaceLimits::default(),
            session_limits: Limits::default(),
            clock: Arc::new(FixedClock::default()),
            ids: Arc::new(CountingIds::default()),
            boot: None,
            threads: true,
            owner: String::new(),
        }
    }
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace")
            .field("name", &self.options.name)
            .finish_non_exhaustive()
    }
}
