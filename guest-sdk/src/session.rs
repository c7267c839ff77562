//! `Session`: a transaction over a file tree, as an agent sees it.
//!
//! A session that the agent began ends with its value: one that was not committed is rolled back
//! on drop. The session of the run is the host's to settle and is left as it is.

use crate::backend::RawSession;
use crate::{
    BeginOptions, ChangeEntry, ChangeInfo, Conflict, DirEntry, Error, Limits, Metadata, Result,
    Savepoint, Search, SearchQuery, Stat, Walk, savepoint,
};
use std::fmt;

/// A transaction over a file tree.
///
/// Paths are separated by `/` and begin at the session's root, which is the empty path. What
/// happens here is seen by nobody else until it is committed.
///
/// # Errors
///
/// Where a method says nothing else, it fails with an [`Error`] that carries the path:
/// `NotFound`, `NotADirectory`, `IsADirectory` or `TooManyLinks` for a path that leads elsewhere,
/// `InvalidPath` for one that is not well formed (at most 4095 bytes, 255 in a component, 64
/// components), `Denied` for one that leads out and for a change in a read-only session, `Stale`
/// where the base changed underneath, `Quota` at a limit, `Closed` once the session is settled.
#[derive(Debug)]
pub struct Session {
    raw: RawSession,
    /// Whether the end of this value is the end of the session.
    owned: bool,
}

/// A commit that did not happen; the session is still open and comes with it.
///
/// With `?` it becomes the plain [`Error`], and the session is rolled back.
#[derive(Debug)]
pub struct CommitError {
    session: Session,
    error: Error,
}

/// Where sessions come from.
impl Session {
    /// The session of this run. The host settles it when the run ends.
    ///
    /// # Errors
    /// [`Error::Unsupported`] in a native build outside of `testing::Sandbox::run`.
    pub fn current() -> Result<Self> {
        Ok(Self {
            raw: RawSession::current()?,
            owned: false,
        })
    }

    /// Begins a session over a base by its name, such as `vfs://scratch`.
    ///
    /// # Errors
    /// [`Error::Denied`] unless the task was granted that base.
    pub fn begin(base: &str, options: impl Into<BeginOptions>) -> Result<Self> {
        Ok(Self {
            raw: RawSession::begin(base, options.into())?,
            owned: true,
        })
    }

    /// Opens a session of this run by its identity. Dropping it leaves the session open.
    ///
    /// # Errors
    /// [`Error::Denied`] for every session that was not begun in this run.
    pub fn open(id: &str) -> Result<Self> {
        Ok(Self {
            raw: RawSession::open(id)?,
            owned: false,
        })
    }

    /// Begins a session whose base is this one; it commits into this one.
    pub fn begin_nested(&self, options: impl Into<BeginOptions>) -> Result<Self> {
        Ok(Self {
            raw: self.raw.begin_nested(options.into())?,
            owned: true,
        })
    }

    /// Begins a session from this one's present state, beside it and over the same base.
    pub fn fork(&self, options: impl Into<BeginOptions>) -> Result<Self> {
        Ok(Self {
            raw: self.raw.fork(options.into())?,
            owned: true,
        })
    }
}

/// Files.
impl Session {
    /// Reads a whole file, of at most 64 MiB; read a larger one by ranges.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        self.raw.read(path)
    }

    /// Reads a whole text file, of at most 64 MiB.
    ///
    /// # Errors
    /// [`Error::NotUtf8`] when it is not text.
    pub fn read_to_string(&self, path: &str) -> Result<String> {
        let text = String::from_utf8(self.read(path)?);
        text.map_err(|_| Error::NotUtf8 {
            path: path.to_owned(),
        })
    }

    /// Reads up to `length` bytes, at most 1 MiB, from `offset`; fewer only at the end.
    pub fn read_range(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>> {
        self.raw.read_range(path, offset, length)
    }

    /// Makes the file's content exactly these bytes; creates the file when it is absent.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        self.raw.write(path, content.as_ref())
    }

    /// Overwrites bytes from `offset`; a gap after the end reads as zeros.
    pub fn write_range(&self, path: &str, offset: u64, content: impl AsRef<[u8]>) -> Result<()> {
        self.raw.write_range(path, offset, content.as_ref())
    }

    /// Adds bytes at the end; creates the file when it is absent.
    pub fn append(&self, path: &str, content: impl AsRef<[u8]>) -> Result<()> {
        self.raw.append(path, content.as_ref())
    }

    /// Makes the file `size` bytes long; a grown part reads as zeros.
    pub fn truncate(&self, path: &str, size: u64) -> Result<()> {
        self.raw.truncate(path, size)
    }

    /// Replaces `search` by `replace` where it stands, not overlapping, exactly `count` times.
    ///
    /// # Errors
    /// [`Error::EditMismatch`], changing nothing, when it stands another number of times.
    pub fn edit(&self, path: &str, search: &str, replace: &str, count: u32) -> Result<()> {
        self.raw.edit(path, search, replace, count)
    }
}

