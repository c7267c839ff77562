//! What one workspace may take; every figure protects the host from a tenant.

/// Limits of one workspace. All are inclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceLimits {
    /// Bytes of memory of all sessions and memory bases together.
    pub memory_bytes_max: u64,
    /// Sessions that are open or still held at once.
    pub sessions_max: usize,
    /// Bytes of a session's metadata: purpose, agent, task and labels.
    pub metadata_bytes_max: usize,
    /// Bytes of a commit's message.
    pub message_bytes_max: usize,
    /// Bytes of one change record; file contents are not in it.
    pub change_bytes_max: usize,
    /// Entries of one directory that a commit looks through before it removes the directory.
    pub listing_entries_max: usize,
    /// Milliseconds that a commit waits for another commit to the same base.
    pub lock_wait_ms_max: u64,
}

impl Default for WorkspaceLimits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 4 << 30,
            sessions_max: 10_000,
            metadata_bytes_max: 64 << 10,
            message_bytes_max: 64 << 10,
            change_bytes_max: 32 << 20,
            listing_entries_max: 200_000,
            lock_wait_ms_max: 10_000,
        }
    }
}
