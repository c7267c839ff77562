//! Asking a person, or whoever writes to stdin, what is to become of a held session.

use std::io::{self, BufRead, IsTerminal, Read};
use std::sync::Arc;

use supervisor::Held;

use crate::exit::{Code, Failure, chain};
use crate::output::{Output, clean};
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
                Err(error) => output.say(&format!("no diff: {}\n", clean(&chain(&error)))),
            },
            None => output.say("not understood: answer `commit`, `rollback` or `diff`\n"),
        }
    }
}

fn read_line() -> io::Result<Option<String>> {
    read_answer(&mut io::stdin().lock())
}

/// One line, or the beginning of one that is too long to be an answer; `None` at the end.
fn read_answer(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = input.take(ANSWER_BYTES_MAX).read_line(&mut line)?;
    if read as u64 == ANSWER_BYTES_MAX && !line.ends_with('\n') {
        // The rest of it is no answer of its own.
        input.skip_until(b'\n')?;
    }
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

    #[test]
    fn the_end_of_a_long_line_is_no_answer() {
        let max = usize::try_from(ANSWER_BYTES_MAX).expect("small");
        let input = format!("{}commit\nrollback", "x".repeat(max));
        let mut input = input.as_bytes();
        let mut next = || read_answer(&mut input).expect("readable");
        assert_eq!(next().as_deref().and_then(parse), None);
        assert_eq!(next().as_deref().and_then(parse), Some(Answer::RollBack));
        assert_eq!(next(), None);
    }
}
