//! What a session changed, and where it met the changes of others: plain data.

use crate::Kind;

/// What a session did to one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Something stands where nothing stood.
    Created,
    /// Another content, or another kind of object.
    Modified,
    /// Nothing stands where something stood.
    Removed,
    /// It came from another path.
    Renamed,
}

/// One path that a session changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeEntry {
    /// The path, from the session's root.
    pub path: String,
    /// What was done.
    pub change: ChangeKind,
    /// What stands there, or stood there where it was removed.
    pub kind: Kind,
    /// Where a renamed object came from.
    pub renamed_from: Option<String>,
    /// Size in bytes before; `None` when there was nothing.
    pub size_before: Option<u64>,
    /// Size in bytes after; `None` when there is nothing.
    pub size_after: Option<u64>,
}

/// A commit that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeInfo {
    /// BLAKE3 of the sealed change, 64 hexadecimal digits.
    pub id: String,
    /// The version of the base that this commit made.
    pub generation: u64,
    /// What was changed, sorted by path.
    pub entries: Vec<ChangeEntry>,
}

/// A path where the base moved under the session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conflict {
    /// The path, from the session's root.
    pub path: String,
    /// What the session saw when it first touched the path; `None` for nothing.
    pub before: Option<ConflictSide>,
    /// What the session would put there; `None` for nothing.
    pub ours: Option<ConflictSide>,
    /// What the base holds now; `None` for nothing.
    pub theirs: Option<ConflictSide>,
    /// Why the two cannot be joined.
    pub reason: ConflictReason,
}

/// Why two changes of one path cannot be joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConflictReason {
    /// Both changed the content, or what the session saw of it is no longer there.
    Content,
    /// Both changed the content, and it is not text that could be merged by lines.
    Binary,
    /// Both put something there, and not the same.
    BothCreated,
    /// The session removed what the base changed.
    RemovedHere,
    /// The base removed what the session changed, or the directory that it is in.
    RemovedThere,
    /// One side has a directory there, or a link, and the other something else.
    Kind,
    /// The two differ in whether the file may be executed.
    Mode,
    /// The base moved what the session moved elsewhere, removed or changed.
    Moved,
    /// The session removed a directory in which the base has something new.
    NotEmpty,
    /// A content that the merge needs is gone from the base.
    Unreadable,
    /// The session only read it, and was committed as one that minds that.
    ReadMoved,
}

/// One side of a conflict: what stands at the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConflictSide {
    /// What stands there; `None` for what no session holds, such as a device or a socket.
    pub kind: Option<Kind>,
    /// Its size in bytes.
    pub size: u64,
}
