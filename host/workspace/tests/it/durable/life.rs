//! From the beginning of a session to its end, each step in what could be another process.

use session_fs_workspace::DurableError;
use session_fs_workspace::durable::SessionState;
use store::disk::FaultDir;
use store::disk::fault::{Fault, FaultPlan};
use vfs::{Access, PathRules, SessionOptions};

use super::{Sessions, base, begin, durable, files, id, options};

#[test]
fn what_was_saved_is_there_and_what_was_not_is_gone() {
    let sessions = Sessions::new();
    let session = sessions.begin("0189");
    session.write("kept", b"first").expect("written");
    session.save().expect("saved");
    session.write("kept", b"second").expect("written");
    session.write("lost", b"never saved").expect("written");
    drop(session);
    let session = sessions.open("0189");
    assert_eq!(session.read("kept").expect("read"), b"first");
    assert_eq!(files(&session).len(), 1);
    session.write("more", b"later").expect("written");
    session.save().expect("saved");
    drop(session);
    assert_eq!(files(&sessions.open("0189")).len(), 2);
}

#[test]
fn a_session_that_was_only_begun_can_be_opened() {
    let sessions = Sessions::new();
    drop(sessions.begin("0189"));
    assert_eq!(sessions.names("0189"), ["log", "meta", "owner"]);
    assert_eq!(files(&sessions.open("0189")).len(), 0);
}

#[test]
fn who_it_is_and_what_it_may_do_stay() {
    let sessions = Sessions::new();
    let read_only = SessionOptions {
        access: Access::ReadOnly,
        ..options("0189")
    };
    let begun = sessions.store().begin(&base(), 6, read_only, &durable());
    let begun = begun.expect("begins");
    let metadata = begun.metadata().clone();
    drop(begun);
    let session = sessions.open("0189");
    assert_eq!(session.id(), "0189");
    assert_eq!(*session.metadata(), metadata);
    assert_eq!(session.limits().spill_bytes_min, super::SPILL_BYTES_MIN);
    assert!(session.write("file", b"").is_err());
}

/// Whoever goes on with it, in whatever process, reaches no more than who began it.
#[test]
fn rules_last_as_long_as_the_session() {
    let sessions = Sessions::new();
    let ruled = |id, write: &str| SessionOptions {
        rules: PathRules::allowing(&[], &[write]).expect("a glob"),
        ..options(id)
    };
    let begun = sessions
        .store()
        .begin(&base(), 6, ruled("0189", "docs/**"), &durable());
    let begun = begun.expect("begins");
    begun.mkdir("docs/deep").expect("allowed");
    begun.save().expect("saved");
    drop(begun);
    let check = |id: &str, denied: &[&str]| {
        let session = sessions.open(id);
        for path in denied {
            let error = session.write(path, b"").expect_err(path);
            assert!(
                matches!(error, vfs::Error::Denied { .. }),
                "{path}: {error}"
            );
        }
        session
    };
    let session = check("0189", &["file", "docs2", "file/x"]);
    session.write("docs/a", b"x").expect("allowed");
    session.save().expect("saved");
    let fork = session.fork(ruled("0190", "*/a"), &durable());
    fork.expect("forks")
        .write("docs/a", b"y")
        .expect("both allow it");
    session.fork(options("0191"), &durable()).expect("forks");
    drop(session);
    check("0190", &["file", "docs/b", "x/a"]);
    check("0191", &["file", "x/a"])
        .write("docs/b", b"")
        .expect("allowed");
}

#[test]
fn savepoints_stay() {
    let sessions = Sessions::new();
    let session = sessions.begin("0189");
    session.write("file", b"before").expect("written");
    session.savepoint("here").expect("marked");
    session.write("file", b"after").expect("written");
    session.save().expect("saved");
    drop(session);
    let session = sessions.open("0189");
    assert_eq!(session.read("file").expect("read"), b"after");
    session.restore("here").expect("restored");
    session.save().expect("saved");
    drop(session);
    let session = sessions.open("0189");
    assert_eq!(session.read("file").expect("read"), b"before");
}

