//! Sessions seen from outside the crate, over nothing, a strict base in memory and a directory.

mod confinement;
mod descriptor;
mod model;
mod stale;
mod support;
