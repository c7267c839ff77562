//! Sessions of a native unit test: the session engine itself, over memory and without a host.
//!
//! The thread holds at most one mounted host, that of `testing::Sandbox::run`. Every base is a
//! session that no agent sees, and what an agent begins is nested in it: so a commit, with its
//! conflicts, is a merge.

mod convert;
mod mounted;

use crate::{
    BeginOptions, ChangeEntry, ChangeInfo, DirEntry, Limits, Metadata, Result, SearchMatch,
    SearchQuery, Stat,
};
pub(crate) use mounted::Mounted;
use std::rc::Rc;

/// A session of the engine, and the host that it was begun in.
#[derive(Debug)]
pub(crate) struct RawSession {
    session: vfs::Session,
    host: Rc<Mounted>,
}

impl RawSession {
    pub(crate) fn current() -> Result<Self> {
        let host = Mounted::here()?;
        Ok(Self {
            session: host.current().clone(),
            host,
        })
    }

    pub(crate) fn begin(base: &str, options: BeginOptions) -> Result<Self> {
        let host = Mounted::here()?;
        Ok(Self {
            session: host.begin(base, options)?,
            host,
        })
    }

    pub(crate) fn open(id: &str) -> Result<Self> {
        let host = Mounted::here()?;
        Ok(Self {
            session: host.open(id)?,
            host,
        })
    }

    pub(crate) fn begin_nested(&self, options: BeginOptions) -> Result<Self> {
        let session = self.host.begin_nested(&self.session, options)?;
        Ok(Self {
            session,
            host: Rc::clone(&self.host),
        })
    }

    pub(crate) fn fork(&self, options: BeginOptions) -> Result<Self> {
        let session = self.host.fork(&self.session, options)?;
        Ok(Self {
            session,
            host: Rc::clone(&self.host),
        })
    }

    pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>> {
        Ok(self.session.read(path)?)
    }

    pub(crate) fn read_range(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>> {
        Ok(self.session.read_range(path, offset, length)?)
    }

    pub(crate) fn write(&self, path: &str, content: &[u8]) -> Result<()> {
        Ok(self.session.write(path, content)?)
    }

    pub(crate) fn write_range(&self, path: &str, offset: u64, content: &[u8]) -> Result<()> {
        Ok(self.session.write_range(path, offset, content)?)
    }

    pub(crate) fn append(&self, path: &str, content: &[u8]) -> Result<()> {
        Ok(self.session.append(path, content)?)
    }

    pub(crate) fn truncate(&self, path: &str, size: u64) -> Result<()> {
        Ok(self.session.truncate(path, size)?)
    }

    pub(crate) fn edit(&self, path: &str, search: &str, replace: &str, count: u32) -> Result<()> {
        Ok(self.session.edit(path, search, replace, count)?)
    }

    pub(crate) fn list(
        &self,
        path: &str,
        after: Option<&str>,
        entries_max: u32,
    ) -> Result<(Vec<DirEntry>, Option<String>)> {
        let entries_max = usize::try_from(entries_max).unwrap_or(usize::MAX);
        let page = self.session.list(path, after, entries_max)?;
        Ok((
            page.entries.into_iter().map(Into::into).collect(),
            page.next,
        ))
    }

    pub(crate) fn stat(&self, path: &str) -> Result<Stat> {
        Ok(self.session.stat(path)?.into())
    }

    pub(crate) fn stat_link(&self, path: &str) -> Result<Stat> {
        Ok(self.session.stat_link(path)?.into())
    }

    pub(crate) fn exists(&self, path: &str) -> Result<bool> {
        Ok(self.session.exists(path)?)
    }

    pub(crate) fn mkdir(&self, path: &str) -> Result<()> {
        Ok(self.session.mkdir(path)?)
    }

    pub(crate) fn remove(&self, path: &str) -> Result<()> {
        Ok(self.session.remove(path)?)
    }

    pub(crate) fn remove_all(&self, path: &str) -> Result<()> {
        Ok(self.session.remove_all(path)?)
    }

    pub(crate) fn rename(&self, source: &str, target: &str) -> Result<()> {
        Ok(self.session.rename(source, target)?)
    }

    pub(crate) fn copy(&self, source: &str, target: &str) -> Result<()> {
        Ok(self.session.copy(source, target)?)
    }

    pub(crate) fn symlink(&self, target: &str, path: &str) -> Result<()> {
        Ok(self.session.symlink(target, path)?)
    }

    pub(crate) fn read_link(&self, path: &str) -> Result<String> {
        Ok(self.session.read_link(path)?)
    }

    pub(crate) fn search(
        &self,
        query: &SearchQuery,
        after: Option<&str>,
    ) -> Result<(Vec<SearchMatch>, Option<String>)> {
        let page = self.session.search(&convert::search_query(query, after))?;
        Ok((
            page.matches.into_iter().map(Into::into).collect(),
            page.next,
        ))
    }

    pub(crate) fn changes(&self) -> Result<Vec<ChangeEntry>> {
        Ok(self
            .session
            .changes()?
            .into_iter()
            .map(Into::into)
            .collect())
    }

    pub(crate) fn diff(&self) -> Result<String> {
        Ok(self.session.diff()?)
    }

    pub(crate) fn savepoint(&self, name: &str) -> Result<()> {
        Ok(self.session.savepoint(name)?)
    }

    pub(crate) fn restore(&self, name: &str) -> Result<()> {
        Ok(self.session.restore(name)?)
    }

    pub(crate) fn commit(&self, _message: Option<&str>) -> Result<ChangeInfo> {
        self.host.commit(&self.session)
    }

    pub(crate) fn rollback(&self) -> Result<()> {
        Ok(self.session.rollback()?)
    }

    pub(crate) fn metadata(&self) -> Result<Metadata> {
        Ok(convert::metadata(&self.session))
    }

    pub(crate) fn limits(&self) -> Result<Limits> {
        Ok(convert::limits(&self.session))
    }

    /// Nowhere: in this process `std::fs` is the machine's own.
    #[expect(clippy::unused_self, reason = "the other backend asks its session")]
    pub(crate) fn mount(&self) -> Option<String> {
        None
    }
}
