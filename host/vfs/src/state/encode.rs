//! The encoder of state records. `docs/formats.md` has every byte.

use std::sync::Arc;

use imbl::ordmap::DiffItem;

use super::mark::{Mark, Plan, Reference, SavepointChange, TreeChange};
use super::wire::Output;
use crate::content::{Pieces, Places, SavedPiece};
use crate::inode::{Body, Directory, File, Ino, Inode, Link, Times};
use crate::reads::{Added, Known};
use crate::{Kind, Name};

pub(super) const MAGIC: [u8; 8] = *b"SFSTATE\n";
pub(super) const FORMAT_VERSION: u16 = 1;

/// What stands behind a known object, beside its version.
pub(super) const KNOWN_CONTENT: u8 = 1;
pub(super) const KNOWN_LISTING: u8 = 2;
pub(super) const KNOWN_TARGET: u8 = 4;

/// What is said of a number, a name or an offset.
pub(super) const TAG_GONE: u8 = 0;

pub(super) const TAG_DIRECTORY: u8 = 1;
pub(super) const TAG_FILE: u8 = 2;
pub(super) const TAG_SYMLINK: u8 = 3;

/// A name that the base has and the session removed.
pub(super) const SLOT_REMOVED: u8 = 1;
/// A name of an object: this and the number of its kind.
pub(super) const SLOT_OBJECT: u8 = 2;

pub(super) const PIECE_DATA: u8 = 1;
pub(super) const PIECE_KEEP: u8 = 2;
pub(super) const PIECE_ZERO: u8 = 3;

pub(super) const ORIGIN_NONE: u8 = 0;
/// The version that the read set has of the object.
pub(super) const ORIGIN_SEEN: u8 = 1;
pub(super) const ORIGIN_OTHER: u8 = 2;

pub(super) const SAVEPOINT_SAME: u8 = 0;
pub(super) const FROM_PRESENT: u8 = 1;
pub(super) const FROM_PRECEDING: u8 = 2;

/// What a record is made from. Every chunk that it names has a place.
pub(super) struct Record<'a> {
    pub(super) now: &'a Mark,
    pub(super) names: &'a [(Ino, Link)],
    pub(super) added: &'a Added,
    pub(super) plan: &'a Plan<'a>,
    pub(super) places: &'a Places<'a>,
}

