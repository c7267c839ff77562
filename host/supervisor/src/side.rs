//! What one side of a run names: the agent's own file, the command line, or a policy.
//!
//! A side says something or nothing of each word; `EffectiveGrant` is what comes of all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use runtime::RunLimits;
use vfs::{Limits, PathRules};

use crate::grants::Grant;

/// Whose word it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The agent asks. Of what it does not name it asks for nothing, apart from paths and limits.
    Agent,
    /// The operator of this run grants. What no operator's side names is as it is by default.
    Operator,
    /// Whoever keeps the base. It only takes away: what it does not name it leaves alone.
    Workspace,
}

/// What one side of a run names. `None` says nothing; an empty list says that there is to be nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// Whose word it is.
    pub role: Role,
    /// Where it stands, as a person finds it; `None` for the command line.
    pub file: Option<String>,
    /// Globs of what may be read; with `read` or `write` nothing else is.
    pub read: Option<Vec<String>>,
    /// Globs of what may be written, and read.
    pub write: Option<Vec<String>>,
    /// Globs of what may be committed although it runs by itself.
    pub execute: Option<Vec<String>>,
    /// Whether the agent may commit its session itself.
    pub commit: Option<bool>,
    /// The bases that it may begin sessions over, as `vfs://NAME`.
    pub begin: Option<Vec<String>>,
    /// Names of the variables of its environment.
    pub env: Option<Vec<String>>,
    /// Whether names may be committed that are one name to file systems without case.
    pub any_names: Option<bool>,
    /// Globs of what runs by itself, in the place of what is known; only an operator's word counts.
    pub runs_on_open: Option<Vec<String>>,
    /// Globs of what runs by itself as well.
    pub also_runs_on_open: Vec<String>,
    /// What the run may take.
    pub caps: Caps,
    /// On which line of its file a word stands, from 1 on.
    pub lines: BTreeMap<String, usize>,
}

/// Something that a run takes, and that a side may set the most of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cap {
    /// How long the guest may run, in milliseconds.
    Timeout,
    /// Bytes of the guest's memory.
    Memory,
    /// Bytes of memory for what the session changes.
    SessionMemory,
    /// Bytes that one file may be long.
    File,
    /// Files, directories and links that the session holds, apart from those that it leaves alone.
    Objects,
    /// Bytes that the guest prints and that reach anybody.
    Output,
    /// Handles that the guest holds at once.
    Handles,
    /// Sessions that the guest has begun and not let go of.
    Sessions,
}

/// What a side says of each of them; nothing of those that are missing.
pub type Caps = BTreeMap<Cap, u64>;

impl Cap {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Timeout,
        Self::Memory,
        Self::SessionMemory,
        Self::File,
        Self::Objects,
        Self::Output,
        Self::Handles,
        Self::Sessions,
    ];

    /// The word for it in files and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::SessionMemory => "session-memory",
            Self::File => "file",
            Self::Objects => "objects",
            Self::Output => "output",
            Self::Handles => "handles",
            Self::Sessions => "sessions",
        }
    }

    /// What a run may take when no operator says otherwise.
    pub fn default_max(self) -> u64 {
        let (run, session) = (RunLimits::default(), Limits::default());
        match self {
            Self::Timeout => millis(run.timeout),
            Self::Memory => run.memory_bytes_max,
            Self::SessionMemory => session.memory_bytes_max,
            Self::File => session.file_bytes_max,
            Self::Objects => session.objects_max as u64,
            Self::Output => run.output_bytes_max,
            Self::Handles => run.handles_max as u64,
            Self::Sessions => run.sessions_max as u64,
        }
    }
}

impl Side {
    /// A side that says nothing.
    pub fn new(role: Role, file: Option<String>) -> Self {
        Self {
            role,
            file,
            read: None,
            write: None,
            execute: None,
            commit: None,
            begin: None,
            env: None,
            any_names: None,
            runs_on_open: None,
            also_runs_on_open: Vec::new(),
            caps: Caps::new(),
            lines: BTreeMap::new(),
        }
    }

    /// Adds what an operator wrote on the command line.
    pub fn add(&mut self, grant: Grant) {
        let (list, text) = match grant {
            Grant::Commit => {
                self.commit = Some(true);
                return;
            }
            Grant::AnyNames => {
                self.any_names = Some(true);
                return;
            }
            Grant::Begin(base) => (&mut self.begin, base),
            Grant::Read(glob) => (&mut self.read, glob),
            Grant::Write(glob) => (&mut self.write, glob),
            Grant::Execute(glob) => (&mut self.execute, glob),
        };
        list.get_or_insert_default().push(text);
    }

    /// The paths that it lets be read and written; `None` when it says nothing of them.
    ///
    /// # Errors
    ///
    /// As [`PathRules::allowing`].
    pub fn paths(&self) -> Result<Option<PathRules>, vfs::Error> {
        if self.read.is_none() && self.write.is_none() {
            return Ok(None);
        }
        let list = |globs: &Option<Vec<String>>| globs.clone().unwrap_or_default();
        PathRules::allowing(&list(&self.read), &list(&self.write)).map(Some)
    }

    /// What it lets be committed although it runs by itself; `None` when it says nothing of that.
    ///
    /// # Errors
    ///
    /// As [`PathRules::allowing`].
    pub fn executes(&self) -> Result<Option<PathRules>, vfs::Error> {
        let globs = self.said(&self.execute);
        globs
            .map(|globs| PathRules::allowing(&globs, &[]))
            .transpose()
    }

    /// What it says of a word: an agent asks for nothing that it does not name.
    pub(crate) fn said<T: Clone + Default>(&self, word: &Option<T>) -> Option<T> {
        match (word, self.role) {
            (None, Role::Agent) => Some(T::default()),
            _ => word.clone(),
        }
    }
}

/// Whole milliseconds, as many as can be told.
pub(crate) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
