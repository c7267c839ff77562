//! Keeping the contents in memory below a threshold: the largest leave it for the session's spill.
//!
//! **Invariant:** what is moved reads the same; where the spill fails nothing is changed, and
//! nothing written.

use std::sync::Arc;

use crate::content::{CELL_BYTES, Chunk, Mover, Pieces};
use crate::core::{Core, Marked};
use crate::error::Result;
use crate::inode::Inode;
use crate::reads::World;

/// Contents are written in parts of at most this size where they may have to leave memory.
const PART_BYTES_MAX: u64 = 1 << 20;

/// A smaller chunk stays in memory: what remains of it there would be as large.
const MOVED_BYTES_MIN: u64 = 256;

impl World {
    /// Bytes of content beyond which contents leave memory.
    fn spill_bytes_min(&self) -> u64 {
        let half = self.limits.memory_bytes_max / 2;
        self.limits.spill_bytes_min.min(half)
    }

    /// Writes into content that is charged to the session, all or nothing.
    ///
    /// Of a long write the first parts leave memory while the others come.
    pub(crate) fn write(&self, pieces: &mut Pieces, offset: u64, bytes: &[u8]) -> Result<()> {
        let least = self.spill_bytes_min();
        let part_bytes = (least / 4).clamp(CELL_BYTES, PART_BYTES_MAX);
        let part_bytes = usize::try_from(part_bytes).expect("at most a part");
        let spill = self.spill.as_ref().filter(|_| bytes.len() > part_bytes);
        let Some(spill) = spill else {
            return pieces.write(&self.contents, offset, bytes);
        };
        let mut written = pieces.clone();
        let mut at = offset;
        for part in bytes.chunks(part_bytes) {
            written.write(&self.contents, at, part)?;
            at = at.saturating_add(part.len() as u64);
            if self.contents.used() > least {
                written.leave_memory(spill)?;
            }
        }
        *pieces = written;
        Ok(())
    }
}

impl Core {
    /// Moves contents out of memory when there are too many: down to half of what may stay.
    ///
    /// # Errors
    ///
    /// `Io` from the spill; the session is as it was.
    pub(crate) fn make_room(&mut self, world: &World) -> Result<()> {
        let Some(spill) = &world.spill else {
            return Ok(());
        };
        let least = world.spill_bytes_min();
        if world.contents.used() <= least.max(self.room_next) {
            return Ok(());
        }
        let mut mover = Mover::new(spill);
        let mut rest = world.contents.used().saturating_sub(least / 2);
        for (len, chunk) in self.movable(world) {
            if rest == 0 {
                break;
            }
            mover.add(&chunk)?;
            rest = rest.saturating_sub(len);
        }
        mover.flush()?;
        // What cannot be moved is not looked for again at every write.
        self.room_next = world.contents.used().saturating_add(least / 2);
        Ok(())
    }

    /// The chunks in memory that this session pays for, the largest first.
    fn movable(&self, world: &World) -> Vec<(u64, Arc<Chunk>)> {
        let mut chunks = Vec::new();
        let mut gather = |inode: &Inode| {
            let files = inode.as_file().into_iter();
            let resident = files.flat_map(|file| file.pieces.resident());
            let ours = resident.filter(|chunk| {
                chunk.len() >= MOVED_BYTES_MIN && chunk.meter().is_within(&world.contents)
            });
            chunks.extend(ours.map(|chunk| (chunk.len(), Arc::clone(chunk))));
        };
        self.tree.inodes().for_each(|(_, inode)| gather(inode));
        for Marked { tree, .. } in &self.savepoints {
            let differing = tree.differing(&self.tree);
            let inodes = differing.into_iter().filter_map(|ino| tree.get(ino));
            inodes.for_each(|inode| gather(inode));
        }
        chunks.sort_unstable_by_key(|(len, chunk)| (std::cmp::Reverse(*len), Arc::as_ptr(chunk)));
        chunks.dedup_by(|one, other| Arc::ptr_eq(&one.1, &other.1));
        chunks
    }
}
