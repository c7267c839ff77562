//! What an ordinary Rust program finds when its `/` is a session: one guest per behaviour.
//!
//! Each runs over a directory and over memory, and has to print and change the same in both.
#![expect(clippy::disallowed_methods, reason = "one test plays the outsider")]

use runtime::RunOutcome;

use crate::support::{Ground, Item, Plan, Scene, guests};

const GIVEN: Item = Item::File("given.txt", "given\n");

#[track_caller]
fn check(plan: &Plan, changes: &[&str]) {
    assert_eq!(plan.passes().changes(), changes);
}

fn plan(guest: &'static str, items: &[Item]) -> Plan {
    Plan::new(guest).items(items)
}

#[test]
fn opening_in_every_mode() {
    let changes = [
        "created directory directory",
        "created file new",
        "created file old",
    ];
    check(&plan(guests::OPEN_MODES, &[]), &changes);
}

#[test]
fn reading_and_writing() {
    let given = Item::File("given.txt", "given\nby the base\n");
    let changes = [
        "created file a",
        "created file empty",
        "modified file given.txt",
        "created file parts",
    ];
    check(&plan(guests::READ_WRITE, &[given]), &changes);
}

#[test]
fn appending() {
    check(
        &plan(guests::APPEND, &[GIVEN]),
        &["modified file given.txt", "created file log"],
    );
}

#[test]
fn seeking() {
    check(&plan(guests::SEEK, &[]), &["created file a"]);
}

#[test]
fn setting_the_length() {
    check(&plan(guests::SET_LEN, &[]), &["created file a"]);
}

#[test]
fn reading_and_writing_at_positions() {
    check(&plan(guests::POSITIONED, &[]), &["created file a"]);
}

#[test]
fn listing_directories() {
    let items = [
        Item::File("given/a.txt", "a"),
        Item::File("given/b.txt", "b"),
        Item::File("given/sub/deep.txt", "deep"),
        Item::File("top.txt", "top"),
        Item::Link("link", "given/sub"),
    ];
    let changes = plan(guests::READ_DIR, &items).passes().changes();
    assert_eq!(
        changes.len(),
        505,
        "500 files, a directory, two names, one renamed, one removed"
    );
}

#[test]
fn describing() {
    let items = [
        GIVEN,
        Item::Directory("sub"),
        Item::Link("link", "given.txt"),
        Item::Link("dangling", "gone"),
    ];
    check(&plan(guests::METADATA, &items), &["created file new"]);
}

#[test]
fn renaming() {
    let items = [Item::File("given/sub/deep.txt", "deep\n")];
    let changes = [
        "created file b",
        "created directory third",
        "created file third/x",
    ];
    check(&plan(guests::RENAME, &items), &changes);
}

#[test]
fn removing() {
    let items = [
        Item::File("given/a.txt", "a"),
        Item::File("given/b.txt", "b"),
        Item::File("kept.txt", "kept"),
    ];
    check(
        &plan(guests::REMOVE, &items),
        &["removed file given/a.txt", "removed file given/b.txt"],
    );
}

#[test]
fn second_names() {
    let changes = [
        "created directory directory",
        "renamed file directory/third from given.txt",
        "created file twin",
    ];
    check(&plan(guests::HARD_LINK, &[GIVEN]), &changes);
}

#[test]
fn symbolic_links() {
    let changes = [
        "created symlink dangling",
        "created directory directory",
        "created file directory/inside",
        "created symlink directory/up",
        "modified file given.txt",
        "created symlink renamed",
        "created symlink round",
    ];
    check(&plan(guests::SYMLINK, &[GIVEN]), &changes);
}

#[test]
fn setting_times() {
    check(&plan(guests::TIMES, &[]), &["created file a"]);
}

#[test]
fn syncing() {
    check(&plan(guests::SYNC, &[]), &["created file a"]);
}

#[test]
fn whole_trees() {
    let items = [
        Item::File("given/a/b/c.txt", "c"),
        Item::File("given/d.txt", "d"),
    ];
    let changes = [
        "created file file",
        "removed directory given",
        "removed directory given/a",
        "removed directory given/a/b",
        "removed file given/a/b/c.txt",
        "removed file given/d.txt",
        "created directory kept",
        "created directory kept/inside",
    ];
    check(&plan(guests::TREES, &items), &changes);
}

#[test]
fn files_without_names() {
    let changes = [
        "removed file given.txt",
        "created directory z",
        "created directory z/b",
        "created file z/b/c",
    ];
    check(&plan(guests::UNLINKED, &[GIVEN]), &changes);
}

