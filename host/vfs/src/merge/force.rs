//! Making room: what the policy `Ours` does where both sides cannot stand.

use super::replay::Replay;
use crate::error::Result;
use crate::inode::{Body, Directory, Ino};
use crate::path::VPath;
use crate::session::{Budget, remove_child};
use crate::{Kind, Name};

impl Replay<'_> {
    /// Removes what stands at a path, and everything below it.
    pub(super) fn clear(&mut self, path: &VPath) -> Result<()> {
        if let (Some((dir, name)), Some(child)) = (self.place(path)?, self.child_at(path)?) {
            remove_child(self.core, self.world, (dir, name), child, self.now)?;
        }
        Ok(())
    }

    /// The directory and name of a path, with directories put in the place of whatever is on the
    /// way there.
    pub(super) fn make_way(&mut self, path: &VPath) -> Result<(Ino, Name)> {
        let mut above: Vec<VPath> = std::iter::successors(path.parent(), VPath::parent)
            .filter(|dir| !dir.is_root())
            .collect();
        above.reverse();
        for dir in above {
            let found = self.child_at(&dir)?;
            if matches!(found, Some((_, Kind::Directory))) {
                continue;
            }
            self.clear(&dir)?;
            if let Some((parent, name)) = self.place(&dir)? {
                let body = Body::Directory(Directory::default());
                self.core
                    .create(self.world, parent, &name, body, self.now)?;
            }
        }
        let place = self.place(path)?;
        place.ok_or_else(|| crate::error::Error::NotFound {
            path: path.to_string(),
        })
    }

    /// Puts the session's object and everything below it at a path, whatever stood there.
    pub(super) fn put(&mut self, path: &VPath, ino: Ino) -> Result<bool> {
        let mut budget = Budget::new(self.world);
        let mut pending = vec![(path.clone(), ino)];
        while let Some((path, ino)) = pending.pop() {
            budget.take()?;
            let (dir, name) = self.make_way(&path)?;
            self.clear(&path)?;
            let Some(here) = self.bring(ino)? else {
                return Ok(false);
            };
            if self.ours.now().node(ino)?.kind() == Kind::Directory {
                self.detach_all(here)?;
            }
            self.core.link(self.world, dir, &name, here, self.now)?;
            let mut view = self.ours.now();
            if view.node(ino)?.kind() == Kind::Directory {
                for entry in view.entries(ino)? {
                    if let Some((child, _)) = view.child(ino, &entry.name)? {
                        pending.push((path.join(&entry.name), child));
                    }
                }
            }
        }
        Ok(true)
    }

    /// Takes every name from an object that theirs has.
    pub(super) fn detach_all(&mut self, ino: Ino) -> Result<()> {
        while let Some(link) = self.core.view(self.world).link(ino) {
            let there = self
                .core
                .view(self.world)
                .child(link.parent, &link.name)?
                .map(|(found, _)| found);
            if there != Some(ino) {
                break;
            }
            self.core
                .detach(self.world, link.parent, &link.name, ino, self.now)?;
        }
        Ok(())
    }
}
