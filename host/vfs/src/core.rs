//! The mutable heart of a session, and the only code that changes its state.
//!
//! Every change is charged before it is made; a refused charge leaves the state as it was.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use smallvec::SmallVec;

use crate::content::Pieces;
use crate::error::{Error, Result};
use crate::inode::{
    Body, Directory, File, INODE_BYTES, Ino, Inode, Link, Origin, SLOT_BYTES, Slot, Times,
};
use crate::lookup::{View, base_times};
use crate::path::PATH_DEPTH_MAX;
use crate::reads::{Child, Reads, World};
use crate::session::Status;
use crate::state::Saving;
use crate::time::Timestamp;
use crate::tree::Tree;
use crate::{Kind, Name};

/// A session's state and what belongs to it.
#[derive(Debug)]
pub(crate) struct Core {
    /// The state as it was when the session began.
    pub(crate) start: Tree,
    /// The state now.
    pub(crate) tree: Tree,
    pub(crate) reads: Reads,
    pub(crate) opens: HashMap<Ino, Opens>,
    pub(crate) open_handles: usize,
    /// The oldest first.
    pub(crate) savepoints: Vec<Marked>,
    /// Bytes of content at which contents are moved out of memory again.
    pub(crate) room_next: u64,
    /// What is known of the session's saving, once it was saved or loaded.
    pub(crate) saving: Option<Box<Saving>>,
    pub(crate) status: Status,
}

/// A savepoint with the state that it marks.
#[derive(Clone, Debug)]
pub(crate) struct Marked {
    pub(crate) name: String,
    pub(crate) made_at: Timestamp,
    pub(crate) tree: Tree,
}

impl Marked {
    /// Whether both are the same mark of the same state.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.made_at == other.made_at && self.tree.same(&other.tree)
    }
}

/// The handles that are open on one object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Opens {
    pub(crate) handles: u32,
    pub(crate) writers: u32,
    /// Its number, as the handles find it: more than one where two objects became one.
    pub(crate) numbers: SmallVec<[OpenNumber; 1]>,
}

/// The number of an object that a handle is open on. It is another one after the session was moved
/// onto a base that has the object, as what was committed of it.
#[derive(Clone, Debug)]
pub(crate) struct OpenNumber(Arc<AtomicU64>);

impl OpenNumber {
    fn new(ino: Ino) -> Self {
        Self(Arc::new(AtomicU64::new(ino.0)))
    }

    pub(crate) fn get(&self) -> Ino {
        // It only changes under the lock of the session.
        Ino(self.0.load(Ordering::Relaxed))
    }

    fn set(&self, ino: Ino) {
        self.0.store(ino.0, Ordering::Relaxed);
    }
}

impl Opens {
    /// Those of an object that nothing is open on.
    pub(crate) fn of(ino: Ino) -> Self {
        Self {
            numbers: smallvec::smallvec![OpenNumber::new(ino)],
            ..Self::default()
        }
    }

    /// What a new handle of the object holds.
    pub(crate) fn number(&self) -> OpenNumber {
        let first = self.numbers.first();
        first.expect("an open object has its number").clone()
    }

    /// Adds the handles of what is the same object now.
    pub(crate) fn join(&mut self, other: Self, ino: Ino) {
        self.handles += other.handles;
        self.writers += other.writers;
        self.numbers.extend(other.numbers);
        self.numbers.iter().for_each(|number| number.set(ino));
    }
}

impl Core {
    pub(crate) fn new(start: Tree, tree: Tree, reads: Reads) -> Self {
        Self {
            start,
            tree,
            reads,
            opens: HashMap::new(),
            open_handles: 0,
            savepoints: Vec::new(),
            room_next: 0,
            saving: None,
            status: Status::Open,
        }
    }

    /// The present state, for reading.
    pub(crate) fn view<'a>(&'a mut self, world: &'a World) -> View<'a> {
        View {
            world,
            tree: &self.tree,
            reads: &mut self.reads,
        }
    }

    /// The state at the beginning, for reading.
    pub(crate) fn start_view<'a>(&'a mut self, world: &'a World) -> View<'a> {
        View {
            world,
            tree: &self.start,
            reads: &mut self.reads,
        }
    }

    /// The inode to change, made from the base's object when the session does not hold it yet.
    pub(crate) fn inode_mut(&mut self, world: &World, ino: Ino) -> Result<&mut Inode> {
        if !self.tree.contains(ino) {
            let inode = self.copy_up(world, ino)?;
            self.tree.insert(ino, inode);
        }
        let held = self.tree.get_mut(ino, &world.meter)?;
        held.ok_or_else(|| Error::Stale {
            path: world.family.base_path(ino).to_string(),
        })
    }

