//! Carrying the session's objects over to another state, with nothing that only the old base has.

use std::sync::Arc;

use super::contents::FileSide;
use super::replay::{Replay, Snapshot};
use super::{ConflictPolicy, ConflictReason};
use crate::Kind;
use crate::base::{BaseStat, BaseVersion};
use crate::change::ChangeSet;
use crate::content::Pieces;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::inode::{Body, Directory, File, INODE_BYTES, Ino, Inode, Origin, Times};
use crate::lookup::{Node, base_times};
use crate::reads::World;
use crate::time::Timestamp;

/// Finds what handles are open on in `core`: at the path that it has in the session, or, where that
/// has nothing of its kind, as something that only the handles hold. One whose content is gone is
/// left. Returns the objects that have another number there.
pub(crate) fn carry_open(
    core: &mut Core,
    world: &World,
    ours: &mut Snapshot,
    open: Vec<Ino>,
) -> Result<Vec<(Ino, Ino)>> {
    let set = ChangeSet::default();
    let what = (&set, ConflictPolicy::Fail);
    let mut replay = Replay::new((core, world), ours, what, Timestamp::default());
    let mut renumbered = Vec::new();
    for ino in open {
        let found = replay.carry(ino)?;
        renumbered.extend(found.filter(|here| *here != ino).map(|here| (ino, here)));
    }
    Ok(renumbered)
}

impl Replay<'_> {
    /// The number that an open object has in theirs; `None` when its content is gone.
    fn carry(&mut self, ino: Ino) -> Result<Option<Ino>> {
        let kind = match self.ours.now().node(ino) {
            // Somebody else took it from the base.
            Err(Error::Stale { .. } | Error::BadDescriptor) => return Ok(None),
            node => node?.kind(),
        };
        if let Some(path) = self.ours.now().path(ino)
            && let Some((here, theirs)) = self.child_at(&path)?
            && theirs == kind
        {
            return Ok(Some(here));
        }
        if self.core.tree.contains(ino) {
            return Ok(Some(ino));
        }
        let Some((body, times)) = self.body(ino)? else {
            return Ok(None);
        };
        // A number of the base stands for its place, where something else may be by now.
        let number = match self.world.family.is_of_base(ino) {
            true => self.world.family.next_ino(),
            false => ino,
        };
        self.hold(number, body, times)?;
        Ok(Some(number))
    }

    /// Gives `target` the session's content and times.
    pub(super) fn adopt(
        &mut self,
        target: Ino,
        ino: Ino,
        executable: bool,
    ) -> Result<Option<ConflictReason>> {
        let Some((Body::File(file), times)) = self.body(ino)? else {
            return Ok(Some(ConflictReason::Unreadable));
        };
        let inode = self.core.inode_mut(self.world, target)?;
        inode.body = Body::File(File { executable, ..file });
        inode.times = times;
        Ok(None)
    }

    /// Makes sure that theirs has an object of the session, and tells its number there; `None`
    /// when its content is gone.
    pub(super) fn bring(&mut self, ino: Ino) -> Result<Option<Ino>> {
        let kind = self.ours.now().node(ino)?.kind();
        let held = self.core.tree.get(ino).map(|inode| inode.kind());
        let here = match held {
            None => self.locate_any(ino)?.map(|(_, kind)| kind),
            held => held,
        };
        if here == Some(kind) {
            return Ok(Some(ino));
        }
        let Some((body, times)) = self.body(ino)? else {
            return Ok(None);
        };
        // A number stands for a place of the base, where nothing or something else is by now.
        let ino = match here.is_some() || self.world.family.is_of_base(ino) {
            true => self.world.family.next_ino(),
            false => ino,
        };
        self.hold(ino, body, times).map(|()| Some(ino))
    }

    pub(super) fn hold(&mut self, ino: Ino, body: Body, times: Times) -> Result<()> {
        let inode = Inode {
            links: smallvec::SmallVec::new(),
            body,
            times,
            _charge: self.world.meter.charge(INODE_BYTES)?,
        };
        self.core.tree.insert(ino, inode);
        Ok(())
    }

    /// What the session has of an object, as theirs can hold it: a directory without its names, a
    /// file without what is kept of a version that theirs does not have. `None` when that is gone.
    pub(super) fn body(&mut self, ino: Ino) -> Result<Option<(Body, Times)>> {
        let (file, times) = match self.ours.now().node(ino)? {
            Node::Held(inode) => match &inode.body {
                Body::File(file) => (file.clone(), inode.times),
                Body::Directory(_) => {
                    return Ok(Some((Body::Directory(Directory::default()), inode.times)));
                }
                Body::Symlink(_) => return Ok(Some((inode.body.clone(), inode.times))),
            },
            Node::Base(stat) => match stat.kind {
                Kind::File => (pristine(ino, &stat), base_times(&stat)),
                Kind::Directory => {
                    let body = Body::Directory(Directory::default());
                    return Ok(Some((body, base_times(&stat))));
                }
                Kind::Symlink => {
                    let target = self.ours.now().target(ino)?.unwrap_or_else(|| "".into());
                    return Ok(Some((Body::Symlink(target), base_times(&stat))));
                }
            },
        };
        let file = self.carried(ino, file)?;
        Ok(file.map(|file| (Body::File(file), times)))
    }

    fn carried(&mut self, ino: Ino, file: File) -> Result<Option<File>> {
        let Some(origin) = &file.origin else {
            return Ok(Some(file));
        };
        let now = match self.core.reads.version(self.world, origin.ino) {
            Err(Error::Stale { .. } | Error::BadDescriptor) => None,
            now => Some(now?),
        };
        // Another base may number its versions alike.
        let one_base = Arc::ptr_eq(&self.ours.world.base.get(), &self.world.base.get());
        let comparable = one_base || matches!(origin.stat.version, BaseVersion::Host(_));
        let same = |now: &Arc<BaseStat>| comparable && origin.stat.same_version(now);
        if let Some(now) = now.filter(same) {
            self.core.reads.note_content(origin.ino);
            let origin = Origin {
                ino: origin.ino,
                stat: now,
            };
            if self.world.keep_pristine {
                self.core.reads.save_pristine(self.world, &origin)?;
            }
            return Ok(Some(File {
                origin: Some(origin),
                ..file
            }));
        }
        let Some(side) = FileSide::of(&mut self.ours.now(), ino)? else {
            return Ok(None);
        };
        let pieces = side.freed(self.world)?;
        Ok(pieces.map(|pieces| File {
            origin: None,
            pieces,
            executable: file.executable,
        }))
    }
}

fn pristine(ino: Ino, stat: &BaseStat) -> File {
    File {
        origin: Some(Origin {
            ino,
            stat: Arc::new(*stat),
        }),
        pieces: Pieces::pristine(stat.size),
        executable: stat.executable,
    }
}
