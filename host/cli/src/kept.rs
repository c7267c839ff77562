//! What is kept of a base, to be looked at: by its open store, or as it stands where the store cannot
//! be written to.

use std::sync::Arc;

use vfs::Session;
use workspace::audit::AuditReader;
use workspace::durable::{SessionId, SessionSummary};
use workspace::{DurableSession, History, StoreReader, WorkspaceError};

use crate::base::OpenBase;
use crate::exit::{Failure, chain, is_unwritable};
use crate::units;

/// What was found, and what a person has to know of it.
pub(crate) struct Kept<T> {
    pub(crate) value: T,
    /// Whether it is only as it stands.
    pub(crate) is_unwritten: bool,
    pub(crate) note: String,
}

/// A durable session whose files are looked at.
pub(crate) enum LookedAt {
    /// This process owns it.
    Owned(Box<DurableSession>),
    /// As it was saved last: read-only.
    AsItStands(Session),
}

impl LookedAt {
    pub(crate) fn session(&self) -> &Session {
        match self {
            Self::Owned(session) => session.session(),
            Self::AsItStands(session) => session,
        }
    }

    /// Saves what was seen of the base, where that can be.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        match self {
            Self::Owned(session) => session.save().map_err(|error| Failure::durable(&error)),
            Self::AsItStands(_) => Ok(()),
        }
    }
}

impl OpenBase {
    /// Its history; a base without one has nothing to show.
    pub(crate) fn kept_history(&self) -> Result<Kept<History>, Failure> {
        let usual = || self.workspace.history(&self.handle);
        let kept = self.kept(usual, |reader| reader.history().map(Some))?;
        let history = kept.value.ok_or_else(|| Failure::no_history(self.name()))?;
        Ok(Kept {
            value: history,
            is_unwritten: kept.is_unwritten,
            note: kept.note,
        })
    }

    /// Its durable sessions.
    pub(crate) fn kept_sessions(&self) -> Result<Kept<Vec<SessionSummary>>, Failure> {
        let usual = || {
            let store = self.workspace.durable_store(&self.handle)?;
            Ok(store.sessions()?)
        };
        self.kept(usual, StoreReader::sessions)
    }

    /// One of its durable sessions.
    pub(crate) fn kept_session(&self, id: &SessionId) -> Result<Kept<SessionSummary>, Failure> {
        let usual = || {
            let store = self.workspace.durable_store(&self.handle)?;
            Ok(store.summary(id)?)
        };
        self.kept(usual, |reader| reader.summary(id))
    }

    /// The files of one of its durable sessions.
    pub(crate) fn kept_files(&self, id: &SessionId) -> Result<Kept<LookedAt>, Failure> {
        let usual = || Ok(LookedAt::Owned(Box::new(self.take_session(id)?)));
        self.kept(usual, |reader| {
            let session = self.workspace.look_durable(&self.handle, reader, id)?;
            Ok(LookedAt::AsItStands(session))
        })
    }

    /// Its audit log; `None` where there is none.
    pub(crate) fn kept_audit(&self) -> Result<Kept<Option<AuditReader>>, Failure> {
        let usual = || {
            // The log has its place once the store is open.
            self.workspace.durable_store(&self.handle)?;
            Ok(self.handle.audit().and_then(|log| log.reader().ok()))
        };
        self.kept(usual, StoreReader::audit)
    }

    /// Looks at something in the usual way, or as it stands.
    fn kept<T>(
        &self,
        usual: impl FnOnce() -> Result<T, WorkspaceError>,
        as_it_stands: impl FnOnce(&StoreReader) -> Result<T, WorkspaceError>,
    ) -> Result<Kept<T>, Failure> {
        let error = match usual() {
            Ok(value) => {
                return Ok(Kept {
                    value,
                    is_unwritten: false,
                    note: String::new(),
                });
            }
            Err(error) => error,
        };
        let failure = Failure::base(&error);
        if !is_unwritable(&error) {
            return Err(failure);
        }
        // What cannot be read either failed for the first reason.
        let reader = self.workspace.reader(&self.handle);
        let reader = reader.ok().flatten().ok_or_else(|| failure.clone())?;
        let value = as_it_stands(&reader).map_err(|error| match is_unwritable(&error) {
            true => failure,
            false => Failure::base(&error),
        })?;
        Ok(Kept {
            value,
            is_unwritten: true,
            note: note(self.name(), &reader),
        })
    }
}

/// What is not shown of a store that cannot be written to, and why.
fn note(base: &str, reader: &StoreReader) -> String {
    let mut note = format!("{base} cannot be written to, and is shown as it stands\n");
    match reader.waiting_count() {
        Ok(0) => {}
        Ok(count) => note.push_str(&format!(
            "{} in its journal {} not shown, and may not be in its files: \
            the next command that can write there brings them in\n",
            units::counted(count, "commit"),
            if count == 1 { "is" } else { "are" },
        )),
        Err(error) => {
            let error: &Arc<_> = &error;
            note.push_str(&format!(
                "what its journal holds cannot be told, and is not shown: {}\n",
                chain(&**error)
            ));
        }
    }
    note
}