#[test]
fn a_file_of_8_mib() {
    let changes = [
        "created file again",
        "created file copy",
        "created file large",
    ];
    check(&plan(guests::LARGE_FILE, &[]), &changes);
}

#[test]
fn two_thousand_files() {
    let ran = plan(guests::MANY_FILES, &[]).passes();
    assert_eq!(ran.stdout, "1500 files of 6600 bytes\n");
    assert_eq!(ran.changes().len(), 1520, "the directories too");
}

#[test]
fn names_of_all_kinds() {
    assert_eq!(plan(guests::UNICODE, &[]).passes().changes().len(), 9);
}

#[test]
fn a_base_that_changes_during_a_run_is_never_read_half_old_half_new() {
    let path = "large.txt";
    let items = [Item::File(path, "a".repeat(3 << 20).leak())];
    let scene = Scene::new(&items);
    let file = scene.path().join(path);
    let change = move || std::fs::write(&file, "b".repeat((3 << 20) + 1)).expect("written");
    let plan = plan(guests::STALE, &items).on_output(change);
    let ran = plan.run_in(plan.session(Ground::Directory, &scene));
    ran.assert_success();
    let (first, rest) = ran.stdout.split_once('\n').expect("lines");
    assert_eq!(first, "now");
    assert!(
        rest.starts_with("Err(Some(29)) ") && rest.ends_with("\nErr(Some(29))\n"),
        "{rest}"
    );
    ran.assert_event("changed in the base after the session saw it");
}

#[test]
fn standard_streams() {
    let ran = Plan::new(guests::STDIO).stdin("one\ntwo ä\n").passes();
    assert_eq!(ran.stdout, "out one\nout two ä\nwithout an end");
    assert_eq!(ran.stderr, "err one\nerr two ä\n");
    assert_eq!(Plan::new(guests::STDIO).passes().stdout, "without an end");
}

#[test]
fn arguments_and_environment_are_those_of_the_request() {
    let ran = Plan::new(guests::ARGS_ENV)
        .args(&["a b", "", "ä"])
        .env("NAME", "value")
        .passes();
    let expected = "args [\"guest\", \"a b\", \"\", \"ä\"]\nenv [(\"NAME\", \"value\")]\ncwd /\n";
    assert_eq!(ran.stdout, expected);
    let alone = Plan::new(guests::ARGS_ENV).passes();
    assert_eq!(
        alone.stdout, "args [\"guest\"]\nenv []\ncwd /\n",
        "nothing of the host's"
    );
}

#[test]
fn clocks_and_randomness() {
    let run = || Plan::new(guests::CLOCKS_RANDOM).run(Ground::Memory);
    let (first, second) = (run(), run());
    first.assert_success();
    second.assert_success();
    assert_ne!(
        first.stdout, second.stdout,
        "no two runs have the same seed"
    );
}

#[test]
fn the_end_of_a_program() {
    let run = |how: &str| {
        Plan::new(guests::EXIT_CODE)
            .args(&[how])
            .run(Ground::Memory)
    };
    for how in ["exit 0", "return 0"] {
        run(how).assert_success();
    }
    // The program's libc knows success and failure only; other codes come out as 1.
    for how in ["exit 1", "exit 7", "exit 255", "return 3"] {
        let ran = run(how);
        assert_eq!(
            ran.report.outcome,
            RunOutcome::Exited { code: 1 },
            "{how}: {}",
            ran.story()
        );
        assert_eq!(
            ran.changes(),
            ["created file written"],
            "the caller settles the session"
        );
    }
    let ran = run("error too bad");
    assert_eq!(ran.report.outcome, RunOutcome::Exited { code: 1 });
    assert_eq!(ran.stderr, "Error: \"too bad\"\n");
}

/// The benchmark of file operations is this guest with more rounds.
#[test]
fn each_kind_of_operation_in_rounds() {
    let given: Vec<String> = (0..100).map(|number| format!("given/{number}")).collect();
    let content: &str = Box::leak("g".repeat(4096).into_boxed_str());
    let items: Vec<Item> = given
        .into_iter()
        .map(|path| Item::File(Box::leak(path.into_boxed_str()), content))
        .collect();
    // It prints times, which are never the same.
    let ran = plan(guests::IO_ROUNDS, &items)
        .args(&["4"])
        .run(Ground::Directory);
    ran.assert_success();
    assert_eq!(ran.stdout.lines().count(), 12, "{}", ran.story());
    let changes = ran.changes();
    assert!(
        changes.contains(&"created file work/large".to_owned()),
        "{changes:?}"
    );
    assert!(
        !changes.iter().any(|change| change.contains("given")),
        "{changes:?}"
    );
}
