//! Every command: what it prints for a program parses, and what it refuses has the code for it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Done;
use super::desk::Desk;
use crate::support::guests;

/// Commands that print no JSON, whatever is asked for: a script, and the log as it is.
const OTHERS: [&str; 2] = ["completions", "audit export"];

/// A command and what comes after it; `%` stands for the session, `@` for the base.
type Row = (&'static str, &'static [&'static str]);

/// Each succeeds, in this order.
const COMMANDS: &[Row] = &[
    ("run", &["@", "--dry-run", "STEPS", "--", "write n x"]),
    ("run", &["@", "STEPS", "--", "write n x"]),
    ("inspect", &["STEPS"]),
    ("session begin", &["@"]),
    ("session list", &["@", "--ended"]),
    ("session show", &["%"]),
    ("session savepoint", &["%", "here"]),
    ("fs write", &["%", "w.txt"]),
    ("fs append", &["%", "a.txt"]),
    (
        "fs edit",
        &["%", "a.txt", "--search", "two", "--replace", "2"],
    ),
    ("fs mkdir", &["%", "d"]),
    ("fs cp", &["%", "a.txt", "d"]),
    ("fs mv", &["%", "d/a.txt", "d/m.txt"]),
    ("fs rm", &["%", "b.txt"]),
    ("fs read", &["%", "a.txt"]),
    ("fs ls", &["%", "--long"]),
    ("fs stat", &["%", "a.txt"]),
    ("fs grep", &["%", "one"]),
    ("session diff", &["%"]),
    ("session log", &["%"]),
    ("session fork", &["%"]),
    ("session commit", &["%", "--dry-run"]),
    ("session commit", &["%", "--paths", "d"]),
    ("session rebase", &["%"]),
    ("session savepoint", &["%", "there"]),
    ("session restore", &["%", "there"]),
    ("session commit", &["%"]),
    ("history log", &["@"]),
    ("history show", &["2", "@"]),
    ("history versions", &["a.txt", "@"]),
    ("history diff", &["1", "3", "@"]),
    ("history restore", &["a.txt@1", "@", "--dry-run"]),
    ("history restore", &["a.txt@1", "@"]),
    ("history undo", &["4", "@"]),
    ("history undo", &["5", "@", "--hold"]),
    ("history gc", &["@", "--keep-changes", "1"]),
    ("audit log", &["@"]),
    ("audit verify", &["@"]),
    ("doctor", &["@"]),
    ("session gc", &["@"]),
    ("session rollback", &["OTHER"]),
];

/// The commands that the manual has a page of its own for, but those that only lead to others.
fn documented() -> BTreeSet<String> {
    let manual = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    let manual = std::fs::read_to_string(manual).expect("the manual is there");
    let titles = manual.lines().filter_map(|line| {
        let title = line.strip_prefix("## `session-fs")?.strip_suffix('`')?;
        Some(title.trim().to_owned())
    });
    let titles: BTreeSet<String> = titles.filter(|title| !title.is_empty()).collect();
    let leads = |title: &String| titles.iter().any(|it| it.starts_with(&format!("{title} ")));
    titles.iter().filter(|it| !leads(it)).cloned().collect()
}

#[test]
fn every_command_is_tried_here() {
    let tried = COMMANDS.iter().map(|(command, _)| *command).chain(OTHERS);
    let tried: BTreeSet<String> = tried.map(str::to_owned).collect();
    assert_eq!(tried, documented());
}

/// Runs a row over a desk with a session, and one more that is rolled back.
fn run(desk: &Desk, (command, rest): &Row, (id, other): (&str, &str), format: &str) -> Done {
    let words: Vec<&str> = command.split(' ').collect();
    let base = desk.base();
    let rest = rest.iter().map(|arg| match *arg {
        "%" => id,
        "@" => &base,
        "OTHER" => other,
        "STEPS" => guests::STEPS,
        arg => arg,
    });
    let rest: Vec<&str> = rest.collect();
    let call = desk.call(&words).args(&["--format", format]).args(&rest);
    let done = match *command {
        "fs write" | "fs append" => call.with_input("text\n"),
        _ => call.done(),
    };
    done.assert_code(0);
    done
}

#[test]
fn every_command_prints_json_for_a_program() {
    let desk = Desk::new();
    let (id, other) = (desk.begin(), desk.begin());
    for row in COMMANDS {
        let done = run(&desk, row, (&id, &other), "json");
        let found = done.json();
        assert!(found.is_object() || found.is_array(), "{row:?}: {found}");
    }
}

#[test]
fn every_command_prints_lines_of_json_for_a_program() {
    let desk = Desk::new();
    let (id, other) = (desk.begin(), desk.begin());
    for row in COMMANDS {
        let done = run(&desk, row, (&id, &other), "jsonl");
        for line in done.stdout.lines() {
            let found: Result<Value, _> = serde_json::from_str(line);
            assert!(found.is_ok_and(|it| it.is_object()), "{row:?}: {line}");
        }
        assert!(!done.stdout.is_empty(), "{row:?}");
    }
}

/// What can never be done is a matter of the command line, whatever the session holds.
#[test]
fn a_mistake_on_the_command_line_is_usage() {
    let desk = Desk::new();
    let id = desk.begin();
    desk.write(&id, "c.txt", "c");
    let base = desk.base();
    let long = "x".repeat(300);
    let mistakes: &[(&[&str], &str)] = &[
        (&["session", "savepoint", &id, ""], "is empty"),
        (&["session", "savepoint", &id, &long], "1 to 256 bytes"),
        (&["session", "restore", &id, ""], "is empty"),
        (
            &["session", "commit", &id, "--paths", "a.txt"],
            "changed nothing",
        ),
        (
            &["session", "commit", &id, "--paths", "none", "--dry-run"],
            "changed nothing",
        ),
        (&["session", "commit", &id, "--paths", ""], "is empty"),
        (&["session", "commit", &id, "--paths", "../x"], "leads out"),
        (&["session", "show", "ab"], "too short"),
        (&["session", "show", "NONE!"], "not the id"),
        (&["fs", "grep", &id, "("], "the pattern"),
        (&["history", "log", &base, "--limit", "0"], "1 or more"),
        (&["audit", "log", &base, "--limit", "0"], "1 or more"),
        (&["audit", "log", &base, "--operation", "wirte"], "one of"),
        (&["audit", "log", &base, "--outcome", "okay"], "one of"),
        (&["history", "show", "zz", &base], "no version"),
        (&["history", "restore", "a.txt", &base], "version"),
    ];
    for (args, says) in mistakes {
        let done = desk.call(args).done();
        done.assert_code(2).assert_stdout("").assert_says(&[says]);
    }
    let list = desk.json(&["session", "list", &base]);
    assert_eq!(list[0]["state"], "open", "{list}");
    let empty = desk.begin();
    let done = desk.call(&["session", "commit", &empty, "--paths", "a.txt"]);
    done.done().assert_code(2);
    desk.write(&empty, "later.txt", "it is open still");
}

/// What does not commit says nothing about commits when it fails.
#[test]
fn a_failure_speaks_of_what_was_asked_for() {
    let desk = Desk::new();
    let id = desk.begin();
    let store = desk.place.path().join(".session-fs/store");
    let kept = std::fs::read(&store).expect("there");
    std::fs::write(&store, "no store").expect("written");
    let base = desk.base();
    let refused: &[&[&str]] = &[
        &["session", "begin", &base],
        &["session", "list", &base],
        &["session", "show", &id],
        &["session", "diff", &id],
        &["session", "rollback", &id],
        &["fs", "ls", &id],
        &["history", "log", &base],
        &["audit", "verify", &base],
    ];
    for args in refused {
        let done = desk.call(args).done();
        done.assert_code(1).assert_says(&["'store' is damaged"]);
        assert!(!done.stderr.contains("committed"), "{}", done.stderr);
    }
    std::fs::write(&store, kept).expect("written");
}
