//! Reading a state: the object of a name, what is known of it, the entries of a directory, the
//! path of an object. Every answer joins what the session holds with what its base has.

use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use crate::base::{BaseEntry, BaseStat};
use crate::content::Pieces;
use crate::error::{Error, Result};
use crate::inode::{Body, Directory, Ino, Inode, Link, Slot, Times};
use crate::limits::LISTING_ENTRIES;
use crate::path::VPath;
use crate::reads::{Child, Pristine, Reads, Touch, World};
use crate::reserved;
use crate::rules::Right;
use crate::tree::Tree;
use crate::{DirEntry, Kind, Name, Stat};

/// An object, held by the session or read from the base.
pub(crate) enum Node {
    Held(Arc<Inode>),
    Base(BaseStat),
}

impl Node {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Held(inode) => inode.kind(),
            Self::Base(stat) => stat.kind,
        }
    }

    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Held(inode) => inode.size(),
            Self::Base(stat) => stat.size,
        }
    }

    pub(crate) fn executable(&self) -> bool {
        match self {
            Self::Held(inode) => inode.as_file().is_some_and(|file| file.executable),
            Self::Base(stat) => stat.kind == Kind::File && stat.executable,
        }
    }
}

/// What reads a file's bytes: its pieces, and the base file that kept ones come from.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) pieces: Pieces,
    pub(crate) origin: Option<(VPath, BaseStat)>,
    /// What the base file held, for when it holds that no more.
    pub(crate) pristine: Option<Pristine>,
}

impl Content {
    /// Whether nothing was written since one was taken from the other. May miss it.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.origin == other.origin && self.pieces.same(&other.pieces)
    }
}

/// A state together with what is needed to read it.
pub(crate) struct View<'a> {
    pub(crate) world: &'a World,
    pub(crate) tree: &'a Tree,
    pub(crate) reads: &'a mut Reads,
}

