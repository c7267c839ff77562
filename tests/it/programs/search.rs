//! ripgrep: walks a tree, reads everything, changes nothing.

use super::contest::{Contest, Step};
use super::install::{Native, Program};
use super::sample;
use crate::support::Item;

const RIPGREP: Program = Program {
    package: "ripgrep",
    version: "15.2.0",
    name: "rg",
    features: "",
    native: Native::Itself,
};

#[test]
fn a_tree_is_searched() {
    let mut items = sample();
    items.extend([
        Item::File(".gitignore", "*.log\nbuilt/\n"),
        Item::File(".git/HEAD", "ref: refs/heads/main\n"),
        Item::File("built/made.txt", "a session\n"),
        Item::File("trace.log", "a session\n"),
        Item::File(".hidden/note.txt", "a session\n"),
        Item::Binary("image.bin", b"\0\x01a session\0"),
        Item::File("latin/ä ö.txt", "Sitzung: a session\r\n"),
        Item::Link("link.md", "docs/commit.md"),
        Item::Link("up", "."),
    ]);
    let contest = Contest::new(RIPGREP, &items);
    let result = contest.play(&[
        &["--sort", "path", "-n", "--no-heading", "a session", "."],
        &["--sort", "path", "-c", "-i", "COMMIT", "docs", "wit"],
        &["--sort", "path", "--files", "."],
        &["--sort", "path", "--files", "--hidden", "--no-ignore", "."],
        &["--sort", "path", "-l", "--follow", "generation", "."],
        &["--sort", "path", "-o", "-g", "*.rs", r"fn \w+", "guest-sdk"],
        &["--sort", "path", "-U", r"session\s+is", "-A", "2", "docs"],
        &["-a", "-N", "session", "image.bin"],
        &["no such text anywhere, \u{1F980}", "."],
        &["(", "."],
        &["text", "no/such/file"],
    ]);
    let found = |index: usize| result.steps[index].1.lines().count();
    assert!(found(0) > 10 && found(3) > found(2), "it did search");
    assert!(!result.steps[8].0, "what is not found is told");
    let changes = result.session.changes().expect("open");
    assert!(changes.is_empty(), "{changes:?}");
}

#[test]
fn standard_input_is_searched() {
    let contest = Contest::new(RIPGREP, &[]);
    let step = Step {
        args: &["-n", "b", "-"],
        stdin: "a\nb\nabc\n",
    };
    let result = contest.play_steps(&[step]);
    assert_eq!(result.steps[0].1, "2:b\n3:abc\n");
}