    fn copy_up(&mut self, world: &World, ino: Ino) -> Result<Inode> {
        let stat = self.reads.version(world, ino)?;
        let body = match stat.kind {
            Kind::Directory => Body::Directory(Directory {
                has_base: true,
                ..Directory::default()
            }),
            Kind::File => Body::File(File {
                pieces: Pieces::pristine(stat.size),
                executable: stat.executable,
                origin: Some(Origin {
                    ino,
                    stat: stat.clone(),
                }),
            }),
            Kind::Symlink => Body::Symlink(self.reads.target(world, ino)?),
        };
        let charge = world.meter.charge(INODE_BYTES)?;
        let links = world.family.base_link(ino).into_iter().collect();
        Ok(Inode {
            links,
            body,
            times: base_times(&stat),
            _charge: charge,
        })
    }

    /// Runs a change of several steps, all of it or nothing.
    ///
    /// Whatever is changed inside is copied first, so this is for names and not for content.
    pub(crate) fn attempt<R>(&mut self, change: impl FnOnce(&mut Self) -> Result<R>) -> Result<R> {
        let before = self.tree.clone();
        let outcome = change(self);
        if outcome.is_err() {
            self.tree = before;
        }
        outcome
    }

    /// Changes a file by a step that itself changes all or nothing.
    pub(crate) fn change_file(
        &mut self,
        world: &World,
        ino: Ino,
        now: Timestamp,
        change: impl FnOnce(&mut File) -> Result<()>,
    ) -> Result<()> {
        self.save_pristine(world, ino)?;
        let held = self.tree.contains(ino);
        let inode = self.inode_mut(world, ino)?;
        let changed = match &mut inode.body {
            Body::File(file) => change(file),
            _ => Err(Error::BadDescriptor),
        };
        match changed {
            Ok(()) => inode.times.touch(now),
            Err(_) if !held => self.tree.remove(ino),
            Err(_) => {}
        }
        changed
    }

    /// Saves what a base file holds before it is changed, where the session is to keep that.
    fn save_pristine(&mut self, world: &World, ino: Ino) -> Result<()> {
        if !world.keep_pristine {
            return Ok(());
        }
        let origin = match self.tree.get(ino) {
            Some(inode) => inode.as_file().and_then(|file| file.origin.clone()),
            None => {
                let stat = self.reads.version(world, ino)?;
                (stat.kind == Kind::File).then_some(Origin { ino, stat })
            }
        };
        origin.map_or(Ok(()), |origin| self.reads.save_pristine(world, &origin))
    }

    /// Makes a new object and gives it its first name. Called within [`Core::attempt`].
    pub(crate) fn create(
        &mut self,
        world: &World,
        dir: Ino,
        name: &Name,
        body: Body,
        now: Timestamp,
    ) -> Result<Ino> {
        let (used, limit) = (self.tree.len(), world.limits.objects_max);
        if used >= limit {
            return Err(Error::Quota {
                which: "objects",
                used: used as u64,
                limit: limit as u64,
            });
        }
        let charge = world.meter.charge(INODE_BYTES + body_bytes(&body))?;
        let ino = world.family.next_ino();
        let inode = Inode {
            links: SmallVec::new(),
            body,
            times: Times::new(now),
            _charge: charge,
        };
        self.tree.insert(ino, inode);
        self.link(world, dir, name, ino, now).map(|()| ino)
    }

    /// Gives an object a name that is free. Called within [`Core::attempt`].
    pub(crate) fn link(
        &mut self,
        world: &World,
        dir: Ino,
        name: &Name,
        ino: Ino,
        now: Timestamp,
    ) -> Result<()> {
        self.check_place(world, dir, name)?;
        let pristine = self.base_child(world, dir, name)?.map(|(base, _)| base);
        let charge = world.meter.charge(SLOT_BYTES + name.len() as u64)?;
        self.directory_mut(world, dir, now)?;
        let inode = self.inode_mut(world, ino)?;
        inode.links.push(Link {
            parent: dir,
            name: name.clone(),
        });
        inode.times.changed = Some(now);
        let kind = inode.kind();
        let directory = self.directory_mut(world, dir, now)?;
        if pristine == Some(ino) {
            directory.slots.remove(name);
        } else {
            let slot = Slot {
                target: Some((ino, kind)),
                _charge: Arc::new(charge),
            };
            directory.slots.insert(name.clone(), slot);
        }
        Ok(())
    }

    /// Takes a name from an object; the object goes when it was the last and no handle holds it.
    pub(crate) fn unlink(
        &mut self,
        world: &World,
        dir: Ino,
        name: &Name,
        ino: Ino,
        now: Timestamp,
    ) -> Result<()> {
        self.detach(world, dir, name, ino, now)?;
        self.forget_if_unused(ino);
        Ok(())
    }

