//! Repeating what a session changed on a state that has changed itself.

use std::collections::{BTreeMap, BTreeSet};

use super::contents::FileSide;
use super::{Conflict, ConflictPolicy, ConflictReason, ConflictSide};
use crate::change::{Arrival, ChangeSet, Departure, Moment, Side, Update};
use crate::core::Core;
use crate::error::Result;
use crate::inode::{Body, Directory, Ino};
use crate::lookup::View;
use crate::path::VPath;
use crate::reads::{Child, Reads, World};
use crate::session::Session;
use crate::time::Timestamp;
use crate::tree::Tree;
use crate::{Kind, Name};

/// The states of a session; its lock is not held while another's is.
pub(crate) struct Snapshot {
    pub(crate) start: Tree,
    pub(crate) tree: Tree,
    pub(crate) reads: Reads,
    pub(crate) world: World,
}

/// What came of a replay.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) conflicts: Vec<Conflict>,
    pub(crate) merged: Vec<VPath>,
    pub(crate) dropped: Vec<VPath>,
}

/// A replay under way; `core` is what it is repeated on, `ours` is the session.
pub(super) struct Replay<'a> {
    pub(super) core: &'a mut Core,
    pub(super) world: &'a World,
    pub(super) ours: &'a mut Snapshot,
    pub(super) set: &'a ChangeSet,
    pub(super) policy: ConflictPolicy,
    pub(super) now: Timestamp,
    conflicts: BTreeMap<VPath, Conflict>,
    pub(super) merged: BTreeSet<VPath>,
    /// Where theirs has the very thing that the session put there.
    alike: BTreeSet<VPath>,
    /// What theirs had in the place of a file that the session replaced.
    replaced: BTreeMap<VPath, (Ino, FileSide)>,
    /// Objects that theirs no longer has and that the session's version of wins.
    lost: BTreeSet<Ino>,
}

/// Repeats a change set on `core`, which is as it was when there are conflicts or an error.
pub(crate) fn replay(
    core: &mut Core,
    world: &World,
    ours: &mut Snapshot,
    set: &ChangeSet,
    policy: ConflictPolicy,
    now: Timestamp,
) -> Result<Outcome> {
    let mut set = set.clone();
    let mut dropped = BTreeSet::new();
    loop {
        let before = core.tree.clone();
        let mut replay = Replay::new((core, world), ours, (&set, policy), now);
        let done = replay.run();
        let (conflicts, merged) = (replay.conflicts, replay.merged);
        if done.is_err() || !conflicts.is_empty() {
            core.tree = before;
        }
        done?;
        let rest = set.without(|path| conflicts.contains_key(path));
        // Each round drops a change, so that this ends.
        let again = policy == ConflictPolicy::Theirs && rest.len() < set.len();
        if conflicts.is_empty() || !again {
            return Ok(Outcome {
                conflicts: conflicts.into_values().collect(),
                merged: merged.into_iter().collect(),
                dropped: dropped.into_iter().collect(),
            });
        }
        dropped.extend(conflicts.into_keys());
        set = rest;
    }
}

impl Outcome {
    pub(crate) fn conflicted(conflicts: Vec<Conflict>) -> Self {
        Self {
            conflicts,
            ..Self::default()
        }
    }
}

impl Snapshot {
    pub(crate) fn of(session: &Session) -> Self {
        session.with_any_status(|core, world| Self {
            start: core.start.clone(),
            tree: core.tree.clone(),
            reads: core.reads.share(),
            world: world.over(world.base.get()),
        })
    }

    pub(super) fn before(&mut self) -> View<'_> {
        View {
            world: &self.world,
            tree: &self.start,
            reads: &mut self.reads,
        }
    }

    pub(super) fn now(&mut self) -> View<'_> {
        View {
            world: &self.world,
            tree: &self.tree,
            reads: &mut self.reads,
        }
    }
}

impl<'a> Replay<'a> {
    pub(super) fn new(
        (core, world): (&'a mut Core, &'a World),
        ours: &'a mut Snapshot,
        (set, policy): (&'a ChangeSet, ConflictPolicy),
        now: Timestamp,
    ) -> Self {
        Self {
            core,
            world,
            ours,
            set,
            policy,
            now,
            conflicts: BTreeMap::new(),
            merged: BTreeSet::new(),
            alike: BTreeSet::new(),
            replaced: BTreeMap::new(),
            lost: BTreeSet::new(),
        }
    }
}

impl Replay<'_> {
    fn run(&mut self) -> Result<()> {
        let set = self.set;
        // Deepest first, so that a removed directory is empty when its turn comes.
        for departure in set.departures.iter().rev() {
            self.depart(departure)?;
        }
        for arrival in &set.arrivals {
            self.arrive(arrival)?;
        }
        for update in &set.updates {
            self.update(update)?;
        }
        Ok(())
    }

