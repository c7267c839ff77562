//! `session-fs fs write` and `append`: stdin into a session, piece by piece.
//!
//! **Invariant:** nothing is saved before stdin is at its end. However the process ends before that,
//! the session is as it was.

use std::io::{self, Read};
use std::sync::Arc;

use tokio::sync::mpsc;
use vfs::{Error, READ_BYTES_MAX};

use super::WriteDocument;
use crate::args::FileArgs;
use crate::base::OpenSession;
use crate::exit::{Code, Failure};
use crate::output::{Answer, Output};
use crate::signals::Signals;

/// What becomes of what the file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It goes.
    Write,
    /// It stays, before what is added.
    Append,
}

pub(super) fn put(args: &FileArgs, mode: Mode, output: &Arc<Output>) -> Result<Answer, Failure> {
    let command = match mode {
        Mode::Write => "fs write",
        Mode::Append => "fs append",
    };
    let opened = OpenSession::open(&args.session, command)?;
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let tokio = tokio.map_err(|error| {
        Failure::new(Code::Failed, format!("stdin cannot be waited for: {error}"))
    })?;
    let bytes = tokio.block_on(take(&opened, &args.path, mode, output));
    // A thread may wait for stdin still, which is not worth waiting for.
    tokio.shutdown_background();
    Ok(Answer::quiet(&WriteDocument {
        session: opened.id(),
        path: args.path.clone(),
        bytes: bytes?,
    }))
}

/// Takes all of stdin into a file and saves that; returns how much it was.
async fn take(
    opened: &OpenSession,
    path: &str,
    mode: Mode,
    output: &Arc<Output>,
) -> Result<u64, Failure> {
    let signals = Signals::listen(output)?;
    // One piece waits while the one before is written, so that memory holds two.
    let (sender, mut pieces) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || send_pieces(&mut io::stdin().lock(), &sender));
    let mut bytes = 0;
    loop {
        let piece = tokio::select! {
            piece = pieces.recv() => piece,
            number = signals.first() => {
                let message = "stopped before stdin was at its end; the session is as it was";
                return Err(Failure::new(Code::Signal(number), message));
            }
        };
        let lost = || Err(io::Error::other("its reader has gone"));
        let piece = piece.unwrap_or_else(lost).map_err(|error| {
            Failure::new(Code::Failed, format!("stdin cannot be read: {error}"))
        })?;
        let is_last = piece.is_empty();
        write(opened, path, mode, (bytes, &piece)).map_err(|error| unwritten(&error))?;
        bytes += piece.len() as u64;
        if is_last {
            break;
        }
    }
    signals.committing();
    opened.save()?;
    Ok(bytes)
}

/// Writes the piece that follows `bytes` bytes; an empty one is the end.
fn write(
    opened: &OpenSession,
    path: &str,
    mode: Mode,
    (bytes, piece): (u64, &[u8]),
) -> vfs::Result<()> {
    let limit = opened.session.limits().file_bytes_max;
    if bytes.saturating_add(piece.len() as u64) > limit {
        return Err(Error::FileTooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    match (mode, bytes) {
        (Mode::Write, 0) => opened.session.write(path, piece),
        _ if piece.is_empty() && bytes > 0 => Ok(()),
        _ => opened.session.append(path, piece),
    }
}

fn unwritten(error: &Error) -> Failure {
    let failure = Failure::file(error);
    match error {
        Error::NotFound { .. } => failure.hint("session-fs fs mkdir makes the directory"),
        _ => failure,
    }
}

/// Sends stdin in full pieces, and an empty one at its end.
fn send_pieces(input: &mut impl Read, sender: &mpsc::Sender<io::Result<Vec<u8>>>) {
    loop {
        let mut piece = Vec::new();
        let read = input.take(READ_BYTES_MAX as u64).read_to_end(&mut piece);
        let is_last = piece.is_empty() || read.is_err();
        // Whoever took the pieces has stopped when they cannot be sent.
        if sender.blocking_send(read.map(|_| piece)).is_err() || is_last {
            return;
        }
    }
}
