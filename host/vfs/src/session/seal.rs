//! Sealing: a session frozen for a commit, with what it changed and the bytes to write.

use std::collections::BTreeSet;

use super::{Session, Status};
use crate::change::{ChangeEntry, ChangeSet, Side};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::inode::Ino;
use crate::limits::READ_BYTES_MAX;
use crate::lookup::Content;
use crate::observer::{Operation, OperationKind};
use crate::ops::{leads_out, link_denied};
use crate::path::VPath;
use crate::reads::{Seen, Touched};
use crate::{Digest, Kind};

/// A session that is being committed: nobody can read or change it meanwhile.
///
/// Dropped without [`Sealed::finish`], it is open again as it was.
#[must_use = "a sealed session that is dropped is open again"]
#[derive(Debug)]
pub struct Sealed {
    session: Session,
    change_set: ChangeSet,
    /// What a nested session had read before sealing read more.
    touched: Option<Touched>,
    /// Whether only a part of what changed is selected.
    is_part: bool,
}

impl Session {
    /// Lists what the session changed since it began, sorted by path.
    ///
    /// # Errors
    ///
    /// `Closed`; `Quota` over `Limits::visited_max` objects.
    pub fn changes(&self) -> Result<Vec<ChangeEntry>> {
        self.noted(Operation::new(OperationKind::Changes), |_| {
            self.present_change_set().map(|set| set.entries())
        })
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
    /// `Closed` when the session is not open; `Denied` when it is read-only, or when a link was
    /// moved to where it leads out, or a change to a path that may not be written; `InvalidPath` when something was moved too deep.
    pub fn seal(&self) -> Result<Sealed> {
        self.noted(Operation::new(OperationKind::Seal), |_| self.freeze())
    }

    fn freeze(&self) -> Result<Sealed> {
        let touched = self.change(None, |core, _, _| {
            core.status = Status::Settling;
            Ok(core.reads.touched().cloned())
        })?;
        let mut sealed = Sealed {
            session: self.clone(),
            change_set: ChangeSet::default(),
            touched,
            is_part: false,
        };
        sealed.change_set = self.with_any_status(Core::change_set)?;
        self.drop_unchanged(&mut sealed.change_set)?;
        self.check_links(&sealed.change_set)?;
        self.check_rules(&sealed.change_set)?;
        Ok(sealed)
    }

    /// Forgets changes that leave a path with the very bytes it had.
    ///
    /// Many programs save a file by writing another and renaming it over the first.
    fn drop_unchanged(&self, set: &mut ChangeSet) -> Result<()> {
        for update in &mut set.updates {
            update.changed = update.changed && !self.same_bytes(&update.before, &update.after)?;
        }
        set.updates
            .retain(|update| update.changed || update.after.modified.is_some());
        let unchanged = self.unchanged_places(set)?;
        set.departures
            .retain(|departure| !unchanged.contains(&departure.path));
        set.arrivals
            .retain(|arrival| !unchanged.contains(&arrival.path));
        Ok(())
    }

    /// Where something was removed and the same put back, in a directory that stood throughout.
    fn unchanged_places(&self, set: &ChangeSet) -> Result<BTreeSet<VPath>> {
        let mut unchanged = BTreeSet::new();
        // Sorted by path, so that a directory is decided before what is in it.
        for arrival in set
            .arrivals
            .iter()
            .filter(|arrival| arrival.moved_from.is_none())
        {
            let gone = set.departure(&arrival.path);
            let Some(gone) = gone.filter(|gone| gone.moved_to.is_none()) else {
                continue;
            };
            let stands = |dir: &VPath| {
                let touched = set.departure(dir).is_some() || set.arrival(dir).is_some();
                !touched || unchanged.contains(dir)
            };
            let mut above = std::iter::successors(arrival.path.parent(), VPath::parent);
            if above.all(|dir| stands(&dir)) && self.same_bytes(&gone.before, &arrival.after)? {
                unchanged.insert(arrival.path.clone());
            }
        }
        Ok(unchanged)
    }

    /// Whether two versions are of one kind, content and mode; of directories the kind alone.
    ///
    /// A base file that changed outside cannot be compared and counts as another: the commit finds
    /// that as a conflict.
    fn same_bytes(&self, before: &Side, after: &Side) -> Result<bool> {
        let shape = |side: &Side| (side.kind, side.size, side.executable, side.target.clone());
        if before.kind == Kind::Directory && after.kind == Kind::Directory {
            return Ok(true);
        }
        if shape(before) != shape(after) {
            return Ok(false);
        }
        if before.kind != Kind::File {
            return Ok(true);
        }
        let (before, after) = (self.side_content(before)?, self.side_content(after)?);
        match self.same_content(&before, &after) {
            Err(Error::Stale { .. }) => Ok(false),
            same => same,
        }
    }

    fn same_content(&self, before: &Content, after: &Content) -> Result<bool> {
        if before.same(after) {
            return Ok(true);
        }
        if is_known_other(before, after) {
            return Ok(false);
        }
        let (mut slots, step) = ((None, None), READ_BYTES_MAX as u64);
        let mut offset = 0;
        while offset < before.pieces.len() {
            let was = self.read_content(before, &mut slots.0, offset, step)?;
            if was != self.read_content(after, &mut slots.1, offset, step)? {
                return Ok(false);
            }
            offset += step;
        }
        Ok(true)
    }

    fn side_content(&self, side: &Side) -> Result<Content> {
        let content =
            self.with_any_status(|core, world| core.moment(world, side.moment).content(side.ino))?;
        content.ok_or(Error::BadDescriptor)
    }

    /// Refuses links that lead out from where they stand now, such as one that was moved up.
    fn check_links(&self, set: &ChangeSet) -> Result<()> {
        for arrival in &set.arrivals {
            let Some(target) = &arrival.after.target else {
                continue;
            };
            let out = |path: &VPath| leads_out(path.components().len().saturating_sub(1), target);
            // A link that led nowhere in the base already stays the data that it is.
            let as_before = arrival.moved_from.as_ref().is_some_and(out);
            if out(&arrival.path) && !as_before {
                return Err(link_denied(&arrival.path.to_string()));
            }
        }
        Ok(())
    }

    /// Refuses changes at paths that may not be written: a rebase may have moved one there.
    fn check_rules(&self, set: &ChangeSet) -> Result<()> {
        let rules = self.rules();
        if rules.is_everything() {
            return Ok(());
        }
        let check = |path: &VPath| rules.check_write(&path.to_string(), path);
        set.departures.iter().try_for_each(|it| check(&it.path))?;
        set.arrivals.iter().try_for_each(|it| check(&it.path))?;
        set.updates.iter().try_for_each(|it| check(&it.path))
    }

    /// Reads bytes of one version of a file.
    pub(crate) fn read_side(&self, side: &Side, offset: u64, length: u64) -> Result<Vec<u8>> {
        self.read_content(&self.side_content(side)?, &mut None, offset, length)
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
        let content = self.session.side_content(side)?;
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

    /// The digest of one version of a file, when it is known without reading that: a rewritten file
    /// is compared with what it replaces when its last writer closes it.
    ///
    /// # Errors
    ///
    /// `BadDescriptor` for a version that is no file.
    pub fn known_digest(&self, side: &Side) -> Result<Option<Digest>> {
        let content = self.session.side_content(side)?;
        // Of what is kept in the base, or was written to a spill, the bytes that are read count.
        Ok(content
            .pieces
            .known_digest()
            .filter(|_| content.pieces.is_all_in_memory()))
    }

    /// What the session has seen of its base: every object, by its path there.
    pub fn reads(&self) -> Vec<(VPath, Seen)> {
        self.session.with_any_status(|core, world| {
            core.reads
                .iter()
                .map(|(ino, seen)| (world.family.base_path(ino), seen))
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
        let status = Status::Committed(change.to_owned());
        self.session
            .with_any_status(|core, _| self.session.end(core, status));
        self.session
            .note(&Operation::new(OperationKind::Commit).to(change));
    }

    /// Keeps only the changes at or below these paths, with what they cannot be applied without:
    /// both ends of a rename, and the new directories above.
    ///
    /// What was selected is finished by [`Sealed::finish_part`].
    ///
    /// # Errors
    ///
    /// `Invalid`, naming the path, when nothing changed at or below one of them, or when there is
    /// none; the session is open again then.
    pub fn select(mut self, paths: &[VPath]) -> Result<Self> {
        let part = self.change_set.select(paths)?;
        self.is_part |= part.len() < self.change_set.len();
        self.change_set = part;
        Ok(self)
    }

    /// Whether [`Sealed::select`] left something out.
    pub fn is_part(&self) -> bool {
        self.is_part
    }

    /// Opens the session again after what was selected was applied by this change.
    ///
    /// It still has all of its changes, over the base as it was: whoever calls this
    /// [rebases](Session::rebase) it, and what was applied vanishes from its changes.
    pub fn finish_part(self, change: &str) {
        self.session
            .note(&Operation::new(OperationKind::Commit).to(change));
        drop(self);
    }

    pub(crate) fn touched(&self) -> Option<&Touched> {
        self.touched.as_ref()
    }
}

/// Whether nothing need be read to see that a content is another than that of a base file.
fn is_known_other(before: &Content, after: &Content) -> bool {
    let Some((_, version)) = &before.origin else {
        return false;
    };
    before.pieces.is_pristine(version.size)
        && before.origin == after.origin
        && after.pieces.known_digest().is_some()
}

impl Drop for Sealed {
    fn drop(&mut self) {
        let reopened = self.session.with_any_status(|core, _| {
            let settling = core.status == Status::Settling;
            if settling {
                core.status = Status::Open;
            }
            settling
        });
        if reopened {
            self.session.note(&Operation::new(OperationKind::Reopen));
        }
    }
}