impl View<'_> {
    /// The object of a name in a directory.
    pub(crate) fn child(&mut self, dir: Ino, name: &Name) -> Result<Option<Child>> {
        if dir == Ino::ROOT && reserved::is_store_name(name) {
            return Ok(None);
        }
        self.reads.touch_name(self.world, dir, name)?;
        if let Some(held) = self.tree.get(dir) {
            let Some(directory) = held.as_directory() else {
                return Ok(None);
            };
            if let Some(slot) = directory.slots.get(name) {
                return Ok(slot.target);
            }
            if !directory.has_base {
                return Ok(None);
            }
        }
        self.reads.child(self.world, dir, name)
    }

    /// What is known of an object.
    pub(crate) fn node(&mut self, ino: Ino) -> Result<Node> {
        self.reads.touch(self.world, ino, Touch::Stat)?;
        match self.tree.get(ino) {
            Some(inode) => Ok(Node::Held(inode.clone())),
            None => self.reads.stat(self.world, ino).map(Node::Base),
        }
    }

    /// What a caller is told of an object.
    pub(crate) fn stat(&mut self, ino: Ino) -> Result<Stat> {
        let node = self.node(ino)?;
        let (times, link_count) = match &node {
            Node::Held(inode) => (inode.times, inode.links.len() as u64),
            Node::Base(stat) => (base_times(stat), 1),
        };
        let root = u64::from(ino == Ino::ROOT);
        Ok(Stat {
            ino: ino.0,
            kind: node.kind(),
            size: node.size(),
            link_count: link_count.max(root),
            executable: node.executable(),
            accessed: times.accessed,
            modified: times.modified,
            changed: times.changed,
        })
    }

    /// Where a link leads.
    pub(crate) fn target(&mut self, ino: Ino) -> Result<Option<Arc<str>>> {
        self.reads.touch(self.world, ino, Touch::Content)?;
        match self.node(ino)? {
            Node::Held(inode) => match &inode.body {
                Body::Symlink(target) => Ok(Some(target.clone())),
                _ => Ok(None),
            },
            Node::Base(stat) if stat.kind == Kind::Symlink => {
                self.reads.target(self.world, ino).map(Some)
            }
            Node::Base(_) => Ok(None),
        }
    }

    /// What is needed to read a file's bytes later, without the session's lock.
    pub(crate) fn content(&mut self, ino: Ino) -> Result<Option<Content>> {
        self.reads.touch(self.world, ino, Touch::Content)?;
        let (pieces, origin) = match self.node(ino)? {
            Node::Held(inode) => match inode.as_file() {
                Some(file) => {
                    let origin = file.origin.as_ref();
                    let origin = origin.map(|origin| (origin.ino, *origin.stat));
                    (file.pieces.clone(), origin)
                }
                None => return Ok(None),
            },
            Node::Base(stat) if stat.kind == Kind::File => {
                (Pieces::pristine(stat.size), Some((ino, stat)))
            }
            Node::Base(_) => return Ok(None),
        };
        let pristine = origin.and_then(|(ino, _)| self.reads.pristine(ino).cloned());
        let origin = origin.map(|(ino, stat)| {
            self.reads.note_content(ino);
            (self.world.family.base_path(ino), stat)
        });
        Ok(Some(Content {
            pieces,
            origin,
            pristine,
        }))
    }

    /// The entries of a directory in the byte order of their names.
    pub(crate) fn entries(&mut self, dir: Ino) -> Result<Vec<DirEntry>> {
        let limit = self.world.limits.listing_entries_max;
        whole(self.entries_after(dir, None, limit)?, limit)
    }

    /// Up to `entries_max` entries after a name, and whether there are more.
    pub(crate) fn entries_after(
        &mut self,
        dir: Ino,
        after: Option<&str>,
        entries_max: usize,
    ) -> Result<(Vec<DirEntry>, bool)> {
        self.entries_where(dir, after, entries_max, |_| true)
    }

    fn entries_where(
        &mut self,
        dir: Ino,
        after: Option<&str>,
        entries_max: usize,
        keep: impl FnMut(&DirEntry) -> bool,
    ) -> Result<(Vec<DirEntry>, bool)> {
        self.reads.touch(self.world, dir, Touch::Listing)?;
        let held = self.tree.get(dir).cloned();
        let directory = held.as_ref().and_then(|inode| inode.as_directory());
        let listing = match (&held, directory) {
            (None, _) | (_, Some(Directory { has_base: true, .. })) => {
                self.reads.list(self.world, dir)?
            }
            _ => Arc::from([]),
        };
        let start = after.map_or(0, |after| {
            listing.partition_point(|entry| entry.name.as_str() <= after)
        });
        let bounds = (
            after.map_or(Bound::Unbounded, Bound::Excluded),
            Bound::Unbounded,
        );
        let slots = directory.map(|directory| directory.slots.range::<_, str>(bounds));
        let merged = Merged {
            base: listing[start..].iter().peekable(),
            slots: slots.into_iter().flatten().peekable(),
        };
        let mut merged = merged.filter(keep).peekable();
        let entries = merged.by_ref().take(entries_max).collect();
        Ok((entries, merged.peek().is_some()))
    }

    /// The same of the entries that the session may see: those it may read, and directories that
    /// lead to them.
    pub(crate) fn shown_after(
        &mut self,
        dir: Ino,
        after: Option<&str>,
        entries_max: usize,
    ) -> Result<(Vec<DirEntry>, bool)> {
        let Some(standing) = self.standing_of(dir) else {
            return self.entries_after(dir, after, entries_max);
        };
        let rules = self.world.rules.clone();
        let mut at = standing.clone();
        self.entries_where(dir, after, entries_max, |entry| {
            rules.step_into(&standing, &entry.name, &mut at);
            rules.allows(&at, Right::Read) || entry.kind == Kind::Directory && rules.leads_on(&at)
        })
    }

    /// All entries that the session may see, in the byte order of their names.
    pub(crate) fn shown(&mut self, dir: Ino) -> Result<Vec<DirEntry>> {
        let limit = self.world.limits.listing_entries_max;
        whole(self.shown_after(dir, None, limit)?, limit)
    }

    /// Whether a directory has no entries, at the least cost there is.
    pub(crate) fn is_empty(&mut self, dir: Ino) -> Result<bool> {
        self.reads.touch(self.world, dir, Touch::Listing)?;
        let hidden = self.tree.get(dir).and_then(|inode| inode.as_directory());
        let hidden = hidden.map_or(0, |directory| directory.slots.len());
        if let Some(directory) = self.tree.get(dir).and_then(|inode| inode.as_directory())
            && directory.slots.values().any(|slot| slot.target.is_some())
        {
            return Ok(false);
        }
        match self.entries_after(dir, None, 1) {
            // The base has more than may be listed, and so more than the session removed.
            Err(Error::Quota { which, limit, .. })
                if which == LISTING_ENTRIES && hidden as u64 <= limit =>
            {
                Ok(false)
            }
            listed => listed.map(|(entries, _)| entries.is_empty()),
        }
    }

    /// Where an object stands; `None` when it was removed and only a handle holds it.
    pub(crate) fn path(&self, ino: Ino) -> Option<VPath> {
        let mut names = Vec::new();
        let mut at = ino;
        while at != Ino::ROOT {
            let link = self.link(at)?;
            at = link.parent;
            names.push(link.name);
        }
        names.reverse();
        Some(VPath::from_names(names))
    }

    /// One name of an object; `None` when it has none, or the base's was removed.
    pub(crate) fn link(&self, ino: Ino) -> Option<Link> {
        if let Some(inode) = self.tree.get(ino) {
            return inode.links.first().cloned();
        }
        let link = self.world.family.base_link(ino)?;
        let slot = self
            .tree
            .get(link.parent)
            .and_then(|inode| match inode.as_directory() {
                Some(directory) => directory.slots.get(&link.name),
                None => None,
            });
        slot.is_none().then_some(link)
    }

    /// The directory an object is in, for walking up.
    pub(crate) fn parent(&self, ino: Ino) -> Option<Ino> {
        self.link(ino).map(|link| link.parent)
    }
}

