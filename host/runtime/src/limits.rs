//! What one run may take, and the limiter that holds a guest's linear memories to it.
//!
//! The limiter sums over all memories of the store; wasmtime's own counts each of them by itself.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::ResourceLimiter;

use crate::events::{EventKind, EventLog};

/// Refused growths after which the guest is stopped instead of being told "no" once more.
const REFUSALS_MAX: u32 = 64;

/// Limits of one run. All are inclusive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// How long the guest may run; waiting for a place to run in does not count.
    pub timeout: Duration,
    /// Bytes of all linear memories of the guest together.
    pub memory_bytes_max: u64,
    /// Elements of all tables of the guest together.
    pub table_elements_max: u64,
    /// Bytes of stdout and stderr together that reach the caller; further ones are dropped.
    pub output_bytes_max: u64,
    /// Resources (descriptors, streams, sessions, …) that the guest may hold at once.
    pub handles_max: usize,
    /// Bytes that the guest may hand over in one call of a host function.
    pub hostcall_bytes_max: usize,
    /// Bytes of randomness that the guest gets in one call.
    pub random_bytes_max: u64,
    /// Sessions that the guest may have begun and not yet let go of.
    pub sessions_max: usize,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(300),
            memory_bytes_max: 512 << 20,
            table_elements_max: 100_000,
            output_bytes_max: 16 << 20,
            handles_max: 4_096,
            // A whole file of the 64 MiB that `read` gives can be handed to `write` in one call.
            hostcall_bytes_max: (64 << 20) + (64 << 10),
            random_bytes_max: 1 << 20,
            sessions_max: 64,
        }
    }
}

/// Trap of a guest that goes on asking for memory which it was refused.
#[derive(Debug, thiserror::Error)]
#[error("the guest asked for more than {limit_bytes} bytes of memory")]
pub(crate) struct MemoryExhausted {
    limit_bytes: u64,
}

/// Charges the growth of memories and tables of one store.
#[derive(Debug)]
pub(crate) struct Limiter {
    memory: Account,
    tables: Account,
    refused_count: u32,
    short_of_memory: bool,
    events: Arc<EventLog>,
}

#[derive(Debug)]
struct Account {
    used: u64,
    peak: u64,
    limit: u64,
    /// What the last growth charged, to be given back if wasmtime then cannot do it.
    pending: u64,
}

impl Limiter {
    pub(crate) fn new(limits: &RunLimits, events: Arc<EventLog>) -> Self {
        Self {
            memory: Account::new(limits.memory_bytes_max),
            tables: Account::new(limits.table_elements_max),
            refused_count: 0,
            short_of_memory: false,
            events,
        }
    }

    /// Whether the latest wish for memory was refused: what a trap after it is due to.
    pub(crate) fn is_short_of_memory(&self) -> bool {
        self.short_of_memory
    }

    /// The most that all memories took together, in bytes.
    pub(crate) fn memory_bytes_peak(&self) -> u64 {
        self.memory.peak
    }

    /// The limit of all memories together, in bytes.
    pub(crate) fn memory_bytes_max(&self) -> u64 {
        self.memory.limit
    }

    fn refuse_memory(&mut self) -> wasmtime::Result<bool> {
        self.short_of_memory = true;
        self.refused_count += 1;
        let limit_bytes = self.memory.limit;
        let detail = format!("the guest asked for more than {limit_bytes} bytes of memory");
        self.events.note(EventKind::Limit, None, &detail);
        if self.refused_count > REFUSALS_MAX {
            return Err(wasmtime::Error::new(MemoryExhausted { limit_bytes }));
        }
        Ok(false)
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if !self.memory.charge(current, desired, maximum) {
            return self.refuse_memory();
        }
        self.short_of_memory = false;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory.refund();
        self.refuse_memory().map(drop)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = self.tables.charge(current, desired, maximum);
        if !granted {
            let detail = format!(
                "the guest asked for more than {} table elements",
                self.tables.limit
            );
            self.events.note(EventKind::Limit, None, &detail);
        }
        Ok(granted)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.tables.refund();
        Ok(())
    }
}

impl Account {
    fn new(limit: u64) -> Self {
        Self {
            used: 0,
            peak: 0,
            limit,
            pending: 0,
        }
    }

    fn charge(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> bool {
        self.pending = 0;
        let grown = desired.saturating_sub(current) as u64;
        let total = self.used.saturating_add(grown);
        if total > self.limit || maximum.is_some_and(|maximum| desired > maximum) {
            return false;
        }
        self.used = total;
        self.peak = self.peak.max(total);
        self.pending = grown;
        true
    }

    fn refund(&mut self) {
        self.used -= std::mem::take(&mut self.pending);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 64 << 10;

    fn limiter(pages_max: u64) -> Limiter {
        let limits = RunLimits {
            memory_bytes_max: pages_max * PAGE as u64,
            ..RunLimits::default()
        };
        Limiter::new(&limits, Arc::default())
    }

    #[test]
    fn memories_are_summed() {
        let mut limiter = limiter(4);
        assert!(
            limiter
                .memory_growing(0, 2 * PAGE, None)
                .expect("first memory")
        );
        assert!(
            limiter
                .memory_growing(0, 2 * PAGE, None)
                .expect("second memory")
        );
        assert!(
            !limiter
                .memory_growing(2 * PAGE, 3 * PAGE, None)
                .expect("refused")
        );
        assert!(limiter.is_short_of_memory());
        assert_eq!(limiter.memory_bytes_peak(), 4 * PAGE as u64);
    }

    #[test]
    fn tables_are_summed() {
        let limits = RunLimits {
            table_elements_max: 10,
            ..RunLimits::default()
        };
        let mut limiter = Limiter::new(&limits, Arc::default());
        let mut grow = |from, to| limiter.table_growing(from, to, None).expect("asked");
        assert!(grow(0, 6) && grow(0, 4), "two tables");
        assert!(!grow(4, 5) && !grow(0, 1), "and no more");
    }

    #[test]
    fn a_growth_that_the_system_refused_is_given_back() {
        let mut limiter = limiter(4);
        assert!(limiter.memory_growing(0, 4 * PAGE, None).expect("granted"));
        limiter
            .memory_grow_failed(wasmtime::Error::msg("no"))
            .expect("noted");
        assert!(
            limiter
                .memory_growing(0, 4 * PAGE, None)
                .expect("granted again")
        );
        assert!(!limiter.is_short_of_memory());
    }

    #[test]
    fn a_guest_that_never_stops_asking_is_stopped() {
        let mut limiter = limiter(1);
        for _ in 0..REFUSALS_MAX {
            assert!(!limiter.memory_growing(0, 2 * PAGE, None).expect("refused"));
        }
        let error = limiter
            .memory_growing(0, 2 * PAGE, None)
            .expect_err("stopped");
        assert!(error.is::<MemoryExhausted>());
    }
}
