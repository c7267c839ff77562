//! Asking a person, or whoever writes to stdin, what is to become of a held session.

use std::io::{self, BufRead, IsTerminal};
use std::sync::Arc;

use supervisor::Held;

use crate::exit::{Code, Failure};
use crate::output::Output;
use crate::signals::Signals;

const QUESTION: &str = "commit, roll back or show the diff? [c/r/d] ";

/// Bytes of one answer that are read.
const ANSWER_BYTES_MAX: u64 = 1 << 10;

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Commit,
    RollBack,
    Diff,
}

/// Asks until it is decided. `Ok` is to commit; everything else says why not.
pub(super) async fn ask(
    held: &Held,
    output: &Arc<Output>,
    signals: &Signals,
) -> Result<(), Failure> {
    loop {
        if io::stdin().is_terminal() {
            output.say(QUESTION);
        }
        let line = tokio::select! {
            line = tokio::task::spawn_blocking(read_line) => line,
            number = signals.first() => {
                return Err(Failure::new(Code::Signal(number), "stopped before it was decided"));
            }
        };
        let line = line.map_err(io::Error::other).and_then(|line| line);
        let line = line.map_err(|error| {
            Failure::new(
                Code::Failed,
                format!("the decision cannot be read: {error}"),
            )
        })?;
        let Some(line) = line else {
            let failure = Failure::new(Code::Failed, "nobody decided: stdin is at its end");
            return Err(failure.hint("write `commit` or `rollback` to it"));
        };
        match parse(&line) {
            Some(Answer::Commit) => return Ok(()),
            Some(Answer::RollBack) => {
                return Err(Failure::new(Code::Failed, "not committed, as decided"));
            }
            Some(Answer::Diff) => match held.session().diff() {
                Ok(diff) => output.diff(&diff),
                Err(error) => output.say(&format!("no diff: {error}\n")),
            },
            None => output.say("not understood: answer `commit`, `rollback` or `diff`\n"),
        }
    }
}

/// One line of stdin; `None` at its end.
fn read_line() -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = io::Read::take(io::stdin().lock(), ANSWER_BYTES_MAX).read_line(&mut line)?;
    Ok((read > 0).then_some(line))
}

fn parse(line: &str) -> Option<Answer> {
    match line.trim().to_ascii_lowercase().as_str() {
        "c" | "commit" => Some(Answer::Commit),
        "r" | "rollback" | "roll back" => Some(Answer::RollBack),
        "d" | "diff" => Some(Answer::Diff),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_clear_is_an_answer() {
        let check = |line: &str, expected: Option<Answer>| assert_eq!(parse(line), expected);
        check("commit\n", Some(Answer::Commit));
        check(" C \n", Some(Answer::Commit));
        check("rollback\n", Some(Answer::RollBack));
        check("r\n", Some(Answer::RollBack));
        check("d", Some(Answer::Diff));
        check("\n", None);
        check("yes\n", None);
    }
}
