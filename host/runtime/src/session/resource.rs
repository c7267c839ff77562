//! The resource `session`: each method is one call of the session it stands for.

use vfs::Session;
use wasmtime::component::Resource;

use super::{SessionError, convert, errors};
use crate::bindings::agent::session_fs::host::{agent_types, session_fs as wit, types};
use crate::blocking::blocking;
use crate::fs::MOUNT;
use crate::host::View;

type SessionResult<T> = Result<T, SessionError>;
type Handle = Resource<SessionHandle>;

/// A guest's handle of a session.
#[derive(Debug)]
#[expect(
    unreachable_pub,
    reason = "the generated bindings name it in a re-export"
)]
pub struct SessionHandle {
    session: Session,
    role: Role,
}

/// What becomes of the session when the handle is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// The run's own: the supervisor settles it.
    Current,
    /// Begun by this guest: the last handle rolls it back.
    Begun,
    /// Somebody else's, opened with a grant.
    Opened,
}

impl types::Host for View<'_> {
    fn convert_error(&mut self, error: SessionError) -> wasmtime::Result<types::Error> {
        match error {
            SessionError::Session(error) => {
                self.run.events.record(&error);
                Ok(errors::error_out(error))
            }
            SessionError::Conflicted(conflicts) => Ok(errors::conflict_out(&conflicts)),
            SessionError::Trap(error) => Err(error),
        }
    }
}

impl agent_types::Host for View<'_> {}

impl wit::Host for View<'_> {}

impl View<'_> {
    fn session(&self, handle: &Handle) -> SessionResult<Session> {
        Ok(self.table.get(handle)?.session.clone())
    }

    fn push_session(&mut self, session: Session, role: Role) -> SessionResult<Handle> {
        Ok(self.push(SessionHandle { session, role })?)
    }

    /// Takes charge of a session that was just begun, also when the handle finds no room.
    fn push_begun(&mut self, session: Session) -> SessionResult<Handle> {
        let id = session.id().to_owned();
        self.run.begun.add(session.clone());
        let pushed = self.push_session(session, Role::Begun);
        if pushed.is_err() {
            self.run.begun.release(&id);
        }
        pushed
    }
}

