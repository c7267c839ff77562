//! The methods of streams, each used as the WIT says: what is not ready is waited for, and what was
//! written is flushed before its step ends, so that a host that works in the background shows by then
//! what came of it.

use crate::bindings::wasi::filesystem::types::filesystem_error_code;
use crate::bindings::wasi::io::poll::poll;
use crate::bindings::wasi::io::streams::{InputStream, OutputStream, StreamError};
use crate::descriptor::shown;
use crate::words::Words;
use crate::{Played, Player, Refusal, done};

/// What a host reads ahead once it is asked to tell when there is something to read.
const AHEAD_BYTES: u64 = 4096;

impl From<StreamError> for Refusal {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::Closed => Self::Closed,
            StreamError::LastOperationFailed(error) => Self::Failed(filesystem_error_code(&error)),
        }
    }
}

impl Player {
    /// A stream that has ended leaves its slot: whether it reads on when the file has grown is not
    /// compared.
    pub(crate) fn input(&mut self, method: &str, words: &mut Words<'_>) -> Played {
        let slot = words.next();
        let input = self.inputs.get(slot);
        let input = input.ok_or_else(|| Refusal::Empty(slot.to_owned()))?;
        let played = read(input, method, words);
        if played.is_err() {
            self.inputs.remove(slot);
        }
        played
    }

    pub(crate) fn output(&mut self, method: &str, words: &mut Words<'_>) -> Played {
        let slot = words.next();
        let output = self.outputs.get(slot);
        let output = output.ok_or_else(|| Refusal::Empty(slot.to_owned()))?;
        if !matches!(method, "splice" | "blocking-splice") {
            return write(output, method, words);
        }
        let source = words.next();
        let input = self.inputs.get(source);
        let input = input.ok_or_else(|| Refusal::Empty(source.to_owned()))?;
        let played = splice(output, input, method, words);
        if played.is_err() {
            self.inputs.remove(source);
        }
        played
    }
}

fn read(input: &InputStream, method: &str, words: &mut Words<'_>) -> Played {
    match method {
        "read" => {
            let length = words.number();
            let bytes = ready(input, length, || input.read(length), Vec::len)?;
            Ok(shown(&bytes))
        }
        "blocking-read" => Ok(shown(&input.blocking_read(words.number())?)),
        "skip" => {
            let length = words.number();
            let count = |skipped: &u64| usize::try_from(*skipped).expect("a small number");
            let skipped = ready(input, length, || input.skip(length), count)?;
            Ok(format!("{skipped} bytes"))
        }
        "blocking-skip" => Ok(format!("{} bytes", input.blocking_skip(words.number())?)),
        "subscribe" => {
            let pollable = input.subscribe();
            pollable.block();
            assert!(pollable.ready(), "it was waited for");
            assert_eq!(poll(&[&pollable]), [0]);
            drop(pollable);
            Ok(shown(&input.read(AHEAD_BYTES)?))
        }
        _ => panic!("no method: {method}"),
    }
}

/// Repeats a call until it has moved anything, and waits in between.
fn ready<T>(
    input: &InputStream,
    length: u64,
    call: impl Fn() -> Result<T, StreamError>,
    count: impl Fn(&T) -> usize,
) -> Result<T, StreamError> {
    loop {
        let moved = call()?;
        if count(&moved) > 0 || length == 0 {
            return Ok(moved);
        }
        input.subscribe().block();
    }
}

fn write(output: &OutputStream, method: &str, words: &mut Words<'_>) -> Played {
    match method {
        "check-write" => {
            let permit = output.check_write()?;
            return Ok((if permit > 0 { "ready" } else { "busy" }).to_owned());
        }
        "write" => {
            permitted(output)?;
            output.write(&words.content())?;
            output.blocking_flush()?;
        }
        "blocking-write-and-flush" => output.blocking_write_and_flush(&words.content())?,
        "write-zeroes" => {
            permitted(output)?;
            output.write_zeroes(words.number())?;
            output.blocking_flush()?;
        }
        "blocking-write-zeroes-and-flush" => {
            output.blocking_write_zeroes_and_flush(words.number())?;
        }
        "flush" => {
            output.flush()?;
            permitted(output)?;
        }
        "blocking-flush" => output.blocking_flush()?,
        "subscribe" => {
            let pollable = output.subscribe();
            pollable.block();
            assert!(pollable.ready(), "it was waited for");
        }
        _ => panic!("no method: {method}"),
    }
    done()
}

/// Waits until something may be written.
fn permitted(output: &OutputStream) -> Result<(), StreamError> {
    while output.check_write()? == 0 {
        output.subscribe().block();
    }
    Ok(())
}

fn splice(
    output: &OutputStream,
    input: &InputStream,
    method: &str,
    words: &mut Words<'_>,
) -> Played {
    let length = words.number();
    permitted(output)?;
    let moved = match method {
        "splice" => {
            let count = |moved: &u64| usize::try_from(*moved).expect("a small number");
            ready(input, length, || output.splice(input, length), count)?
        }
        _ => output.blocking_splice(input, length)?,
    };
    output.blocking_flush()?;
    Ok(format!("{moved} bytes"))
}