#[test]
fn more_than_fits_into_memory_is_kept() {
    let sessions = Sessions::new();
    let session = sessions.begin("0189");
    let content = |number: u8| vec![number; 3 << 20];
    for number in 0..4 {
        let path = number.to_string();
        session.write(&path, &content(number)).expect("written");
    }
    assert!(session.meter().used() < 1 << 20);
    session.save().expect("saved");
    drop(session);
    let session = sessions.open("0189");
    for number in 0..4 {
        let read = session.read(&number.to_string()).expect("read");
        assert!(read == content(number), "file {number}");
    }
    assert!(session.meter().used() < 1 << 20);
}

#[test]
fn saving_costs_one_write_and_one_flush_and_nothing_costs_nothing() {
    let sessions = Sessions::new();
    let plan = FaultPlan::new(Fault::NEVER);
    let store = sessions.store_of("a test", FaultDir::wrap(sessions.dir(), plan.clone()));
    let session = begin(&store, "0189").expect("begins");
    let calls = || {
        plan.arm(Fault::NEVER);
        session.save().expect("saved");
        plan.log()
            .iter()
            .map(|call| call.method)
            .collect::<Vec<_>>()
    };
    assert_eq!(calls(), [""; 0]);
    session.write("small", b"content").expect("written");
    session.mkdir("directory").expect("made");
    assert_eq!(
        calls(),
        [
            "stat_self",
            "stat",
            "file.write_at",
            "file.set_mtime",
            "file.sync_data"
        ],
        "whether the folder is still there, and the save"
    );
    assert_eq!(calls(), [""; 0]);
}

#[test]
fn a_session_that_is_over_says_how() {
    let sessions = Sessions::new();
    let session = sessions.begin("0189-rolled");
    session.write("file", b"content").expect("written");
    session.save().expect("saved");
    session.rollback().expect("rolled back");
    let error = sessions.open_error("0189-rolled");
    assert!(matches!(error, DurableError::RolledBack { .. }), "{error}");
    assert_eq!(sessions.names("0189-rolled"), ["meta"]);

    sessions.begin("0189-done").settled(None).expect("noted");
    let error = sessions.open_error("0189-done");
    assert!(
        matches!(error, DurableError::Committed { change: None, .. }),
        "{error}"
    );

    let error = sessions.open_error("0189-never");
    assert!(matches!(error, DurableError::NotFound { .. }), "{error}");
    let summaries = sessions.store().sessions().expect("listed");
    let states: Vec<_> = summaries.iter().map(|s| s.state.clone()).collect();
    assert_eq!(
        states,
        [SessionState::Committed(None), SessionState::RolledBack]
    );
    assert_eq!(
        summaries[1].metadata.purpose.as_deref(),
        Some("test 0189-rolled")
    );
    assert_eq!(summaries[1].base_generation, 6);
}

#[test]
fn a_fork_needs_nothing_of_the_session_that_it_was_made_from() {
    let sessions = Sessions::new();
    let parent = sessions.begin("0189-parent");
    parent.write("large", &vec![7; 1 << 20]).expect("written");
    parent.write("small", b"content").expect("written");
    parent.save().expect("saved");
    parent
        .write("late", b"not saved by the parent")
        .expect("written");
    let fork = parent
        .fork(options("0189-fork"), &durable())
        .expect("forked");
    parent.write("small", b"of the parent").expect("written");
    parent.rollback().expect("rolled back");
    let expected = files(&fork);
    assert_eq!(expected["small"], b"content");
    assert_eq!(expected.len(), 3);
    drop(fork);
    assert_eq!(files(&sessions.open("0189-fork")), expected);
}

