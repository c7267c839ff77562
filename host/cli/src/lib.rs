//! The `session-fs` command line: runs agents over a project in sessions that commit whole or vanish.
//!
//! A library with one function, so that the tests can have a binary of their own of the same code.
//! The only crate that reads the environment, the clock and the terminal. Everything is printed by
//! `output` and every error gets its exit code in `exit`.

mod args;

mod ambient;
mod logging;
mod signals;
mod system;

mod exit;
mod output;
mod report;
mod units;

mod inspect;
mod run;

#[cfg(test)]
mod manual;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use args::{Cli, Command, RunArgs};
use clap::{CommandFactory, Parser};
use exit::{Code, Failure};
use output::Output;

/// Does what the process was asked to on its command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Arc::new(Output::new(cli.format));
    match dispatch(cli, &output) {
        Ok(code) => code.into(),
        // Whoever read our output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Code::Ok.into(),
        Err(error) => {
            output.say(&format!("error: the result cannot be printed: {error}\n"));
            Code::Failed.into()
        }
    }
}

/// Does what was asked for; the error is that of printing the result.
fn dispatch(cli: Cli, output: &Arc<Output>) -> io::Result<Code> {
    if let Err(failure) = logging::start(cli.verbose) {
        return refuse(failure, output);
    }
    match cli.command {
        Command::Run(args) => run(*args, cli.format, output),
        Command::Inspect(args) => inspect::inspect(&args, output),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "session-fs", &mut script);
            output.raw(&script)?;
            Ok(Code::Ok)
        }
    }
}

fn run(args: RunArgs, format: args::Format, output: &Arc<Output>) -> io::Result<Code> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let tokio = match builder.worker_threads(2).enable_all().build() {
        Ok(tokio) => tokio,
        Err(error) => {
            let message = format!("the threads of the run cannot be started: {error}");
            return refuse(Failure::new(Code::Failed, message), output);
        }
    };
    let result = tokio.block_on(run::run(args, format, output));
    // A thread may still wait for stdin or compile; neither is worth waiting for.
    tokio.shutdown_background();
    match result {
        Ok(report) => {
            output.report(&report)?;
            Ok(Code::Of(report.exit_code))
        }
        Err(failure) => refuse(failure, output),
    }
}

fn refuse(failure: Failure, output: &Output) -> io::Result<Code> {
    let code = failure.code;
    output.refusal(failure)?;
    Ok(code)
}
