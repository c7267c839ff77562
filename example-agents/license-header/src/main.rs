//! Adds a licence header to every source file below a directory, or fixes the one it has.
//!
//! An ordinary program that knows nothing of sessions: run by the host, its `/` is the session.
#![expect(
    clippy::disallowed_methods,
    reason = "in a guest, std::fs is the session"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a program of its own"
)]

mod header;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use header::{Change, Header, Style};

const USAGE: &str = "usage: license-header [--header-file PATH | --text TEXT] [DIRECTORY]";

const DEFAULT_TEXT: &str = "SPDX-License-Identifier: Apache-2.0";

/// Where nothing is written by hand; names that begin with `.` are left out too.
const SKIPPED_DIRECTORY: &str = "target";

/// What was done, in files.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    added: usize,
    replaced: usize,
    right: usize,
    binary: usize,
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let (text, directory) = match parse(&mut arguments) {
        Ok(parsed) => parsed,
        Err(fault) => {
            eprintln!("license-header: {fault}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut counts = Counts::default();
    if let Err(error) = walk(&directory, &Header::new(&text), &mut counts) {
        eprintln!("license-header: {error}");
        return ExitCode::FAILURE;
    }
    let Counts {
        added,
        replaced,
        right,
        binary,
    } = counts;
    println!("{added} added, {replaced} replaced, {right} right already, {binary} not text");
    ExitCode::SUCCESS
}

/// The header's text and where to begin.
fn parse(arguments: &mut Vec<String>) -> Result<(String, PathBuf), String> {
    let (mut text, mut directory) = (None, None);
    let mut rest = arguments.drain(..);
    while let Some(argument) = rest.next() {
        let mut value = || {
            rest.next()
                .ok_or_else(|| format!("{argument} needs a value"))
        };
        let given = match argument.as_str() {
            "--text" => text.replace(value()?).is_some(),
            "--header-file" => {
                let path = value()?;
                let read = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
                text.replace(read).is_some()
            }
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            _ => directory.replace(PathBuf::from(argument)).is_some(),
        };
        if given {
            return Err("give one text and one directory at most".to_owned());
        }
    }
    let text = text.unwrap_or_else(|| DEFAULT_TEXT.to_owned());
    if text.trim().is_empty() {
        return Err("the header is empty".to_owned());
    }
    Ok((text, directory.unwrap_or_else(|| PathBuf::from("."))))
}

fn walk(directory: &Path, header: &Header, counts: &mut Counts) -> io::Result<()> {
    let named = |error: io::Error, path: &Path| {
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    for entry in fs::read_dir(directory).map_err(|error| named(error, directory))? {
        let entry = entry.map_err(|error| named(error, directory))?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = entry.file_name();
        let hidden = name.as_encoded_bytes().starts_with(b".");
        if kind.is_dir() && !hidden && name != SKIPPED_DIRECTORY {
            walk(&path, header, counts)?;
        } else if kind.is_file()
            && !hidden
            && let Some(style) = Style::of(&path)
        {
            visit(&path, style, header, counts).map_err(|error| named(error, &path))?;
        }
    }
    Ok(())
}

fn visit(path: &Path, style: Style, header: &Header, counts: &mut Counts) -> io::Result<()> {
    let bytes = fs::read(path)?;
    let Some(text) = String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
    else {
        counts.binary += 1;
        return Ok(());
    };
    match header.apply(&text, style) {
        Change::None => counts.right += 1,
        Change::Added(text) => {
            fs::write(path, text)?;
            counts.added += 1;
        }
        Change::Replaced(text) => {
            fs::write(path, text)?;
            counts.replaced += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<(String, PathBuf), String> {
        parse(
            &mut arguments
                .iter()
                .map(|&argument| argument.to_owned())
                .collect(),
        )
    }

    #[test]
    fn arguments_are_checked() {
        let default = (DEFAULT_TEXT.to_owned(), PathBuf::from("."));
        assert_eq!(parsed(&[]), Ok(default));
        assert_eq!(
            parsed(&["--text", "T", "src"]),
            Ok(("T".to_owned(), PathBuf::from("src")))
        );
        for (arguments, part) in [
            (&["--text"][..], "needs a value"),
            (&["--text", " \n"], "empty"),
            (&["--txt", "T"], "unknown option --txt"),
            (&["a", "b"], "at most"),
            (&["--text", "T", "--text", "U"], "at most"),
            (&["--header-file", "/nowhere/at/all"], "/nowhere/at/all: "),
        ] {
            let fault = parsed(arguments).expect_err("refused");
            assert!(fault.contains(part), "{arguments:?}: {fault}");
        }
    }

    #[test]
    fn a_tree_is_changed_once_and_only_where_there_are_sources() {
        let root = std::env::temp_dir().join(format!("license-header-{}", std::process::id()));
        fs::create_dir_all(root.join("src/.git")).expect("created");
        fs::create_dir_all(root.join("target")).expect("created");
        for (path, content) in [
            ("src/a.rs", &b"fn a() {}\n"[..]),
            ("src/old.py", b"# SPDX-License-Identifier: MIT\n"),
            ("src/data.c", b"\0\x01"),
            ("src/.hidden.rs", b""),
            ("src/.git/b.rs", b""),
            ("target/c.rs", b""),
            ("notes.txt", b""),
        ] {
            fs::write(root.join(path), content).expect("written");
        }
        let header = Header::new(DEFAULT_TEXT);
        for expected in [
            Counts {
                added: 1,
                replaced: 1,
                right: 0,
                binary: 1,
            },
            Counts {
                added: 0,
                replaced: 0,
                right: 2,
                binary: 1,
            },
        ] {
            let mut counts = Counts::default();
            walk(&root, &header, &mut counts).expect("walked");
            assert_eq!(counts, expected);
        }
        fs::remove_dir_all(&root).expect("removed");
    }
}