#[test]
fn the_beginning_of_an_id_is_enough_when_it_is_clear() {
    let sessions = Sessions::new();
    for name in ["0189aa", "0189ab", "0200cc", "02"] {
        drop(sessions.begin(name));
    }
    let store = sessions.store();
    let found = |prefix: &str| store.resolve(prefix).map(|id| id.to_string());
    assert_eq!(found("0200").expect("clear"), "0200cc");
    assert_eq!(found("02").expect("a whole id"), "02");
    assert!(matches!(
        found("020"),
        Err(DurableError::ShortPrefix { .. })
    ));
    assert!(matches!(found("0300"), Err(DurableError::NotFound { .. })));
    assert!(matches!(found("../x"), Err(DurableError::BadId { .. })));
    match found("0189") {
        Err(DurableError::Ambiguous { candidates, .. }) => {
            assert_eq!(candidates, ["0189aa", "0189ab"]);
        }
        other => panic!("expected it to be ambiguous: {other:?}"),
    }
}

#[test]
fn a_damaged_session_is_named_and_kept() {
    let sessions = Sessions::new();
    drop(sessions.begin("0189-meta"));
    drop(sessions.begin("0190-log"));
    drop(sessions.begin("0191-fine"));
    sessions
        .folder
        .write("0189-meta/meta", b"nonsense")
        .expect("written");
    let mut log = sessions.folder.read("0190-log/log").expect("a log");
    log[70] ^= 1;
    sessions
        .folder
        .write("0190-log/log", &log)
        .expect("written");
    for name in ["0189-meta", "0190-log"] {
        let error = sessions.open_error(name);
        assert!(matches!(error, DurableError::Corrupt { .. }), "{error}");
    }
    let report = sessions.store().clean().expect("cleaned");
    assert_eq!(report.damaged.len(), 1);
    assert_eq!(report.damaged[0].0, id("0189-meta"));
    let states = sessions.store().sessions().expect("listed");
    assert!(matches!(states[0].state, SessionState::Damaged(_)));
    assert_eq!(states[2].state, SessionState::Open);
    assert_eq!(sessions.names(".").len(), 3);
}

#[test]
fn a_long_life_does_not_make_a_long_log() {
    let sessions = Sessions::new();
    let mut bytes_max = 0;
    for round in 0..40_u8 {
        let session = if round == 0 {
            sessions.begin("0189")
        } else {
            sessions.open("0189")
        };
        // All of it is dead in the next round.
        session
            .write("file", &vec![round; 300_000])
            .expect("written");
        session.save().expect("saved");
        bytes_max = bytes_max.max(session.log_bytes());
    }
    assert!(bytes_max < 2 << 20, "{bytes_max}");
    let session = sessions.open("0189");
    assert!(session.read("file").expect("read") == vec![39; 300_000]);
}

#[test]
fn many_saves_of_one_process_do_not_make_a_long_log() {
    let sessions = Sessions::new();
    let session = sessions.begin("0189");
    for round in 0..6_000_u32 {
        session
            .write("file", &round.to_le_bytes())
            .expect("written");
        session.save().expect("saved");
    }
    assert!(session.log_bytes() < 1 << 20, "{}", session.log_bytes());
    drop(session);
    let session = sessions.open("0189");
    assert_eq!(session.read("file").expect("read"), 5_999_u32.to_le_bytes());
}

#[test]
fn what_only_a_savepoint_holds_outlives_a_shorter_log() {
    let sessions = Sessions::new();
    let session = sessions.begin("0189");
    session.write("file", &vec![1; 200_000]).expect("written");
    session.savepoint("point").expect("marked");
    for round in 2..8_u8 {
        session
            .write("file", &vec![round; 200_000])
            .expect("written");
        session.save().expect("saved");
    }
    let before = session.log_bytes();
    drop(session);
    let session = sessions.open("0189");
    assert!(session.log_bytes() < before / 2, "it was rewritten");
    drop(session);
    let session = sessions.open("0189");
    assert!(session.read("file").expect("read") == vec![7; 200_000]);
    session.restore("point").expect("restored");
    assert!(session.read("file").expect("read") == vec![1; 200_000]);
}
