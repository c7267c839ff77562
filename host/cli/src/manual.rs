//! The generated part of `docs/cli.md`: the help of every command, as the binary prints it.
//!
//! The test fails when page and help differ; with `SESSION_FS_BLESS=1` it writes the page.
#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the page from the repository"
)]

use std::fmt::Write;
use std::path::Path;

use clap::{Command, CommandFactory};

use crate::args::Cli;

/// The generated part stands between two of these.
const MARK: &str = "<!-- generated: help -->";

const WIDTH: usize = 100;

#[test]
fn the_page_shows_the_help() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let page = std::fs::read_to_string(&path).expect("docs/cli.md is there");
    let parts: Vec<&str> = page.split(MARK).collect();
    let [before, shown, after] = parts[..] else {
        panic!("{MARK} is there twice")
    };
    let help = help();
    if std::env::var_os("SESSION_FS_BLESS").is_some() {
        let page = format!("{before}{MARK}{help}{MARK}{after}");
        return std::fs::write(&path, page).expect("docs/cli.md can be written");
    }
    assert!(
        shown == help,
        "run SESSION_FS_BLESS=1 cargo test -p session-fs-cli manual\n{help}"
    );
}

fn help() -> String {
    let mut text = String::new();
    let mut root = Cli::command().term_width(WIDTH);
    root.build();
    put_all(&mut text, &root);
    text
}

/// A command, and those below it.
fn put_all(text: &mut String, command: &Command) {
    put(text, command);
    for below in command.get_subcommands() {
        put_all(text, below);
    }
}

fn put(text: &mut String, command: &Command) {
    let mut command = command.clone().term_width(WIDTH);
    let name = command.get_bin_name().unwrap_or("session-fs").to_owned();
    let help = command.render_long_help().to_string();
    let lines = help
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n");
    write!(
        text,
        "\n## `{name}`\n\n```text\n{}\n```\n",
        lines.trim_end()
    )
    .expect("a string");
}