/// The tree.
impl Session {
    /// Lists a directory whole, in the byte order of the names; [`Session::walk`] goes by pages.
    pub fn list(&self, path: &str) -> Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        let mut after = None;
        loop {
            let (page, next) = self
                .raw
                .list(path, after.as_deref(), Walk::PAGE_ENTRIES_MAX)?;
            entries.extend(page);
            match next {
                Some(name) => after = Some(name),
                None => return Ok(entries),
            }
        }
    }

    /// Walks a tree: everything below a directory, not the directory itself.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::NotADirectory`] when there is nothing to walk.
    pub fn walk(&self, path: &str) -> Result<Walk<'_>> {
        Walk::new(self, path)
    }

    /// Searches names by a glob and lines by a regular expression; the host does the work.
    pub fn search(&self, query: impl Into<SearchQuery>) -> Search<'_> {
        Search::new(self, query.into())
    }

    /// Describes what the path stands for, following symbolic links.
    pub fn stat(&self, path: &str) -> Result<Stat> {
        self.raw.stat(path)
    }

    /// Describes what stands at the path itself, a link included.
    pub fn stat_link(&self, path: &str) -> Result<Stat> {
        self.raw.stat_link(path)
    }

    /// Tells whether anything stands at the path; a link that leads nowhere does not count.
    pub fn exists(&self, path: &str) -> Result<bool> {
        self.raw.exists(path)
    }

    /// Creates a directory and those above it; one that is there already is no error.
    pub fn mkdir(&self, path: &str) -> Result<()> {
        self.raw.mkdir(path)
    }

    /// Removes a file, a link or an empty directory.
    pub fn remove(&self, path: &str) -> Result<()> {
        self.raw.remove(path)
    }

    /// Removes whatever stands at the path with everything below; nothing there is no error.
    pub fn remove_all(&self, path: &str) -> Result<()> {
        self.raw.remove_all(path)
    }

    /// Renames, replacing a file by a file or an empty directory by a directory.
    pub fn rename(&self, source: &str, target: &str) -> Result<()> {
        self.raw.rename(source, target)
    }

    /// Copies a file or a whole tree to a name that is free, or a file over a file.
    pub fn copy(&self, source: &str, target: &str) -> Result<()> {
        self.raw.copy(source, target)
    }

    /// Creates a symbolic link at `path`.
    ///
    /// # Errors
    /// [`Error::Denied`] for a target that is absolute or leads out of the session.
    pub fn symlink(&self, target: &str, path: &str) -> Result<()> {
        self.raw.symlink(target, path)
    }

    /// Reads where a symbolic link leads.
    pub fn read_link(&self, path: &str) -> Result<String> {
        self.raw.read_link(path)
    }
}

/// The transaction.
impl Session {
    /// Lists what this session has changed since it began, sorted by path.
    pub fn changes(&self) -> Result<Vec<ChangeEntry>> {
        self.raw.changes()
    }

    /// Shows what this session has changed as a unified diff, at most 16 MiB.
    pub fn diff(&self) -> Result<String> {
        self.raw.diff()
    }

    /// Marks the present state by a name to return to; an earlier mark of the name is moved.
    pub fn savepoint(&self, name: impl Into<String>) -> Result<Savepoint<'_>> {
        Savepoint::new(self, name.into())
    }

    /// Returns to a savepoint by its name; it stays, later ones are forgotten.
    pub fn restore(&self, name: &str) -> Result<()> {
        self.raw.restore(name)
    }

    /// Does something whole or not at all: after an `Err` the session is as it was before.
    ///
    /// Attempts may be nested. A failure to return is itself the result, as nothing can be said of
    /// the state then; it happens when `work` restores a savepoint that was set before.
    pub fn attempt<T>(&self, work: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        savepoint::attempt(self, work)
    }

    /// Applies what this session changed to its base, all of it or nothing.
    ///
    /// A nested session commits into the one it was begun from. For any other the task needs the
    /// grant `commit`.
    ///
    /// # Errors
    /// [`CommitError`] gives the still open session back, with the conflicts if there are any.
    pub fn commit(self) -> Result<ChangeInfo, CommitError> {
        self.settle(None)
    }

    /// Commits with a message that says why the change was made, at most 64 KiB.
    ///
    /// # Errors
    /// As for [`Session::commit`].
    pub fn commit_with(self, message: &str) -> Result<ChangeInfo, CommitError> {
        self.settle(Some(message))
    }

    /// Throws away what this session changed.
    pub fn rollback(mut self) -> Result<()> {
        self.owned = false;
        self.raw.rollback()
    }

    /// Tells what the session is.
    pub fn metadata(&self) -> Result<Metadata> {
        self.raw.metadata()
    }

    /// Tells what the session may take and has taken.
    pub fn limits(&self) -> Result<Limits> {
        self.raw.limits()
    }

    /// Where the run's own session is mounted for `std::fs`; `None` for any other session, and in
    /// a native build, where `std::fs` is the machine's own.
    pub fn path(&self) -> Option<String> {
        self.raw.mount()
    }

    pub(crate) fn raw(&self) -> &RawSession {
        &self.raw
    }

    fn settle(mut self, message: Option<&str>) -> Result<ChangeInfo, CommitError> {
        match self.raw.commit(message) {
            Ok(info) => {
                self.owned = false;
                Ok(info)
            }
            Err(error) => Err(CommitError {
                session: self,
                error,
            }),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.owned {
            // It may have expired meanwhile, and then it is rolled back already.
            self.raw.rollback().ok();
        }
    }
}

impl CommitError {
    /// The paths where the base moved; empty when it failed for another reason.
    pub fn conflicts(&self) -> &[Conflict] {
        match &self.error {
            Error::Conflict(conflicts) => conflicts,
            _ => &[],
        }
    }

    /// Why the commit did not happen.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The session, still open, to go on with.
    pub fn into_session(self) -> Session {
        self.session
    }
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for CommitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl From<CommitError> for Error {
    fn from(failed: CommitError) -> Self {
        failed.error
    }
}

#[cfg(test)]
mod tests;
