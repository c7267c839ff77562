//! Sessions seen from outside the crate, over nothing, a strict base in memory and a directory.

mod account;
mod confinement;
mod cost;
mod descriptor;
mod diff;
mod hostile;
mod merge;
mod merge_nested;
mod merge_rebase;
mod merge_text;
mod model;
mod observer;
mod rules;
mod saved;
mod search;
mod spill;
mod stale;
mod support;
