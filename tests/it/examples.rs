//! The example agents, run by the host on a small project.

use runtime::RunOutcome;

use crate::support::{Ground, Item, Plan, Ran, SHORT, guests};

const PROJECT: [Item; 6] = [
    Item::File("Cargo.toml", "[package]\nname = \"it\"\n"),
    Item::File(
        "run.sh",
        "#!/bin/sh\n# SPDX-License-Identifier: MIT\necho hello\n",
    ),
    Item::File("src/lib.rs", "pub fn one() -> u32 { 1 } // TODO: two\n"),
    Item::File(
        "src/main.rs",
        "fn main() { println!(\"one {}\", it::one()); }\n",
    ),
    Item::File("target/debug/build.rs", "fn main() {}\n"),
    Item::Link("latest.rs", "src/lib.rs"),
];

fn plan(guest: &'static str) -> Plan {
    Plan::new(guest).items(&PROJECT)
}

#[track_caller]
fn text(ran: &Ran, path: &str) -> String {
    String::from_utf8(ran.session.read(path).expect("read")).expect("text")
}

#[test]
fn license_header_heads_every_source_file() {
    let ran = plan(guests::LICENSE_HEADER).passes();
    assert_eq!(
        ran.stdout,
        "3 added, 1 replaced, 0 right already, 0 not text\n"
    );
    let changes = ["Cargo.toml", "run.sh", "src/lib.rs", "src/main.rs"];
    assert_eq!(
        ran.changes(),
        changes.map(|path| format!("modified file {path}"))
    );
    let script = "#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\necho hello\n";
    assert_eq!(text(&ran, "run.sh"), script);

    let with_text = plan(guests::LICENSE_HEADER)
        .args(&["--text", "Mine.", "/src"])
        .passes();
    assert!(text(&with_text, "src/lib.rs").starts_with("// Mine.\n\npub fn one"));
    let header = Item::File("LICENSE.txt", "Copyright 2026 A\n");
    let from_file = plan(guests::LICENSE_HEADER).items(&[header]);
    let from_file = from_file.args(&["--header-file", "LICENSE.txt"]).passes();
    assert!(text(&from_file, "src/lib.rs").starts_with("// Copyright 2026 A\n\n"));
}

#[test]
fn license_header_refuses_what_it_does_not_know() {
    let ran = plan(guests::LICENSE_HEADER)
        .args(&["--colour"])
        .run(Ground::Directory);
    assert!(
        matches!(ran.report.outcome, RunOutcome::Exited { .. }),
        "{}",
        ran.story()
    );
    assert!(
        ran.stderr.contains("unknown option --colour\nusage: "),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.changes(), [""; 0]);
}

#[test]
fn rename_symbol_renames_in_rust_sources() {
    let plan = plan(guests::RENAME_SYMBOL)
        .parameter("from", "one")
        .parameter("to", "first");
    let ran = plan.passes();
    assert!(text(&ran, "src/lib.rs").starts_with("pub fn first() -> u32"));
    assert_eq!(
        text(&ran, "src/main.rs"),
        "fn main() { println!(\"one {}\", it::first()); }\n"
    );
    assert_eq!(
        ran.changes(),
        ["modified file src/lib.rs", "modified file src/main.rs"]
    );
}

#[test]
fn todo_report_reads_only() {
    let ran = plan(guests::TODO_REPORT).read_only().passes();
    let RunOutcome::Succeeded(outcome) = &ran.report.outcome else {
        panic!("{}", ran.story());
    };
    assert_eq!(outcome.summary, "1 note in 1 file");
    assert!(
        outcome
            .report
            .as_deref()
            .is_some_and(|report| report.contains("src/lib.rs"))
    );
    assert_eq!(ran.changes(), [""; 0]);
}

#[test]
fn rogue_gets_nothing() {
    let ran = plan(guests::ROGUE)
        .args(&["all-files"])
        .run(Ground::Directory);
    assert_eq!(
        ran.report.outcome,
        RunOutcome::Exited { code: 1 },
        "{}",
        ran.story()
    );
    assert!(
        ran.stdout.ends_with(" attempts, 0 got out\n"),
        "{}",
        ran.story()
    );
    assert!(
        ran.report.events.len() > 5,
        "the host says what it stopped: {}",
        ran.story()
    );
}

#[test]
fn rogue_is_stopped() {
    let run = |arg: &str| {
        let plan = plan(guests::ROGUE).args(&[arg]).run_limits(|limits| {
            if matches!(arg, "loop" | "print") {
                limits.timeout = SHORT;
            }
            limits.memory_bytes_max = 32 << 20;
            limits.output_bytes_max = 1 << 16;
        });
        plan.session_limits(|limits| limits.memory_bytes_max = 16 << 20)
            .run(Ground::Directory)
    };
    assert_eq!(
        run("loop").report.outcome,
        RunOutcome::TimedOut { limit: SHORT }
    );
    assert_eq!(
        run("print").report.outcome,
        RunOutcome::TimedOut { limit: SHORT }
    );
    let allocated = run("allocate").report.outcome;
    assert_eq!(
        allocated,
        RunOutcome::OutOfMemory {
            limit_bytes: 32 << 20
        }
    );
    run("recurse").assert_trap("");
    let flooded = run("flood");
    assert_eq!(
        flooded.report.outcome,
        RunOutcome::Exited { code: 1 },
        "{}",
        flooded.story()
    );
    flooded.assert_event("session-memory-bytes");
}
