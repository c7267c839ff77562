//! Sessions that last: begun, worked in and settled by processes of their own.

use std::fs;

use super::desk::Desk;

#[test]
fn a_session_goes_from_command_to_command_and_is_committed_once() {
    let desk = Desk::new();
    let id = desk.begin();
    desk.ok(&["fs", "mkdir", &id, "new"]);
    desk.write(&id, "new/file.txt", "x");
    assert_eq!(
        desk.place.read("new/file.txt"),
        None,
        "nothing before the commit"
    );
    let shown = desk.json(&["session", "show", &id[..8]]);
    assert_eq!(shown["id"], id.as_str());
    assert_eq!(shown["state"], "open");
    assert_eq!(shown["changes"][1]["path"], "new/file.txt");
    let diff = desk.ok(&["session", "diff", &id]).stdout;
    assert!(diff.contains("+++ b/new/file.txt"), "{diff}");

    let dry = desk.json(&["session", "commit", &id, "--dry-run"]);
    assert_eq!(dry["outcome"], "dry-run");
    assert_eq!(dry["change"]["entries"][1]["path"], "new/file.txt");
    assert_eq!(
        desk.place.read("new/file.txt"),
        None,
        "a dry run changes nothing"
    );

    let done = desk.json(&["session", "commit", &id, "--message", "why"]);
    assert_eq!(done["outcome"], "committed");
    assert_eq!(done["change"]["generation"], 1);
    assert_eq!(desk.place.read("new/file.txt").as_deref(), Some("x"));
    let again = desk.call(&["session", "commit", &id]).done();
    again.assert_code(1).assert_says(&["already committed"]);
}

#[test]
fn what_was_rolled_back_is_gone() {
    let desk = Desk::new();
    let id = desk.begin();
    desk.write(&id, "a.txt", "mine");
    desk.ok(&["session", "rollback", &id]);
    assert_eq!(
        desk.place.read("a.txt").as_deref(),
        Some("one\ntwo\nthree\n")
    );
    let read = desk.call(&["fs", "read", &id, "a.txt"]).done();
    read.assert_code(1).assert_says(&["rolled back"]);
    let listed = desk.json(&["session", "list", &desk.base()]);
    assert_eq!(listed, serde_json::json!([]));
    let listed = desk.json(&["session", "list", &desk.base(), "--ended"]);
    assert_eq!(listed[0]["state"], "rolled-back");
}

#[test]
fn begin_keeps_what_the_session_is_for() {
    let desk = Desk::new();
    let begun = desk.json(&[
        "session",
        "begin",
        &desk.base(),
        "--purpose",
        "p",
        "--agent",
        "a",
        "--task",
        "t",
        "--label",
        "k=v",
        "--expires",
        "2h",
    ]);
    for (field, value) in [
        ("purpose", "p"),
        ("agent", "a"),
        ("task", "t"),
        ("state", "open"),
    ] {
        assert_eq!(begun[field], value);
    }
    assert_eq!(begun["labels"]["k"], "v");
    assert!(begun["expires_at"].is_string(), "{begun}");
    assert!(begun["id"].is_string(), "{begun}");
}

#[test]
fn a_fork_goes_its_own_way_and_a_savepoint_is_gone_back_to() {
    let desk = Desk::new();
    let id = desk.begin();
    desk.write(&id, "a.txt", "1");
    desk.ok(&["session", "savepoint", &id, "one"]);
    let fork = desk
        .ok(&["session", "fork", &id])
        .stdout
        .trim_end()
        .to_owned();
    desk.write(&id, "a.txt", "2");
    desk.ok(&["fs", "read", &fork, "a.txt"]).assert_stdout("1");
    desk.ok(&["session", "restore", &id, "one"]);
    desk.ok(&["fs", "read", &id, "a.txt"]).assert_stdout("1");
    let shown = desk.json(&["session", "show", &id]);
    assert_eq!(shown["savepoints"][0]["name"], "one");
    assert!(shown["savepoints"][0]["made_at"].is_string(), "{shown}");
    let shown = desk.ok(&["session", "show", &id]).stdout;
    assert!(shown.contains("savepoint"), "{shown}");
    let unknown = desk.call(&["session", "restore", &id, "two"]).done();
    unknown
        .assert_code(4)
        .assert_says(&["'two'", "its savepoints are one"]);
    let none = desk.call(&["session", "restore", &fork, "two"]).done();
    none.assert_code(4).assert_says(&["has no savepoints"]);
}