impl Record<'_> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut output = Output::default();
        output.0.extend_from_slice(&MAGIC);
        output.0.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        output.number(self.now.number);
        output.number(self.now.next_ino);
        output.count(self.names.len());
        for (ino, link) in self.names {
            output.number(ino.0);
            output.link(link);
        }
        self.reads(&mut output);
        self.tree(&mut output, &self.plan.start);
        output.count(self.plan.savepoints.len());
        for (marked, change) in &self.plan.savepoints {
            output.text(&marked.name);
            match change {
                SavepointChange::Same(index) => {
                    output.byte(SAVEPOINT_SAME);
                    output.count(*index);
                }
                SavepointChange::New(reference, change) => {
                    output.reference(*reference);
                    output.time(Some(marked.made_at));
                    self.tree(&mut output, change);
                }
            }
        }
        output.reference(self.plan.tree.0);
        self.tree(&mut output, &self.plan.tree.1);
        output.0
    }

    fn reads(&self, output: &mut Output) {
        output.count(self.added.seen.len());
        for (ino, known) in &self.added.seen {
            output.number(ino.0);
            output.known(known);
        }
        output.count(self.added.absent.len());
        for link in &self.added.absent {
            output.link(link);
        }
        output.count(self.added.pristine.len());
        for (ino, pristine) in &self.added.pristine {
            output.number(ino.0);
            self.pieces(output, &pristine.0, &Pieces::empty());
        }
    }

    fn tree(&self, output: &mut Output, change: &TreeChange<'_>) {
        output.count(change.inos.len());
        for ino in &change.inos {
            output.number(ino.0);
            match change.now.get(*ino) {
                None => output.byte(TAG_GONE),
                Some(inode) => self.inode(output, inode, change.earlier.get(*ino)),
            }
        }
    }

    fn inode(&self, output: &mut Output, inode: &Inode, earlier: Option<&Arc<Inode>>) {
        output.byte(match &inode.body {
            Body::Directory(_) => TAG_DIRECTORY,
            Body::File(_) => TAG_FILE,
            Body::Symlink(_) => TAG_SYMLINK,
        });
        output.count(inode.links.len());
        inode.links.iter().for_each(|link| output.link(link));
        output.times(&inode.times);
        match &inode.body {
            Body::Directory(directory) => {
                let earlier = earlier.and_then(|earlier| earlier.as_directory());
                output.directory(directory, earlier.unwrap_or(&Directory::default()));
            }
            Body::File(file) => {
                let earlier = earlier.and_then(|earlier| earlier.as_file());
                self.file(output, file, earlier);
            }
            Body::Symlink(target) => output.text(target),
        }
    }

    fn file(&self, output: &mut Output, file: &File, earlier: Option<&File>) {
        output.flag(file.executable);
        match &file.origin {
            None => output.byte(ORIGIN_NONE),
            Some(origin) => {
                let seen = self.now.reads.seen(origin.ino);
                let is_seen = seen.is_some_and(|seen| **seen.stat() == *origin.stat);
                output.byte(if is_seen { ORIGIN_SEEN } else { ORIGIN_OTHER });
                output.number(origin.ino.0);
                if !is_seen {
                    output.stat(&origin.stat);
                }
            }
        }
        let none = Pieces::empty();
        self.pieces(
            output,
            &file.pieces,
            earlier.map_or(&none, |file| &file.pieces),
        );
    }

    fn pieces(&self, output: &mut Output, pieces: &Pieces, earlier: &Pieces) {
        output.number(pieces.kept());
        output.number(pieces.len());
        let changes = pieces.changes(earlier, self.places);
        let changes = changes.expect("every chunk was moved or copied into the spill before");
        output.count(changes.len());
        for (key, change) in changes {
            output.number(key);
            let (tag, len, offset) = match change {
                None => (TAG_GONE, None, None),
                Some(SavedPiece::Data { len, offset }) => (PIECE_DATA, Some(len), Some(offset)),
                Some(SavedPiece::Keep { len, offset }) => (PIECE_KEEP, Some(len), Some(offset)),
                Some(SavedPiece::Zero { len }) => (PIECE_ZERO, Some(len), None),
            };
            output.byte(tag);
            len.into_iter()
                .chain(offset)
                .for_each(|field| output.number(field));
        }
    }
}

/// What a directory says of a name: an object, or that the base's was removed.
type Target = Option<(Ino, Kind)>;

impl Output {
    fn link(&mut self, link: &Link) {
        self.number(link.parent.0);
        self.name(&link.name);
    }

    fn reference(&mut self, reference: Reference) {
        self.byte(match reference {
            Reference::Present => FROM_PRESENT,
            Reference::Preceding => FROM_PRECEDING,
        });
    }

    fn times(&mut self, times: &Times) {
        self.time(times.accessed);
        self.time(times.modified);
        self.time(times.changed);
        self.flag(times.explicit);
    }

    fn known(&mut self, known: &Known) {
        self.stat(known.stat());
        let (listing, target) = (known.listing(), known.target());
        let mut flags = if known.has_content() {
            KNOWN_CONTENT
        } else {
            0
        };
        flags |= if listing.is_some() { KNOWN_LISTING } else { 0 };
        flags |= if target.is_some() { KNOWN_TARGET } else { 0 };
        self.byte(flags);
        if let Some(listing) = listing {
            self.count(listing.len());
            for entry in listing.iter() {
                self.name(&entry.name);
                self.kind(entry.kind);
            }
        }
        if let Some(target) = target {
            self.text(target);
        }
    }

    fn directory(&mut self, directory: &Directory, earlier: &Directory) {
        self.flag(directory.has_base);
        let items = earlier.slots.diff(&directory.slots);
        let changes = items.map(|item| match item {
            DiffItem::Add(name, slot)
            | DiffItem::Update {
                new: (name, slot), ..
            } => (name, Some(slot.target)),
            DiffItem::Remove(name, _) => (name, None),
        });
        let changes: Vec<(&Name, Option<Target>)> = changes.collect();
        self.count(changes.len());
        for (name, change) in changes {
            self.name(name);
            match change {
                None => self.byte(TAG_GONE),
                Some(None) => self.byte(SLOT_REMOVED),
                Some(Some((ino, kind))) => {
                    self.byte(SLOT_OBJECT);
                    self.kind(kind);
                    self.number(ino.0);
                }
            }
        }
    }
}