    fn depart(&mut self, departure: &Departure) -> Result<()> {
        let (path, before) = (&departure.path, &departure.before);
        let theirs = self.child_at(path)?;
        if theirs != Some((before.ino, before.kind)) {
            return self.depart_elsewhere(departure, theirs);
        }
        if before.kind == Kind::Symlink
            && self.set.arrival(path).is_some()
            && self.core.view(self.world).target(before.ino)? != before.target
        {
            return Ok(());
        }
        if let Some(reason) = self.held_back(departure)? {
            if !self.wins(path, (Some(before), None), theirs, reason)? {
                return Ok(());
            }
            if departure.moved_to.is_none() {
                return self.clear(path);
            }
        }
        if let Some((dir, name)) = self.place(path)? {
            self.core
                .detach(self.world, dir, &name, before.ino, self.now)?;
            if departure.moved_to.is_none() {
                self.core.forget_if_unused(before.ino);
            }
        }
        Ok(())
    }

    /// Why an object that stands where it did must not be taken from there.
    fn held_back(&mut self, departure: &Departure) -> Result<Option<ConflictReason>> {
        let Departure {
            path,
            before,
            moved_to,
        } = departure;
        let moved = moved_to.is_some();
        if before.kind == Kind::Directory {
            let is_full = !moved && !self.core.view(self.world).is_empty(before.ino)?;
            return Ok(is_full.then_some(ConflictReason::NotEmpty));
        }
        if moved && self.policy != ConflictPolicy::Fail {
            return Ok(None);
        }
        if before.kind == Kind::Symlink {
            let target = self.core.view(self.world).target(before.ino)?;
            return Ok((target != before.target).then_some(ConflictReason::RemovedHere));
        }
        let theirs = FileSide::of(&mut self.core.view(self.world), before.ino)?;
        let was = FileSide::of(&mut self.ours.before(), before.ino)?;
        let (Some(theirs), Some(was)) = (theirs, was) else {
            return Ok(Some(ConflictReason::Kind));
        };
        if theirs.executable == was.executable && theirs.same_bytes(&was)? == Some(true) {
            return Ok(None);
        }
        if moved {
            return Ok(Some(ConflictReason::Content));
        }
        if self.replacement(path).is_some() {
            // Saved by writing another file and renaming it: a change of content after all.
            self.replaced.insert(path.clone(), (before.ino, theirs));
            return Ok(None);
        }
        Ok(Some(ConflictReason::RemovedHere))
    }

    /// The new file that the session put where it removed one.
    fn replacement(&self, path: &VPath) -> Option<&Arrival> {
        let gone = self.set.departure(path)?;
        let come = self.set.arrival(path)?;
        let files = gone.before.kind == Kind::File && come.after.kind == Kind::File;
        (files && gone.moved_to.is_none() && come.moved_from.is_none()).then_some(come)
    }

    /// An object that theirs no longer has where it stood.
    fn depart_elsewhere(&mut self, departure: &Departure, theirs: Option<Child>) -> Result<()> {
        let (path, before) = (&departure.path, &departure.before);
        let sides = (Some(before), None);
        let at = self.locate(before.ino, before.kind)?;
        let Some(target) = &departure.moved_to else {
            return match (at, theirs) {
                (None, None) => match self.set.arrival(path) {
                    // Replaced here, and that is a change of what was removed there.
                    Some(come) if come.moved_from.is_none() && come.after.kind == before.kind => {
                        let sides = (Some(before), Some(&come.after));
                        self.wins(path, sides, theirs, ConflictReason::RemovedThere)
                            .map(drop)
                    }
                    _ => Ok(()),
                },
                // Both put something else there: whether that is the same is for the arrival.
                (None, Some(_)) if self.set.arrival(path).is_some() => Ok(()),
                (Some(_), None) => self
                    .wins(path, sides, theirs, ConflictReason::Moved)
                    .map(drop),
                (_, Some((_, kind))) => {
                    let reason = kind_or(before.kind, kind, ConflictReason::RemovedHere);
                    if self.wins(path, sides, theirs, reason)? {
                        self.clear(path)?;
                    }
                    Ok(())
                }
            };
        };
        match at {
            Some(at) if at == *target => {
                self.alike.insert(target.clone());
            }
            Some(_) => {
                if self.wins(path, sides, theirs, ConflictReason::Moved)? {
                    self.detach_all(before.ino)?;
                }
            }
            None if theirs.is_none() && self.moved_alike(departure, target)? => {
                self.alike.insert(target.clone());
            }
            None => {
                if self.wins(path, sides, theirs, ConflictReason::RemovedThere)? {
                    self.lost.insert(before.ino);
                }
            }
        }
        Ok(())
    }

