//! coreutils and mdBook: programs that copy, move, remove and create whole trees.

use super::contest::{Contest, Step};
use super::install::{Native, Program};
use super::sample;
use crate::support::Item;

const COREUTILS: Program = Program {
    package: "coreutils",
    version: "0.12.0",
    name: "coreutils",
    features: "cat,cp,ls,ln,mkdir,mv,rm,rmdir,sort,split,tee,touch,truncate,wc",
    native: Native::SystemByWord,
};

const MDBOOK: Program = Program {
    package: "mdbook",
    version: "0.5.4",
    name: "mdbook",
    features: "",
    native: Native::Itself,
};

#[test]
fn a_tree_is_copied_moved_and_removed() {
    let mut items = sample();
    items.extend([
        Item::Link("link.md", "docs/commit.md"),
        Item::Link("wit-link", "wit"),
        Item::Directory("empty"),
    ]);
    let contest = Contest::new(COREUTILS, &items);
    let result = contest.play(&[
        &["cp", "-r", "docs", "copy"],
        &["cp", "-r", "-P", "link.md", "wit-link", "empty"],
        &["mv", "copy/commit.md", "moved.md"],
        &["mv", "copy/decisions", "decided"],
        &["mkdir", "-p", "a/b/c", "a/d"],
        &["mv", "moved.md", "link.md", "a/b/c"],
        &["rm", "-r", "guest-sdk", "wit-link"],
        &["rm", "wit"],
        &["rmdir", "a/d", "a/b"],
        &["sort", "-u", "-o", "docs/cli.md", "docs/cli.md"],
        &["split", "-l", "50", "docs/formats.md", "a/part-"],
        &["truncate", "-s", "100", "docs/conformance.md"],
        &[
            "touch",
            "-d",
            "2000-01-02T03:04:05Z",
            "docs/commit.md",
            "new",
        ],
        &["ln", "-s", "../docs", "a/docs"],
        &["ln", "docs/commit.md", "second.md"],
        &["ls", "-1R"],
        &["wc", "-lc", "a/docs/commit.md", "second.md", "missing"],
        &["cat", "a/part-aa", "new"],
    ]);
    let (is_success, listing) = &result.steps[15];
    assert!(*is_success && listing.contains("a/b/c:"), "{listing}");
    assert!(!result.steps[7].0, "a directory is not removed like a file");
    let moved = result.session.changes().expect("open");
    assert!(
        moved.iter().any(|change| change.renamed_from.is_some()),
        "a moved file is told as such"
    );
}

#[test]
fn what_is_read_is_written_to_many() {
    let contest = Contest::new(COREUTILS, &[Item::File("log", "first\n")]);
    let step = Step {
        args: &["tee", "-a", "log", "new"],
        stdin: "second\n",
    };
    let result = contest.play_steps(&[step]);
    assert_eq!(
        result.session.read("log").expect("read"),
        b"first\nsecond\n"
    );
}

/// A book of the repository's own pages.
fn book() -> Vec<Item> {
    let mut items = sample();
    let mut pages: Vec<&str> = items
        .iter()
        .filter_map(|item| match item {
            Item::File(path, _) => path.strip_prefix("docs/"),
            _ => None,
        })
        .filter(|path| path.ends_with(".md"))
        .collect();
    pages.sort_unstable();
    let mut summary = "# Summary\n\n".to_owned();
    for page in pages {
        summary.push_str(&format!("- [{page}](./{page})\n"));
    }
    items.extend([
        Item::File("docs/SUMMARY.md", summary.leak()),
        Item::File("book.toml", "[book]\ntitle = \"Pages\"\nsrc = \"docs\"\n"),
    ]);
    items
}

#[test]
fn a_book_is_built_and_built_again() {
    let contest = Contest::new(MDBOOK, &book());
    let result = contest.play(&[&["build"], &["build", "--dest-dir", "second"], &["build"]]);
    let is_there = |path: &str| result.session.read(path).is_ok();
    assert!(is_there("book/index.html") && is_there("second/commit.html"));
    let changes = result.session.changes().expect("open");
    assert!(changes.len() > 30, "{} changes", changes.len());
}
