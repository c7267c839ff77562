//! Tries everything that an agent must not be able to do, and says what it got.
//!
//! `all-files` runs the attempts that return and ends with exit code 1 when each was refused, 3 when
//! one was not. The others never end by themselves: the host has to end them.
#![expect(
    clippy::disallowed_methods,
    reason = "in a guest, std::fs is the session"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a program of its own"
)]

mod attempts;

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Write};
use std::process::ExitCode;

use attempts::ATTEMPTS;

const USAGE: &str = "usage: rogue all-files|loop|allocate|flood|recurse|print";

fn main() -> ExitCode {
    if !cfg!(target_family = "wasm") {
        eprintln!("rogue: it removes what it can reach; run it in a session only");
        return ExitCode::from(2);
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["all-files"] => all_files(),
        ["loop"] => spin(),
        ["allocate"] => allocate(),
        ["flood"] => flood(),
        ["recurse"] => {
            println!("got to depth {}", recurse(0));
            ExitCode::from(3)
        }
        ["print"] => print(),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn all_files() -> ExitCode {
    let mut got_count = 0;
    for (what, attempt) in ATTEMPTS {
        match attempt() {
            Ok(got) => {
                got_count += 1;
                println!("GOT IT   {what}: {got}");
            }
            Err(error) => println!("refused  {what}: {error}"),
        }
    }
    let (removed_count, left_count) = vandalise();
    println!("done     removed {removed_count} entries of the session, {left_count} left");
    println!("{} attempts, {got_count} got out", ATTEMPTS.len());
    ExitCode::from(if got_count == 0 { 1 } else { 3 })
}

/// Removes all it sees. That is allowed: it is a session, and nobody commits it.
fn vandalise() -> (usize, usize) {
    let entries = || fs::read_dir("/").into_iter().flatten().flatten();
    let mut removed_count = 0;
    for entry in entries() {
        let path = entry.path();
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let removed = if is_dir {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed_count += usize::from(removed.is_ok());
    }
    (removed_count, entries().count())
}

fn spin() -> ExitCode {
    println!("looping for ever");
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn allocate() -> ExitCode {
    println!("allocating without end");
    let mut held = Vec::new();
    loop {
        held.push(black_box(vec![0xA5_u8; 1 << 20]));
    }
}

/// Makes files until it is refused, and then goes on in those that it has.
fn flood() -> ExitCode {
    println!("flooding the session with files");
    let chunk = vec![0xA5_u8; 1 << 20];
    let mut written_bytes = 0_u64;
    for number in 0_u64.. {
        let written = File::create(format!("/flood-{number}")).and_then(|mut file| {
            file.write_all(&chunk)?;
            file.sync_all()
        });
        if let Err(error) = written {
            println!("refused  after {number} files of {written_bytes} bytes: {error}");
            break;
        }
        written_bytes += chunk.len() as u64;
    }
    ExitCode::FAILURE
}

#[expect(unconditional_recursion, reason = "that is the attempt")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    black_box(recurse(depth + 1) + frame[0])
}

fn print() -> ExitCode {
    let line = "all work and no play ".repeat(100);
    while writeln!(io::stdout(), "{line}").is_ok() {}
    ExitCode::FAILURE
}
