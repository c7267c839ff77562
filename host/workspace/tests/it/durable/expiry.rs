//! What is cleaned up, when, and what is not.

use session_fs_workspace::durable::SessionState;
use session_fs_workspace::{DurableError, DurableOptions, DurableSession};

use super::{Sessions, base, durable, id, options};

const AFTER_MS: u64 = 60_000;

fn begin_expiring(sessions: &Sessions, id: &str) -> DurableSession {
    let durable = DurableOptions {
        expires_after_ms: Some(AFTER_MS),
        ..durable()
    };
    let begun = sessions.store().begin(&base(), 0, options(id), &durable);
    begun.expect("begins")
}

#[test]
fn an_unused_session_goes_by_itself_when_another_begins() {
    let sessions = Sessions::new();
    drop(begin_expiring(&sessions, "0189-old"));
    drop(sessions.begin("0190-stays"));
    sessions.pass_ms(60_000);
    drop(begin_expiring(&sessions, "0191-new"));
    assert_eq!(sessions.names("0189-old"), ["meta"]);
    let error = sessions.open_error("0189-old");
    assert!(matches!(error, DurableError::Expired { .. }), "{error}");
    sessions.open("0190-stays");
    sessions.open("0191-new");
}

#[test]
fn every_use_puts_the_end_off() {
    let sessions = Sessions::new();
    drop(begin_expiring(&sessions, "0189"));
    for _ in 0..3 {
        sessions.pass_ms(40_000);
        drop(sessions.open("0189"));
    }
    let session = sessions.open("0189");
    for round in 0..3_u8 {
        sessions.pass_ms(40_000);
        session.write("file", &[round]).expect("written");
        session.save().expect("saved");
    }
    drop(session);
    sessions.pass_ms(59_000);
    let summary = sessions.store().summary(&id("0189")).expect("there");
    assert_eq!(summary.state, SessionState::Open);
    let ends_in = summary.expires_at.expect("it expires").seconds;
    assert_eq!(ends_in - summary.last_used_at.seconds, 60);
    sessions.pass_ms(1_000);
    let error = sessions.open_error("0189");
    assert!(matches!(error, DurableError::Expired { .. }), "{error}");
}

#[test]
fn a_session_that_somebody_has_does_not_go() {
    let sessions = Sessions::new();
    let session = begin_expiring(&sessions, "0189");
    sessions.pass_ms(1_000_000);
    let report = sessions.store().clean().expect("cleaned");
    assert!(report.expired.is_empty());
    session.write("file", b"content").expect("written");
    session.save().expect("saved");
    drop(session);
    sessions.open("0189");
}

#[test]
fn how_a_session_ended_is_forgotten_after_a_time() {
    let sessions = Sessions::new();
    sessions.begin("0189").rollback().expect("rolled back");
    sessions.pass_ms(999_000);
    sessions.store().clean().expect("cleaned");
    assert_eq!(sessions.names("."), ["0189"]);
    sessions.pass_ms(1_000);
    let report = sessions.store().clean().expect("cleaned");
    assert_eq!(report.forgotten, [id("0189")]);
    assert_eq!(sessions.names("."), [""; 0]);
    let error = sessions.open_error("0189");
    assert!(matches!(error, DurableError::NotFound { .. }), "{error}");
}

#[test]
fn leftovers_go_and_what_is_not_a_session_stays() {
    let sessions = Sessions::new();
    for (folder, file) in [
        ("0189.new", "meta.new"),
        ("0190.gone", "log"),
        ("notes", "0189"),
        ("UPPER.new", "meta"),
    ] {
        sessions.folder.create_dir(folder).expect("made");
        let path = format!("{folder}/{file}");
        sessions.folder.write(path, b"half").expect("written");
    }
    let report = sessions.store().clean().expect("cleaned");
    assert_eq!(report.leftovers_count, 2);
    assert_eq!(sessions.names("."), ["UPPER.new", "notes"]);
    // A log that outlived its session goes as well.
    sessions.begin("0191").rollback().expect("rolled back");
    sessions.folder.write("0191/log", b"left").expect("written");
    sessions.store().clean().expect("cleaned");
    assert_eq!(sessions.names("0191"), ["meta"]);
}

#[test]
fn a_session_half_made_by_somebody_alive_is_left_alone() {
    let sessions = Sessions::new();
    sessions.folder.create_dir("0189.new").expect("made");
    let dir = sessions.dir();
    let name = store::Name::new("0189.new").expect("a name");
    let lock = dir.walk(&[name]).expect("there").try_lock().expect("asked");
    assert!(lock.is_some());
    let report = sessions.store().clean().expect("cleaned");
    assert_eq!(report.leftovers_count, 0);
    drop(lock);
    let report = sessions.store().clean().expect("cleaned");
    assert_eq!(report.leftovers_count, 1);
}

#[test]
fn there_are_no_more_sessions_than_there_may_be() {
    let sessions = Sessions::new();
    let context = session_fs_workspace::durable::DurableContext {
        key: [5; 32],
        clock: sessions.clock.clone(),
        owner: "a test".to_owned(),
        outcomes: sessions.outcomes.clone(),
        limits: session_fs_workspace::durable::DurableLimits {
            sessions_max: 2,
            retention_ms: 1_000,
        },
    };
    let store = session_fs_workspace::DurableStore::new(sessions.dir(), context);
    drop(super::begin(&store, "0189").expect("begins"));
    let second = super::begin(&store, "0190").expect("begins");
    let refused = super::begin(&store, "0191").expect_err("one too many");
    assert!(
        matches!(refused, DurableError::Limit { used: 2, limit: 2 }),
        "{refused}"
    );
    assert_eq!(sessions.names("."), ["0189", "0190"]);
    second.rollback().expect("rolled back");
    sessions.pass_ms(1_000);
    super::begin(&store, "0191").expect("there is room again");
}
