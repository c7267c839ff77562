//! `cargo xtask`: the one door to everything a developer or CI does with this repository.
//!
//! Each command is a module with one `run`; all of them work on a fresh clone, because whatever
//! builds a guest first calls `setup`. Depends on no crate of the host, so that it builds in seconds.
#![expect(
    clippy::disallowed_methods,
    reason = "xtask is a build tool, not the host: it reads files, starts processes and measures"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "xtask talks to a person or a CI log"
)]

mod bench;
mod ci;
mod demo;
mod fuzz;
mod guests;
mod lint;
mod programs;
mod setup;
mod steps;
mod test;
mod torture;
mod workbench;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workbench::Workbench;

/// Builds, tests and shows session-fs.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing: the wasm32-wasip2 standard library of the active toolchain
    Setup(setup::Options),
    /// Run every test of the workspace; arguments go to the test runner
    Test(test::Options),
    /// Run what CI runs: lints, documentation, tests, demo
    Ci,
    /// Check formatting, clippy and rustdoc, with warnings as errors
    Lint,
    /// Run the benchmarks, all or those whose name contains FILTER
    Bench(bench::Options),
    /// Run the commit protocol's tests for long, or seed bugs that they must notice
    Torture(torture::Options),
    /// Look for bytes that something reads in another way than it must
    Fuzz(fuzz::Options),
    /// Show the whole path on a real project
    Demo(demo::Options),
    /// Make one program in several languages with their own tools, and run it
    Programs(programs::Options),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let bench = Workbench::locate()?;
    match cli.command {
        Task::Setup(options) => setup::run(&bench, &options),
        Task::Test(options) => test::run(&bench, &options),
        Task::Ci => ci::run(&bench),
        Task::Lint => lint::run(&bench),
        Task::Bench(options) => bench::run(&bench, &options),
        Task::Torture(options) => torture::run(&bench, &options),
        Task::Fuzz(options) => fuzz::run(&bench, &options),
        Task::Demo(options) => demo::run(&bench, &options),
        Task::Programs(options) => programs::run(&bench, &options),
    }
}
