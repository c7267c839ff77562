//! Sealing: a session frozen for a commit, with what it changed and the bytes to write.

use std::collections::BTreeSet;

use super::{Session, Status};
use crate::change::{ChangeEntry, ChangeSet, Side};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::inode::Ino;
use crate::limits::READ_BYTES_MAX;
use crate::path::VPath;
use crate::reads::Seen;

/// A session that is being committed: nobody can read or change it meanwhile.
///
/// Dropped without [`Sealed::finish`], it is open again as it was.
#[must_use = "a sealed session that is dropped is open again"]
#[derive(Debug)]
pub struct Sealed {
    session: Session,
    change_set: ChangeSet,
}

impl Session {
    /// Lists what the session changed since it began, sorted by path.
    ///
    /// # Errors
    ///
    /// `Closed`; `Quota` over `Limits::visited_max` objects.
    pub fn changes(&self) -> Result<Vec<ChangeEntry>> {
        self.present_change_set().map(|set| set.entries())
    }

    pub(crate) fn present_change_set(&self) -> Result<ChangeSet> {
        let mut set = self.with(Core::change_set)?;
        self.drop_unchanged(&mut set)?;
        Ok(set)
    }

    /// Freezes the session for a commit.
    ///
    /// # Errors
    ///
    /// `Closed` when the session is not open; `Denied` when it is read-only.
    pub fn seal(&self) -> Result<Sealed> {
        self.change(None, |core, _, _| {
            core.status = Status::Settling;
            Ok(())
        })?;
        let mut sealed = Sealed {
            session: self.clone(),
            change_set: ChangeSet::default(),
        };
        sealed.change_set = self.with_any_status(Core::change_set)?;
        self.drop_unchanged(&mut sealed.change_set)?;
        Ok(sealed)
    }

    /// Forgets changes that leave a path with the very bytes it had.
    ///
    /// Many programs save a file by writing another and renaming it over the first.
    fn drop_unchanged(&self, set: &mut ChangeSet) -> Result<()> {
        let mut failure = None;
        let mut same = |before: &Side, after: &Side| match self.same_bytes(before, after) {
            Ok(same) => same,
            Err(error) => {
                failure.get_or_insert(error);
                false
            }
        };
        for update in &mut set.updates {
            update.changed = update.changed && !same(&update.before, &update.after);
        }
        set.updates
            .retain(|update| update.changed || update.after.modified.is_some());
        let mut unchanged = BTreeSet::new();
        for arrival in set
            .arrivals
            .iter()
            .filter(|arrival| arrival.moved_from.is_none())
        {
            let found = set
                .departures
                .binary_search_by(|gone| gone.path.cmp(&arrival.path));
            if let Ok(index) = found
                && set.departures[index].moved_to.is_none()
                && same(&set.departures[index].before, &arrival.after)
            {
                unchanged.insert(arrival.path.clone());
            }
        }
        set.departures
            .retain(|departure| !unchanged.contains(&departure.path));
        set.arrivals
            .retain(|arrival| !unchanged.contains(&arrival.path));
        failure.map_or(Ok(()), Err)
    }

    /// Whether two versions are files or links of the same content and mode.
    fn same_bytes(&self, before: &Side, after: &Side) -> Result<bool> {
        let shape = |side: &Side| (side.kind, side.size, side.executable, side.target.clone());
        if shape(before) != shape(after) || before.kind == crate::Kind::Directory {
            return Ok(false);
        }
        if before.kind == crate::Kind::Symlink {
            return Ok(true);
        }
        let (mut offset, step) = (0, READ_BYTES_MAX as u64);
        while offset < before.size {
            if self.read_side(before, offset, step)? != self.read_side(after, offset, step)? {
                return Ok(false);
            }
            offset += step;
        }
        Ok(true)
    }

    /// Reads bytes of one version of a file.
    pub(crate) fn read_side(&self, side: &Side, offset: u64, length: u64) -> Result<Vec<u8>> {
        let content =
            self.with_any_status(|core, world| core.moment(world, side.moment).content(side.ino))?;
        let content = content.ok_or(Error::BadDescriptor)?;
        self.read_content(&content, &mut None, offset, length)
    }
}

impl Sealed {
    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// What it changed.
    pub fn change_set(&self) -> &ChangeSet {
        &self.change_set
    }

    /// Hands the content of one version of a file to `sink`, in order and in parts of at most
    /// [`READ_BYTES_MAX`].
    ///
    /// # Errors
    ///
    /// `Stale` when the base file changed after the session saw it; what `sink` returns.
    pub fn read(&self, side: &Side, sink: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let content = self
            .session
            .with_any_status(|core, world| core.moment(world, side.moment).content(side.ino))?;
        let content = content.ok_or(Error::BadDescriptor)?;
        let (mut offset, step) = (0, READ_BYTES_MAX as u64);
        let mut opened = None;
        while offset < side.size {
            sink(
                &self
                    .session
                    .read_content(&content, &mut opened, offset, step)?,
            )?;
            offset += step;
        }
        Ok(())
    }

    /// What the session has seen of its base: every object, by its path there.
    pub fn reads(&self) -> Vec<(VPath, Seen)> {
        self.session.with_any_status(|core, world| {
            core.reads
                .iter()
                .map(|(ino, seen)| (world.family.base_path(ino), seen.clone()))
                .collect()
        })
    }

    /// The paths at which the session looked for something in its base and found nothing.
    pub fn absences(&self) -> Vec<VPath> {
        self.session.with_any_status(|core, world| {
            let at = |dir: Ino| world.family.base_path(dir);
            core.reads
                .absences()
                .map(|link| at(link.parent).join(&link.name))
                .collect()
        })
    }

    /// Closes the session as committed by this change and gives its memory back.
    pub fn finish(self, change: &str) {
        self.session.with_any_status(|core, _| {
            core.status = Status::Committed(change.to_owned());
            core.discard();
        });
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        self.session.with_any_status(|core, _| {
            if core.status == Status::Settling {
                core.status = Status::Open;
            }
        });
    }
}
