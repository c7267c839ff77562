//! Signals: the run stops, the session is rolled back, and the code says which one it was.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command};

use super::{Done, Place};
use crate::support::guests;

fn send(child: &Child, signal: &str) {
    let mut kill = Command::new("kill");
    let sent = kill
        .arg(format!("-{signal}"))
        .arg(child.id().to_string())
        .status();
    assert!(sent.expect("kill is there").success());
}

#[test]
fn a_run_that_is_stopped_is_rolled_back() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let place = Place::new();
        let mut child = place.run(&[], guests::ROGUE, &["loop"]).start();
        // It has begun when it has said so.
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        stdout.read_line(&mut String::new()).expect("read");
        send(&child, signal);
        let done = Done::from(child.wait_with_output().expect("it ends"));
        done.assert_code(code)
            .assert_says(&[signal, "stopped from outside", "rolled back"]);
        place.scene.assert_untouched();
    }
}

#[test]
fn a_decision_that_does_not_come_can_be_stopped() {
    let place = Place::new();
    let steps = ["write new.txt x"];
    let mut child = place.run(&["--hold"], guests::STEPS, &steps).start();
    // Waiting would close it, and the end of input is a decision.
    let stdin = child.stdin.take();
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut seen = String::new();
    while !seen.contains("new.txt") {
        assert_ne!(stderr.read_line(&mut seen).expect("read"), 0, "{seen}");
    }
    send(&child, "INT");
    let status = child.wait().expect("it ends");
    drop(stdin);
    assert_eq!(status.code(), Some(130));
    place.scene.assert_untouched();
}
