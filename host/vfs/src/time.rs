//! Points in time, and the clock that a session is given: the core never asks the system.

/// A point in time since 1970-01-01T00:00:00Z; earlier ones have negative seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Whole seconds, rounded down.
    pub seconds: i64,
    /// Nanoseconds past `seconds`, below 1_000_000_000.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// A time from nanoseconds since 1970; `None` beyond the range of `seconds`.
    pub fn from_nanoseconds(nanoseconds: i128) -> Option<Self> {
        let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
        let rest = u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?;
        Some(Self {
            seconds,
            nanoseconds: rest,
        })
    }

    /// Nanoseconds since 1970.
    pub fn as_nanoseconds(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanoseconds)
    }
}

/// Where a session takes the time from.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still: for tests and for runs that must repeat exactly.
#[derive(Clone, Copy, Debug, Default)]
pub struct FixedClock(pub Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// What to do with one of a file's times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTime {
    /// Leave it.
    Keep,
    /// Set it to the session's clock.
    Now,
    /// Set it to this time.
    At(Timestamp),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_round_trip_on_both_sides_of_1970() {
        for nanoseconds in [-1, 0, 1, -1_000_000_000, 1_700_000_000_123_456_789] {
            let time = Timestamp::from_nanoseconds(nanoseconds).expect("in range");
            assert!(time.nanoseconds < 1_000_000_000);
            assert_eq!(time.as_nanoseconds(), nanoseconds);
        }
        assert_eq!(Timestamp::from_nanoseconds(i128::MAX), None);
    }
}
