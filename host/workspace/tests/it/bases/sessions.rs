//! Durable sessions that are damaged, or whose base went away.

use session_fs_workspace::audit::{AuditFilter, AuditPageRequest};
use session_fs_workspace::durable::{SessionId, SessionState};
use session_fs_workspace::{
    CommitOutcome, DurableError, DurableOptions, DurableSession, DurableStore, WorkspaceError,
};
use vfs::{ErrorKind, Session};

use super::{WAYS, Yard, change};
use crate::scene::tree;

fn begin(yard: &Yard) -> session_fs_workspace::Result<DurableSession> {
    let store = yard.workspace.durable_store(&yard.base)?;
    let (begin, durable) = (Default::default(), DurableOptions::default());
    yard.workspace
        .begin_durable(&yard.base, &store, begin, &durable)
}

/// A session with a change that is saved and nobody has open.
fn saved(yard: &Yard) -> SessionId {
    let session = begin(yard).expect("begun");
    change(session.session());
    session.save().expect("saved");
    session.session_id().clone()
}

fn open(yard: &Yard, id: &SessionId) -> session_fs_workspace::Result<DurableSession> {
    let store = yard.workspace.durable_store(&yard.base)?;
    yard.workspace.open_durable(&yard.base, &store, id)
}

fn applied(yard: &Yard, session: &DurableSession) {
    let outcome = yard.workspace.commit_durable(session, &Default::default());
    assert!(
        matches!(outcome, Ok(CommitOutcome::Applied(_))),
        "{outcome:?}"
    );
}

#[test]
fn a_durable_session_waits_for_its_base_to_come_back() {
    for way in WAYS.iter().filter(|way| way.come_back.is_some()) {
        let yard = Yard::new(true);
        let session = begin(&yard).expect("begun");
        change(session.session());
        (way.go)(&yard.folder);
        let before = tree(&yard.folder);
        let refused = yard.workspace.commit_durable(&session, &Default::default());
        let refused = refused.expect_err(way.name);
        assert!(
            matches!(refused, WorkspaceError::Away { .. }),
            "{refused:?}"
        );
        let visible = |mut tree: crate::scene::Tree| {
            tree.retain(|path, _| !path.contains(".session-fs"));
            tree
        };
        assert_eq!(visible(tree(&yard.folder)), visible(before));
        session.save().expect("the session went with the directory");
        let id = session.session_id().clone();
        drop(session);
        way.come_back.expect("there is one")(&yard.folder);
        let store = yard.workspace.durable_store(&yard.base).expect("a store");
        let state = store.summary(&id).expect("described").state;
        assert_eq!(state, SessionState::Open, "{}", way.name);
        let session = open(&yard, &id).expect("it is there");
        applied(&yard, &session);
        assert_eq!(
            yard.folder.read_to_string("base/new").expect("there"),
            "mine"
        );
    }
}

/// What is written to a removed file is acknowledged by the system, and gone.
#[test]
fn a_session_whose_folder_was_removed_is_not_said_to_be_saved() {
    for gone in ["base", "base/.session-fs", "base/.session-fs/sessions"] {
        let yard = Yard::new(true);
        let session = begin(&yard).expect("begun");
        change(session.session());
        yard.folder.remove_dir_all(gone).expect("removed");
        let refused = session.save().expect_err(gone);
        assert_eq!(refused.kind(), ErrorKind::NotFound, "{refused:?}");
        assert!(
            refused.to_string().contains(session.session_id().as_str()),
            "{refused}"
        );
        // It is still there for as long as its process is.
        assert_eq!(
            Session::read(&session, "new").expect("its own"),
            b"mine",
            "{gone}"
        );
    }
}

#[test]
fn no_session_begins_over_a_removed_base() {
    let yard = Yard::new(true);
    yard.folder.remove_dir_all("base").expect("removed");
    let refused = begin(&yard).expect_err("there is no base");
    assert!(
        matches!(refused, WorkspaceError::Away { .. }),
        "{refused:?}"
    );
    assert!(!yard.folder.exists("base"));
}