#[test]
fn a_conflict_shows_both_sides_and_what_to_do() {
    let desk = Desk::new();
    let id = desk.begin();
    desk.write(&id, "a.txt", "one\ntwo\nMINE\n");
    fs::write(desk.place.path().join("a.txt"), "one\ntwo\nTHEIRS\x1b[2J\n").expect("written");
    let refused = desk.call(&["session", "commit", &id]).done();
    refused.assert_code(3).assert_says(&[
        "a.txt",
        "both changed it",
        "-THEIRS\\u{1b}[2J",
        "+MINE",
        &format!("session-fs session rebase {id} --on-conflict merge"),
        "--on-conflict ours",
        "session rollback",
    ]);
    let json = desk
        .call(&["session", "commit", &id, "--format", "json"])
        .done();
    let json = json.assert_code(3).json();
    assert_eq!(json["outcome"], "conflicted");
    assert_eq!(json["exit_code"], 3);
    assert_eq!(json["conflicts"][0]["path"], "a.txt");
    assert_eq!(json["conflicts"][0]["reason"], "content");
    assert_eq!(json["conflicts"][0]["ours"]["kind"], "file");
    assert_eq!(json["conflicts"][0]["theirs"]["kind"], "file");
    let dry = desk.call(&["session", "commit", &id, "--dry-run"]).done();
    dry.assert_code(3);
    desk.ok(&["session", "commit", &id, "--on-conflict", "ours"]);
    assert_eq!(
        desk.place.read("a.txt").as_deref(),
        Some("one\ntwo\nMINE\n")
    );
}

#[test]
fn both_sides_are_joined_where_that_is_clean() {
    let desk = Desk::new();
    let id = desk.begin();
    desk.write(&id, "a.txt", "one\ntwo\nMINE\n");
    fs::write(desk.place.path().join("a.txt"), "THEIRS\ntwo\nthree\n").expect("written");
    let rebased = desk.json(&["session", "rebase", &id, "--on-conflict", "merge"]);
    assert_eq!(rebased["merged"], serde_json::json!(["a.txt"]));
    desk.ok(&["fs", "read", &id, "a.txt"])
        .assert_stdout("THEIRS\ntwo\nMINE\n");
    desk.ok(&["session", "commit", &id]);
    assert_eq!(
        desk.place.read("a.txt").as_deref(),
        Some("THEIRS\ntwo\nMINE\n")
    );
}

#[test]
fn some_paths_are_committed_and_the_rest_stays() {
    let desk = Desk::new();
    let id = desk.begin();
    desk.write(&id, "a.txt", "a2");
    desk.write(&id, "b.txt", "b2");
    let part = desk.json(&["session", "commit", &id, "--paths", "a.txt"]);
    assert_eq!(part["is_open"], true);
    assert_eq!(desk.place.read("a.txt").as_deref(), Some("a2"));
    assert_eq!(desk.place.read("b.txt").as_deref(), Some("b\n"));
    let shown = desk.json(&["session", "show", &id]);
    let changes = shown["changes"].as_array().expect("a list");
    assert_eq!(changes.len(), 1, "{shown}");
    assert_eq!(changes[0]["path"], "b.txt");
    let dry = desk.json(&["session", "commit", &id, "--dry-run", "--paths", "b.txt"]);
    let entries = dry["change"]["entries"].as_array().expect("a list");
    assert_eq!(entries.len(), 1, "{dry}");
    assert!(
        dry["diff"]
            .as_str()
            .is_some_and(|diff| diff.contains("+b2")),
        "{dry}"
    );
    desk.ok(&["session", "commit", &id]);
    assert_eq!(desk.place.read("b.txt").as_deref(), Some("b2"));
    let base = desk.base();
    for prefix in [&id[..], &id[..16]] {
        let log = desk.json(&["history", "log", "--session", prefix, &base]);
        assert_eq!(log.as_array().map(Vec::len), Some(2), "{log}");
        assert_eq!(log[1]["session"], id.as_str(), "the part is of the session");
    }
    let is_part =
        |generation: &str| desk.json(&["history", "show", generation, &base])["is_part"].clone();
    assert_eq!((is_part("1"), is_part("2")), (true.into(), false.into()));
    let short = desk
        .call(&["history", "log", "--session", &id[..2], &base])
        .done();
    short.assert_code(2).assert_says(&["too short"]);
    let none = desk.json(&["history", "log", "--session", "nobody", &base]);
    assert_eq!(none, serde_json::json!([]));
}

