//! The folder of a durable session, and the lock by which one process at a time owns it.
//!
//! The kernel gives the lock back when its owner dies, however that happens. A folder is made under
//! another name and gets its own when it is complete; it loses it before anything in it is removed.

use std::io;
use std::sync::Arc;

use store::Name;
use store::disk::{Dir, LockGuard, RenameMode};

use super::error::{DurableError, Result};
use super::id::SessionId;
use super::log::{log_name, log_new_name};
use super::meta::{create_over, meta_name, meta_new_name, read_small};

/// How often a lock is asked for: whoever lists the sessions holds it for a moment.
const LOCK_TRIES: u32 = 1_000;
/// How often a folder is made that a cleaner takes for a leftover just then.
const MAKE_TRIES: u32 = 8;
/// Bytes of an owner's name for itself.
const OWNER_BYTES_MAX: usize = 256;

/// A folder that this process owns until the value is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) id: SessionId,
    pub(super) dir: Arc<dyn Dir>,
    _lock: LockGuard,
}

fn owner_name() -> Name {
    Name::new("owner").expect("a plain name")
}

impl Folder {
    /// Makes the folder of a new session, which [`Folder::publish`] gives its name.
    pub(super) fn make(sessions: &dyn Dir, id: &SessionId, owner: &str) -> Result<Self> {
        let fail = |error| DurableError::io(id, "making its folder", error);
        let name = id.folder_new();
        for _ in 0..MAKE_TRIES {
            match sessions.mkdir(&name, 0o700) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.map_err(fail)?,
            }
            if let Some(folder) = Self::try_take(sessions, &name, id)? {
                folder.empty().map_err(fail)?;
                folder.sign(owner);
                return Ok(folder);
            }
        }
        Err(DurableError::SessionBusy {
            session: id.to_string(),
            owner: None,
        })
    }

    /// Gives a complete folder its name.
    pub(super) fn publish(&self, sessions: &dyn Dir) -> Result<()> {
        let publish = || -> io::Result<()> {
            self.dir.sync()?;
            // Replaces nothing but an empty folder.
            let (new, name) = (self.id.folder_new(), self.id.folder());
            sessions.rename(&new, sessions, name, RenameMode::Replace)?;
            let synced = sessions.sync();
            if synced.is_err() {
                self.remove(sessions, name).ok();
            }
            synced
        };
        publish().map_err(|error| DurableError::io(&self.id, "making its folder", error))
    }

    /// Takes the folder of a session that somebody is about to work in.
    pub(super) fn take(sessions: &dyn Dir, id: &SessionId) -> Result<Self> {
        for _ in 0..LOCK_TRIES {
            if let Some(folder) = Self::try_take(sessions, id.folder(), id)? {
                return Ok(folder);
            }
            std::thread::yield_now();
        }
        let dir = walk(sessions, id.folder(), id)?;
        Err(DurableError::SessionBusy {
            session: id.to_string(),
            owner: read_owner(&*dir),
        })
    }

    /// Takes a folder by its name unless somebody has it now.
    pub(super) fn try_take(
        sessions: &dyn Dir,
        name: &Name,
        id: &SessionId,
    ) -> Result<Option<Self>> {
        let fail = |error| DurableError::io(id, "locking its folder", error);
        let dir = walk(sessions, name, id)?;
        let Some(lock) = dir.try_lock().map_err(fail)? else {
            return Ok(None);
        };
        // Whoever had the lock before may have removed the folder.
        let here = dir.stat_self().map_err(fail)?;
        match sessions.stat(name) {
            Ok(there) if (there.dev, there.ino) == (here.dev, here.ino) => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(DurableError::not_found(id));
            }
            Err(error) => return Err(fail(error)),
        }
        Ok(Some(Self {
            id: id.clone(),
            dir,
            _lock: lock,
        }))
    }

    /// Checks that nobody removed the folder: what is written to it then is acknowledged and lost.
    pub(super) fn check_in_place(&self, sessions: &dyn Dir) -> io::Result<()> {
        let here = self.dir.stat_self()?;
        match sessions.stat(self.id.folder()) {
            Ok(there) if (there.dev, there.ino) == (here.dev, here.ino) => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "its folder was removed while it was open, and it lasts no longer than this process",
            )),
        }
    }

    /// Removes what only an open session needs.
    pub(super) fn empty(&self) -> io::Result<()> {
        for name in [log_name(), log_new_name(), meta_new_name(), owner_name()] {
            unlink_if_there(&*self.dir, &name)?;
        }
        Ok(())
    }

    /// Removes the folder, which has the name `name`, and all of its files.
    pub(super) fn remove(&self, sessions: &dyn Dir, name: &Name) -> io::Result<()> {
        let gone = self.id.folder_gone();
        if *name != gone {
            sessions.rename(name, sessions, &gone, RenameMode::Replace)?;
        }
        self.empty()?;
        unlink_if_there(&*self.dir, &meta_name())?;
        sessions.rmdir(&gone)?;
        sessions.sync()
    }

    /// Leaves word of who has the folder. It is there for messages only, so a failure is none.
    pub(super) fn sign(&self, owner: &str) {
        let sign = || -> io::Result<()> {
            let file = create_over(&*self.dir, &owner_name())?;
            let end = owner.floor_char_boundary(OWNER_BYTES_MAX);
            file.write_at(&owner.as_bytes()[..end], 0)
        };
        sign().ok();
    }
}

/// Who has the folder, in their own words.
pub(super) fn read_owner(dir: &dyn Dir) -> Option<String> {
    let bytes = read_small(dir, &owner_name(), OWNER_BYTES_MAX).ok()??;
    let text = String::from_utf8(bytes).ok()?;
    // It ends up on a terminal.
    let is_plain = !text.is_empty() && !text.chars().any(char::is_control);
    is_plain.then_some(text)
}

fn walk(sessions: &dyn Dir, name: &Name, id: &SessionId) -> Result<Arc<dyn Dir>> {
    let walked = sessions.walk(std::slice::from_ref(name));
    walked.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => DurableError::not_found(id),
        _ => DurableError::io(id, "opening its folder", error),
    })
}

fn unlink_if_there(dir: &dyn Dir, name: &Name) -> io::Result<()> {
    match dir.unlink(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        unlinked => unlinked,
    }
}
