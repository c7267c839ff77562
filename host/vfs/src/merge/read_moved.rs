//! What a nested session read and its parent has changed since, for `Isolation::Serializable`.

use std::collections::BTreeMap;

use super::contents::FileSide;
use super::replay::Snapshot;
use super::{Conflict, ConflictReason, ConflictSide};
use crate::change::{Moment, differing_names};
use crate::core::Core;
use crate::error::Result;
use crate::inode::Ino;
use crate::path::VPath;
use crate::reads::{Touch, Touched, World};
use crate::session::Sealed;
use crate::{Kind, Name};

/// A comparison of the parent's states under way.
struct Check<'a> {
    core: &'a mut Core,
    world: &'a World,
    ours: &'a mut Snapshot,
    touched: Touched,
    conflicts: BTreeMap<VPath, Conflict>,
}

/// The conflicts, at the cost of what the parent changed since the session began.
pub(super) fn conflicts(
    core: &mut Core,
    world: &World,
    ours: &mut Snapshot,
    sealed: &Sealed,
) -> Result<Vec<Conflict>> {
    let Some(touched) = sealed.touched().cloned() else {
        return Ok(Vec::new());
    };
    let written = |ino: Ino| {
        let set = sealed.change_set();
        let updates = set.updates.iter().map(|update| update.before.ino);
        let departures = set.departures.iter().map(|gone| gone.before.ino);
        updates.chain(departures).any(|changed| changed == ino)
    };
    let differing = core.tree.differing(&ours.start);
    let mut check = Check {
        core,
        world,
        ours,
        touched,
        conflicts: BTreeMap::new(),
    };
    for ino in differing {
        check.object(ino, written(ino))?;
        check.names(ino)?;
    }
    Ok(check.conflicts.into_values().collect())
}

impl Check<'_> {
    /// A file whose size, mode or content was read. That of one that the session wrote itself is
    /// read by writing it, and is a matter of the merge.
    fn object(&mut self, ino: Ino, written: bool) -> Result<()> {
        let content = self.touched.has(ino, Touch::Content);
        let read = content || (!written && self.touched.has(ino, Touch::Stat));
        let Some(path) = self.ours.before().path(ino).filter(|_| read) else {
            return Ok(());
        };
        let was = FileSide::of(&mut self.ours.before(), ino)?;
        let stands = self.core.view(self.world).path(ino).is_some();
        let now = match stands {
            true => FileSide::of(&mut self.core.view(self.world), ino)?,
            false => None,
        };
        let same = match (&was, &now) {
            (Some(was), Some(now)) => {
                was.executable == now.executable && was.same_bytes(now)? == Some(true)
            }
            // Directories and links do not change; that they went is a matter of their name.
            (None, _) => true,
            (Some(_), None) => false,
        };
        if same {
            return Ok(());
        }
        self.tell(path, Some(ino), stands.then_some(ino))
    }

    /// The names of a directory that was listed, or in which a name was looked up.
    fn names(&mut self, dir: Ino) -> Result<()> {
        let Some(now) = self.core.tree.get(dir).cloned() else {
            return Ok(());
        };
        let Some(now) = now.as_directory() else {
            return Ok(());
        };
        let was = self.ours.start.get(dir).cloned();
        let names = differing_names(was.as_ref().and_then(|was| was.as_directory()), now);
        let listed = self.touched.has(dir, Touch::Listing);
        for name in names {
            let link = crate::inode::Link {
                parent: dir,
                name: name.clone(),
            };
            if listed || self.touched.has_name(&link) {
                self.name(dir, &name)?;
            }
        }
        Ok(())
    }

    fn name(&mut self, dir: Ino, name: &Name) -> Result<()> {
        let Some(path) = self.ours.before().path(dir) else {
            return Ok(());
        };
        let was = self.ours.before().child(dir, name)?;
        let now = self.core.view(self.world).child(dir, name)?;
        if was == now {
            return Ok(());
        }
        let ino = |child: Option<(Ino, Kind)>| child.map(|(ino, _)| ino);
        self.tell(path.join(name), ino(was), ino(now))
    }

    fn tell(&mut self, path: VPath, was: Option<Ino>, now: Option<Ino>) -> Result<()> {
        let before = match was {
            Some(ino) => {
                let node = self.ours.before().node(ino)?;
                Some(ConflictSide {
                    kind: Some(node.kind()),
                    size: node.size(),
                })
            }
            None => None,
        };
        let theirs = match now {
            Some(ino) => Some(self.core.side(self.world, ino, Moment::Now)?),
            None => None,
        };
        let conflict = Conflict {
            path: path.clone(),
            before,
            ours: before,
            theirs: theirs.as_ref().map(ConflictSide::from),
            reason: ConflictReason::ReadMoved,
        };
        self.conflicts.insert(path, conflict);
        Ok(())
    }
}
