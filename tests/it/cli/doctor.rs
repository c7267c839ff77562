//! `doctor`: a healthy base, one that is damaged, and one that was mended.

use std::fs;

use super::desk::Desk;

#[test]
fn a_healthy_base_has_nothing_to_look_at() {
    let desk = Desk::new();
    let fresh = desk.json(&["doctor", &desk.base()]);
    assert_eq!(fresh["healthy"], true);
    desk.commit("a.txt", "1");
    let found = desk.json(&["doctor", &desk.base()]);
    assert_eq!(found["healthy"], true, "{found}");
    assert_eq!(found["changes_count"], 1);
    assert_eq!(found["sessions_count"], 1);
    assert!(found["file_system"]["durability"].is_string(), "{found}");
}

#[test]
fn a_damaged_change_is_named_and_set_aside() {
    let desk = Desk::new();
    let id = desk.commit("a.txt", "1");
    desk.commit("a.txt", "2");
    let file = desk.place.path().join(".session-fs/changes").join(&id);
    fs::write(&file, "no change").expect("written");
    let found = desk
        .call(&["doctor", &desk.base(), "--format", "json"])
        .done();
    let found = found.assert_code(1).json();
    let damage = found["findings"].as_array().expect("a list").iter();
    let damage: Vec<_> = damage.filter(|it| it["severity"] == "error").collect();
    assert!(
        damage[0]["place"]
            .as_str()
            .is_some_and(|it| it.contains(&id)),
        "{found}"
    );
    assert_eq!(damage[0]["repairable"], true);
    let mended = desk
        .call(&["doctor", "--repair", &desk.base(), "--format", "json"])
        .done();
    assert_eq!(mended.json()["repaired"], true);
    let log = desk.json(&["history", "log", &desk.base()]);
    assert_eq!(log.as_array().map(Vec::len), Some(1));
}