    fn arrive(&mut self, arrival: &Arrival) -> Result<()> {
        let (path, after) = (&arrival.path, &arrival.after);
        let theirs = self.child_at(path)?;
        let source = arrival.moved_from.as_ref();
        if source.is_some_and(|source| self.conflicts.contains_key(source)) {
            return Ok(());
        }
        if self.alike.contains(path) {
            return self.arrive_changed(arrival, theirs);
        }
        let new = source.is_none();
        let is_lost = self.lost.contains(&after.ino);
        match (self.place(path)?, theirs) {
            (Some(_), None) if is_lost => self.put_or_tell(arrival),
            (Some((dir, name)), None) => {
                let ino = match new {
                    true => self.bring(after.ino)?,
                    false => Some(after.ino),
                };
                let Some(ino) = ino else {
                    let reason = ConflictReason::Unreadable;
                    return self.tell(path, (None, Some(after)), theirs, reason);
                };
                self.core.link(self.world, dir, &name, ino, self.now)?;
                self.arrive_changed(arrival, Some((ino, after.kind)))
            }
            (_, Some((_, Kind::Directory))) if new && after.kind == Kind::Directory => Ok(()),
            (place, theirs) => {
                let reason = match theirs {
                    None => self.missing_above(path)?,
                    Some(theirs) => match self.both_created(arrival, theirs)? {
                        None => return Ok(()),
                        Some(reason) => reason,
                    },
                };
                debug_assert!(place.is_some() || theirs.is_none());
                if !self.wins(path, (None, Some(after)), theirs, reason)? {
                    return Ok(());
                }
                if new || is_lost {
                    return self.put_or_tell(arrival);
                }
                self.clear(path)?;
                let (dir, name) = self.make_way(path)?;
                self.core
                    .link(self.world, dir, &name, after.ino, self.now)?;
                self.arrive_changed(arrival, Some((after.ino, after.kind)))
            }
        }
    }

    fn put_or_tell(&mut self, arrival: &Arrival) -> Result<()> {
        let Arrival { path, after, .. } = arrival;
        // What is in a directory that the session made arrives by itself.
        let put = if after.kind == Kind::Directory && arrival.moved_from.is_none() {
            self.clear(path)?;
            let (dir, name) = self.make_way(path)?;
            let body = Body::Directory(Directory::default());
            self.core.create(self.world, dir, &name, body, self.now)?;
            true
        } else {
            self.put(path, after.ino)?
        };
        if put {
            return Ok(());
        }
        let reason = ConflictReason::Unreadable;
        self.tell(path, (None, Some(after)), None, reason)
    }

    /// Why nothing can be put at a path below what theirs has not.
    fn missing_above(&mut self, path: &VPath) -> Result<ConflictReason> {
        for dir in std::iter::successors(path.parent(), VPath::parent) {
            if let Some((_, kind)) = self.child_at(&dir)? {
                return Ok(kind_or(Kind::Directory, kind, ConflictReason::RemovedThere));
            }
        }
        Ok(ConflictReason::RemovedThere)
    }

    /// Content and mode of what arrived: those that the session gave it, joined with theirs.
    fn arrive_changed(&mut self, arrival: &Arrival, theirs: Option<Child>) -> Result<()> {
        let (path, after) = (&arrival.path, &arrival.after);
        let Some((target, Kind::File)) = theirs.filter(|_| after.kind == Kind::File) else {
            return Ok(());
        };
        let joined = match self.replaced.remove(path) {
            Some((before, theirs)) => self.join(path, target, (before, after.ino), Some(theirs))?,
            None if arrival.moved_from.is_some() && arrival.changed => {
                self.join(path, target, (after.ino, after.ino), None)?
            }
            None => None,
        };
        match joined {
            None => Ok(()),
            Some(reason) => self.tell(path, (None, Some(after)), theirs, reason),
        }
    }

    /// Why two things that came to stand at one path are not one.
    fn both_created(
        &mut self,
        arrival: &Arrival,
        (other, kind): Child,
    ) -> Result<Option<ConflictReason>> {
        let (path, after) = (&arrival.path, &arrival.after);
        if kind != after.kind || kind == Kind::Directory {
            return Ok(Some(kind_or(after.kind, kind, ConflictReason::BothCreated)));
        }
        if kind == Kind::Symlink {
            let target = self.core.view(self.world).target(other)?;
            return Ok((target != after.target).then_some(ConflictReason::BothCreated));
        }
        let ours = FileSide::of(&mut self.ours.now(), after.ino)?;
        let theirs = FileSide::of(&mut self.core.view(self.world), other)?;
        let (Some(ours), Some(theirs)) = (ours, theirs) else {
            return Ok(Some(ConflictReason::Kind));
        };
        if ours.same_bytes(&theirs)? == Some(true) {
            let mode = ours.executable != theirs.executable;
            return Ok(mode.then_some(ConflictReason::Mode));
        }
        match self.set.departure(path) {
            // Both replaced one file: a change of content on both sides.
            Some(gone) if self.replacement(path).is_some() => {
                let before = gone.before.ino;
                self.join(path, other, (before, after.ino), Some(theirs))
            }
            _ => Ok(Some(ConflictReason::BothCreated)),
        }
    }

