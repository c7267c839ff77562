//! The sessions that the guest of one run began: none of them outlives the run unsettled.
//!
//! A session is rolled back when the guest lets go of its last handle, and at the latest when the
//! run's store is dropped, however the run ended.

use std::sync::Arc;

use vfs::{Session, Status};

use crate::authority::SessionAuthority;

/// What one run has begun, in order.
pub(crate) struct BegunSessions {
    authority: Arc<dyn SessionAuthority>,
    entries: Vec<Begun>,
    sessions_max: usize,
}

struct Begun {
    session: Session,
    handles_count: usize,
}

impl BegunSessions {
    pub(crate) fn new(authority: Arc<dyn SessionAuthority>, sessions_max: usize) -> Self {
        Self {
            authority,
            entries: Vec::new(),
            sessions_max,
        }
    }

    /// Refuses when the guest holds as many sessions as it may.
    pub(super) fn check_room(&self) -> vfs::Result<()> {
        let (used, limit) = (self.entries.len() as u64, self.sessions_max as u64);
        if used >= limit {
            return Err(vfs::Error::Quota {
                which: "sessions-max",
                used,
                limit,
            });
        }
        Ok(())
    }

    /// Takes charge of a session just begun, with one handle.
    pub(super) fn add(&mut self, session: Session) {
        self.entries.push(Begun {
            session,
            handles_count: 1,
        });
    }

    /// Finds a session of this run and counts one more handle.
    pub(super) fn hold(&mut self, id: &str) -> Option<Session> {
        let begun = self
            .entries
            .iter_mut()
            .find(|begun| begun.session.id() == id)?;
        begun.handles_count += 1;
        Some(begun.session.clone())
    }

    /// Gives one handle back; the last one rolls the session back if it is still open.
    pub(super) fn release(&mut self, id: &str) {
        let Some(index) = self
            .entries
            .iter()
            .position(|begun| begun.session.id() == id)
        else {
            return;
        };
        let begun = &mut self.entries[index];
        begun.handles_count -= 1;
        if begun.handles_count == 0 {
            let begun = self.entries.remove(index);
            self.roll_back(&begun.session);
        }
    }

    fn roll_back(&self, session: &Session) {
        if !matches!(session.status(), Status::Open | Status::Orphaned { .. }) {
            return;
        }
        if let Err(error) = self.authority.rollback(session) {
            tracing::warn!(session = session.id(), %error, "session left by a guest not rolled back");
        }
    }
}

impl Drop for BegunSessions {
    fn drop(&mut self) {
        // Nested sessions were begun after the one they stand on.
        for begun in self.entries.iter().rev() {
            self.roll_back(&begun.session);
        }
    }
}
