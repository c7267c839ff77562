//! What a base keeps, and for whom: `gc` beside sessions of other processes, and parts of a session.

use std::sync::Arc;

use session_fs_workspace::durable::SessionState;
use session_fs_workspace::history::{GcReport, LogFilter, Retention};
use session_fs_workspace::{
    BaseHandle, BeginOptions, ChangeInfo, CommitOptions, CommitOutcome, DurableOptions,
    DurableSession, DurableStore, HeldBack, Workspace, WorkspaceOptions,
};
use store::disk::fault::{Fault, FaultPlan};
use store::disk::{Dir, FaultDir, RealDir};
use vfs::{Session, VPath};

use crate::scene::Scene;

/// What a process has: a workspace of its own, and its handle of the directory.
type Process = (Workspace, Arc<BaseHandle>);

fn process(scene: &Scene) -> Process {
    let folder = scene.folder.try_clone().expect("a handle");
    let root = RealDir::open(folder).expect("a directory");
    let workspace = Workspace::new(WorkspaceOptions::default());
    let base = workspace.directory(root, "file:///scene");
    (workspace, base.expect("a base"))
}

fn begin((workspace, base): &Process) -> Session {
    let begun = workspace.begin(base, BeginOptions::default());
    begun.expect("begins")
}

/// Begins a durable session, in a store of sessions that is opened for it.
fn begin_durable((workspace, base): &Process) -> (DurableStore, DurableSession) {
    let store = workspace.durable_store(base).expect("a store");
    let (begin, durable) = (BeginOptions::default(), DurableOptions::default());
    let session = workspace.begin_durable(base, &store, begin, &durable);
    (store, session.expect("begins"))
}

fn applied(outcome: session_fs_workspace::Result<CommitOutcome>) -> ChangeInfo {
    match outcome {
        Ok(CommitOutcome::Applied(info)) => info,
        outcome => panic!("expected it to be applied: {outcome:?}"),
    }
}

/// Commits a session; returns the generation.
fn commit(process: &Process, session: &Session) -> u64 {
    applied(process.0.commit(session, &CommitOptions::default())).generation
}

/// Commits a file; returns the generation.
fn put(process: &Process, path: &str, text: &str) -> u64 {
    let session = begin(process);
    session.write(path, text.as_bytes()).expect("written");
    commit(process, &session)
}

/// Commits only what changed at a path.
fn commit_part(process: &Process, session: &DurableSession, path: &str) -> ChangeInfo {
    let part = CommitOptions {
        paths: vec![VPath::parse(path).expect("valid")],
        ..CommitOptions::default()
    };
    applied(process.0.commit_durable(session, &part))
}

fn gc(process: &Process, dry_run: bool) -> GcReport {
    gc_told(process, dry_run).0
}

/// The same with what is held back.
fn gc_told(process: &Process, dry_run: bool) -> (GcReport, Option<HeldBack>) {
    let retention = Retention {
        changes_max: Some(0),
        ..Retention::default()
    };
    let report = process.0.gc(&process.1, &retention, dry_run);
    report
        .expect("it can be cleaned")
        .expect("there is a history")
}

#[test]
fn what_sessions_of_another_process_see_is_not_dropped_as_long_as_it_lives() {
    let scene = Scene::new(&[("file", "first, as the session saw it")]);
    let (one, other) = (process(&scene), process(&scene));
    put(&one, "unrelated", "1");
    let session = begin(&one);
    put(&one, "file", "second");
    one.1.checkpoint().expect("checkpointed");
    for dry_run in [true, false] {
        let report = gc(&other, dry_run);
        assert_eq!(report.changes_kept, 2, "{report:?}");
        assert_eq!((report.objects.len(), report.needed_since), (0, Some(0)));
        let held = gc_told(&other, dry_run).1.expect("held back");
        assert!(held.is_in_use && held.sessions.is_empty(), "{held:?}");
        assert_eq!(held.changes_count, 2);
    }
    let seen = session.read("file").expect("kept");
    assert_eq!(seen, b"first, as the session saw it");
    drop((session, one));
    let report = gc(&other, false);
    assert_eq!((report.changes.len(), report.needed_since), (2, None));
}

