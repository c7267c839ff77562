//! `State`: what programs see, what the platter holds, and what waits between the two.
//!
//! A clone costs the same whatever it holds. The operations on names are in `names`.

use std::io;
use std::sync::Arc;

use imbl::OrdMap;

use super::CrashOptions;
use super::content::Content;
use super::inode::{Body, Entries, Ino, Inode, Inodes, ROOT};
use super::pending::{Change, ChangeKind};
use crate::Name;

/// The largest file, in bytes: more than any test needs, less than fills a memory unasked.
pub(super) const FILE_BYTES_MAX: u64 = 1 << 30;

/// 2001-09-09, far from the edges of any clock.
const CLOCK_START_NS: i128 = 1_000_000_000_000_000_000;
const CLOCK_STEP_NS: i128 = 1_000;

/// The whole of one disk at one moment.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) options: CrashOptions,
    /// What programs see, with the objects that have lost their last name and may still be open.
    pub(super) live: Inodes,
    /// What has been flushed. Objects are here from their birth, empty; names lead to them later.
    pub(super) platter: Inodes,
    /// What has not been flushed, in the order in which it was done.
    pub(super) pending: OrdMap<u64, Change>,
    /// A failed flush has left things unwritten that nothing will write.
    pub(super) is_damaged: bool,
    pub(super) clock_ns: i128,
    next_ino: Ino,
    next_order: u64,
}

/// Which call a change belongs to, and the name it is known by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) call: u64,
    pub(super) name: &'a Name,
}

impl State {
    pub(super) fn new(options: CrashOptions) -> Self {
        let mut root = Inode::new(0o755, CLOCK_START_NS, Body::Directory(OrdMap::new()));
        root.links = 1;
        let inodes = Inodes::unit(ROOT, root);
        Self {
            options: CrashOptions {
                sector_bytes: options.sector_bytes.max(1),
                ..options
            },
            live: inodes.clone(),
            platter: inodes,
            pending: OrdMap::new(),
            is_damaged: false,
            clock_ns: CLOCK_START_NS,
            next_ino: ROOT + 1,
            next_order: 0,
        }
    }

    /// The object behind a handle or a name.
    pub(super) fn inode(&self, ino: Ino) -> &Inode {
        self.live.get(&ino).expect("objects stay until the crash")
    }

    fn inode_mut(&mut self, ino: Ino) -> &mut Inode {
        self.live
            .get_mut(&ino)
            .expect("objects stay until the crash")
    }

    pub(super) fn content(&self, ino: Ino) -> &Content {
        self.inode(ino).content().expect("only files are opened")
    }

    fn content_mut(&mut self, ino: Ino) -> &mut Content {
        self.inode_mut(ino)
            .content_mut()
            .expect("only files are opened")
    }

    /// Advances the clock by one step and returns the new time.
    pub(super) fn tick(&mut self) -> i128 {
        self.clock_ns += CLOCK_STEP_NS;
        self.clock_ns
    }

    /// Makes an object that has no name yet.
    pub(super) fn make(&mut self, mode: u32, at_ns: i128, body: Body) -> Ino {
        let ino = self.next_ino;
        self.next_ino += 1;
        let inode = Inode::new(mode, at_ns, body);
        self.live.insert(ino, inode.clone());
        self.platter.insert(ino, inode);
        ino
    }

    /// Lets an operation on names happen, as one change that waits.
    pub(super) fn enter(&mut self, origin: Origin<'_>, entries: Entries) {
        entries.apply(&mut self.live);
        self.push(origin, ChangeKind::Entries(Arc::new(entries)));
    }

    pub(super) fn push(&mut self, origin: Origin<'_>, kind: ChangeKind) {
        let change = Change {
            call: origin.call,
            name: origin.name.clone(),
            kind,
        };
        self.pending.insert(self.next_order, change);
        self.next_order += 1;
    }

    pub(super) fn write(
        &mut self,
        ino: Ino,
        origin: Origin<'_>,
        bytes: &[u8],
        offset: u64,
    ) -> io::Result<()> {
        let end = offset + bytes.len() as u64;
        self.resize(ino, origin, self.content(ino).size().max(end))?;
        let sector_bytes = self.options.sector_bytes;
        let written = self.content_mut(ino).write_at(sector_bytes, bytes, offset);
        for (sector, image, is_new) in written {
            // Writing again what is there leaves nothing to choose, unless it was lost by a flush.
            if is_new || self.is_damaged {
                self.push(origin, ChangeKind::Data { ino, sector, image });
            }
        }
        Ok(())
    }

    /// Sets the length, which is a change of the content also when it is the old one.
    pub(super) fn resize(&mut self, ino: Ino, origin: Origin<'_>, size: u64) -> io::Result<()> {
        if size > FILE_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let sector_bytes = self.options.sector_bytes;
        let at_ns = self.tick();
        let inode = self.inode_mut(ino);
        inode.touch(at_ns);
        inode.mtime_ns = at_ns;
        let content = self.content_mut(ino);
        if content.size() != size {
            content.resize(sector_bytes, size);
        }
        self.push_size(ino, origin, size, at_ns);
        Ok(())
    }

    /// Notes a length and its time; the same length again replaces the time that waits.
    fn push_size(&mut self, ino: Ino, origin: Origin<'_>, size: u64, at_ns: i128) {
        let is_about = |change: &Change| change.kind.is_metadata_of(ino);
        let last = self
            .pending
            .iter()
            .rev()
            .find(|(_, change)| is_about(change));
        let kind = ChangeKind::Size { ino, size, at_ns };
        match last {
            Some((&order, change)) if change.kind.is_size(size) => {
                let change = Change {
                    kind,
                    ..change.clone()
                };
                self.pending.insert(order, change);
            }
            _ => self.push(origin, kind),
        }
    }

    pub(super) fn set_mode(&mut self, ino: Ino, origin: Origin<'_>, mode: u32) {
        let at_ns = self.tick();
        let inode = self.inode_mut(ino);
        inode.touch(at_ns);
        inode.mode = mode;
        self.push(origin, ChangeKind::Mode { ino, mode, at_ns });
    }

    pub(super) fn set_mtime(&mut self, ino: Ino, origin: Origin<'_>, mtime_ns: i128) {
        let at_ns = self.tick();
        let inode = self.inode_mut(ino);
        inode.touch(at_ns);
        inode.mtime_ns = mtime_ns;
        let kind = ChangeKind::Mtime {
            ino,
            mtime_ns,
            at_ns,
        };
        self.push(origin, kind);
    }
}
