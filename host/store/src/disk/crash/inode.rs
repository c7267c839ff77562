//! `Inode`: one object of the simulated disk, and what a set of entries does to a table of them.

use std::sync::Arc;

use imbl::OrdMap;

use super::content::Content;
use crate::Name;
use crate::disk::{FileKind, Fingerprint};

/// Number of an inode; never used twice on one disk, nor on the disks that its crashes leave.
pub(super) type Ino = u64;

/// The directory that every tree hangs from.
pub(super) const ROOT: Ino = 1;

/// Inodes by number: those that programs see, or those on the platter.
pub(super) type Inodes = OrdMap<Ino, Inode>;

/// What directories say they measure, as on ext4.
const DIRECTORY_BYTES: u64 = 4096;
const DEV: u64 = 0xC4A5;

/// One object.
#[derive(Debug, Clone)]
pub(super) struct Inode {
    pub(super) mode: u32,
    pub(super) ctime_ns: i128,
    pub(super) mtime_ns: i128,
    /// How many names it has. A directory without one has been removed.
    pub(super) links: u32,
    pub(super) body: Body,
}

/// What an object holds.
#[derive(Debug, Clone)]
pub(super) enum Body {
    File(Content),
    Directory(OrdMap<Name, Ino>),
    Symlink(Arc<str>),
}

/// What one name of one directory leads to from now on.
#[derive(Debug, Clone)]
pub(super) struct Effect {
    pub(super) dir: Ino,
    pub(super) name: Name,
    pub(super) target: Option<Ino>,
}

/// One operation on names: all of its effects happen or none.
#[derive(Debug, Clone)]
pub(super) struct Entries {
    pub(super) effects: Vec<Effect>,
    /// The objects that gained or lost a name.
    pub(super) subjects: Vec<Ino>,
    /// The directories whose place made it possible: those that it changes, and when it moves a
    /// directory, all above them.
    pub(super) above: Vec<Ino>,
    pub(super) at_ns: i128,
}

impl Inode {
    pub(super) fn new(mode: u32, at_ns: i128, body: Body) -> Self {
        Self {
            mode,
            ctime_ns: at_ns,
            mtime_ns: at_ns,
            links: 0,
            body,
        }
    }

    pub(super) fn kind(&self) -> FileKind {
        match self.body {
            Body::File(_) => FileKind::File,
            Body::Directory(_) => FileKind::Directory,
            Body::Symlink(_) => FileKind::Symlink,
        }
    }

    pub(super) fn is_directory(&self) -> bool {
        self.kind() == FileKind::Directory
    }

    pub(super) fn entries(&self) -> Option<&OrdMap<Name, Ino>> {
        match &self.body {
            Body::Directory(entries) => Some(entries),
            Body::File(_) | Body::Symlink(_) => None,
        }
    }

    pub(super) fn remove_entry(&mut self, name: &Name) {
        if let Body::Directory(entries) = &mut self.body {
            entries.remove(name);
        }
    }

    pub(super) fn content(&self) -> Option<&Content> {
        match &self.body {
            Body::File(content) => Some(content),
            Body::Directory(_) | Body::Symlink(_) => None,
        }
    }

    pub(super) fn content_mut(&mut self) -> Option<&mut Content> {
        match &mut self.body {
            Body::File(content) => Some(content),
            Body::Directory(_) | Body::Symlink(_) => None,
        }
    }

    pub(super) fn fingerprint(&self, ino: Ino) -> Fingerprint {
        let size = match &self.body {
            Body::File(content) => content.size(),
            Body::Directory(_) => DIRECTORY_BYTES,
            Body::Symlink(target) => target.len() as u64,
        };
        Fingerprint {
            dev: DEV,
            ino,
            ctime_ns: self.ctime_ns,
            mtime_ns: self.mtime_ns,
            size,
            mode: self.mode,
            kind: self.kind(),
        }
    }

    /// Moves the time of the last change forward; time never runs back.
    pub(super) fn touch(&mut self, at_ns: i128) {
        self.ctime_ns = self.ctime_ns.max(at_ns);
    }
}

impl Entries {
    /// Lets the names lead where they are to lead, and counts the names of each object.
    pub(super) fn apply(&self, inodes: &mut Inodes) {
        for effect in &self.effects {
            let Some(Inode {
                body: Body::Directory(entries),
                ..
            }) = inodes.get_mut(&effect.dir)
            else {
                continue;
            };
            let before = match effect.target {
                Some(target) => entries.insert(effect.name.clone(), target),
                None => entries.remove(&effect.name),
            };
            if let Some(before) = before.and_then(|ino| inodes.get_mut(&ino)) {
                before.links = before.links.saturating_sub(1);
            }
            if let Some(target) = effect.target.and_then(|ino| inodes.get_mut(&ino)) {
                target.links += 1;
            }
            if let Some(dir) = inodes.get_mut(&effect.dir) {
                dir.touch(self.at_ns);
                dir.mtime_ns = dir.mtime_ns.max(self.at_ns);
            }
        }
        for subject in &self.subjects {
            if let Some(subject) = inodes.get_mut(subject) {
                subject.touch(self.at_ns);
            }
        }
    }

    /// Whether this operation could not have been made without the earlier `other`: it changes a
    /// name that the other changed, lies below a directory that the other made or moved, or removes
    /// a directory that the other changed.
    pub(super) fn depends_on(&self, other: &Self) -> bool {
        let is_below = self.above.iter().any(|dir| other.subjects.contains(dir));
        let changes_it = |effect: &Effect| {
            let is_same = |other: &Effect| other.dir == effect.dir && other.name == effect.name;
            other.effects.iter().any(is_same)
        };
        let removes = |ino: &Ino| {
            let keeps = |effect: &Effect| effect.target == Some(*ino);
            other.touches(*ino) && !self.effects.iter().any(keeps)
        };
        is_below || self.effects.iter().any(changes_it) || self.subjects.iter().any(removes)
    }

    /// Whether it changes a name in `dir`.
    pub(super) fn touches(&self, dir: Ino) -> bool {
        self.effects.iter().any(|effect| effect.dir == dir)
    }

    /// The effects on names that `newer` does not decide.
    pub(super) fn without_those_of(&self, newer: &Self) -> Vec<Effect> {
        let is_free = |effect: &&Effect| {
            !newer
                .effects
                .iter()
                .any(|newer| newer.dir == effect.dir && newer.name == effect.name)
        };
        self.effects.iter().filter(is_free).cloned().collect()
    }
}
