//! Where identities come from: the core draws none itself, so that a seed repeats a run.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Gives identities that never repeat within one host.
pub trait IdSource: Send + Sync + fmt::Debug {
    /// A session's id: short, printable, one path component.
    fn session_id(&self) -> String;

    /// A number that nothing else was given: of a file system, of a transaction.
    fn number(&self) -> u64;

    /// 32 bytes that nobody can guess, as the key of a store.
    fn secret(&self) -> [u8; 32];
}

/// Counts from 1: for tests and for runs that must repeat exactly.
#[derive(Debug, Default)]
pub struct CountingIds {
    sessions_count: AtomicU64,
    numbers_count: AtomicU64,
}

impl IdSource for CountingIds {
    fn session_id(&self) -> String {
        format!(
            "s{}",
            self.sessions_count.fetch_add(1, Ordering::Relaxed) + 1
        )
    }

    fn number(&self) -> u64 {
        self.numbers_count.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Counted as well: whoever repeats a run repeats its keys.
    fn secret(&self) -> [u8; 32] {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&self.number().to_le_bytes());
        secret
    }
}
