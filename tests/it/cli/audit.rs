//! The log of what sessions did: read, exported, and found out when somebody wrote in it.

use std::fs;

use super::desk::Desk;
use crate::support::guests;

#[test]
fn what_was_done_is_told_and_can_be_verified() {
    let desk = Desk::new();
    let id = desk.begin();
    desk.write(&id, "a.txt", "x");
    desk.call(&["fs", "read", &id, "../x"])
        .done()
        .assert_code(5);
    let base = desk.base();
    let denied = desk.json(&["audit", "log", &base, "--outcome", "denied"]);
    assert_eq!(denied[0]["path"], "../x");
    assert_eq!(denied[0]["session"], id.as_str());
    let of_it = desk.json(&["audit", "log", &base, "--session", &id[..16]]);
    let of_it = of_it.as_array().expect("a list");
    assert!(of_it.iter().all(|it| it["session"] == id.as_str()) && of_it.len() > 2);
    let lines = desk
        .ok(&["audit", "export", &base, "--session", &id[..16]])
        .stdout;
    assert_eq!(lines.lines().count(), of_it.len());
    let last = desk.json(&["audit", "log", &base, "--limit", "1"]);
    assert_eq!(last.as_array().map(Vec::len), Some(1));
    let verified = desk.json(&["audit", "verify", &base]);
    assert_eq!(verified["intact"], true);
    let csv = desk.ok(&["audit", "export", &base, "--as", "csv"]).stdout;
    assert!(csv.starts_with("n,time,session,"), "{csv}");
    let lines = desk.ok(&["audit", "export", &base]).stdout;
    assert_eq!(
        lines.lines().count() as u64,
        verified["lines_count"].as_u64().expect("a number")
    );
}

#[test]
fn a_line_that_was_changed_is_found() {
    let desk = Desk::new();
    let id = desk.begin();
    desk.write(&id, "a.txt", "x");
    let log = desk.place.path().join(".session-fs/audit/00000001.log");
    let text = fs::read_to_string(&log).expect("read");
    fs::write(&log, text.replace("a.txt", "b.txt")).expect("written");
    let found = desk.call(&["audit", "verify", &desk.base()]).done();
    assert!(
        found.assert_code(1).stdout.contains("tampered with: line"),
        "{}",
        found.stdout
    );
    desk.call(&["doctor", &desk.base()]).done().assert_code(1);
}

#[test]
fn every_reach_for_the_network_is_in_the_log() {
    let desk = Desk::new();
    // The log has its place from the first commit or session on.
    desk.begin();
    let base = desk.base();
    let call = desk.call(&["run", &base, guests::SOCKETS, "--", "9"]);
    call.done().assert_code(0);
    let denied = desk.json(&["audit", "log", &base, "--operation", "connect"]);
    let denied = denied.as_array().expect("a list");
    let wishes: Vec<_> = denied.iter().map(|it| it["target"].as_str()).collect();
    let tcp = Some("a TCP socket");
    let expected = [
        tcp,
        tcp,
        tcp,
        Some("a UDP socket"),
        Some("the address of 'localhost'"),
    ];
    assert_eq!(wishes, expected, "{denied:?}");
    for line in denied {
        assert_eq!(
            (&line["outcome"], &line["reason"]),
            (&"denied".into(), &"capability".into())
        );
        assert!(
            line["session"].is_string() && line["agent"] == "sockets",
            "{line}"
        );
    }
}
