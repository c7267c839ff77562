//! Whether theirs has already what the session did, under other numbers.

use super::contents::FileSide;
use super::replay::Replay;
use crate::Kind;
use crate::change::Departure;
use crate::error::Result;
use crate::inode::Ino;
use crate::path::VPath;

impl Replay<'_> {
    /// Whether theirs has at `target` what the session moved there: committed elsewhere already.
    pub(super) fn moved_alike(&mut self, departure: &Departure, target: &VPath) -> Result<bool> {
        let Some(root) = self.child_at(target)? else {
            return Ok(false);
        };
        let mut budget = crate::session::Budget::new(self.world);
        let mut pending = vec![(departure.path.clone(), departure.before.ino, root)];
        while let Some((path, ino, (other, kind))) = pending.pop() {
            budget.take()?;
            let was = self.ours.before().node(ino)?.kind();
            if was != kind || (kind != Kind::Directory && !self.is_alike(ino, other)?) {
                return Ok(false);
            }
            if kind != Kind::Directory {
                continue;
            }
            let mut view = self.ours.before();
            for entry in view.entries(ino)? {
                let below = path.join(&entry.name);
                let Some((child, _)) = view.child(ino, &entry.name)? else {
                    continue;
                };
                if self.set.departure(&below).is_some() {
                    continue;
                }
                match self.core.view(self.world).child(other, &entry.name)? {
                    Some(theirs) => pending.push((below, child, theirs)),
                    None => return Ok(false),
                }
            }
        }
        Ok(true)
    }

    /// Whether theirs has a file or link as the session found it or as it left it.
    fn is_alike(&mut self, ino: Ino, other: Ino) -> Result<bool> {
        if self.ours.before().node(ino)?.kind() == Kind::Symlink {
            let target = self.ours.before().target(ino)?;
            return Ok(self.core.view(self.world).target(other)? == target);
        }
        let Some(theirs) = FileSide::of(&mut self.core.view(self.world), other)? else {
            return Ok(false);
        };
        for side in [
            FileSide::of(&mut self.ours.before(), ino)?,
            FileSide::of(&mut self.ours.now(), ino)?,
        ] {
            if let Some(side) = side
                && side.same_bytes(&theirs)? == Some(true)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
