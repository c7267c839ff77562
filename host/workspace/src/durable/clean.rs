//! Cleaning up: what expired, what was left half made or half removed, and what ended long ago. What
//! came of an interrupted commit is found out on the way.
//!
//! It runs whenever a session is begun and the sessions are listed. A damaged session is reported
//! and never removed, and one that somebody has is left alone.

use store::Name;
use vfs::Timestamp;

use super::error::{DurableError, Result};
use super::folder::Folder;
use super::id::SessionId;
use super::listing::last_used_at;
use super::log::log_name;
use super::meta::{End, Life, Meta};
use super::{DurableStore, after_ms};

/// What one cleaning did.
#[derive(Clone, Debug, Default)]
pub struct CleanReport {
    /// Sessions that had expired; what they changed is gone.
    pub expired: Vec<SessionId>,
    /// Sessions that had ended so long ago that they are forgotten now.
    pub forgotten: Vec<SessionId>,
    /// Folders that were left half made or half removed, and are gone.
    pub leftovers_count: usize,
    /// Sessions that cannot be read and are kept, and why.
    pub damaged: Vec<(SessionId, DurableError)>,
    /// What could not be cleaned up this time, and why.
    pub failed: Vec<(SessionId, DurableError)>,
}

impl DurableStore {
    /// Removes what nobody needs any more.
    ///
    /// # Errors
    ///
    /// `Io` when the folder of sessions cannot be read; the rest is in the report.
    pub fn clean(&self) -> Result<CleanReport> {
        let mut report = CleanReport::default();
        for name in self.folder_names()? {
            let (id, cleaned) = if let Ok(id) = SessionId::new(&name) {
                let cleaned = self.clean_session(&id, &mut report);
                (id, cleaned)
            } else if let Some(id) = SessionId::of_leftover(&name) {
                let cleaned = self.clean_leftover(&id, &name, &mut report);
                (id, cleaned)
            } else {
                continue;
            };
            match cleaned {
                // Somebody else was faster.
                Ok(()) | Err(DurableError::NotFound { .. }) => {}
                Err(error @ (DurableError::Corrupt { .. } | DurableError::Newer { .. })) => {
                    report.damaged.push((id, error));
                }
                Err(error) => report.failed.push((id, error)),
            }
        }
        Ok(report)
    }

    fn clean_leftover(&self, id: &SessionId, name: &Name, report: &mut CleanReport) -> Result<()> {
        if let Some(folder) = Folder::try_take(&*self.sessions, name, id)? {
            self.remove(&folder, name)?;
            report.leftovers_count += 1;
        }
        Ok(())
    }

    fn clean_session(&self, id: &SessionId, report: &mut CleanReport) -> Result<()> {
        // Looked at without the lock first: most sessions need nothing.
        let dir = self.folder_dir(id)?;
        let meta = Meta::read(&*dir, &self.context.key, id)?;
        let has_log = dir.stat(&log_name()).is_ok();
        if !self.is_due(&meta, last_used_at(&*dir, &meta)?, has_log) {
            return Ok(());
        }
        let Some(folder) = Folder::try_take(&*self.sessions, id.folder(), id)? else {
            return Ok(());
        };
        let mut meta = Meta::read(&*folder.dir, &self.context.key, id)?;
        if !self.is_due(&meta, last_used_at(&*folder.dir, &meta)?, has_log) {
            return Ok(());
        }
        if meta.life == Life::Settling {
            self.resolve_settling(&folder, &mut meta)?;
        }
        match meta.life {
            Life::Ended(at, _) if self.is_forgotten(at) => {
                self.remove(&folder, id.folder())?;
                report.forgotten.push(id.clone());
            }
            Life::Ended(..) => folder
                .empty()
                .map_err(|error| DurableError::io(id, "removing its log", error))?,
            Life::Open | Life::Settling => {
                if self.is_expired(&folder, &meta)? {
                    self.end(&folder, &mut meta, End::Expired)?;
                    report.expired.push(id.clone());
                }
            }
        }
        Ok(())
    }

    /// Whether there is anything to clean up.
    fn is_due(&self, meta: &Meta, used_at: Timestamp, has_log: bool) -> bool {
        match meta.life {
            Life::Ended(at, _) => has_log || self.is_forgotten(at),
            // Nobody may ever open it again to find out what came of its commit.
            Life::Settling => true,
            Life::Open => self.is_past(meta.expires_at(used_at)),
        }
    }

    fn is_forgotten(&self, ended_at: Timestamp) -> bool {
        self.is_past(after_ms(ended_at, self.context.limits.retention_ms))
    }

    fn remove(&self, folder: &Folder, name: &Name) -> Result<()> {
        let removed = folder.remove(&*self.sessions, name);
        removed.map_err(|error| DurableError::io(&folder.id, "removing its folder", error))
    }
}