    fn update(&mut self, update: &Update) -> Result<()> {
        let sides = (Some(&update.before), Some(&update.after));
        let ino = update.before.ino;
        let here = self.child_at(&update.path)?;
        let (target, follows) = match (self.locate(ino, Kind::File)?, here) {
            (Some(at), _) => (Some(ino), at != update.path),
            (None, Some((other, Kind::File))) => (Some(other), false),
            (None, _) => (None, false),
        };
        let reason = match target {
            Some(_) if follows && self.policy == ConflictPolicy::Fail => {
                Some(ConflictReason::Moved)
            }
            Some(target) if update.changed => self.join(&update.path, target, (ino, ino), None)?,
            Some(target) => self.retime(target, ino)?,
            None => match here {
                Some((_, kind)) => Some(kind_or(Kind::File, kind, ConflictReason::Content)),
                None => Some(self.missing_above(&update.path)?),
            },
        };
        let Some(reason) = reason else {
            return Ok(());
        };
        let path = &update.source;
        if !self.wins(path, sides, here, reason)? {
            return Ok(());
        }
        if target.is_some() || self.put(&update.path, ino)? {
            return Ok(());
        }
        self.tell(path, sides, here, ConflictReason::Unreadable)
    }

    /// Where theirs has an object of a kind; `None` when it is gone, or another kind by now.
    fn locate(&mut self, ino: Ino, kind: Kind) -> Result<Option<VPath>> {
        let found = self.locate_any(ino)?;
        Ok(found.filter(|(_, is)| *is == kind).map(|(path, _)| path))
    }

    pub(super) fn locate_any(&mut self, ino: Ino) -> Result<Option<(VPath, Kind)>> {
        let Some(path) = self.core.view(self.world).path(ino) else {
            return Ok(None);
        };
        let found = self.child_at(&path)?;
        let kind = found.filter(|(here, _)| *here == ino).map(|(_, kind)| kind);
        Ok(kind.map(|kind| (path, kind)))
    }

    /// What stands at a path of theirs, without following links.
    pub(super) fn child_at(&mut self, path: &VPath) -> Result<Option<Child>> {
        if path.is_root() {
            return Ok(Some((Ino::ROOT, Kind::Directory)));
        }
        match self.place(path)? {
            Some((dir, name)) => self.core.view(self.world).child(dir, &name),
            None => Ok(None),
        }
    }

    /// The directory a path is in and its name there; `None` when there is no such directory.
    pub(super) fn place(&mut self, path: &VPath) -> Result<Option<(Ino, Name)>> {
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

    /// Whether the session's version is taken at a path; otherwise it is a conflict.
    fn wins(
        &mut self,
        path: &VPath,
        sides: (Option<&Side>, Option<&Side>),
        theirs: Option<Child>,
        reason: ConflictReason,
    ) -> Result<bool> {
        if self.policy == ConflictPolicy::Ours && reason != ConflictReason::Unreadable {
            return Ok(true);
        }
        self.tell(path, sides, theirs, reason).map(|()| false)
    }

    fn tell(
        &mut self,
        path: &VPath,
        (before, ours): (Option<&Side>, Option<&Side>),
        theirs: Option<Child>,
        reason: ConflictReason,
    ) -> Result<()> {
        let theirs = match theirs {
            Some((ino, _)) => Some(self.core.side(self.world, ino, Moment::Now)?),
            None => None,
        };
        let conflict = self
            .conflicts
            .entry(path.clone())
            .or_insert_with(|| Conflict {
                path: path.clone(),
                before: None,
                ours: None,
                theirs: theirs.as_ref().map(ConflictSide::from),
                reason,
            });
        let gone = self.set.departure(path).map(|gone| &gone.before);
        conflict.before = conflict.before.or(before.or(gone).map(ConflictSide::from));
        conflict.ours = conflict.ours.or(ours.map(ConflictSide::from));
        Ok(())
    }
}

fn kind_or(ours: Kind, theirs: Kind, other: ConflictReason) -> ConflictReason {
    if ours == theirs {
        other
    } else {
        ConflictReason::Kind
    }
}
