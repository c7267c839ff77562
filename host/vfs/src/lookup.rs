//! Reading a state: the object of a name, what is known of it, the entries of a directory, the
//! path of an object. Every answer joins what the session holds with what its base has.

use std::sync::Arc;

use crate::base::BaseStat;
use crate::content::Pieces;
use crate::error::{Error, Result};
use crate::inode::{Body, Ino, Inode, Link, Origin, Times};
use crate::path::{PATH_DEPTH_MAX, VPath};
use crate::reads::{Child, Reads, World};
use crate::reserved;
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
        let (pieces, origin) = match self.node(ino)? {
            Node::Held(inode) => match inode.as_file() {
                Some(file) => (file.pieces.clone(), file.origin),
                None => return Ok(None),
            },
            Node::Base(stat) if stat.kind == Kind::File => {
                (Pieces::pristine(stat.size), Some(Origin { ino, stat }))
            }
            Node::Base(_) => return Ok(None),
        };
        let origin = origin.map(|origin| {
            self.reads.note_content(origin.ino);
            (self.world.family.base_path(origin.ino), origin.stat)
        });
        Ok(Some(Content { pieces, origin }))
    }

    /// The entries of a directory in the byte order of their names.
    pub(crate) fn entries(&mut self, dir: Ino) -> Result<Vec<DirEntry>> {
        let held = self.tree.get(dir).cloned();
        let directory = held.as_ref().and_then(|inode| inode.as_directory());
        let from_base = match directory {
            Some(directory) if !directory.has_base => Arc::from([]),
            _ if held.is_some() && directory.is_none() => Arc::from([]),
            _ => self.reads.list(self.world, dir)?,
        };
        let mut entries = Vec::with_capacity(from_base.len());
        let mut base = from_base.iter().peekable();
        for (name, slot) in directory.into_iter().flat_map(|directory| &directory.slots) {
            while let Some(entry) = base.next_if(|entry| entry.name < *name) {
                entries.push(DirEntry {
                    name: entry.name.clone(),
                    kind: entry.kind,
                });
            }
            base.next_if(|entry| entry.name == *name);
            if let Some((_, kind)) = slot.target {
                entries.push(DirEntry {
                    name: name.clone(),
                    kind,
                });
            }
        }
        entries.extend(base.map(|entry| DirEntry {
            name: entry.name.clone(),
            kind: entry.kind,
        }));
        let limit = self.world.limits.listing_entries_max;
        if entries.len() > limit {
            let used = entries.len() as u64;
            return Err(Error::Quota {
                which: "listing-entries",
                used,
                limit: limit as u64,
            });
        }
        Ok(entries)
    }

    /// Where an object stands; `None` when it was removed and only a handle holds it.
    pub(crate) fn path(&self, ino: Ino) -> Option<VPath> {
        let mut names = Vec::new();
        let mut at = ino;
        while at != Ino::ROOT {
            let link = self.link(at)?;
            at = link.parent;
            names.push(link.name);
            if names.len() > 4 * PATH_DEPTH_MAX {
                return None;
            }
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

/// The times of an object of the base.
pub(crate) fn base_times(stat: &BaseStat) -> Times {
    Times {
        accessed: stat.modified,
        modified: stat.modified,
        changed: stat.changed,
        explicit: false,
    }
}
