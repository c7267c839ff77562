//! The targets, by what they read.

pub(crate) mod change;
pub(crate) mod globs;
pub(crate) mod paths;
pub(crate) mod programs;
pub(crate) mod records;
pub(crate) mod saved;
pub(crate) mod stores;
pub(crate) mod texts;