    /// Takes a name from an object that is about to get another, or to be held by a handle only.
    pub(crate) fn detach(
        &mut self,
        world: &World,
        dir: Ino,
        name: &Name,
        ino: Ino,
        now: Timestamp,
    ) -> Result<()> {
        let in_base = self.base_child(world, dir, name)?.is_some();
        let charge = world.meter.charge(SLOT_BYTES + name.len() as u64)?;
        // Both inodes are made changeable before either is changed.
        self.directory_mut(world, dir, now)?;
        let inode = self.inode_mut(world, ino)?;
        inode
            .links
            .retain(|link| !(link.parent == dir && link.name == *name));
        inode.times.changed = Some(now);
        let directory = self.directory_mut(world, dir, now)?;
        if in_base {
            directory.slots.insert(
                name.clone(),
                Slot {
                    target: None,
                    _charge: Arc::new(charge),
                },
            );
        } else {
            directory.slots.remove(name);
        }
        Ok(())
    }

    /// Drops an object that has neither a name nor a handle.
    pub(crate) fn forget_if_unused(&mut self, ino: Ino) {
        let unlinked = self
            .tree
            .get(ino)
            .is_some_and(|inode| inode.links.is_empty());
        if unlinked && ino != Ino::ROOT && !self.opens.contains_key(&ino) {
            self.tree.remove(ino);
        }
    }

    /// Has the handles on objects go on with what these are now.
    pub(crate) fn renumber_open(&mut self, renumbered: &[(Ino, Ino)]) {
        let taken = renumbered
            .iter()
            .map(|(was, is)| (*is, self.opens.remove(was)));
        for (is, opens) in taken.collect::<Vec<_>>() {
            if let Some(opens) = opens {
                self.opens.entry(is).or_default().join(opens, is);
            }
        }
    }

    /// What the base has under a name of a directory, whatever the session did to it.
    pub(crate) fn base_child(
        &mut self,
        world: &World,
        dir: Ino,
        name: &Name,
    ) -> Result<Option<Child>> {
        let has_base = match self.tree.get(dir) {
            Some(inode) => inode
                .as_directory()
                .is_some_and(|directory| directory.has_base),
            None => true,
        };
        if !has_base {
            return Ok(None);
        }
        self.reads.child(world, dir, name)
    }

    /// Refuses to make a name in a directory that is gone, that is too deep, or that is ours.
    fn check_place(&mut self, world: &World, dir: Ino, name: &Name) -> Result<()> {
        let view = self.view(world);
        let Some(path) = view.path(dir) else {
            return Err(Error::NotFound {
                path: name.to_string(),
            });
        };
        if path.components().len() >= PATH_DEPTH_MAX {
            return Err(Error::InvalidPath {
                path: path.join(name).to_string(),
                reason: crate::error::PathFault::TooDeep,
            });
        }
        if dir == Ino::ROOT && crate::reserved::is_store_name(name) {
            return Err(Error::Denied {
                path: Some(name.to_string()),
                reason: crate::error::DenialReason::Confinement,
                detail: "the name belongs to session-fs".to_owned(),
                grant: None,
            });
        }
        Ok(())
    }

    fn directory_mut(&mut self, world: &World, dir: Ino, now: Timestamp) -> Result<&mut Directory> {
        let inode = self.inode_mut(world, dir)?;
        match &mut inode.body {
            Body::Directory(directory) => {
                inode.times.touch(now);
                Ok(directory)
            }
            _ => Err(Error::BadDescriptor),
        }
    }

    /// Moves an object to a name that is free. A directory keeps everything below it.
    ///
    /// Called within [`Core::attempt`].
    pub(crate) fn rename(
        &mut self,
        world: &World,
        source: (Ino, &Name),
        target: (Ino, &Name),
        ino: Ino,
        now: Timestamp,
    ) -> Result<()> {
        self.check_place(world, target.0, target.1)?;
        self.detach(world, source.0, source.1, ino, now)?;
        self.link(world, target.0, target.1, ino, now)
    }

    /// Whether `dir` is `ancestor` or below it.
    pub(crate) fn is_within(&mut self, world: &World, dir: Ino, ancestor: Ino) -> bool {
        let view = self.view(world);
        let mut at = Some(dir);
        while let Some(ino) = at {
            if ino == ancestor {
                return true;
            }
            at = view.parent(ino);
        }
        false
    }
}

fn body_bytes(body: &Body) -> u64 {
    match body {
        Body::Symlink(target) => target.len() as u64,
        _ => 0,
    }
}