/// Every byte of a session's files, changed and cut: it is opened as it was, or named as damaged,
/// and the other one works all the same.
#[test]
fn damage_to_one_session_is_named_and_the_other_goes_on() {
    let yard = Yard::new(true);
    let (hurt, whole) = (saved(&yard), saved(&yard));
    let store = yard.workspace.durable_store(&yard.base).expect("a store");
    let folder = format!("base/.session-fs/sessions/{hurt}");
    for file in ["meta", "log"] {
        let path = format!("{folder}/{file}");
        let bytes = yard.folder.read(&path).expect("there");
        let mut refused = 0;
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            for hurt_bytes in [&flipped[..], &bytes[..at]] {
                yard.folder.write(&path, hurt_bytes).expect("written");
                refused += usize::from(!is_whole_or_named(&yard, &store, &hurt));
            }
        }
        yard.folder.write(&path, &bytes).expect("written");
        assert!(refused > bytes.len(), "{file}: {refused}");
        yard.folder
            .write(&path, &bytes[..bytes.len() / 2])
            .expect("written");
        let cleaned = store.clean().expect("cleaned");
        assert!(cleaned.forgotten.is_empty() && cleaned.expired.is_empty());
        assert_eq!(store.sessions().expect("listed").len(), 2, "it is kept");
        yard.folder.write(&path, &bytes).expect("written");
        store.examine(&hurt).expect("it is as it was");
    }
    let session = open(&yard, &whole).expect("the other one is whole");
    applied(&yard, &session);
}

/// Whether a session opens with what was saved, in whole or up to a save before; where it does not,
/// it is said to be damaged, and kept.
fn is_whole_or_named(yard: &Yard, store: &DurableStore, id: &SessionId) -> bool {
    let examined = store.examine(id);
    let opened = yard.workspace.open_durable(&yard.base, store, id);
    match (examined, opened) {
        (Ok(()), Ok(session)) => {
            // A cut after the first save is one that a crash makes.
            Session::read(&session, "new").is_ok_and(|content| content == b"mine")
        }
        (_, Ok(session)) => panic!("{session:?} was opened and refused at once"),
        (_, Err(error)) => {
            let WorkspaceError::Durable(error) = error else {
                panic!("{error:?}")
            };
            assert!(
                matches!(
                    error,
                    DurableError::Corrupt { .. } | DurableError::Newer { .. }
                ),
                "{error:?}"
            );
            false
        }
    }
}

#[test]
fn a_damaged_session_goes_only_when_somebody_says_so() {
    let yard = Yard::new(true);
    let (hurt, whole) = (saved(&yard), saved(&yard));
    let store = yard.workspace.durable_store(&yard.base).expect("a store");
    let refused = store.give_up(&whole).expect_err("it is whole");
    assert!(
        matches!(refused, DurableError::NotDamaged { .. }),
        "{refused:?}"
    );
    let log = format!("base/.session-fs/sessions/{hurt}/log");
    yard.folder.write(&log, "no log").expect("written");
    let named = store.examine(&hurt).expect_err("it is damaged");
    assert!(matches!(named, DurableError::Corrupt { .. }), "{named:?}");
    assert!(store.clean().expect("cleaned").leftovers_count == 0);
    let given_up = store.give_up(&hurt).expect("removed");
    assert!(given_up.metadata.is_some(), "its other file was whole");
    assert!(given_up.problem.to_string().contains(hurt.as_str()));
    let left = store.sessions().expect("listed");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, whole);
    let folders = yard.folder.read_dir("base/.session-fs/sessions");
    assert_eq!(folders.expect("listed").count(), 1);
    open(&yard, &whole).expect("the other one is whole");
}

