//! Finding what a session changed: the difference of two states, at the cost of what differs.

use std::collections::BTreeMap;

use imbl::ordmap::DiffItem;

use super::{Arrival, ChangeSet, Departure, Moment, Side, Update};
use crate::core::Core;
use crate::error::{Error, PathFault, Result};
use crate::inode::{Directory, Ino, Inode, Link};
use crate::lookup::{Node, View};
use crate::path::{PATH_DEPTH_MAX, VPath};
use crate::reads::World;
use crate::session::Budget;
use crate::tree::Tree;
use crate::{Kind, Name};

/// One name of one object, gone or come.
struct Seat {
    ino: Ino,
    path: VPath,
}

/// A collection under way.
struct Collector<'a> {
    core: &'a mut Core,
    world: &'a World,
    budget: Budget,
    gone: Vec<Seat>,
    come: Vec<Seat>,
    updates: Vec<Update>,
}

impl Core {
    /// What differs between the state at the beginning and the one now.
    pub(crate) fn change_set(&mut self, world: &World) -> Result<ChangeSet> {
        let differing = self.tree.differing(&self.start);
        let mut collector = Collector {
            core: self,
            world,
            budget: Budget::new(world),
            gone: Vec::new(),
            come: Vec::new(),
            updates: Vec::new(),
        };
        for ino in differing {
            collector.inode(ino)?;
        }
        collector.finish()
    }

    /// One version of an object, for a change set or a conflict.
    pub(crate) fn side(&mut self, world: &World, ino: Ino, moment: Moment) -> Result<Side> {
        let mut view = self.moment(world, moment);
        let node = view.node(ino)?;
        let target = view.target(ino)?;
        let held = match &node {
            Node::Held(inode) => Some(inode.clone()),
            Node::Base(_) => None,
        };
        let times = held
            .as_ref()
            .map(|inode| inode.times)
            .filter(|times| times.explicit);
        let seen = view.reads.seen(ino).map(|seen| **seen.stat());
        Ok(Side {
            kind: node.kind(),
            size: node.size(),
            executable: node.executable(),
            target,
            seen: seen.filter(|_| world.family.is_of_base(ino)),
            modified: times.and_then(|times| times.modified),
            ino,
            moment,
        })
    }

    pub(crate) fn moment<'a>(&'a mut self, world: &'a World, moment: Moment) -> View<'a> {
        match moment {
            Moment::Start => self.start_view(world),
            Moment::Now => self.view(world),
        }
    }
}

