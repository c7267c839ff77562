//! Signals: the run stops, the session is rolled back, and the code says which one it was.

use std::io::{BufRead as _, BufReader, Read as _};
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

/// Whoever reads nothing of what a guest prints holds up the guest, and neither the time it may
/// take nor who wants to stop it.
#[test]
fn a_reader_who_does_not_read_does_not_keep_a_run_from_ending() {
    for format in ["table", "json"] {
        let place = Place::new();
        let options = ["--timeout", "300ms", "--format", format];
        let call = place.run(&options, guests::ENDLESS_PRINT, &[]);
        let mut child = call.start();
        let (code, stderr) = ends_unread(&mut child, format == "json");
        assert_eq!(code, Some(6), "{stderr}");
        place.scene.assert_untouched();
    }
}

#[test]
fn a_run_that_nobody_reads_is_stopped_by_the_first_signal() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let place = Place::new();
        let mut child = place.run(&[], guests::ENDLESS_PRINT, &[]).start();
        let stdout = child.stdout.as_mut().expect("piped");
        stdout.read_exact(&mut [0]).expect("it has begun");
        send(&child, signal);
        let (ended, stderr) = ends_unread(&mut child, false);
        assert_eq!(ended, Some(code), "{stderr}");
        for part in ["stopped from outside", "rolled back"] {
            assert!(stderr.contains(part), "{stderr}");
        }
        place.scene.assert_untouched();
    }
}

/// Waits for the end without reading what is printed to stdout; with `is_reserved` that is the
/// result, and the guest prints to stderr.
fn ends_unread(child: &mut Child, is_reserved: bool) -> (Option<i32>, String) {
    let mut told = String::new();
    if is_reserved {
        let stdout = child.stdout.as_mut().expect("piped");
        stdout.read_to_string(&mut told).expect("read");
    } else {
        let stderr = child.stderr.as_mut().expect("piped");
        stderr.read_to_string(&mut told).expect("read");
    }
    (child.wait().expect("it ends").code(), told)
}

/// The guest's own commit waits for another process here; killed just then, it would be in doubt.
#[test]
fn no_signal_cuts_the_guests_own_commit_short() {
    let place = Place::new();
    let turn = std::fs::File::open(place.path()).expect("a directory");
    turn.lock().expect("locked");
    let call = place.run(&["--grant", "commit"], guests::AGENT_COMMIT, &[]);
    let mut child = call.env("SESSION_FS_LOG", "session_fs_cli=debug").start();
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut seen = String::new();
    let mut wait_for = |text: &str| {
        while !seen.contains(text) {
            assert_ne!(stderr.read_line(&mut seen).expect("read"), 0, "{seen}");
        }
        seen.clear();
    };
    wait_for("the guest commits");
    for _twice in 0..2 {
        send(&child, "INT");
        wait_for("the commit is under way");
    }
    turn.unlock().expect("unlocked");
    wait_for("committed");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_eq!(place.read("a").as_deref(), Some("made by the agent"));
}
