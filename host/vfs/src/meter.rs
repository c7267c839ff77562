//! Counters with a limit, in a chain: session, workspace, host.
//!
//! **Invariant:** `used` never exceeds `limit` on any link, and a refused charge takes nothing.
//! Whoever is about to hold something charges first and keeps the `Charge` beside what it paid for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

/// A counter that refuses to go over its limit, or over the limit of any counter above it.
///
/// Lock-free; one meter is shared by all threads.
#[derive(Debug)]
pub struct Meter {
    name: &'static str,
    limit: u64,
    used: AtomicU64,
    peak: AtomicU64,
    parent: Option<Arc<Self>>,
}

/// An amount taken from a meter and from all above it; given back when dropped.
#[derive(Debug)]
#[must_use = "a dropped charge is given back at once"]
pub struct Charge {
    meter: Arc<Meter>,
    bytes: u64,
}

impl Meter {
    /// Makes a meter at the head of a chain. `name` stands in [`Error::Quota`].
    pub fn new(name: &'static str, limit: u64) -> Arc<Self> {
        Arc::new(Self::link(name, limit, None))
    }

    /// Makes a meter below this one: what is charged to it is charged to this one as well.
    pub fn child(self: &Arc<Self>, name: &'static str, limit: u64) -> Arc<Self> {
        Arc::new(Self::link(name, limit, Some(Arc::clone(self))))
    }

    /// Takes `bytes` on every link of the chain, or nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Quota`], naming the first link, from this one upwards, that would go over.
    pub fn charge(self: &Arc<Self>, bytes: u64) -> Result<Charge> {
        self.take(bytes)?;
        Ok(Charge {
            meter: Arc::clone(self),
            bytes,
        })
    }

    /// What is taken now. Never over [`Meter::limit`].
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// The limit of this link alone.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The most that was ever taken by charges that were granted.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    fn link(name: &'static str, limit: u64, parent: Option<Arc<Self>>) -> Self {
        Self {
            name,
            limit,
            used: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            parent,
        }
    }

    /// Whether what is charged to this one is charged to `other` as well.
    pub(crate) fn is_within(&self, other: &Arc<Self>) -> bool {
        self.chain()
            .any(|link| std::ptr::eq(link, Arc::as_ptr(other)))
    }

    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |meter| meter.parent.as_deref())
    }

    /// Takes as a charge does, for a holder that gives back by itself.
    pub(crate) fn take(&self, bytes: u64) -> Result<()> {
        for (depth, meter) in self.chain().enumerate() {
            if let Err(refusal) = meter.take_here(bytes) {
                self.chain()
                    .take(depth)
                    .for_each(|taken| taken.give_back_here(bytes));
                return Err(refusal);
            }
        }
        // Only now: an amount that a link above refuses must not show in the peak of one below.
        self.chain().for_each(|meter| {
            meter.peak.fetch_max(meter.used(), Ordering::Relaxed);
        });
        Ok(())
    }

    fn take_here(&self, bytes: u64) -> Result<()> {
        let fits = |used: u64| used.checked_add(bytes).filter(|total| *total <= self.limit);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .map(|_| ())
            .map_err(|used| Error::Quota {
                which: self.name,
                used,
                limit: self.limit,
            })
    }

    pub(crate) fn give_back(&self, bytes: u64) {
        self.chain().for_each(|meter| meter.give_back_here(bytes));
    }

    fn give_back_here(&self, bytes: u64) {
        let before = self.used.fetch_sub(bytes, Ordering::Relaxed);
        debug_assert!(before >= bytes, "a meter gave back more than was taken");
    }
}

impl Charge {
    /// What this charge holds.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The meter it was taken from.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// Takes `bytes` more, or nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Quota`] as for [`Meter::charge`]; the charge is unchanged then.
    pub fn grow(&mut self, bytes: u64) -> Result<()> {
        self.meter.take(bytes)?;
        // Cannot overflow: the meter holds at least this charge and did not overflow either.
        self.bytes += bytes;
        Ok(())
    }

    /// Gives `bytes` back, or all that is held when that is less.
    pub fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.meter.give_back(bytes);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.meter.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(result: Result<Charge>) -> (&'static str, u64, u64) {
        match result {
            Err(Error::Quota { which, used, limit }) => (which, used, limit),
            other => panic!("expected a quota error, got {other:?}"),
        }
    }

    #[test]
    fn charges_go_up_the_chain_and_come_back() {
        let host = Meter::new("host", 100);
        let session = host.child("session", 60);
        let charge = session.charge(40).expect("fits");
        assert_eq!((session.used(), host.used()), (40, 40));
        drop(charge);
        assert_eq!((session.used(), host.used()), (0, 0));
        assert_eq!((session.peak(), host.peak()), (40, 40));
    }

    #[test]
    fn a_refusal_above_gives_back_what_was_taken_below() {
        let host = Meter::new("host", 100);
        let workspace = host.child("workspace", 1000);
        let session = workspace.child("session", 1000);
        let _held = host.charge(70).expect("fits");
        assert_eq!(refused(session.charge(31)), ("host", 70, 100));
        assert_eq!((session.used(), workspace.used(), host.used()), (0, 0, 70));
        assert_eq!((session.peak(), workspace.peak()), (0, 0));
        let _rest = session.charge(30).expect("the limit itself is allowed");
    }

    #[test]
    fn sums_past_the_largest_number_are_refused() {
        let meter = Meter::new("host", u64::MAX);
        let _held = meter.charge(2).expect("fits");
        assert_eq!(refused(meter.charge(u64::MAX - 1)), ("host", 2, u64::MAX));
    }

    #[test]
    fn a_charge_grows_and_shrinks() {
        let meter = Meter::new("host", 10);
        let mut charge = meter.charge(4).expect("fits");
        charge.grow(6).expect("fits");
        assert!(charge.grow(1).is_err());
        assert_eq!((charge.bytes(), meter.used()), (10, 10));
        charge.shrink(7);
        assert_eq!((charge.bytes(), meter.used()), (3, 3));
        charge.shrink(99);
        assert_eq!((charge.bytes(), meter.used(), meter.peak()), (0, 0, 10));
    }

    #[test]
    fn threads_never_pass_the_limit_together() {
        let meter = Meter::new("host", 50);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let charges: Vec<_> = (0..8).map(|_| meter.charge(3)).collect();
                        drop(charges);
                    }
                });
            }
        });
        assert_eq!(meter.used(), 0);
        assert!(meter.peak() <= 50);
    }
}
