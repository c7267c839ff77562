//! Sessions seen from outside the crate, over nothing, a strict base in memory and a directory.

mod account;
mod confinement;
mod cost;
mod descriptor;
mod diff;
mod model;
mod observer;
mod search;
mod stale;
mod support;
