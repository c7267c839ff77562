//! A workspace from outside: what lands in a base, what does not, and what somebody else finds.

mod acting;
mod audit;
mod bases;
mod conflicts;
mod crash;
mod durable;
mod faults;
mod history;
mod keeping;
mod lingering;
mod memory;
mod model;
mod moving;
mod names;
mod previews;
mod races;
mod reader;
mod rig;
mod scene;
mod sessions;
mod spares;
mod threads;
mod views;
mod waiting;
