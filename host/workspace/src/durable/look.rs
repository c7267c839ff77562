//! A durable session as it was saved last, to be looked at where nothing can be written: nobody owns
//! it, and nothing of it is recovered, completed or cleaned up.

use std::io;
use std::sync::Arc;

use vfs::{Access, Base, Session, SessionOptions, Spill};

use super::error::{DurableError, Result};
use super::listing::last_used_at;
use super::log::{Log, LogError, Opened};
use super::meta::{End, Meta};
use super::{DurableStore, SessionId};

/// The log as the session's place for bytes, which takes no more of them.
#[derive(Debug)]
struct ReadSpill(Log);

impl Spill for ReadSpill {
    fn append(&self, _bytes: &[u8]) -> io::Result<u64> {
        let text = "the session is only looked at, and nothing of it can be written";
        Err(io::Error::new(io::ErrorKind::ReadOnlyFilesystem, text))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_at(buffer, offset)
    }
}

impl DurableStore {
    /// Reads a session as it was saved last, without taking it from whoever has it; it refuses to be
    /// changed. One whose commit was interrupted is as it was before that.
    ///
    /// `options` gives its limits, clock and meter; the rest is as it was when it began.
    ///
    /// # Errors
    ///
    /// `NotFound`, `Committed`, `RolledBack`, `Expired`, `Corrupt`, `Newer`, `Io`; `Session` when it
    /// does not fit its limits.
    pub(crate) fn look(
        &self,
        id: &SessionId,
        base: Arc<dyn Base>,
        options: SessionOptions,
    ) -> Result<Session> {
        let dir = self.folder_dir(id)?;
        let read_meta = || Meta::read(&*dir, &self.context.key, id)?.unless_over();
        let meta = read_meta()?;
        let opened = Log::open_unwritten(&*dir, self.keys(id), self.context.clock.clone());
        let Opened { log, records, .. } = opened.map_err(|error: LogError| {
            // Somebody may have ended the session since, and its log is gone.
            read_meta().err().unwrap_or_else(|| error.of(id))
        })?;
        if self.is_past(meta.expires_at(last_used_at(&*dir, &meta)?)) {
            return Err(End::Expired.refusal(id));
        }
        let options = SessionOptions {
            access: Access::ReadOnly,
            ..meta.apply(options, Arc::new(ReadSpill(log)))
        };
        Session::load(base, options, &records).map_err(|source| DurableError::Session {
            session: id.to_string(),
            source,
        })
    }
}
