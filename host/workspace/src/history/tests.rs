//! History against a plain model: trees as maps, one per generation.

mod faults;
mod index;
mod keeping;
mod past;
mod reverting;
mod scene;