impl Collector<'_> {
    fn inode(&mut self, ino: Ino) -> Result<()> {
        self.budget.take()?;
        let Some(now) = self.core.tree.get(ino).cloned() else {
            return Ok(());
        };
        if self.core.view(self.world).path(ino).is_none() {
            return Ok(());
        }
        match now.as_directory() {
            Some(directory) => self.directory(ino, directory),
            None if now.kind() == Kind::File => self.file(ino, &now),
            None => Ok(()),
        }
    }

    /// Compares the names of a directory that is reachable now.
    fn directory(&mut self, dir: Ino, now: &Directory) -> Result<()> {
        let was = self.core.start.get(dir).cloned();
        let was_slots = was.as_ref().and_then(|inode| inode.as_directory());
        let names = differing_names(was_slots, now);
        let existed = was.is_some() || self.world.family.is_of_base(dir);
        let now_path = self.core.view(self.world).path(dir);
        let was_path = self
            .core
            .start_view(self.world)
            .path(dir)
            .filter(|_| existed);
        for name in names {
            let before = match &was_path {
                Some(_) => self.core.start_view(self.world).child(dir, &name)?,
                None => None,
            };
            let after = self.core.view(self.world).child(dir, &name)?;
            if before.map(|(ino, _)| ino) == after.map(|(ino, _)| ino) {
                continue;
            }
            self.budget.take()?;
            if let (Some(path), Some((ino, kind))) = (&was_path, before) {
                self.depart(
                    Seat {
                        ino,
                        path: path.join(&name),
                    },
                    kind,
                )?;
            }
            if let (Some(path), Some((ino, _))) = (&now_path, after) {
                self.arrive(ino, path.join(&name))?;
            }
        }
        Ok(())
    }

    /// Records that an object stands where it did not; a rename of what is above may have brought
    /// it deeper than a path may be.
    fn arrive(&mut self, ino: Ino, path: VPath) -> Result<()> {
        if path.components().len() > PATH_DEPTH_MAX {
            return Err(Error::InvalidPath {
                path: path.to_string(),
                reason: PathFault::TooDeep,
            });
        }
        self.come.push(Seat { ino, path });
        Ok(())
    }

    /// Records that an object left its place, and what was below a directory that is gone.
    fn depart(&mut self, seat: Seat, kind: Kind) -> Result<()> {
        // Not by recursion: a base may be deeper than a stack.
        let mut pending = vec![(seat, kind)];
        while let Some((seat, kind)) = pending.pop() {
            self.budget.take()?;
            let now = self.core.tree.get(seat.ino);
            let moved = now.is_some_and(|inode| !inode.links.is_empty());
            if kind == Kind::Directory && !moved {
                self.depart_below(&seat, &mut pending)?;
            }
            self.gone.push(seat);
        }
        Ok(())
    }

    fn depart_below(&mut self, seat: &Seat, pending: &mut Vec<(Seat, Kind)>) -> Result<()> {
        let mut start = self.core.start_view(self.world);
        for entry in start.entries(seat.ino)? {
            if let Some((ino, kind)) = start.child(seat.ino, &entry.name)? {
                let path = seat.path.join(&entry.name);
                pending.push((Seat { ino, path }, kind));
            }
        }
        Ok(())
    }

    /// Records a file that changed at a name that it had before.
    fn file(&mut self, ino: Ino, now: &Inode) -> Result<()> {
        let was_links = links(&self.core.start, self.world, ino);
        let changed = differs(&self.core.start, ino, now);
        let retimed = now.times.explicit;
        if !changed && !retimed {
            return Ok(());
        }
        for link in now.links.iter().filter(|link| was_links.contains(link)) {
            let parent = |view: View<'_>| view.path(link.parent).map(|dir| dir.join(&link.name));
            let source = parent(self.core.start_view(self.world));
            let path = parent(self.core.view(self.world));
            if let (Some(source), Some(path)) = (source, path) {
                let before = self.core.side(self.world, ino, Moment::Start)?;
                let after = self.core.side(self.world, ino, Moment::Now)?;
                self.updates.push(Update {
                    source,
                    path,
                    before,
                    after,
                    changed,
                });
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<ChangeSet> {
        self.gone.sort_by(|a, b| a.path.cmp(&b.path));
        self.come.sort_by(|a, b| a.path.cmp(&b.path));
        self.updates.sort_by(|a, b| a.path.cmp(&b.path));
        let mut came: BTreeMap<Ino, Vec<usize>> = BTreeMap::new();
        for (index, seat) in self.come.iter().enumerate().rev() {
            came.entry(seat.ino).or_default().push(index);
        }
        let mut sources: Vec<Option<VPath>> = vec![None; self.come.len()];
        let mut departures = Vec::with_capacity(self.gone.len());
        for seat in std::mem::take(&mut self.gone) {
            let index = came.get_mut(&seat.ino).and_then(Vec::pop);
            let moved_to = index.map(|index| self.come[index].path.clone());
            if let Some(index) = index {
                sources[index] = Some(seat.path.clone());
            }
            let before = self.core.side(self.world, seat.ino, Moment::Start)?;
            departures.push(Departure {
                path: seat.path,
                before,
                moved_to,
            });
        }
        let mut arrivals = Vec::with_capacity(self.come.len());
        for (seat, moved_from) in std::mem::take(&mut self.come).into_iter().zip(sources) {
            let after = self.core.side(self.world, seat.ino, Moment::Now)?;
            let now = self.core.tree.get(seat.ino);
            let changed = now.is_some_and(|now| differs(&self.core.start, seat.ino, now));
            arrivals.push(Arrival {
                path: seat.path,
                after,
                moved_from,
                changed,
            });
        }
        Ok(ChangeSet {
            departures,
            arrivals,
            updates: self.updates,
        })
    }
}

/// Whether a file's content or mode is not what it was.
fn differs(start: &Tree, ino: Ino, now: &Inode) -> bool {
    let Some(file) = now.as_file() else {
        return false;
    };
    match start.get(ino).map(|inode| inode.as_file()) {
        Some(Some(was)) => !was.pieces.same(&file.pieces) || was.executable != file.executable,
        Some(None) => true,
        None => file.origin.as_ref().is_none_or(|origin| {
            origin.ino != ino
                || !file.pieces.is_pristine(origin.stat.size)
                || file.executable != origin.stat.executable
        }),
    }
}

/// The names that an object had in a state.
fn links(tree: &Tree, world: &World, ino: Ino) -> Vec<Link> {
    match tree.get(ino) {
        Some(inode) => inode.links.to_vec(),
        None => world.family.base_link(ino).into_iter().collect(),
    }
}

/// The names that two states of a directory do not share, at the cost of those.
pub(crate) fn differing_names(was: Option<&Directory>, now: &Directory) -> Vec<Name> {
    let Some(was) = was else {
        return now.slots.keys().cloned().collect();
    };
    let items = was.slots.diff(&now.slots).map(|item| match item {
        DiffItem::Add(name, _) | DiffItem::Remove(name, _) => name.clone(),
        DiffItem::Update { new, .. } => new.0.clone(),
    });
    items.collect()
}
