//! Applying what a nested session changed to the session it was begun from.
//!
//! The same rules hold as for a directory: every path that the session changed must still be what
//! it was; otherwise nothing is applied and the conflicts are the result.

use std::collections::BTreeMap;

use crate::change::{Arrival, ChangeSet, Departure, Moment, Side};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::inode::{Body, Directory, INODE_BYTES, Ino, Inode};
use crate::path::VPath;
use crate::reads::{Child, World};
use crate::session::{Sealed, Session, Status};
use crate::time::Timestamp;
use crate::tree::Tree;
use crate::{Kind, Name};

/// A path where the base moved under a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The path.
    pub path: VPath,
    /// What the session saw when it began; `None` when nothing stood there.
    pub before: Option<ConflictSide>,
    /// What the session would put there.
    pub ours: Option<ConflictSide>,
    /// What stands there now.
    pub theirs: Option<ConflictSide>,
}

/// What stands at a path on one side of a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConflictSide {
    /// What it is; `None` for what no session may hold, such as a device or a socket.
    pub kind: Option<Kind>,
    /// Bytes of content.
    pub size: u64,
}

/// What came of a commit into a parent session.
#[must_use]
#[derive(Debug)]
pub enum Merged {
    /// The parent has the changes, and the session is closed.
    Applied,
    /// The parent is as it was, and the session is open again.
    Conflicted(Vec<Conflict>),
}

impl From<&Side> for ConflictSide {
    fn from(side: &Side) -> Self {
        Self {
            kind: Some(side.kind),
            size: side.size,
        }
    }
}

impl Sealed {
    /// Applies the session to the session it is nested in, all of it or nothing.
    ///
    /// # Errors
    ///
    /// `Closed` when the parent is not open; `Invalid` when there is none; `Quota` when the parent
    /// cannot hold the changes. The session is open again then.
    pub fn merge_into_parent(self, change: &str) -> Result<Merged> {
        let Some(parent) = self.session().parent().cloned() else {
            return Err(Error::invalid("the session is not nested in another"));
        };
        let child = Snapshot::of(self.session());
        let outcome = parent.change(None, |core, world, now| {
            let before = core.tree.clone();
            let mut merge = Merge {
                core,
                world,
                child,
                now,
                conflicts: BTreeMap::new(),
            };
            let outcome = merge.run(self.change_set());
            let conflicts: Vec<_> = merge.conflicts.into_values().collect();
            if outcome.is_err() || !conflicts.is_empty() {
                core.tree = before;
            }
            outcome.map(|()| conflicts)
        });
        parent.note_merge(self.session().id(), &outcome);
        let conflicts = outcome?;
        if conflicts.is_empty() {
            self.finish(change);
            return Ok(Merged::Applied);
        }
        Ok(Merged::Conflicted(conflicts))
    }
}

/// The states of a sealed session; its lock is not held while its parent's is.
struct Snapshot {
    start: Tree,
    tree: Tree,
    reads: crate::reads::Reads,
}

impl Snapshot {
    fn of(session: &Session) -> Self {
        session.with_any_status(|core, _| {
            debug_assert_eq!(
                core.status,
                Status::Settling,
                "only a sealed session is merged"
            );
            Self {
                start: core.start.clone(),
                tree: core.tree.clone(),
                reads: core.reads.share(),
            }
        })
    }
}

/// A merge under way; `core` is the parent's.
struct Merge<'a> {
    core: &'a mut Core,
    world: &'a World,
    child: Snapshot,
    now: Timestamp,
    conflicts: BTreeMap<VPath, Conflict>,
}