/// A listing that must be all of a directory.
fn whole((entries, more): (Vec<DirEntry>, bool), limit: usize) -> Result<Vec<DirEntry>> {
    if more {
        return Err(Error::Quota {
            which: LISTING_ENTRIES,
            used: limit as u64,
            limit: limit as u64,
        });
    }
    Ok(entries)
}

/// The times of an object of the base.
pub(crate) fn base_times(stat: &BaseStat) -> Times {
    Times {
        accessed: stat.modified,
        modified: stat.modified,
        changed: stat.changed,
        explicit: false,
    }
}

/// Walks the names of a base directory and those that differ in step.
struct Merged<'a, B, S>
where
    B: Iterator<Item = &'a BaseEntry>,
    S: Iterator<Item = (&'a Name, &'a Slot)>,
{
    base: Peekable<B>,
    slots: Peekable<S>,
}

impl<'a, B, S> Iterator for Merged<'a, B, S>
where
    B: Iterator<Item = &'a BaseEntry>,
    S: Iterator<Item = (&'a Name, &'a Slot)>,
{
    type Item = DirEntry;

    fn next(&mut self) -> Option<DirEntry> {
        loop {
            let slot_name = self.slots.peek().map(|(name, _)| *name);
            let unchanged = |entry: &&BaseEntry| slot_name.is_none_or(|name| entry.name < *name);
            if let Some(entry) = self.base.next_if(unchanged) {
                return Some(DirEntry {
                    name: entry.name.clone(),
                    kind: entry.kind,
                });
            }
            let (name, slot) = self.slots.next()?;
            self.base.next_if(|entry| entry.name == *name);
            if let Some((_, kind)) = slot.target {
                let name = name.clone();
                return Some(DirEntry { name, kind });
            }
        }
    }
}