impl wit::HostSession for View<'_> {
    fn current(&mut self) -> SessionResult<Handle> {
        self.push_session(self.run.session.clone(), Role::Current)
    }

    fn begin(&mut self, base: String, options: wit::BeginOptions) -> SessionResult<Handle> {
        self.run.begun.check_room()?;
        let session = self
            .run
            .authority
            .begin(&base, convert::begin_request(options)?)?;
        self.push_begun(session)
    }

    fn open(&mut self, id: String) -> SessionResult<Handle> {
        if id == self.run.session.id() {
            return self.current();
        }
        if let Some(session) = self.run.begun.hold(&id) {
            let pushed = self.push_session(session, Role::Begun);
            if pushed.is_err() {
                self.run.begun.release(&id);
            }
            return pushed;
        }
        let session = self.run.authority.open(&id)?;
        self.push_session(session, Role::Opened)
    }

    fn begin_nested(
        &mut self,
        handle: Handle,
        options: wit::BeginOptions,
    ) -> SessionResult<Handle> {
        let parent = self.session(&handle)?;
        self.run.begun.check_room()?;
        let request = convert::begin_request(options)?;
        let session = self.run.authority.begin_nested(&parent, request)?;
        self.push_begun(session)
    }

    fn fork(&mut self, handle: Handle, options: wit::BeginOptions) -> SessionResult<Handle> {
        let origin = self.session(&handle)?;
        self.run.begun.check_room()?;
        let session = self
            .run
            .authority
            .fork(&origin, convert::begin_request(options)?)?;
        self.push_begun(session)
    }

    fn read(&mut self, handle: Handle, path: String) -> SessionResult<Vec<u8>> {
        Ok(self.session(&handle)?.read(&path)?)
    }

    fn read_range(
        &mut self,
        handle: Handle,
        path: String,
        offset: u64,
        length: u32,
    ) -> SessionResult<Vec<u8>> {
        Ok(self.session(&handle)?.read_range(&path, offset, length)?)
    }

    fn write(&mut self, handle: Handle, path: String, content: Vec<u8>) -> SessionResult<()> {
        Ok(self.session(&handle)?.write(&path, &content)?)
    }

    fn write_range(
        &mut self,
        handle: Handle,
        path: String,
        offset: u64,
        content: Vec<u8>,
    ) -> SessionResult<()> {
        Ok(self
            .session(&handle)?
            .write_range(&path, offset, &content)?)
    }

    fn append(&mut self, handle: Handle, path: String, content: Vec<u8>) -> SessionResult<()> {
        Ok(self.session(&handle)?.append(&path, &content)?)
    }

    fn truncate(&mut self, handle: Handle, path: String, size: u64) -> SessionResult<()> {
        Ok(self.session(&handle)?.truncate(&path, size)?)
    }

    fn edit(
        &mut self,
        handle: Handle,
        path: String,
        search: String,
        replace: String,
        count: u32,
    ) -> SessionResult<()> {
        Ok(self
            .session(&handle)?
            .edit(&path, &search, &replace, count)?)
    }

    fn list(
        &mut self,
        handle: Handle,
        path: String,
        after: Option<String>,
        entries_max: u32,
    ) -> SessionResult<types::DirPage> {
        let entries_max = convert::count_in(entries_max);
        let page = self
            .session(&handle)?
            .list(&path, after.as_deref(), entries_max)?;
        Ok(convert::dir_page(page))
    }

    fn stat(&mut self, handle: Handle, path: String) -> SessionResult<types::Stat> {
        Ok(convert::stat(&self.session(&handle)?.stat(&path)?))
    }

    fn stat_link(&mut self, handle: Handle, path: String) -> SessionResult<types::Stat> {
        Ok(convert::stat(&self.session(&handle)?.stat_link(&path)?))
    }

    fn exists(&mut self, handle: Handle, path: String) -> SessionResult<bool> {
        Ok(self.session(&handle)?.exists(&path)?)
    }

    fn mkdir(&mut self, handle: Handle, path: String) -> SessionResult<()> {
        Ok(self.session(&handle)?.mkdir(&path)?)
    }

    fn remove(&mut self, handle: Handle, path: String) -> SessionResult<()> {
        Ok(self.session(&handle)?.remove(&path)?)
    }

    fn remove_all(&mut self, handle: Handle, path: String) -> SessionResult<()> {
        let session = self.session(&handle)?;
        Ok(blocking(|| session.remove_all(&path))?)
    }

    fn rename(&mut self, handle: Handle, source: String, target: String) -> SessionResult<()> {
        Ok(self.session(&handle)?.rename(&source, &target)?)
    }

    fn copy(&mut self, handle: Handle, source: String, target: String) -> SessionResult<()> {
        let session = self.session(&handle)?;
        Ok(blocking(|| session.copy(&source, &target))?)
    }

    fn symlink(&mut self, handle: Handle, target: String, path: String) -> SessionResult<()> {
        Ok(self.session(&handle)?.symlink(&target, &path)?)
    }

    fn read_link(&mut self, handle: Handle, path: String) -> SessionResult<String> {
        Ok(self.session(&handle)?.read_link(&path)?)
    }

    async fn search(
        &mut self,
        handle: Handle,
        query: wit::SearchQuery,
    ) -> SessionResult<wit::SearchPage> {
        let session = self.session(&handle)?;
        let query = convert::search_query(query);
        let page = beside(move || session.search(&query)).await??;
        Ok(convert::search_page(page))
    }

    fn changes(&mut self, handle: Handle) -> SessionResult<Vec<types::ChangeEntry>> {
        let session = self.session(&handle)?;
        let changes = blocking(|| session.changes())?;
        Ok(changes.iter().map(convert::change_entry).collect())
    }

    async fn diff(&mut self, handle: Handle) -> SessionResult<String> {
        let session = self.session(&handle)?;
        Ok(beside(move || session.diff()).await??)
    }

    fn savepoint(&mut self, handle: Handle, name: String) -> SessionResult<()> {
        Ok(self.session(&handle)?.savepoint(&name)?)
    }

    fn restore(&mut self, handle: Handle, name: String) -> SessionResult<()> {
        Ok(self.session(&handle)?.restore(&name)?)
    }

    fn commit(
        &mut self,
        handle: Handle,
        options: wit::CommitOptions,
    ) -> SessionResult<types::ChangeInfo> {
        let session = self.session(&handle)?;
        let message = convert::message(options)?;
        // Never moved to another thread: a commit must not go on after its run has ended.
        let report = blocking(|| self.run.authority.commit(&session, message))?;
        Ok(convert::change_info(report))
    }

    fn rollback(&mut self, handle: Handle) -> SessionResult<()> {
        let session = self.session(&handle)?;
        Ok(blocking(|| self.run.authority.rollback(&session))?)
    }

    fn metadata(&mut self, handle: Handle) -> SessionResult<wit::Metadata> {
        Ok(convert::metadata(&self.session(&handle)?))
    }

    fn limits(&mut self, handle: Handle) -> SessionResult<types::Limits> {
        Ok(convert::limits(&self.session(&handle)?))
    }

    fn mount(&mut self, handle: Handle) -> wasmtime::Result<Option<String>> {
        let is_current = self.table.get(&handle)?.role == Role::Current;
        Ok(is_current.then(|| MOUNT.to_owned()))
    }

    fn drop(&mut self, handle: Handle) -> wasmtime::Result<()> {
        let SessionHandle { session, role } = self.table.delete(handle)?;
        if role == Role::Begun {
            self.run.begun.release(session.id());
        }
        Ok(())
    }
}

/// Runs a long look at a session on a thread of its own, so that the run can be stopped meanwhile.
async fn beside<R: Send + 'static>(
    look: impl FnOnce() -> R + Send + 'static,
) -> Result<R, SessionError> {
    tokio::task::spawn_blocking(look)
        .await
        .map_err(|error| SessionError::Trap(wasmtime::Error::new(error)))
}
