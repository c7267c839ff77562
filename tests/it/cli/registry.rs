//! Finding a session by its id: from anywhere, by its beginning, and after the record was lost.

use std::fs;

use super::Call;
use super::desk::Desk;

#[test]
fn a_lost_record_is_made_again_from_the_base() {
    let desk = Desk::new();
    let id = desk.begin();
    fs::remove_dir_all(desk.records()).expect("removed");
    let lost = desk.call(&["fs", "ls", &id]).done();
    lost.assert_code(4)
        .assert_says(&["there is no session", "session list"]);
    // From below the base it is found, and known everywhere from then on.
    let below = desk.place.path().join("dir");
    desk.call(&["fs", "ls", &id])
        .cwd(&below)
        .done()
        .assert_code(0);
    desk.ok(&["fs", "ls", &id]);

    fs::remove_dir_all(desk.records()).expect("removed");
    desk.ok(&["fs", "ls", &id, &desk.base()]);
    desk.ok(&["fs", "ls", &id]);
    fs::remove_dir_all(desk.records()).expect("removed");
    let listed = desk.call(&["session", "list", "--all", "--format", "json"]);
    let listed = listed.cwd(&below).done();
    assert_eq!(listed.assert_code(0).json()[0]["id"], id.as_str());
    desk.ok(&["fs", "ls", &id]);
}

#[test]
fn a_record_that_is_torn_or_of_a_base_that_is_gone_is_removed() {
    let desk = Desk::new();
    let id = desk.begin();
    let record = || fs::read_dir(desk.records()).expect("listed").count();
    assert_eq!(record(), 1);
    fs::write(desk.records().join("torn.json"), "{\"base\":").expect("written");
    fs::remove_dir_all(desk.place.path().join(".session-fs")).expect("removed");
    desk.call(&["fs", "ls", &id]).done().assert_code(4);
    assert_eq!(record(), 0);
}

#[test]
fn a_beginning_is_enough_where_it_is_of_one_session() {
    let desk = Desk::new();
    let one = desk.begin();
    // Chance makes two that begin alike too seldom.
    let two = format!("{}{}", &one[..6], "0".repeat(26));
    let sessions = desk.place.path().join(".session-fs/sessions");
    fs::create_dir(sessions.join(&two)).expect("a folder");
    let shared = one
        .chars()
        .zip(two.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let both = desk.call(&["fs", "ls", &one[..6]]).done();
    both.assert_code(2)
        .assert_says(&[&one, &two, "several sessions"]);
    desk.ok(&["fs", "ls", &one[..=shared]]);
    desk.call(&["fs", "ls", "abc"]).done().assert_code(2);
    let unknown = desk
        .call(&["fs", "ls", "ffffffff", "--format", "json"])
        .done();
    let json = unknown.assert_code(4).json();
    assert_eq!(json["exit_code"], 4);
    assert!(json["error"]["hint"].is_string());
}

#[test]
fn without_a_home_sessions_work_from_their_base() {
    let desk = Desk::new();
    let base = desk.place.path();
    let begun = Call::new(&["session", "begin"]).cwd(&base).done();
    let id = begun.assert_code(0).stdout.trim_end();
    let listed = Call::new(&["fs", "ls", id]).cwd(&base).done();
    listed.assert_code(0).assert_stdout("a.txt\nb.txt\ndir/\n");
}
