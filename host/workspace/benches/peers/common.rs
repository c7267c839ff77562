//! What all tables share: samples, tables, the clock and the host's files.

pub(crate) mod samples;
pub(crate) mod scratch;
pub(crate) mod table;

use std::time::{Duration, Instant};

/// Whether a table was asked for: by a part of its name behind `--`, or by nothing.
pub(crate) fn is_wanted(name: &str) -> bool {
    let mut filters = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    filters.next().is_none_or(|filter| name.contains(&filter))
}

/// Runs something and tells how long it took.
#[expect(clippy::disallowed_methods, reason = "a benchmark takes the time")]
pub(crate) fn timed<R>(work: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let done = work();
    (start.elapsed(), done)
}
