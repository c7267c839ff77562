//! Operations on the files of a session, each by a process of its own.

use std::process::Command;

use super::Done;
use super::desk::Desk;

#[test]
fn every_operation_is_there_for_the_next_process() {
    let desk = Desk::new();
    let id = desk.begin();
    desk.ok(&["fs", "mkdir", &id, "x/y"]);
    desk.ok(&["fs", "cp", &id, "a.txt", "x/y"]);
    desk.ok(&["fs", "mv", &id, "x/y/a.txt", "x/b.txt"]);
    desk.ok(&[
        "fs",
        "edit",
        &id,
        "x/b.txt",
        "--search",
        "two",
        "--replace",
        "2",
    ]);
    let appended = desk
        .call(&["fs", "append", &id, "x/b.txt"])
        .with_input("four\n");
    appended.assert_code(0);
    desk.ok(&["fs", "read", &id, "x/b.txt"])
        .assert_stdout("one\n2\nthree\nfour\n");
    desk.ok(&["fs", "ls", "-R", &id])
        .assert_stdout("a.txt\nb.txt\ndir/\ndir/c.txt\nx/\nx/b.txt\nx/y/\n");
    let stat = desk.json(&["fs", "stat", &id, "x/b.txt"]);
    assert_eq!((&stat["kind"], &stat["size"]), (&"file".into(), &17.into()));
    let found = desk.json(&["fs", "grep", &id, "TW.", "-i"]);
    assert_eq!(found[0]["path"], "a.txt");
    assert_eq!(found[0]["line"], 2);
    assert_eq!(found.as_array().map(Vec::len), Some(1));
    desk.ok(&["fs", "rm", "-r", &id, "x"]);
    let listed = desk.json(&["fs", "ls", "-l", &id]);
    assert_eq!(listed.as_array().map(Vec::len), Some(3));
    assert_eq!(listed[0]["size"], 14);
}

#[test]
fn what_does_not_work_has_its_code_and_changes_nothing() {
    let desk = Desk::new();
    let id = desk.begin();
    let check = |args: &[&str], code: i32, says: &[&str]| {
        let (group, rest) = args.split_at(2);
        let call = desk.call(group).arg(&id).args(rest);
        call.done().assert_code(code).assert_says(says);
    };
    check(&["fs", "read", "none"], 4, &["'none' does not exist"]);
    check(&["fs", "rm", "none", "-r"], 4, &["'none' does not exist"]);
    check(&["fs", "rm", "dir"], 1, &["not empty"]);
    check(&["fs", "read", "../x"], 5, &["denied"]);
    check(&["fs", "stat", ".session-fs/store"], 4, &[]);
    check(&["fs", "grep", "absent"], 1, &[]);
    let edit = ["fs", "edit", "a.txt", "--search", "t", "--replace", "T"];
    check(&edit, 1, &["a.txt"]);
    let missing = desk.call(&["fs", "write", &id, "none/x"]).with_input("x");
    missing.assert_code(4).assert_says(&["fs mkdir"]);
    assert_eq!(
        desk.json(&["session", "show", &id])["changes"],
        serde_json::json!([])
    );
}

#[test]
fn a_write_that_is_killed_never_happened() {
    let desk = Desk::new();
    let id = desk.begin();
    desk.write(&id, "a.txt", "saved");
    let mut child = desk.start_write(&id, "a.txt");
    let busy = desk.call(&["fs", "read", &id, "a.txt"]).done();
    busy.assert_code(1)
        .assert_says(&["in use by process", "fs write"]);
    child.kill().expect("killed");
    child.wait().expect("gone");
    desk.ok(&["fs", "read", &id, "a.txt"])
        .assert_stdout("saved");
}

#[test]
fn a_write_that_is_interrupted_never_happened() {
    let desk = Desk::new();
    let id = desk.begin();
    let mut child = desk.start_write(&id, "a.txt");
    // Waiting would close it, and the end of input is the end of the file.
    let stdin = child.stdin.take();
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status();
    assert!(sent.expect("kill is there").success());
    let done = Done::from(child.wait_with_output().expect("it ends"));
    drop(stdin);
    done.assert_code(130)
        .assert_says(&["the session is as it was"]);
    desk.ok(&["fs", "read", &id, "a.txt"])
        .assert_stdout("one\ntwo\nthree\n");
}

#[test]
fn bytes_go_through_as_they_are() {
    let desk = Desk::new();
    let id = desk.begin();
    // Over several pieces, of which the last is short.
    let text: String = (0..400_000).map(|n| format!("{n:06}\n")).collect();
    let done = desk.call(&["fs", "write", &id, "big", "--format", "json"]);
    let done = done.with_input(&text);
    assert_eq!(done.assert_code(0).json()["bytes"], text.len());
    assert!(desk.ok(&["fs", "read", &id, "big"]).stdout == text);
    desk.write(&id, "empty", "");
    desk.ok(&["fs", "read", &id, "empty"]).assert_stdout("");
}
