//! What one session may take; every figure protects the host from a guest.

/// Limits of one session. All are inclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory for content, names, inodes and the read set.
    pub memory_bytes_max: u64,
    /// Bytes that one file may be long, holes included.
    pub file_bytes_max: u64,
    /// Objects that the session holds: made, changed, or above what was made.
    pub objects_max: usize,
    /// Handles open at once.
    pub open_handles_max: usize,
    /// Entries of one directory, so that a listing can be held in memory.
    pub listing_entries_max: usize,
    /// Entries of one page of a listing or of a search.
    pub page_entries_max: usize,
    /// Bytes that one whole-file read returns.
    pub read_bytes_max: u64,
    /// Savepoints of one session.
    pub savepoints_max: usize,
    /// Objects that one operation on a tree (remove-all, copy, search, changes) visits.
    pub visited_max: usize,
    /// Bytes of a unified diff.
    pub diff_bytes_max: usize,
    /// Sessions begun inside one another.
    pub nesting_depth_max: u32,
    /// Bytes of content in memory beyond which contents go to the session's spill, where it has
    /// one; half of `memory_bytes_max` when that is less.
    pub spill_bytes_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 256 << 20,
            file_bytes_max: 16 << 30,
            objects_max: 1_000_000,
            open_handles_max: 1_024,
            listing_entries_max: 200_000,
            page_entries_max: 1_000,
            read_bytes_max: 64 << 20,
            savepoints_max: 256,
            visited_max: 1_000_000,
            diff_bytes_max: 16 << 20,
            nesting_depth_max: 64,
            spill_bytes_min: 64 << 20,
        }
    }
}

/// The name of [`Limits::listing_entries_max`] in [`crate::Error::Quota`].
pub(crate) const LISTING_ENTRIES: &str = "listing-entries";

/// Bytes that one positioned read returns at most, whatever length was asked for.
pub const READ_BYTES_MAX: usize = 1 << 20;