/// What a commit had replaced was stale to the sessions of its own process, when another one emptied
/// the journal.
#[test]
fn another_process_that_has_the_turn_takes_nothing_from_sessions_of_this_one() {
    let scene = Scene::new(&[("file", "first"), ("gone", "as it was")]);
    let (one, other) = (process(&scene), process(&scene));
    let session = begin(&one);
    let remover = begin(&one);
    remover.write("file", b"second").expect("written");
    remover.remove("gone").expect("removed");
    commit(&one, &remover);
    put(&other, "unrelated", "1");
    gc(&other, false);
    assert_eq!(session.read("file").expect("kept"), b"first");
    assert_eq!(session.read("gone").expect("kept"), b"as it was");
    put(&one, "file", "third");
    assert_eq!(session.read("file").expect("kept"), b"first");
}

#[test]
fn what_a_process_left_when_it_was_killed_keeps_nothing() {
    let scene = Scene::new(&[("file", "first")]);
    let one = process(&scene);
    put(&one, "file", "second");
    let lease = ".session-fs/leases/17";
    scene.folder.create_dir(lease).expect("made");
    let generation = format!("{lease}/generation");
    scene
        .folder
        .write(generation, 0_u64.to_le_bytes())
        .expect("written");
    let report = gc(&one, false);
    assert_eq!((report.changes.len(), report.needed_since), (1, None));
    assert!(scene.folder.symlink_metadata(lease).is_err(), "swept away");
}

#[test]
fn a_durable_session_that_is_not_over_keeps_what_came_after_it_began() {
    let scene = Scene::new(&[("file", "0")]);
    let one = process(&scene);
    assert_eq!(put(&one, "file", "1"), 1);
    let (store, session) = begin_durable(&one);
    let id = session.session_id().clone();
    drop(session);
    put(&one, "file", "2");
    put(&one, "file", "3");
    drop((store, one));
    let other = process(&scene);
    let (report, held_back) = gc_told(&other, true);
    assert_eq!(report.changes.len(), 1);
    let by = |held: &HeldBack| {
        let ids = held.sessions.iter().map(|it| it.id.clone());
        (held.changes_count, held.is_in_use, ids.collect::<Vec<_>>())
    };
    let planned = held_back.expect("something is held back");
    assert_eq!(by(&planned), (2, false, vec![id.clone()]));
    assert!(planned.bytes > 0);
    let (report, held_back) = gc_told(&other, false);
    assert_eq!(report.changes.len(), 1);
    assert_eq!((report.changes_kept, report.needed_since), (2, Some(1)));
    assert_eq!(held_back.as_ref(), Some(&planned), "as it was foretold");
    let store = other.0.durable_store(&other.1).expect("a store");
    let opened = other.0.open_durable(&other.1, &store, &id);
    opened.expect("there").rollback().expect("open");
    let report = gc(&other, false);
    assert_eq!((report.changes.len(), report.needed_since), (2, None));
}

/// A session that nobody here can read may need anything. It was not named, as if nobody held back.
#[test]
fn a_session_of_a_newer_program_is_named_as_what_holds_back() {
    let scene = Scene::new(&[("file", "0")]);
    let one = process(&scene);
    let (_store, session) = begin_durable(&one);
    let id = session.session_id().clone();
    drop(session);
    put(&one, "file", "1");
    let meta = format!(".session-fs/sessions/{id}/meta");
    let mut bytes = scene.folder.read(&meta).expect("there");
    bytes[8..10].copy_from_slice(&u16::MAX.to_le_bytes());
    scene.folder.write(&meta, bytes).expect("written");
    let (report, held_back) = gc_told(&one, false);
    assert_eq!((report.changes.len(), report.needed_since), (0, Some(0)));
    let held_back = held_back.expect("something is held back");
    let named: Vec<_> = held_back.sessions.iter().map(|it| &it.id).collect();
    assert_eq!((held_back.changes_count, named), (1, vec![&id]));
    let state = &held_back.sessions[0].state;
    assert!(matches!(state, SessionState::Damaged(_)), "{state:?}");
}

