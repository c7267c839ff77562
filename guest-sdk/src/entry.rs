//! What a session tells of its files and of itself: plain data.

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
}

/// A point in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: u64,
    /// Nanoseconds of the second, below 1,000,000,000.
    pub nanoseconds: u32,
}

/// What is known of one file, directory or link.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stat {
    /// What stands there.
    pub kind: Kind,
    /// Bytes of a file's content or of a link's target; 0 for a directory.
    pub size: u64,
    /// Number of names the file has inside the session.
    pub link_count: u64,
    /// Whether the file may be executed.
    pub executable: bool,
    /// When the content last changed; `None` where the base cannot tell.
    pub modified: Option<Timestamp>,
    /// Identity of the object inside its session; it survives a rename.
    pub ino: u64,
}

/// One name of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DirEntry {
    /// The name, without the directory.
    pub name: String,
    /// What it stands for; a link is not followed.
    pub kind: Kind,
}

/// What is known of a session apart from its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The session's identity, unique in its workspace.
    pub id: String,
    /// What the session is for, in a person's words.
    pub purpose: Option<String>,
    /// The agent that works in it.
    pub agent: Option<String>,
    /// The task that it belongs to.
    pub task_id: Option<String>,
    /// Free pairs of name and value.
    pub labels: Vec<(String, String)>,
    /// When the session was begun.
    pub created_at: Timestamp,
}

/// What a session may take, and what it has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of memory for content, names and records.
    pub memory_bytes_max: u64,
    /// Bytes of memory taken so far.
    pub memory_bytes_used: u64,
    /// Bytes that one file may be long.
    pub file_bytes_max: u64,
    /// Entries of one page of a listing or of a search.
    pub page_entries_max: u32,
}
