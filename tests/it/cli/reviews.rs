//! What is looked at before a commit, by an agent or a person, and sessions that last with rules.

use super::Place;
use super::desk::Desk;
use super::grants::{keep_policy, policy};
use crate::support::guests;

#[test]
fn a_person_too_says_that_what_runs_by_itself_is_meant() {
    let desk = Desk::new();
    let id = desk.begin();
    desk.write(&id, "Makefile", "all:");
    desk.write(&id, "a.txt", "x");
    let dry = desk.json(&["session", "commit", &id, "--dry-run"]);
    assert_eq!(dry["change"]["entries"][0]["runs_on_open"], true);
    let done = desk.call(&["session", "commit", &id]).done();
    done.assert_code(5).assert_says(&[
        "nothing was committed",
        "'Makefile'",
        "--grant 'execute=Makefile' would allow it",
    ]);
    assert_eq!(
        desk.place.read("a.txt").as_deref(),
        Some("one\ntwo\nthree\n")
    );
    let done = desk
        .call(&["session", "commit", &id, "--grant", "commit"])
        .done();
    done.assert_code(2)
        .assert_says(&["'execute=GLOB' or 'any-names'"]);

    desk.ok(&["session", "commit", &id, "--paths", "a.txt"]);
    assert_eq!(desk.place.read("a.txt").as_deref(), Some("x"));
    desk.ok(&["session", "commit", &id, "--grant", "execute=Makefile"]);
    assert_eq!(desk.place.read("Makefile").as_deref(), Some("all:"));
}

#[test]
fn what_runs_by_itself_is_for_policies_to_say() {
    let desk = Desk::new();
    keep_policy(&desk.place, "also-runs-on-open = ['**/Justfile']");
    let id = desk.begin();
    desk.write(&id, "justfile", "x");
    let (_directory, file) = policy("execute = ['other']\nruns-on-open = ['never']");
    let done = desk
        .call(&["session", "commit", &id, "--policy", &file])
        .done();
    done.assert_code(5)
        .assert_says(&["'justfile'", "policy.toml:1: execute = [..., \"justfile\"]"]);
    let (_other, file) = policy("execute = ['just*']\nruns-on-open = ['never']");
    desk.write(&id, "Makefile", "x");
    let done = desk.json(&["session", "commit", &id, "--policy", &file]);
    let entries = done["change"]["entries"].as_array().expect("a list");
    let marked: Vec<_> = entries
        .iter()
        .map(|it| (&it["path"], &it["runs_on_open"]))
        .collect();
    let expected = [("Makefile", false), ("justfile", true)];
    let expected = expected.map(|(path, runs)| (path.into(), runs.into()));
    assert_eq!(marked, expected.each_ref().map(|(path, runs)| (path, runs)));

    let steps = ["write Makefile y", "write sub.txt x"];
    let done = desk
        .place
        .run(&["--policy", &file], guests::STEPS, &steps)
        .done();
    done.assert_code(0);
    assert!(!done.stderr.contains("look at"), "{}", done.story());
}

#[test]
fn a_repository_and_a_second_spelling_need_a_grant() {
    let plant = [
        "make bare",
        "write bare/HEAD x",
        "make bare/objects",
        "make bare/refs",
    ];
    let place = Place::new();
    let done = place.run(&[], guests::STEPS, &plant).done();
    done.assert_code(5)
        .assert_says(&["git takes 'bare' for a repository", "execute=bare/**"]);
    place.scene.assert_untouched();
    let done = place
        .run(&["--hold"], guests::STEPS, &plant)
        .with_input("rollback\n");
    done.assert_code(1)
        .assert_says(&["look at this", "git takes 'bare'"]);
    let granted = ["--grant", "execute=bare/**"];
    place
        .run(&granted, guests::STEPS, &plant)
        .done()
        .assert_code(0);

    let spelled = ["write A.txt x"];
    let done = place.run(&[], guests::STEPS, &spelled).done();
    done.assert_code(5)
        .assert_says(&["'a.txt' beside it", "--grant any-names would allow it"]);
    assert_eq!(place.read("A.txt"), None);
    let granted = ["--grant", "any-names"];
    place
        .run(&granted, guests::STEPS, &spelled)
        .done()
        .assert_code(0);
    assert_eq!(place.read("A.txt").as_deref(), Some("x\n"));
}

/// Each command is a process of its own.
#[test]
fn a_session_that_lasts_keeps_its_rules() {
    let desk = Desk::new();
    let begun = desk.ok(&[
        "session",
        "begin",
        &desk.base(),
        "--read",
        "a.txt",
        "--write",
        "dir/**",
    ]);
    let id = begun.stdout.trim_end();
    let denied = |args: &[&str]| {
        let done = desk.call(args).with_input("x");
        done.assert_code(5);
    };
    denied(&["fs", "write", id, "a.txt"]);
    denied(&["fs", "write", id, "new"]);
    denied(&["fs", "read", id, "b.txt"]);
    denied(&["fs", "mv", id, "dir/c.txt", "c.txt"]);
    desk.ok(&["fs", "read", id, "a.txt"]);
    desk.write(id, "dir/new", "x");
    let fork = desk.ok(&["session", "fork", id]);
    let fork = fork.stdout.trim_end();
    denied(&["fs", "write", fork, "new"]);
    desk.write(fork, "dir/other", "x");
    let shown = desk.json(&["session", "show", id]);
    assert!(shown["labels"].to_string().contains("dir/**"), "{shown}");
    let log = desk.json(&["session", "log", id]);
    let lines = log.as_array().expect("a listing");
    let told = lines.iter().filter(|line| line["operation"] == "grant");
    assert_eq!(told.count(), 1, "{log}");
    desk.ok(&["session", "commit", id]);
    assert_eq!(desk.place.read("dir/new").as_deref(), Some("x"));

    keep_policy(&desk.place, "write = ['dir/**']");
    let id = desk.begin();
    denied(&["fs", "write", &id, "a.txt"]);
    desk.write(&id, "dir/more", "x");
    // It is what was so when the session began.
    keep_policy(&desk.place, "write = ['**']");
    denied(&["fs", "write", &id, "a.txt"]);
}
