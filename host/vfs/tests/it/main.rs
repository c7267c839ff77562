//! Sessions seen from outside the crate, over nothing, a strict base in memory and a directory.

mod account;
mod confinement;
mod cost;
mod descriptor;
mod diff;
mod model;
mod saved;
mod search;
mod spill;
mod stale;
mod support;
