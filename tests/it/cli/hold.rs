//! A held session: decided over stdin, by nobody, or after the base has moved.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Child;

use super::{Done, Place};
use crate::support::guests;

const STEPS: [&str; 2] = ["write a.txt changed", "write new.txt x"];

#[test]
fn what_is_written_to_stdin_decides() {
    let check = |input: &str, code: i32, says: &[&str], is_committed: bool| {
        let place = Place::new();
        let done = place
            .run(&["--hold"], guests::STEPS, &STEPS)
            .with_input(input);
        done.assert_code(code)
            .assert_says(&["to commit", "M a.txt", "A new.txt"]);
        done.assert_says(says).assert_stdout("");
        if is_committed {
            assert_eq!(place.read("a.txt").as_deref(), Some("changed\n"));
        } else {
            place.scene.assert_untouched();
        }
    };
    check("commit\n", 0, &["committed"], true);
    check("commit", 0, &["committed"], true);
    check("diff\ncommit\n", 0, &["+changed", "committed"], true);
    check("what?\ncommit\n", 0, &["not understood", "committed"], true);
    check("rollback\n", 1, &["as decided", "rolled back"], false);
    check("", 1, &["nobody decided", "rolled back"], false);
    check("yes\n", 1, &["not understood", "nobody decided"], false);
}

#[test]
fn nothing_is_asked_when_there_is_nothing_to_commit_or_the_agent_failed() {
    let place = Place::new();
    let done = place.run(&["--hold"], guests::STEPS, &["print hi"]).done();
    done.assert_code(0).assert_says(&["nothing to commit"]);
    let done = place
        .run(&["--hold"], guests::PANIC, &[])
        .with_input("commit\n");
    done.assert_code(1).assert_says(&["rolled back"]);
    place.scene.assert_untouched();
}

/// A run that waits for the decision.
pub(super) struct Held {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    seen: String,
}

impl Held {
    pub(super) fn start(place: &Place, options: &[&str]) -> Self {
        let options = [&["--hold"], options].concat();
        let mut child = place.run(&options, guests::STEPS, &STEPS).start();
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut seen = String::new();
        while !seen.contains("new.txt") {
            assert_ne!(stderr.read_line(&mut seen).expect("read"), 0, "{seen}");
        }
        Self {
            child,
            stderr,
            seen,
        }
    }

    pub(super) fn decide(mut self, answer: &str) -> Done {
        let mut stdin = self.child.stdin.take().expect("piped");
        stdin.write_all(answer.as_bytes()).expect("written");
        drop(stdin);
        self.stderr.read_to_string(&mut self.seen).expect("read");
        let mut done = Done::from(self.child.wait_with_output().expect("it ends"));
        done.stderr = self.seen;
        done
    }
}

#[test]
fn a_base_that_moved_is_a_conflict_and_keeps_what_is_there() {
    let place = Place::new();
    let held = Held::start(&place, &[]);
    fs::write(place.path().join("a.txt"), "by somebody else").expect("written");
    let done = held.decide("commit\n");
    done.assert_code(3)
        .assert_says(&["the base changed", "C a.txt", "run it again"]);
    done.assert_says(&["before 14 B", "agent 8 B", "base 16 B"]);
    done.assert_says(&["-by somebody else", "+changed", "--on-conflict merge"]);
    assert_eq!(place.read("a.txt").as_deref(), Some("by somebody else"));
    assert_eq!(place.names(), ["a.txt", "b.txt", "dir"]);

    // Somewhere else it may move as it likes.
    let held = Held::start(&place, &[]);
    fs::write(place.path().join("b.txt"), "by somebody else").expect("written");
    held.decide("commit\n").assert_code(0);
    assert_eq!(place.read("a.txt").as_deref(), Some("changed\n"));
    assert_eq!(place.read("b.txt").as_deref(), Some("by somebody else"));
}

#[test]
fn a_conflict_is_a_value_in_json() {
    let place = Place::new();
    let held = Held::start(&place, &["--format", "json"]);
    fs::remove_file(place.path().join("a.txt")).expect("removed");
    fs::write(place.path().join("new.txt"), "theirs").expect("written");
    let done = held.decide("commit\n");
    let report = done.assert_code(3).json();
    assert_eq!(report["outcome"], "conflicted");
    let conflicts = report["conflicts"].as_array().expect("a list");
    let paths: Vec<_> = conflicts.iter().map(|conflict| &conflict["path"]).collect();
    assert_eq!(paths, ["a.txt", "new.txt"]);
    assert!(conflicts[0]["theirs"].is_null() && conflicts[0]["ours"]["size"] == 8);
    assert!(conflicts[1]["before"].is_null() && conflicts[1]["theirs"]["size"] == 6);
}

#[test]
fn a_base_that_is_gone_is_said_so() {
    let place = Place::new();
    let held = Held::start(&place, &[]);
    fs::remove_dir_all(place.path()).expect("removed");
    let done = held.decide("commit\n");
    done.assert_code(4)
        .assert_says(&[&place.path().display().to_string(), "no such directory"]);
    assert!(!place.path().exists(), "it was made again");
}
