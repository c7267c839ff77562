//! The power fails at every call of a commit, and the disk keeps any part of what was not flushed:
//! the base is found before or after each commit, and every acknowledged one is there.

pub(crate) mod check;
pub(crate) mod meanwhile;
pub(crate) mod sweep;
pub(crate) mod workload;

#[cfg(test)]
mod cases;
