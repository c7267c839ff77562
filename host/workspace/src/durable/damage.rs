//! Damaged sessions: finding all that is wrong with one, and giving it up when somebody says so.
//!
//! Nothing else ever removes a session that cannot be read.

use std::io;

use store::disk::FileKind;
use store::disk::RenameMode;
use vfs::Metadata;

use super::DurableStore;
use super::error::{DurableError, Result};
use super::folder::Folder;
use super::id::SessionId;
use super::log;
use super::meta::{Life, Meta};
use crate::directory::remove_tree;

/// A session that was given up, as far as it could still be read.
#[derive(Clone, Debug)]
pub struct GivenUp {
    /// What it was for; `None` when not even that could be read.
    pub metadata: Option<Metadata>,
    /// What was wrong with it.
    pub problem: DurableError,
}

impl DurableStore {
    /// Reads all of a session, which stays as it is. One that is over has nothing left to read.
    ///
    /// # Errors
    ///
    /// `Corrupt`, `Newer`: it cannot be opened, or a part of it not be read; `SessionBusy`,
    /// `NotFound`, `Io`.
    pub fn examine(&self, id: &SessionId) -> Result<()> {
        let _folder = self.hold(id)?;
        self.read_through(id)
    }

    /// Removes a session that cannot be read, with all that it changed. It is the only way to lose
    /// one: cleaning up keeps damaged sessions.
    ///
    /// # Errors
    ///
    /// `NotDamaged`, `SessionBusy`, `NotFound`, `Io`; it is kept then.
    pub fn give_up(&self, id: &SessionId) -> Result<GivenUp> {
        let _folder = self.hold(id)?;
        let problem = match self.read_through(id) {
            Err(error @ (DurableError::Corrupt { .. } | DurableError::Newer { .. })) => error,
            Err(error) => return Err(error),
            Ok(()) => {
                return Err(DurableError::NotDamaged {
                    session: id.to_string(),
                });
            }
        };
        let meta = self.folder_dir(id).ok();
        let meta = meta.and_then(|dir| Meta::read(&*dir, &self.context.key, id).ok());
        let removed = self.remove_whole(id);
        removed.map_err(|error| DurableError::io(id, "removing its folder", error))?;
        Ok(GivenUp {
            metadata: meta.map(|meta| meta.metadata),
            problem,
        })
    }

    /// Takes the lock of a session, unless what has its name is no folder.
    fn hold(&self, id: &SessionId) -> Result<Option<Folder>> {
        if !self.is_folder(id)? {
            return Ok(None);
        }
        Folder::take(&*self.sessions, id).map(Some)
    }

    fn is_folder(&self, id: &SessionId) -> Result<bool> {
        match self.sessions.stat(id.folder()) {
            Ok(found) => Ok(found.kind == FileKind::Directory),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(DurableError::not_found(id))
            }
            Err(error) => Err(DurableError::io(id, "looking for its folder", error)),
        }
    }

    fn read_through(&self, id: &SessionId) -> Result<()> {
        if !self.is_folder(id)? {
            return Err(DurableError::corrupt(id, "it is not a folder"));
        }
        let dir = self.folder_dir(id)?;
        let meta = Meta::read(&*dir, &self.context.key, id)?;
        if matches!(meta.life, Life::Ended(..)) {
            return Ok(());
        }
        let read = log::read_through(&*dir, &self.keys(id));
        read.map_err(|error| error.of(id))
    }

    fn remove_whole(&self, id: &SessionId) -> io::Result<()> {
        let gone = id.folder_gone();
        remove_tree(&*self.sessions, &gone)?;
        // Out of sight first: what a crash leaves of it is a leftover.
        let sessions = &*self.sessions;
        sessions.rename(id.folder(), sessions, &gone, RenameMode::NoReplace)?;
        remove_tree(sessions, &gone)?;
        sessions.sync()
    }
}