impl Merge<'_> {
    fn run(&mut self, set: &ChangeSet) -> Result<()> {
        if self.core.tree.same(&self.child.start) {
            self.core.tree = self.child.tree.clone();
        } else {
            self.replay(set)?;
        }
        if !self.conflicts.is_empty() {
            return Ok(());
        }
        self.core.reads.absorb(self.world, &self.child.reads)
    }

    /// Repeats the changes on a parent that has changed itself.
    fn replay(&mut self, set: &ChangeSet) -> Result<()> {
        self.check_updates(set)?;
        // Deepest first, so that a removed directory is empty when its turn comes.
        for departure in set.departures.iter().rev() {
            self.depart(departure)?;
        }
        for arrival in &set.arrivals {
            self.arrive(arrival)?;
        }
        if self.conflicts.is_empty() {
            for update in &set.updates {
                self.adopt_file(update.after.ino)?;
            }
        }
        Ok(())
    }

    fn check_updates(&mut self, set: &ChangeSet) -> Result<()> {
        for update in &set.updates {
            let theirs = self.child_at(&update.source)?;
            let ino = update.before.ino;
            if theirs.map(|(ino, _)| ino) != Some(ino) || !self.unchanged(ino) {
                self.conflict(
                    &update.source,
                    Some(&update.before),
                    Some(&update.after),
                    theirs,
                )?;
            }
        }
        Ok(())
    }

    fn depart(&mut self, departure: &Departure) -> Result<()> {
        let (path, ino) = (&departure.path, departure.before.ino);
        let theirs = self.child_at(path)?;
        let same = theirs.map(|(ino, _)| ino) == Some(ino) && self.unchanged(ino);
        let removed = departure.moved_to.is_none();
        let emptied = !removed
            || departure.before.kind != Kind::Directory
            || (same && self.core.view(self.world).entries(ino)?.is_empty());
        let place = self.place(path)?;
        match place {
            Some((dir, name)) if same && emptied => {
                self.core.detach(self.world, dir, &name, ino, self.now)?;
                if removed {
                    self.core.forget_if_unused(ino);
                }
                Ok(())
            }
            _ => self.conflict(path, Some(&departure.before), None, theirs),
        }
    }

    fn arrive(&mut self, arrival: &Arrival) -> Result<()> {
        let theirs = self.child_at(&arrival.path)?;
        let new = arrival.moved_from.is_none();
        match (self.place(&arrival.path)?, theirs) {
            (Some((dir, name)), None) => {
                let ino = arrival.after.ino;
                if new && !self.core.tree.contains(ino) && !self.world.family.is_of_base(ino) {
                    self.make(ino)?;
                }
                self.core.link(self.world, dir, &name, ino, self.now)?;
                if arrival.changed {
                    self.adopt_file(ino)?;
                }
                Ok(())
            }
            // Both made the directory; what is in it is decided name by name.
            (_, Some((_, Kind::Directory))) if new && arrival.after.kind == Kind::Directory => {
                Ok(())
            }
            _ => self.conflict(&arrival.path, None, Some(&arrival.after), theirs),
        }
    }

    /// Brings an object that the session made, without its names.
    fn make(&mut self, ino: Ino) -> Result<()> {
        let made = self.child.tree.get(ino).ok_or(Error::BadDescriptor)?;
        let body = match &made.body {
            Body::Directory(_) => Body::Directory(Directory::default()),
            body => body.clone(),
        };
        let charge = self.world.meter.charge(INODE_BYTES)?;
        let inode = Inode {
            links: smallvec::SmallVec::new(),
            body,
            times: made.times,
            _charge: charge,
        };
        self.core.tree.insert(ino, inode);
        Ok(())
    }

    /// Takes a file's content, mode and times as the session has them.
    fn adopt_file(&mut self, ino: Ino) -> Result<()> {
        let Some(ours) = self.child.tree.get(ino).cloned() else {
            return Ok(());
        };
        let inode = self.core.inode_mut(self.world, ino)?;
        if matches!(ours.body, Body::File(_)) {
            inode.body = ours.body.clone();
            inode.times = ours.times;
        }
        Ok(())
    }

    /// Whether the parent has an object as it was when the session began.
    fn unchanged(&self, ino: Ino) -> bool {
        let file = |tree: &Tree| tree.get(ino).and_then(|inode| inode.as_file().cloned());
        match (file(&self.child.start), file(&self.core.tree)) {
            (Some(was), Some(is)) => was.pieces.same(&is.pieces) && was.executable == is.executable,
            (None, Some(is)) => is
                .origin
                .as_ref()
                .is_some_and(|origin| origin.ino == ino && is.pieces.is_pristine(origin.stat.size)),
            // The parent went back to what it was before the session began.
            (Some(was), None) => was.origin.as_ref().is_some_and(|origin| {
                origin.ino == ino && was.pieces.is_pristine(origin.stat.size)
            }),
            (None, None) => true,
        }
    }

    /// What stands at a path of the parent, without following links.
    fn child_at(&mut self, path: &VPath) -> Result<Option<Child>> {
        match self.place(path)? {
            Some((dir, name)) => self.core.view(self.world).child(dir, &name),
            None => Ok(None),
        }
    }

    /// The directory a path is in and its name there; `None` when there is no such directory.
    fn place(&mut self, path: &VPath) -> Result<Option<(Ino, Name)>> {
        let Some((parent, name)) = path.split() else {
            return Ok(None);
        };
        let mut dir = Ino::ROOT;
        for part in parent {
            match self.core.view(self.world).child(dir, part)? {
                Some((ino, Kind::Directory)) => dir = ino,
                _ => return Ok(None),
            }
        }
        Ok(Some((dir, name.clone())))
    }

    fn conflict(
        &mut self,
        path: &VPath,
        before: Option<&Side>,
        ours: Option<&Side>,
        theirs: Option<Child>,
    ) -> Result<()> {
        let theirs = match theirs {
            Some((ino, _)) => Some(self.core.side(self.world, ino, Moment::Now)?),
            None => None,
        };
        self.conflicts
            .entry(path.clone())
            .or_insert_with(|| Conflict {
                path: path.clone(),
                before: before.map(ConflictSide::from),
                ours: ours.map(ConflictSide::from),
                theirs: theirs.as_ref().map(ConflictSide::from),
            });
        Ok(())
    }
}
