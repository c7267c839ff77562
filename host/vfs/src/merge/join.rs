//! Joining what both sides did to one file: content with content, content with mode.

use super::contents::FileSide;
use super::replay::Replay;
use super::text::{TextMerge, merge_text};
use super::{ConflictPolicy, ConflictReason};
use crate::content::Pieces;
use crate::error::Result;
use crate::inode::{File, Ino};
use crate::path::VPath;

impl Replay<'_> {
    /// Sets the time that the session set, when the file is what it was.
    pub(super) fn retime(&mut self, target: Ino, ino: Ino) -> Result<Option<ConflictReason>> {
        let theirs = FileSide::of(&mut self.core.view(self.world), target)?;
        let before = FileSide::of(&mut self.ours.before(), ino)?;
        let same = match (theirs, before) {
            (Some(theirs), Some(before)) => theirs.same_bytes(&before)? == Some(true),
            _ => false,
        };
        if same && let Some(ours) = self.ours.tree.get(ino) {
            let times = ours.times;
            self.core.inode_mut(self.world, target)?.times = times;
        }
        let is_told = !same && self.policy == ConflictPolicy::Fail;
        Ok(is_told.then_some(ConflictReason::Content))
    }

    /// Joins the session's change of a file, from `before` to `now`, with what theirs has in
    /// `target`; a reason when they cannot be.
    pub(super) fn join(
        &mut self,
        path: &VPath,
        target: Ino,
        (before, now): (Ino, Ino),
        theirs: Option<FileSide>,
    ) -> Result<Option<ConflictReason>> {
        let theirs = match theirs {
            None => FileSide::of(&mut self.core.view(self.world), target)?,
            theirs => theirs,
        };
        let was = FileSide::of(&mut self.ours.before(), before)?;
        let ours = FileSide::of(&mut self.ours.now(), now)?;
        let (Some(was), Some(ours), Some(theirs)) = (was, ours, theirs) else {
            return Ok(Some(ConflictReason::Kind));
        };
        let unmoved = theirs.same_bytes(&was)?;
        if unmoved == Some(true) && theirs.executable == was.executable {
            return self.adopt(target, now, ours.executable);
        }
        if theirs.executable == ours.executable && theirs.same_bytes(&ours)? == Some(true) {
            return self.take_theirs(target, &theirs).map(|()| None);
        }
        match self.policy {
            ConflictPolicy::Fail | ConflictPolicy::Theirs => Ok(Some(ConflictReason::Content)),
            ConflictPolicy::Ours => self.adopt(target, now, ours.executable),
            ConflictPolicy::Merge => {
                // Of two values there is no third: whoever changed the mode has it.
                let changed = ours.executable != was.executable;
                let executable = if changed {
                    ours.executable
                } else {
                    theirs.executable
                };
                if unmoved == Some(true) {
                    return self.adopt(target, now, executable);
                }
                self.merge(path, target, [&was, &ours, &theirs], executable)
            }
        }
    }

    fn merge(
        &mut self,
        path: &VPath,
        target: Ino,
        [was, ours, theirs]: [&FileSide; 3],
        executable: bool,
    ) -> Result<Option<ConflictReason>> {
        let bytes = [was.bytes()?, ours.bytes()?, theirs.bytes()?];
        let [Some(was), Some(ours), Some(theirs)] = bytes else {
            return Ok(Some(ConflictReason::Unreadable));
        };
        match merge_text(&was, &ours, &theirs) {
            TextMerge::NotText if ours == was => {
                self.change(target, |file| file.executable = executable)?;
                Ok(None)
            }
            TextMerge::NotText => Ok(Some(ConflictReason::Binary)),
            TextMerge::Conflicted { .. } => Ok(Some(ConflictReason::Content)),
            TextMerge::Clean(text) => {
                let mut pieces = Pieces::empty();
                self.world.write(&mut pieces, 0, &text)?;
                self.change(target, |file| {
                    file.pieces = pieces;
                    file.executable = executable;
                })?;
                self.merged.insert(path.clone());
                Ok(None)
            }
        }
    }

    /// Gives `target` what theirs had, where that is another file by now.
    fn take_theirs(&mut self, target: Ino, theirs: &FileSide) -> Result<()> {
        let here = FileSide::of(&mut self.core.view(self.world), target)?;
        if here.is_some_and(|here| here.content.same(&theirs.content)) {
            return Ok(());
        }
        if let Some(pieces) = theirs.freed(self.world)? {
            let executable = theirs.executable;
            self.change(target, |file| {
                file.pieces = pieces;
                file.executable = executable;
            })?;
        }
        Ok(())
    }

    pub(super) fn change(&mut self, target: Ino, change: impl FnOnce(&mut File)) -> Result<()> {
        self.core.change_file(self.world, target, self.now, |file| {
            change(file);
            Ok(())
        })
    }
}
