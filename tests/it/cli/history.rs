//! What was committed: shown, compared and brought back.

use super::desk::Desk;

#[test]
fn a_base_without_a_history_says_so() {
    let desk = Desk::new();
    let log = desk.json(&["history", "log", &desk.base()]);
    assert_eq!(log, serde_json::json!([]));
    let none = desk.call(&["history", "undo", "abcd", &desk.base()]).done();
    none.assert_code(4)
        .assert_says(&["nothing was ever committed"]);
    assert!(!desk.place.names().contains(&".session-fs".to_owned()));
}

#[test]
fn changes_and_versions_are_listed() {
    let desk = Desk::new();
    let (one, two) = (desk.commit("a.txt", "1\n"), desk.commit("a.txt", "2\n"));
    let base = desk.base();
    let log = desk.json(&["history", "log", &base]);
    assert_eq!(log[0]["id"], two.as_str());
    assert_eq!(log[1]["id"], one.as_str());
    assert_eq!(log[0]["message"], "why");
    assert_eq!(log[0]["paths"], serde_json::json!(["a.txt"]));
    let log = desk.json(&["history", "log", &base, "--path", "dir"]);
    assert_eq!(log, serde_json::json!([]));
    let shown = desk.json(&["history", "show", &one[..6], &base]);
    assert_eq!(shown["entries"][0]["change"], "modified");
    assert_eq!(shown["entries"][0]["size_after"], 2);
    let versions = desk.json(&["history", "versions", "a.txt", &base]);
    let kinds = versions.as_array().expect("a list").iter();
    let kinds: Vec<_> = kinds.map(|it| it["change_kind"].as_str()).collect();
    assert_eq!(
        kinds,
        [Some("modified"), Some("modified"), Some("original")]
    );
    let diff = desk
        .ok(&["history", "diff", "1", "2", "--path", "a.txt", &base])
        .stdout;
    assert!(diff.contains("-1\n+2\n"), "{diff}");
    let diff = desk.ok(&["history", "diff", &one[..8], &base]).stdout;
    assert!(diff.contains("-one\n") && diff.contains("+1\n"), "{diff}");
    for generation in ["1", "@1"] {
        let shown = desk.json(&["history", "show", generation, &base]);
        assert_eq!(shown["id"], one.as_str());
    }
    let diff = desk.ok(&["history", "diff", "1", &base]).stdout;
    assert!(diff.contains("-one\n") && diff.contains("+1\n"), "{diff}");
    let unknown = desk.call(&["history", "show", "3", &base]).done();
    unknown.assert_code(4).assert_says(&["no change '3'"]);
    let unknown = desk.call(&["history", "show", "ffffff", &base]).done();
    unknown.assert_code(4).assert_says(&["history log"]);
}

#[test]
fn a_version_is_brought_back_and_a_change_taken_back() {
    let desk = Desk::new();
    desk.commit("a.txt", "1\n");
    let two = desk.commit("a.txt", "2\n");
    let base = desk.base();
    let read = || desk.place.read("a.txt");
    let dry = desk
        .ok(&["history", "restore", "a.txt@1", "--dry-run", &base])
        .stdout;
    assert!(dry.contains("-2\n+1\n"), "{dry}");
    assert_eq!(read().as_deref(), Some("2\n"));
    let held = desk
        .ok(&["history", "restore", "a.txt@1", "--hold", &base])
        .stdout;
    desk.ok(&["fs", "read", held.trim_end(), "a.txt"])
        .assert_stdout("1\n");
    assert_eq!(read().as_deref(), Some("2\n"));
    desk.ok(&["history", "restore", "a.txt@1", &base]);
    assert_eq!(read().as_deref(), Some("1\n"));
    let undone = desk.json(&["history", "undo", &two, &base]);
    assert_eq!(undone["outcome"], "unchanged", "it is taken back already");
    desk.commit("a.txt", "2\n");
    desk.commit("a.txt", "3\n");
    let undone = desk.call(&["history", "undo", &two, &base]).done();
    undone
        .assert_code(3)
        .assert_says(&["a.txt", "nothing was changed"]);
    let last = desk.json(&["history", "log", &base])[0]["id"].clone();
    desk.ok(&["history", "undo", last.as_str().expect("an id"), &base]);
    assert_eq!(read().as_deref(), Some("2\n"));
    let generation = desk.json(&["history", "log", &base])[0]["generation"].clone();
    desk.ok(&["history", "undo", &generation.to_string(), &base]);
    assert_eq!(read().as_deref(), Some("3\n"));
    let noise = desk.json(&["audit", "log", &base, "--operation", "rollback"]);
    let failed = noise.as_array().expect("a list").iter();
    assert_eq!(
        failed.filter(|it| it["outcome"] != "ok").count(),
        0,
        "{noise}"
    );
    // What was begun for it is over, apart from what was held.
    let sessions = desk.json(&["session", "list", &base]);
    assert_eq!(sessions.as_array().map(Vec::len), Some(1));
}

#[test]
fn old_changes_go_when_asked_for() {
    let desk = Desk::new();
    for text in ["1", "2", "3"] {
        desk.commit("a.txt", text);
    }
    let base = desk.base();
    let id = desk.begin();
    desk.commit("a.txt", "4");
    let kept = desk.call(&["history", "gc", "--keep-changes", "0", &base, "--dry-run"]);
    let kept = kept.done();
    kept.assert_code(0).assert_says(&[
        &id,
        "from generation 3",
        "never expires",
        "commit or rollback",
    ]);
    assert!(
        kept.stdout.contains("would drop 3 changes"),
        "{}",
        kept.stdout
    );
    let kept = desk.json(&["history", "gc", "--keep-changes", "0", &base, "--dry-run"]);
    assert_eq!(kept["held_back_by"][0]["id"], id.as_str(), "{kept}");
    assert!(kept["bytes_held_back"].as_u64().is_some_and(|it| it > 0));
    assert_eq!(kept["held_back_by_process"], false);
    desk.ok(&["session", "rollback", &id]);
    desk.ok(&["history", "undo", "4", &base]);
    let args = ["history", "gc", "--keep-changes", "3", &base];
    let plan = desk.json(&[&args[..], &["--dry-run"]].concat());
    assert_eq!(plan["changes"].as_array().map(Vec::len), Some(2));
    let count = || {
        desk.json(&["history", "log", &base])
            .as_array()
            .map(Vec::len)
    };
    assert_eq!(count(), Some(5));
    let done = desk.json(&args);
    assert_eq!(done["changes_kept"], 3);
    assert!(done["needed_since"].is_null(), "{done}");
    assert_eq!(count(), Some(3));
}

#[test]
fn a_difference_is_shown_in_either_direction_and_never_of_what_is_to_come() {
    let desk = Desk::new();
    desk.commit("a.txt", "1\n");
    desk.commit("a.txt", "2\n");
    let base = desk.base();
    let forth = desk.ok(&["history", "diff", "1", "2", &base]).stdout;
    let back = desk.ok(&["history", "diff", "2", "1", &base]).stdout;
    assert!(forth.contains("-1\n+2\n"), "{forth}");
    assert!(back.contains("-2\n+1\n"), "{back}");
    let future = desk.call(&["history", "diff", "1", "3", &base]).done();
    future.assert_code(4).assert_says(&["no change '3'"]);
}
