//! One owner at a time, and everybody else is told who it is.

use std::sync::atomic::{AtomicU32, Ordering};

use session_fs_workspace::DurableError;
use session_fs_workspace::durable::SessionState;

use super::{Sessions, begin, files, open};

#[test]
fn the_second_is_told_who_the_first_is() {
    let sessions = Sessions::new();
    let first = sessions.store_of("process 1 (writer)", sessions.dir());
    let second = sessions.store_of("process 2 (reader)", sessions.dir());
    let session = begin(&first, "0189").expect("begins");
    match open(&second, "0189") {
        Err(error @ DurableError::SessionBusy { .. }) => {
            let text = error.to_string();
            assert!(text.contains("in use by process 1 (writer)"), "{text}");
        }
        other => panic!("expected it to be busy: {other:?}"),
    }
    let state = |store: &session_fs_workspace::DurableStore| {
        let summaries = store.sessions().expect("listed");
        summaries[0].state.clone()
    };
    let owned = SessionState::Owned(Some("process 1 (writer)".to_owned()));
    assert_eq!(state(&second), owned);
    drop(session);
    assert_eq!(state(&second), SessionState::Open);
    open(&second, "0189").expect("it is free again");
}

#[test]
fn a_session_is_owned_until_its_last_handle_is_gone() {
    let sessions = Sessions::new();
    let durable = sessions.begin("0189");
    let handle = durable.session().clone();
    drop(durable);
    let busy = sessions.open_error("0189");
    assert!(matches!(busy, DurableError::SessionBusy { .. }), "{busy}");
    drop(handle);
    sessions.open("0189");
}

#[test]
fn what_an_owner_calls_itself_cannot_garble_a_terminal() {
    let sessions = Sessions::new();
    let session = sessions.begin("0189");
    for text in [&b"\x1b[2J"[..], b"\xff", b"", &[b'a'; 10_000]] {
        sessions.folder.write("0189/owner", text).expect("written");
        let error = sessions.open_error("0189").to_string();
        assert!(error.contains("in use by another process"), "{error}");
    }
    drop(session);
}

#[test]
fn of_many_at_once_one_has_it_at_a_time_and_nothing_is_lost() {
    const THREADS: u32 = 4;
    const ROUNDS: u32 = 20;
    let sessions = Sessions::new();
    drop(sessions.begin("0189"));
    let owners_count = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (sessions, owners_count) = (&sessions, &owners_count);
            scope.spawn(move || {
                let mut done = 0;
                while done < ROUNDS {
                    let session = match open(&sessions.store(), "0189") {
                        Ok(session) => session,
                        Err(DurableError::SessionBusy { .. }) => continue,
                        Err(error) => panic!("{error}"),
                    };
                    assert_eq!(owners_count.fetch_add(1, Ordering::SeqCst), 0);
                    let path = format!("{thread}-{done}");
                    session.write(&path, b"done").expect("written");
                    session.save().expect("saved");
                    owners_count.fetch_sub(1, Ordering::SeqCst);
                    drop(session);
                    done += 1;
                    // Looking does not take it away from anybody.
                    sessions.store().sessions().expect("listed");
                }
            });
        }
    });
    let count = u32::try_from(files(&sessions.open("0189")).len()).expect("few");
    assert_eq!(count, THREADS * ROUNDS);
}