#[test]
fn what_was_only_read_counts_when_asked_for() {
    let desk = Desk::new();
    let id = desk.begin();
    desk.ok(&["fs", "read", &id, "b.txt"]);
    desk.write(&id, "a.txt", "a2");
    fs::write(desk.place.path().join("b.txt"), "other\n").expect("written");
    let refused = desk
        .call(&["session", "commit", &id, "--isolation", "serializable"])
        .done();
    refused.assert_code(3).assert_says(&["b.txt", "only read"]);
    let foretold = [
        "session",
        "commit",
        &id,
        "--dry-run",
        "--isolation",
        "serializable",
    ];
    let foretold = desk.call(&foretold).done();
    foretold.assert_code(3).assert_says(&["b.txt", "only read"]);
    desk.json(&["session", "commit", &id, "--dry-run"]);
    desk.ok(&["session", "commit", &id]);
}

#[test]
fn a_log_tells_what_was_done() {
    let desk = Desk::new();
    let id = desk.begin();
    desk.write(&id, "a.txt", "x");
    let log = desk.json(&["session", "log", &id]);
    let done: Vec<_> = log.as_array().expect("a list").iter().collect();
    let count = |word: &str| done.iter().filter(|line| line["operation"] == word).count();
    assert_eq!(count("begin"), 1, "{log}");
    assert_eq!(count("write"), 1, "{log}");
    assert_eq!(
        count("discard"),
        0,
        "a session that is closed is still there: {log}"
    );
}

#[test]
fn a_damaged_session_is_named_and_goes_only_when_somebody_says_so() {
    let desk = Desk::new();
    let (hurt, whole) = (desk.begin(), desk.begin());
    desk.write(&hurt, "a.txt", "hurt");
    desk.write(&whole, "b.txt", "whole");
    let folder = desk.place.path().join(".session-fs/sessions").join(&hurt);
    let kept = desk
        .call(&["session", "rollback", "--damaged", &hurt])
        .done();
    kept.assert_code(1).assert_says(&["not damaged", "kept"]);
    for file in ["log", "meta"] {
        fs::write(folder.join(file), "damaged").expect("written");
        for command in [
            &["session", "diff"][..],
            &["session", "commit"],
            &["session", "rollback"],
        ] {
            let refused = desk.call(command).args(&[&hurt]).done();
            refused.assert_code(1).assert_says(&[
                &hurt,
                "is damaged",
                &format!("session rollback --damaged {hurt}"),
            ]);
        }
        let found = desk.call(&["doctor", &desk.base(), "--format", "json"]);
        let found = found.done().assert_code(1).json();
        let place = format!("sessions/{hurt}");
        assert_eq!(found["findings"][0]["place"], place.as_str(), "{found}");
        let listed = desk.json(&["session", "list", &desk.base()]);
        let state = |id: &str| {
            let mut all = listed.as_array().expect("a list").iter();
            all.find(|it| it["id"] == id).expect("listed")["state"].clone()
        };
        assert_eq!(state(&whole), "open");
        assert_eq!(state(&hurt), "damaged", "{listed}");
    }
    desk.ok(&["session", "gc", &desk.base()]);
    assert!(folder.exists(), "cleaning up removed it");
    let removed = desk.ok(&["session", "rollback", "--damaged", &hurt]);
    for part in [&hurt[..], "what it changed is lost", "meta"] {
        assert!(removed.stdout.contains(part), "{}", removed.stdout);
    }
    assert!(!folder.exists());
    let told = desk.json(&["audit", "log", &desk.base(), "--operation", "rollback"]);
    let told = told.as_array().and_then(|lines| lines.last());
    let told = told.expect("a line");
    assert_eq!(
        (&told["session"], &told["outcome"]),
        (&hurt.as_str().into(), &"ok".into())
    );
    let by = told["target"].as_str().expect("who");
    assert!(by.contains("session-fs session rollback"), "{told}");
    desk.call(&["session", "show", &hurt]).done().assert_code(4);
    desk.ok(&["doctor", &desk.base()]);
    desk.ok(&["session", "commit", &whole]);
    assert_eq!(desk.place.read("b.txt").as_deref(), Some("whole"));
}
