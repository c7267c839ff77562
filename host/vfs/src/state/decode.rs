//! The decoder of state records: takes what the encoder writes, record after record.
//!
//! What it builds is well formed piece by piece; whether the pieces agree is checked once at the
//! end, in `check`. Everything that it holds is charged to the session that is loaded.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::encode::*;
use super::mark::Mark;
use super::wire::Input;
use crate::base::BaseEntry;
use crate::content::{PieceChanges, Pieces, SavedPiece};
use crate::core::Marked;
use crate::error::{Error, Result};
use crate::inode::{
    Body, Directory, File, INODE_BYTES, Ino, Inode, Link, Origin, SLOT_BYTES, Slot, Times,
};
use crate::reads::{Added, Known, Pristine, Reads, World};
use crate::tree::Tree;

/// What the records so far come to.
pub(super) struct State {
    pub(super) names: BTreeMap<Ino, Link>,
    pub(super) mark: Mark,
    records: usize,
}

/// One record being read.
struct Decoder<'a> {
    input: Input<'a>,
    world: &'a World,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            names: BTreeMap::new(),
            mark: Mark::empty(),
            records: 0,
        }
    }

    /// Takes the next record.
    pub(super) fn read(&mut self, world: &World, bytes: &[u8]) -> Result<()> {
        let mut input = Input::new(bytes, self.records);
        if input.array("magic").ok() != Some(MAGIC) {
            return Err(input.malformed("magic"));
        }
        let found = u16::from_le_bytes(input.array("format version")?);
        if found != FORMAT_VERSION {
            return Err(Error::invalid(format!(
                "the saved session has format {found}, and this program reads formats up to \
                 {FORMAT_VERSION}; use a newer one"
            )));
        }
        let number = input.number("record number")?;
        if number == 0 {
            (self.names, self.mark) = (BTreeMap::new(), Mark::empty());
        } else if self.records == 0 || number != self.mark.number + 1 {
            return Err(input.malformed("record number"));
        }
        self.records += 1;
        let mut decoder = Decoder { input, world };
        decoder.record(self, number)
    }
}

