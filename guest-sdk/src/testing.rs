//! `Sandbox`: an agent's unit test, without the host.
//!
//! It is the session engine itself over files in memory, so what an agent sees here is what it
//! sees in its component: paths, links, limits and errors are the same.

use crate::backend::Mounted;
use crate::{ChangeEntry, Error};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Files in memory, and a session over them for an agent to run in.
///
/// ```
/// use session_fs_sdk::prelude::*;
/// use session_fs_sdk::testing::Sandbox;
///
/// #[agent]
/// fn run(_task: Task) -> Result<Outcome> {
///     let session = Session::current()?;
///     session.edit("a.txt", "one", "two", 1)?;
///     Ok(Outcome::new("edited"))
/// }
///
/// let sandbox = Sandbox::new().file("a.txt", "one\n");
/// sandbox.run(|| run(Task::new(""))).expect("the text is there");
/// assert_eq!(sandbox.read("a.txt"), "two\n");
/// assert_eq!(sandbox.changes().len(), 1);
/// assert!(sandbox.diff().contains("+two"));
/// ```
///
/// What the agent did stays in the session after the run, whether it returned `Ok` or `Err`: the
/// host would commit the one and roll the other back. Methods panic, at the caller's line, when
/// the test itself asks for something that is not there.
#[derive(Debug)]
pub struct Sandbox {
    base: vfs::Session,
    bases: BTreeMap<String, vfs::Session>,
    read_only: bool,
    commit_granted: bool,
    host: OnceCell<Rc<Mounted>>,
}

impl Sandbox {
    /// Makes an empty one.
    pub fn new() -> Self {
        Self {
            base: hidden("base"),
            bases: BTreeMap::new(),
            read_only: false,
            commit_granted: false,
            host: OnceCell::new(),
        }
    }

    /// Adds a file, and the directories above it.
    #[track_caller]
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.write_base(path, content);
        self
    }

    /// Adds an empty directory, and those above it.
    #[track_caller]
    #[must_use]
    pub fn directory(self, path: &str) -> Self {
        given(self.base.mkdir(path));
        self
    }

    /// Adds a symbolic link, and the directories above it.
    #[track_caller]
    #[must_use]
    pub fn symlink(self, target: &str, path: &str) -> Self {
        make_parent(&self.base, path);
        given(self.base.symlink(target, path));
        self
    }

    /// Makes the run's session read-only.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Grants the run to commit its sessions itself.
    #[must_use]
    pub fn grant_commit(mut self) -> Self {
        self.commit_granted = true;
        self
    }

    /// Grants the run an empty base, such as `vfs://scratch`, to begin sessions over.
    #[must_use]
    pub fn grant_base(mut self, name: &str) -> Self {
        self.bases.insert(name.to_owned(), hidden(name));
        self
    }

    /// Runs something in the session; `Session::current` is this sandbox's there.
    ///
    /// A second run goes on in the same session.
    pub fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        self.host.get_or_init(|| Rc::new(self.mount())).enter(work)
    }

    /// Changes the base after the run has begun, as somebody else's commit does.
    #[track_caller]
    pub fn write_base(&self, path: &str, content: impl AsRef<[u8]>) {
        make_parent(&self.base, path);
        given(self.base.write(path, content.as_ref()));
    }

    /// Reads a text file as the run has left it.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        let text = String::from_utf8(self.read_bytes(path));
        given(text.map_err(|_| Error::NotUtf8 {
            path: path.to_owned(),
        }))
    }

    /// Reads a file as the run has left it.
    #[track_caller]
    pub fn read_bytes(&self, path: &str) -> Vec<u8> {
        given(self.view().read(path))
    }

    /// Tells whether anything stands at the path after the run.
    #[track_caller]
    pub fn exists(&self, path: &str) -> bool {
        given(self.view().exists(path))
    }

    /// Lists what the run has changed, sorted by path; nothing once the session is settled.
    #[track_caller]
    pub fn changes(&self) -> Vec<ChangeEntry> {
        given(
            self.view()
                .changes()
                .map(|all| all.into_iter().map(Into::into).collect()),
        )
    }

    /// Shows what the run has changed as a unified diff; nothing once the session is settled.
    #[track_caller]
    pub fn diff(&self) -> String {
        given(self.view().diff())
    }

    fn mount(&self) -> Mounted {
        let access = if self.read_only {
            vfs::Access::ReadOnly
        } else {
            vfs::Access::ReadWrite
        };
        let options = vfs::SessionOptions {
            id: "session-0".to_owned(),
            access,
            ..vfs::SessionOptions::default()
        };
        let current = given(self.base.begin_nested(options));
        Mounted::new(current, self.bases.clone(), self.commit_granted)
    }

    /// What a person would look at: the run's session while it is open, and the base after it.
    fn view(&self) -> vfs::Session {
        let current = self.host.get().map(|host| host.current());
        match current {
            Some(current) if current.status() == vfs::Status::Open => current.clone(),
            // A fresh session has the base's files and no changes of its own.
            _ => given(self.base.begin_nested(vfs::SessionOptions::default())),
        }
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

/// A base: a session that the agent cannot name.
fn hidden(id: &str) -> vfs::Session {
    let options = vfs::SessionOptions {
        id: format!("base {id}"),
        ..Default::default()
    };
    vfs::Session::begin(std::sync::Arc::new(vfs::EmptyBase::new(id)), options)
}

#[track_caller]
fn make_parent(session: &vfs::Session, path: &str) {
    if let Some((parent, _)) = path.rsplit_once('/') {
        given(session.mkdir(parent));
    }
}

/// A mistake in the test itself ends the test where it was made.
#[track_caller]
fn given<T>(result: Result<T, impl Into<Error>>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{}", error.into()),
    }
}
