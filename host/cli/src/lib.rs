//! The `session-fs` command line: runs agents over a project in sessions that commit whole or vanish.
//!
//! A library with one function, so that the tests can have a binary of their own of the same code.
//! The only crate that reads the environment, the clock and the terminal. Everything is printed by
//! `output` and every error gets its exit code in `exit`.

mod args;
mod granted;
mod policy;
mod sheet;

mod ambient;
mod logging;
mod signals;
mod system;

mod exit;
mod output;
mod report;
mod units;

mod base;
mod conflict;
mod kept;
mod registry;

mod audit;
mod doctor;
mod fs;
mod history;
mod inspect;
mod run;
mod session;

#[cfg(test)]
mod manual;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use args::{Cli, Command, RunArgs};
use clap::{CommandFactory, Parser};
use exit::{Code, Failure};
use output::{Answer, Output};

/// Does what the process was asked to on its command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Arc::new(Output::new(cli.format));
    match dispatch(cli, &output) {
        Ok(code) => code.into(),
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
        Command::Session(command) => answer(session::session(&command), output),
        Command::Fs(command) => answer(fs::fs(&command, output), output),
        Command::History(command) => answer(history::history(&command), output),
        Command::Audit(command) => answer(audit::audit(&command, output), output),
        Command::Doctor(args) => answer(doctor::doctor(&args), output),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "session-fs", &mut script);
            printed(output.raw(&script), Code::Ok)
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
    let code = tokio.block_on(run::run(args, format, output));
    // A thread may still wait for stdin or for a reader, or compile; none is worth waiting for.
    tokio.shutdown_background();
    code
}

/// Prints what a command came to, or why it came to nothing.
fn answer(result: Result<Answer, Failure>, output: &Output) -> io::Result<Code> {
    let answer = result.unwrap_or_else(Answer::from);
    printed(output.answer(&answer), answer.code)
}

fn refuse(failure: Failure, output: &Output) -> io::Result<Code> {
    let code = failure.code;
    printed(output.refusal(failure), code)
}

/// The code to end with after the result was printed: whoever stopped reading has seen enough, and
/// what became of the command is as it was.
fn printed(printed: io::Result<()>, code: Code) -> io::Result<Code> {
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_does_not_make_a_failure_a_success() {
        let broken = || Err(io::ErrorKind::BrokenPipe.into());
        assert_eq!(printed(broken(), Code::Limit).ok(), Some(Code::Limit));
        assert_eq!(printed(broken(), Code::Ok).ok(), Some(Code::Ok));
        assert_eq!(printed(Ok(()), Code::Conflict).ok(), Some(Code::Conflict));
        assert!(printed(Err(io::ErrorKind::StorageFull.into()), Code::Ok).is_err());
    }
}
