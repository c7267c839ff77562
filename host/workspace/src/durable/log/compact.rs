//! Rewriting a log without what the session no longer needs.
//!
//! The new file is complete and flushed before it takes the name of the old one, so that a crash at
//! any moment leaves one of the two, and both hold everything that was acknowledged.

use std::io;
use std::ops::Range;

use store::Name;
use store::disk::{Dir, RenameMode};

use super::super::frame::HEADER_BYTES;
use super::{Extent, Inner, Log, log_name, touch};

/// Bytes of a log below which it is left alone.
const COMPACT_BYTES_MIN: u64 = 512 << 10;
/// How many times longer a log may be than what it is needed for.
const COMPACT_RATIO: u64 = 2;

/// The file that is to become the log.
pub(in super::super) fn log_new_name() -> Name {
    Name::new("log.new").expect("a plain name")
}

/// What the session still needs of the data.
#[derive(Debug)]
pub(in super::super) enum Live {
    /// All of it.
    All,
    /// The bytes at these offsets, in order and disjoint.
    At(Vec<Range<u64>>),
}

impl Live {
    fn holds(&self, extent: &Extent) -> bool {
        let Self::At(ranges) = self else {
            return true;
        };
        let end = extent.start + u64::from(extent.len);
        let next = ranges.partition_point(|range| range.end <= extent.start);
        ranges.get(next).is_some_and(|range| range.start < end)
    }
}

impl Log {
    /// Whether the log has grown so much that [`Log::is_worth_compacting`] should be asked.
    pub(in super::super) fn has_grown(&self) -> bool {
        let inner = self.inner.lock();
        inner.written >= inner.compact_at.max(COMPACT_BYTES_MIN)
    }

    /// Whether a new file for a state of `state_bytes` would be much shorter. When it would not, the
    /// question is put off until the log has doubled.
    pub(in super::super) fn is_worth_compacting(&self, live: &Live, state_bytes: u64) -> bool {
        let mut inner = self.inner.lock();
        inner.compact_at = inner.written.saturating_mul(2);
        let live = inner.extents.iter().filter(|extent| live.holds(extent));
        let live_bytes: u64 = live.map(|extent| u64::from(extent.len)).sum();
        let live_bytes = live_bytes.saturating_add(state_bytes);
        inner.written / COMPACT_RATIO >= live_bytes.max(COMPACT_BYTES_MIN / COMPACT_RATIO)
    }

    /// Puts a new file in the place of the log: the data frames that `live` holds, and then `state`, which is thereby saved.
    ///
    /// # Errors
    ///
    /// Those of the system. When the new file could not be finished the log goes on in the old one.
    pub(in super::super) fn compact(
        &self,
        dir: &dyn Dir,
        live: &Live,
        state: &[u8],
    ) -> io::Result<()> {
        let mut inner = self.inner.lock();
        inner.check()?;
        let mut new = match self.rewrite(&mut inner, dir, live, state) {
            Ok(new) => new,
            Err(error) => {
                dir.unlink(&log_new_name()).ok();
                return Err(error);
            }
        };
        let renamed = dir.rename(&log_new_name(), dir, &log_name(), RenameMode::Replace);
        if let Err(error) = renamed.and_then(|()| dir.sync()) {
            // Which of the two has the name is in doubt; both hold what was acknowledged.
            inner.failed = true;
            return Err(error);
        }
        new.compact_at = new.written.saturating_mul(2 * COMPACT_RATIO);
        *inner = new;
        Ok(())
    }

    fn rewrite(
        &self,
        old: &mut Inner,
        dir: &dyn Dir,
        live: &Live,
        state: &[u8],
    ) -> io::Result<Inner> {
        let file = match dir.create(&log_new_name(), 0o600) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                dir.unlink(&log_new_name())?;
                dir.create(&log_new_name(), 0o600)?
            }
            file => file?,
        };
        let mut new = Inner::new(file, old.epoch + 1, old.save, 0);
        let extents = old.extents.clone();
        for extent in extents.into_iter().filter(|extent| live.holds(extent)) {
            let payload = old.payload(&self.keys, extent)?;
            new.flush_pending(&self.keys, payload.len() + HEADER_BYTES)?;
            new.push_data(&self.keys, extent.start, payload)?;
        }
        new.spilled = old.spilled;
        new.save_state(&self.keys, state, |file| touch(file, &*self.clock))?;
        Ok(new)
    }
}
