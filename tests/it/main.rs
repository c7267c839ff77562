//! The one integration binary: everything that is tested across crates, one module per subject.

mod support;

mod tidy;

mod agent;
mod cli;
mod contract;
mod escape;
mod examples;
mod limits;
mod live;
mod oracle;
mod outside;
mod programs;
mod settle;
mod versions;
mod wasi;
