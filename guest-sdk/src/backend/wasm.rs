//! Sessions of a component: every call goes to the host through the contract in `wit/`.
//!
//! This file only translates; what a call means is decided by the host alone.

mod convert;

use crate::{
    BeginOptions, ChangeEntry, ChangeInfo, DirEntry, Limits, Metadata, Result, SearchMatch,
    SearchQuery, Stat,
};
use bindings::session_fs::host::session_fs as wit;
use std::marker::PhantomData;

#[expect(
    missing_docs,
    clippy::too_many_arguments,
    reason = "generated from the WIT, which has the documentation"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "agent",
        pub_export_macro: true,
        export_macro_name: "export_run",
        default_bindings_module: "session_fs_sdk::__private::bindings",
    });
}

/// Gives an author's agent the shape that the contract exports.
#[derive(Debug)]
pub struct Adapter<A>(PhantomData<A>);

impl<A: crate::__private::Agent> bindings::Guest for Adapter<A> {
    fn run(task: bindings::Task) -> Result<bindings::Outcome, String> {
        A::run(task.into()).map(Into::into)
    }
}

/// A session by its handle in the host.
#[derive(Debug)]
pub(crate) struct RawSession(wit::Session);

impl RawSession {
    pub(crate) fn current() -> Result<Self> {
        Ok(Self(wit::Session::current()?))
    }

    pub(crate) fn begin(base: &str, options: BeginOptions) -> Result<Self> {
        Ok(Self(wit::Session::begin(base, &options.into())?))
    }

    pub(crate) fn open(id: &str) -> Result<Self> {
        Ok(Self(wit::Session::open(id)?))
    }

    pub(crate) fn begin_nested(&self, options: BeginOptions) -> Result<Self> {
        Ok(Self(self.0.begin_nested(&options.into())?))
    }

    pub(crate) fn fork(&self, options: BeginOptions) -> Result<Self> {
        Ok(Self(self.0.fork(&options.into())?))
    }

    pub(crate) fn read(&self, path: &str) -> Result<Vec<u8>> {
        Ok(self.0.read(path)?)
    }

    pub(crate) fn read_range(&self, path: &str, offset: u64, length: u32) -> Result<Vec<u8>> {
        Ok(self.0.read_range(path, offset, length)?)
    }

    pub(crate) fn write(&self, path: &str, content: &[u8]) -> Result<()> {
        Ok(self.0.write(path, content)?)
    }

    pub(crate) fn write_range(&self, path: &str, offset: u64, content: &[u8]) -> Result<()> {
        Ok(self.0.write_range(path, offset, content)?)
    }

    pub(crate) fn append(&self, path: &str, content: &[u8]) -> Result<()> {
        Ok(self.0.append(path, content)?)
    }

    pub(crate) fn truncate(&self, path: &str, size: u64) -> Result<()> {
        Ok(self.0.truncate(path, size)?)
    }

    pub(crate) fn edit(&self, path: &str, search: &str, replace: &str, count: u32) -> Result<()> {
        Ok(self.0.edit(path, search, replace, count)?)
    }

    pub(crate) fn list(
        &self,
        path: &str,
        after: Option<&str>,
        entries_max: u32,
    ) -> Result<(Vec<DirEntry>, Option<String>)> {
        let page = self.0.list(path, after, entries_max)?;
        Ok((
            page.entries.into_iter().map(Into::into).collect(),
            page.next,
        ))
    }

    pub(crate) fn stat(&self, path: &str) -> Result<Stat> {
        Ok(self.0.stat(path)?.into())
    }

    pub(crate) fn stat_link(&self, path: &str) -> Result<Stat> {
        Ok(self.0.stat_link(path)?.into())
    }

    pub(crate) fn exists(&self, path: &str) -> Result<bool> {
        Ok(self.0.exists(path)?)
    }

    pub(crate) fn mkdir(&self, path: &str) -> Result<()> {
        Ok(self.0.mkdir(path)?)
    }

    pub(crate) fn remove(&self, path: &str) -> Result<()> {
        Ok(self.0.remove(path)?)
    }

    pub(crate) fn remove_all(&self, path: &str) -> Result<()> {
        Ok(self.0.remove_all(path)?)
    }

    pub(crate) fn rename(&self, source: &str, target: &str) -> Result<()> {
        Ok(self.0.rename(source, target)?)
    }

    pub(crate) fn copy(&self, source: &str, target: &str) -> Result<()> {
        Ok(self.0.copy(source, target)?)
    }

    pub(crate) fn symlink(&self, target: &str, path: &str) -> Result<()> {
        Ok(self.0.symlink(target, path)?)
    }

    pub(crate) fn read_link(&self, path: &str) -> Result<String> {
        Ok(self.0.read_link(path)?)
    }

    pub(crate) fn search(
        &self,
        query: &SearchQuery,
        after: Option<&str>,
    ) -> Result<(Vec<SearchMatch>, Option<String>)> {
        let page = self.0.search(&wit::SearchQuery {
            glob: query.glob.clone(),
            pattern: query.pattern.clone(),
            ignore_case: query.ignore_case,
            matches_max: SearchQuery::PAGE_MATCHES_MAX,
            after: after.map(str::to_owned),
        })?;
        Ok((
            page.matches.into_iter().map(Into::into).collect(),
            page.next,
        ))
    }

    pub(crate) fn changes(&self) -> Result<Vec<ChangeEntry>> {
        Ok(self.0.changes()?.into_iter().map(Into::into).collect())
    }

    pub(crate) fn diff(&self) -> Result<String> {
        Ok(self.0.diff()?)
    }

    pub(crate) fn savepoint(&self, name: &str) -> Result<()> {
        Ok(self.0.savepoint(name)?)
    }

    pub(crate) fn restore(&self, name: &str) -> Result<()> {
        Ok(self.0.restore(name)?)
    }

    pub(crate) fn commit(&self, message: Option<&str>) -> Result<ChangeInfo> {
        let options = wit::CommitOptions {
            message: message.map(str::to_owned),
        };
        Ok(self.0.commit(&options)?.into())
    }

    pub(crate) fn rollback(&self) -> Result<()> {
        Ok(self.0.rollback()?)
    }

    pub(crate) fn metadata(&self) -> Result<Metadata> {
        Ok(self.0.metadata()?.into())
    }

    pub(crate) fn limits(&self) -> Result<Limits> {
        Ok(self.0.limits()?.into())
    }

    pub(crate) fn mount(&self) -> Option<String> {
        self.0.mount()
    }
}