#[test]
fn giving_up_is_in_the_audit_log() {
    let yard = Yard::new(true);
    let (hurt, whole) = (saved(&yard), saved(&yard));
    let store = yard.workspace.durable_store(&yard.base).expect("a store");
    let log = format!("base/.session-fs/sessions/{hurt}/log");
    yard.folder.write(&log, "no log").expect("written");
    let give_up = |id| yard.workspace.give_up_durable(&yard.base, &store, id);
    give_up(&hurt).expect("removed");
    give_up(&whole).expect_err("it is whole");
    give_up(&hurt).expect_err("it is gone");
    let log = yard.base.audit().expect("a directory has one");
    let filter = AuditFilter {
        operation: Some("rollback".to_owned()),
        ..AuditFilter::default()
    };
    let request = AuditPageRequest {
        after: 0,
        entries_max: 10,
    };
    let lines = log.read(&filter, request).expect("read").entries;
    let told = lines.iter().map(|line| {
        let target = line.target.as_deref().unwrap_or_default();
        assert!(target.starts_with("damaged, given up by "), "{target}");
        (line.session.clone(), line.outcome.clone())
    });
    let told: Vec<_> = told.collect();
    let line = |id: &SessionId, outcome: &str| (Some(id.to_string()), outcome.to_owned());
    assert_eq!(told, [line(&hurt, "ok"), line(&whole, "invalid")]);
}

/// The listing reads the beginning of each log, and an examination all of it.
#[test]
fn a_listing_shows_a_log_that_is_damaged_where_it_begins() {
    let yard = Yard::new(true);
    let id = saved(&yard);
    let store = yard.workspace.durable_store(&yard.base).expect("a store");
    let path = format!("base/.session-fs/sessions/{id}/log");
    let whole = yard.folder.read(&path).expect("read");
    let first_len = 97
        + usize::try_from(u32::from_le_bytes(
            whole[29..33].try_into().expect("four bytes"),
        ))
        .expect("small");
    let state = || store.sessions().expect("listed")[0].clone();
    assert_eq!(state().state, SessionState::Open);
    let mut flipped = whole.clone();
    for at in [0, 96, 97, first_len - 1] {
        flipped.clone_from(&whole);
        flipped[at] ^= 1;
        yard.folder.write(&path, &flipped).expect("written");
        let found = state();
        assert!(
            matches!(found.state, SessionState::Damaged(_)),
            "byte {at}: {found:?}"
        );
        assert_eq!(found.base, "file:///yard/base", "its other file is whole");
    }
    for len in [0, 96, first_len - 1] {
        yard.folder.write(&path, &whole[..len]).expect("written");
        let found = state().state;
        assert!(
            matches!(found, SessionState::Damaged(_)),
            "{len} bytes: {found:?}"
        );
    }
    // What comes later is for an examination.
    flipped.clone_from(&whole);
    *flipped.last_mut().expect("not empty") ^= 1;
    yard.folder.write(&path, &flipped).expect("written");
    assert_eq!(state().state, SessionState::Open);
    store.examine(&id).expect_err("damaged");
}

#[test]
fn a_session_that_somebody_has_is_not_given_up() {
    let yard = Yard::new(true);
    let session = begin(&yard).expect("begun");
    let store = yard.workspace.durable_store(&yard.base).expect("a store");
    let refused = store.give_up(session.session_id());
    let refused = refused.expect_err("it is in use");
    assert!(
        matches!(refused, DurableError::SessionBusy { .. }),
        "{refused:?}"
    );
}

/// What is no folder has the name of a session: it is named, and can be removed.
#[test]
fn what_only_has_the_name_of_a_session_is_damage() {
    let yard = Yard::new(true);
    let store = yard.workspace.durable_store(&yard.base).expect("a store");
    let sessions = "base/.session-fs/sessions";
    let folder = yard.folder.open_dir(sessions).expect("there");
    folder.write("0189-file", "x").expect("written");
    folder
        .symlink("../../../other", "0189-link")
        .expect("linked");
    let listed = store.sessions().expect("listed");
    assert_eq!(listed.len(), 2, "{listed:?}");
    for summary in listed {
        let is_damaged = matches!(summary.state, SessionState::Damaged(_));
        assert!(is_damaged, "{summary:?}");
        store.give_up(&summary.id).expect("removed");
    }
    assert_eq!(folder.entries().expect("listed").count(), 0);
    assert_eq!(
        yard.folder.read_to_string("other/a").expect("there"),
        "theirs"
    );
}
