//! A workspace from outside: what lands in a base, what does not, and what somebody else finds.

mod acting;
mod conflicts;
mod crash;
mod faults;
mod memory;
mod model;
mod names;
mod rig;
mod scene;
mod sessions;