/// Commits wait while the change files are read.
#[test]
fn a_cleaning_reads_every_change_file_once() {
    let plan = FaultPlan::new(Fault::NEVER);
    let disk = |root: Arc<dyn Dir>| FaultDir::wrap(root, plan.clone());
    let scene = Scene::on(&[("file", "0")], disk);
    let put = |text: &str| {
        let session = scene.begin();
        session.write("file", text.as_bytes()).expect("written");
        scene.applied(&session).id.to_string()
    };
    let first = put("1");
    let held = scene.begin();
    let others = ["2", "3"].map(put);
    let ids = || others.iter().chain([&first]);
    let reads = || {
        let asked = plan.log();
        let of = |id: &String| {
            let reads = asked
                .iter()
                .filter(|it| it.method == "open" && it.name == *id);
            reads.count()
        };
        ids().map(of).collect::<Vec<_>>()
    };
    drop(scene.workspace.history(&scene.base).expect("checkpointed"));
    plan.arm(Fault::NEVER);
    drop(scene.workspace.history(&scene.base).expect("opens"));
    // Such a disk has no index, so that they are read to open the history as well.
    let opening = reads();
    let retention = Retention {
        changes_max: Some(0),
        ..Retention::default()
    };
    plan.arm(Fault::NEVER);
    let told = scene.workspace.gc(&scene.base, &retention, false);
    let told = told.expect("it can be cleaned");
    let (report, held_back) = told.expect("there is a history");
    assert_eq!(report.changes.len(), 1, "{report:?}");
    assert_eq!(held_back.expect("for the session").changes_count, 2);
    let expected: Vec<_> = opening.iter().map(|count| count + 1).collect();
    assert_eq!(reads(), expected);
    drop(held);
}

#[test]
fn a_part_is_in_the_history_under_the_id_of_its_session_and_does_not_end_it() {
    let scene = Scene::new(&[("a", "0"), ("b", "0")]);
    let one = process(&scene);
    let (store, session) = begin_durable(&one);
    let id = session.session_id().clone();
    session.write("a", b"1").expect("written");
    session.write("b", b"1").expect("written");
    session.save().expect("saved");
    commit_part(&one, &session, "a");
    // The process dies in the middle of the commit of the rest.
    session.settling().expect("noted");
    drop((session, store, one));
    let other = process(&scene);
    assert_eq!(other.0.outcome(&other.1, id.as_str()).expect("known"), None);
    let store = other.0.durable_store(&other.1).expect("a store");
    let session = other.0.open_durable(&other.1, &store, &id).expect("open");
    let rest: Vec<_> = session
        .changes()
        .expect("open")
        .into_iter()
        .map(|it| it.path.to_string())
        .collect();
    assert_eq!(rest, ["b"]);
    let info = applied(other.0.commit_durable(&session, &CommitOptions::default()));
    let found = other.0.outcome(&other.1, id.as_str());
    assert_eq!(found.expect("known"), Some(info.id));
    let history = other.0.history(&other.1).expect("opens").expect("there");
    let page = history.log(&LogFilter::default(), None, 10).expect("read");
    let sessions: Vec<&str> = page.entries.iter().map(|it| it.session.as_str()).collect();
    assert_eq!(sessions, [id.as_str(), id.as_str()]);
    assert_eq!(
        history.sessions(&id.as_str()[..1], 10).expect("read"),
        [id.as_str()]
    );
}

#[test]
fn a_part_that_is_all_ends_the_session() {
    let scene = Scene::new(&[("a", "0")]);
    let one = process(&scene);
    let (_store, session) = begin_durable(&one);
    session.write("a", b"1").expect("written");
    commit_part(&one, &session, "a");
    session.changes().expect_err("it is over");
}