impl Decoder<'_> {
    fn record(&mut self, state: &mut State, number: u64) -> Result<()> {
        let next_ino = self.input.number("object number")?;
        let names = self.list(3, "list of names", |decoder| {
            Ok((decoder.ino()?, decoder.link()?))
        })?;
        state.names.extend(names);
        let added = self.added()?;
        let mark = &mut state.mark;
        mark.reads.add(self.world, added)?;
        mark.start = self.tree(&mark.start, &mark.reads)?;
        let savepoints = self.savepoints(mark)?;
        let preceding = savepoints.last().map(|marked| &marked.tree);
        mark.tree = match self.input.byte("reference")? {
            FROM_PRESENT => self.tree(&mark.tree, &mark.reads)?,
            tag => {
                let reference = self.reference(tag, &mark.tree, preceding)?;
                self.tree(&reference, &mark.reads)?
            }
        };
        mark.savepoints = savepoints;
        (mark.number, mark.next_ino) = (number, next_ino);
        if !self.input.is_at_end() {
            return Err(self.input.malformed("end"));
        }
        Ok(())
    }

    fn list<T>(
        &mut self,
        bytes_min: usize,
        what: &str,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.input.count(bytes_min, what)?;
        (0..count).map(|_| item(self)).collect()
    }

    fn ino(&mut self) -> Result<Ino> {
        self.input.number("object number").map(Ino)
    }

    fn link(&mut self) -> Result<Link> {
        Ok(Link {
            parent: self.ino()?,
            name: self.input.name()?,
        })
    }

    fn added(&mut self) -> Result<Added> {
        Ok(Added {
            seen: self.list(6, "read set", |decoder| {
                Ok((decoder.ino()?, decoder.known()?))
            })?,
            absent: self.list(3, "list of absences", Self::link)?,
            pristine: self.list(4, "list of pristine contents", |decoder| {
                let ino = decoder.ino()?;
                let pieces = decoder.pieces(&Pieces::empty())?;
                Ok((ino, Pristine(pieces)))
            })?,
        })
    }

    fn known(&mut self) -> Result<Known> {
        let stat = Arc::new(self.input.stat()?);
        let flags = self.input.byte("flags")?;
        if flags & !(KNOWN_CONTENT | KNOWN_LISTING | KNOWN_TARGET) != 0 {
            return Err(self.input.malformed("flags"));
        }
        let listing = match flags & KNOWN_LISTING {
            0 => None,
            _ => Some(self.listing()?),
        };
        let target = match flags & KNOWN_TARGET {
            0 => None,
            _ => Some(Arc::from(self.input.text("target")?)),
        };
        let content = flags & KNOWN_CONTENT != 0;
        Ok(Known::restored(stat, listing, target, content))
    }

    fn listing(&mut self) -> Result<Arc<[BaseEntry]>> {
        let entries = self.list(3, "listing", |decoder| {
            Ok(BaseEntry {
                name: decoder.input.name()?,
                kind: decoder.input.kind()?,
            })
        })?;
        if !entries.is_sorted_by(|one, next| one.name < next.name) {
            return Err(self.input.malformed("order of names"));
        }
        Ok(entries.into())
    }

    fn savepoints(&mut self, mark: &Mark) -> Result<Vec<Marked>> {
        let count = self.input.count(3, "list of savepoints")?;
        let limit = self.world.limits.savepoints_max;
        if count > limit {
            let (used, limit) = (count as u64, limit as u64);
            return Err(Error::Quota {
                which: "savepoints",
                used,
                limit,
            });
        }
        let mut savepoints: Vec<Marked> = Vec::with_capacity(count);
        for _ in 0..count {
            let name = self.input.text("name of a savepoint")?.to_owned();
            if savepoints.iter().any(|other| other.name == name) {
                return Err(self.input.malformed("name of a savepoint"));
            }
            let (made_at, tree) = match self.input.byte("reference")? {
                SAVEPOINT_SAME => {
                    let index = usize::try_from(self.input.number("savepoint")?).ok();
                    let same = index.and_then(|index| mark.savepoints.get(index));
                    let same = same.ok_or_else(|| self.input.malformed("savepoint"))?;
                    (same.made_at, same.tree.clone())
                }
                tag => {
                    let preceding = savepoints.last().map(|marked| &marked.tree);
                    let reference = self.reference(tag, &mark.tree, preceding)?;
                    let made_at = self.input.time()?;
                    let made_at =
                        made_at.ok_or_else(|| self.input.malformed("time of a savepoint"))?;
                    (made_at, self.tree(&reference, &mark.reads)?)
                }
            };
            savepoints.push(Marked {
                name,
                made_at,
                tree,
            });
        }
        Ok(savepoints)
    }

    fn reference(&self, tag: u8, present: &Tree, preceding: Option<&Tree>) -> Result<Tree> {
        let tree = match tag {
            FROM_PRESENT => Some(present),
            FROM_PRECEDING => preceding,
            _ => None,
        };
        tree.cloned()
            .ok_or_else(|| self.input.malformed("reference"))
    }

    fn tree(&mut self, earlier: &Tree, reads: &Reads) -> Result<Tree> {
        let mut tree = earlier.clone();
        let count = self.input.count(2, "tree")?;
        for _ in 0..count {
            let ino = self.ino()?;
            match self.input.byte("kind of object")? {
                TAG_GONE if tree.contains(ino) => tree.remove(ino),
                TAG_GONE => return Err(self.input.malformed("removal")),
                tag => {
                    let inode = self.inode(tag, earlier.get(ino), reads)?;
                    tree.insert(ino, inode);
                }
            }
        }
        Ok(tree)
    }

    fn inode(&mut self, tag: u8, earlier: Option<&Arc<Inode>>, reads: &Reads) -> Result<Inode> {
        let links = self.list(3, "list of links", Self::link)?;
        let times = Times {
            accessed: self.input.time()?,
            modified: self.input.time()?,
            changed: self.input.time()?,
            explicit: self.input.flag("time")?,
        };
        let mut bytes = INODE_BYTES;
        let body = match tag {
            TAG_DIRECTORY => {
                let earlier = earlier.and_then(|earlier| earlier.as_directory());
                Body::Directory(self.directory(earlier)?)
            }
            TAG_FILE => {
                let earlier = earlier.and_then(|earlier| earlier.as_file());
                Body::File(self.file(earlier, reads)?)
            }
            TAG_SYMLINK => {
                let target = self.input.text("target")?;
                bytes += target.len() as u64;
                Body::Symlink(target.into())
            }
            _ => return Err(self.input.malformed("kind of object")),
        };
        Ok(Inode {
            links: links.into(),
            body,
            times,
            _charge: self.world.meter.charge(bytes)?,
        })
    }

    fn directory(&mut self, earlier: Option<&Directory>) -> Result<Directory> {
        let mut directory = earlier.cloned().unwrap_or_default();
        directory.has_base = self.input.flag("directory")?;
        let count = self.input.count(3, "directory")?;
        for _ in 0..count {
            let name = self.input.name()?;
            let target = match self.input.byte("entry")? {
                TAG_GONE => {
                    if directory.slots.remove(&name).is_none() {
                        return Err(self.input.malformed("removal"));
                    }
                    continue;
                }
                SLOT_REMOVED => None,
                SLOT_OBJECT => {
                    let kind = self.input.kind()?;
                    Some((self.ino()?, kind))
                }
                _ => return Err(self.input.malformed("entry")),
            };
            let charge = self.world.meter.charge(SLOT_BYTES + name.len() as u64)?;
            let _charge = Arc::new(charge);
            directory.slots.insert(name, Slot { target, _charge });
        }
        Ok(directory)
    }

    fn file(&mut self, earlier: Option<&File>, reads: &Reads) -> Result<File> {
        let executable = self.input.flag("mode")?;
        let origin = match self.input.byte("origin")? {
            ORIGIN_NONE => None,
            ORIGIN_SEEN => {
                let ino = self.ino()?;
                let seen = reads.seen(ino).map(|seen| seen.stat().clone());
                let stat = seen.ok_or_else(|| self.input.malformed("origin"))?;
                Some(Origin { ino, stat })
            }
            ORIGIN_OTHER => {
                let ino = self.ino()?;
                let stat = Arc::new(self.input.stat()?);
                Some(Origin { ino, stat })
            }
            _ => return Err(self.input.malformed("origin")),
        };
        let none = Pieces::empty();
        let pieces = self.pieces(earlier.map_or(&none, |file| &file.pieces))?;
        // A file of the base may be larger than one that a session writes.
        let in_base = origin.as_ref().map_or(0, |origin| origin.stat.size);
        if pieces.len() > self.world.limits.file_bytes_max.max(in_base) {
            return Err(self.input.malformed("length"));
        }
        Ok(File {
            origin,
            pieces,
            executable,
        })
    }

    fn pieces(&mut self, earlier: &Pieces) -> Result<Pieces> {
        let bounds = (self.input.number("length")?, self.input.number("length")?);
        let changes: PieceChanges = self.list(2, "list of pieces", |decoder| {
            let key = decoder.input.number("offset")?;
            Ok((key, decoder.piece()?))
        })?;
        let (meter, spill) = (&self.world.contents, self.world.spill.as_ref());
        let made = earlier.changed(meter, spill, bounds, &changes)?;
        made.ok_or_else(|| self.input.malformed("content"))
    }

    fn piece(&mut self) -> Result<Option<SavedPiece>> {
        let tag = self.input.byte("piece")?;
        if tag == TAG_GONE {
            return Ok(None);
        }
        let len = self.input.number("length")?;
        Ok(Some(match tag {
            PIECE_DATA => SavedPiece::Data {
                len,
                offset: self.input.number("offset")?,
            },
            PIECE_KEEP => SavedPiece::Keep {
                len,
                offset: self.input.number("offset")?,
            },
            PIECE_ZERO => SavedPiece::Zero { len },
            _ => return Err(self.input.malformed("piece")),
        }))
    }
}
