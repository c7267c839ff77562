//! A store that is only looked at: everything of it is told, and nothing written.

use std::sync::Arc;

use cap_std::fs::MetadataExt;
use session_fs_workspace::audit::{AuditFilter, AuditPageRequest, AuditVerdict};
use session_fs_workspace::durable::{SessionId, SessionState};
use session_fs_workspace::history::LogFilter;
use session_fs_workspace::{
    BeginOptions, DurableError, DurableOptions, DurableSession, StoreReader, WorkspaceError,
};
use store::disk::fault::{Fault, FaultPlan};
use store::disk::{Dir, FaultDir};
use vfs::{ErrorKind, Session};

use crate::scene::Scene;

/// What a disk is asked that changes nothing on it.
const READS: [&str; 8] = [
    "walk",
    "stat",
    "stat_self",
    "list",
    "open",
    "try_lock",
    "file.stat",
    "file.read_at",
];

/// A scene on a disk that tells what it was asked.
fn told(files: &[(&str, &str)]) -> (Scene, Arc<FaultPlan>) {
    let plan = FaultPlan::new(Fault::NEVER);
    let disk = |root: Arc<dyn Dir>| FaultDir::wrap(root, plan.clone());
    (Scene::on(files, disk), plan.clone())
}

fn reader(scene: &Scene) -> StoreReader {
    let reader = scene.workspace.reader(&scene.base);
    reader.expect("readable").expect("there is a store")
}

fn generations(reader: &StoreReader) -> Vec<u64> {
    let history = reader.history().expect("opens");
    let page = history.log(&LogFilter::default(), None, 100);
    let entries = page.expect("listed").entries;
    entries.iter().map(|entry| entry.generation).collect()
}

#[test]
fn what_is_not_in_the_history_yet_is_counted() {
    let scene = Scene::new(&[("a", "0")]);
    assert!(
        scene
            .workspace
            .reader(&scene.base)
            .expect("asked")
            .is_none()
    );
    for text in ["1", "2"] {
        let session = scene.begin();
        session.write("a", text.as_bytes()).expect("written");
        scene.applied(&session);
    }
    let early = reader(&scene);
    assert_eq!(early.waiting_count().expect("read"), 2);
    assert_eq!(generations(&early), [0; 0]);
    scene.base.checkpoint().expect("checkpointed");
    let late = reader(&scene);
    assert_eq!(late.waiting_count().expect("read"), 0);
    assert_eq!(generations(&late), [2, 1]);
}

#[test]
fn looking_writes_nothing_and_tells_everything() {
    let (scene, plan) = told(&[("a", "0")]);
    let session = scene.begin();
    session.write("a", b"1").expect("written");
    scene.applied(&session);
    let store = scene.workspace.durable_store(&scene.base).expect("a store");
    let begun = scene.workspace.begin_durable(
        &scene.base,
        &store,
        BeginOptions::default(),
        &DurableOptions::default(),
    );
    let id = begun.expect("begins").session_id().clone();
    drop(scene.workspace.history(&scene.base).expect("checkpointed"));
    let before = scene.whole_tree();
    plan.arm(Fault::NEVER);
    let reader = reader(&scene);
    assert_eq!(generations(&reader), [1]);
    let sessions = reader.sessions().expect("listed");
    assert_eq!((sessions.len(), &sessions[0].id), (1, &id));
    assert_eq!(sessions[0].state, SessionState::Open);
    assert_eq!(reader.summary(&id).expect("there"), sessions[0]);
    let log = reader.audit().expect("readable").expect("a log");
    let request = AuditPageRequest {
        after: 0,
        entries_max: 100,
    };
    let page = log.read(&AuditFilter::default(), request).expect("read");
    assert!(page.entries.iter().any(|it| it.operation == "commit"));
    let verified = log.verify().expect("read");
    assert_eq!(verified.verdict, AuditVerdict::Intact);
    let asked = plan.log();
    let writes = asked.iter().filter(|call| !READS.contains(&call.method));
    let writes: Vec<_> = writes.collect();
    assert!(writes.is_empty() && !asked.is_empty(), "{writes:?}");
    assert_eq!(scene.whole_tree(), before);
}

/// Not even a folder is made where one is missing, so that it also works where none can be made.
#[test]
fn a_history_without_folders_is_read_as_an_empty_one() {
    let scene = Scene::new(&[("a", "0")]);
    drop(begin_durable(&scene));
    for folder in ["changes", "objects"] {
        let path = format!(".session-fs/{folder}");
        scene.folder.remove_dir_all(path).expect("removed");
    }
    let before = scene.whole_tree();
    let reader = reader(&scene);
    assert_eq!(generations(&reader), [0; 0]);
    let history = reader.history().expect("opens");
    assert_eq!(history.generations(), None);
    let unknown = history.show("1").expect_err("there is no change");
    assert_eq!(unknown.kind(), ErrorKind::NotFound, "{unknown:?}");
    assert_eq!(scene.whole_tree(), before);
}

/// Begins a durable session over a scene; what it keeps of its contents is in its log.
fn begin_durable(scene: &Scene) -> DurableSession {
    let store = scene.workspace.durable_store(&scene.base).expect("a store");
    let durable = DurableOptions {
        spill_bytes_min: 0,
        ..DurableOptions::default()
    };
    let begin = BeginOptions::default();
    let begun = scene
        .workspace
        .begin_durable(&scene.base, &store, begin, &durable);
    begun.expect("begins")
}

fn look(scene: &Scene, id: &SessionId) -> Result<Session, WorkspaceError> {
    let reader = reader(scene);
    scene.workspace.look_durable(&scene.base, &reader, id)
}

#[test]
fn a_session_is_looked_at_as_it_was_saved_and_nothing_is_written() {
    let (scene, plan) = told(&[("a", "old\n"), ("dir/b", "base\n")]);
    let session = begin_durable(&scene);
    let id = session.session_id().clone();
    let large = vec![b'x'; 300_000];
    session.write("a", b"new\n").expect("written");
    session.write("large", &large).expect("written");
    session.save().expect("saved");
    session.write("a", b"newer\n").expect("written");
    let log = format!(".session-fs/sessions/{id}/log");
    for owner in [Some(session), None] {
        if owner.is_none() {
            // What a crash leaves behind the last save stays where it is.
            let mut bytes = scene.folder.read(&log).expect("there");
            bytes.extend_from_slice(&[0; 100]);
            scene.folder.write(&log, &bytes).expect("written");
        }
        let before = scene.whole_tree();
        let times = |path: &str| scene.folder.metadata(path).expect("there").mtime_nsec();
        let used = times(&log);
        plan.arm(Fault::NEVER);
        let seen = look(&scene, &id).expect("readable");
        assert_eq!(seen.read("a").expect("saved"), b"new\n");
        assert_eq!(seen.read("large").expect("saved"), large);
        assert_eq!(seen.read("dir/b").expect("of the base"), b"base\n");
        let diff = seen.diff().expect("readable");
        assert!(diff.contains("-old\n+new\n"), "{diff}");
        let refused = seen.write("a", b"1").expect_err("only looked at");
        assert_eq!(refused.kind(), ErrorKind::Denied, "{refused:?}");
        let asked = plan.log();
        let writes = asked.iter().filter(|call| !READS.contains(&call.method));
        let writes: Vec<_> = writes.collect();
        assert!(writes.is_empty() && !asked.is_empty(), "{writes:?}");
        assert_eq!(scene.whole_tree(), before);
        assert_eq!(times(&log), used, "it does not count as use");
    }
}

#[test]
fn a_session_that_is_over_is_not_looked_at() {
    let scene = Scene::new(&[("a", "0")]);
    let session = begin_durable(&scene);
    let id = session.session_id().clone();
    session.rollback().expect("open");
    let refused = look(&scene, &id).expect_err("over");
    let is_over = matches!(
        refused,
        WorkspaceError::Durable(DurableError::RolledBack { .. })
    );
    assert!(is_over, "{refused:?}");
    let unknown = SessionId::new("unknown").expect("an id");
    let refused = look(&scene, &unknown).expect_err("not there");
    assert_eq!(refused.kind(), ErrorKind::NotFound, "{refused:?}");
    let begun = begin_durable(&scene);
    let log = format!(".session-fs/sessions/{}/log", begun.session_id());
    scene.folder.write(log, "no log").expect("written");
    let refused = look(&scene, begun.session_id()).expect_err("damaged");
    let is_damaged = matches!(
        refused,
        WorkspaceError::Durable(DurableError::Corrupt { .. })
    );
    assert!(is_damaged, "{refused:?}");
}

/// The count is missing, and the rest is there all the same.
#[test]
fn a_journal_that_cannot_be_read_hides_nothing_else() {
    let scene = Scene::new(&[("a", "0")]);
    let session = scene.begin();
    session.write("a", b"1").expect("written");
    scene.applied(&session);
    scene.base.checkpoint().expect("checkpointed");
    scene
        .folder
        .write(".session-fs/journal", "no journal")
        .expect("written");
    let reader = reader(&scene);
    assert!(reader.waiting_count().is_err());
    assert_eq!(generations(&reader), [1]);
    scene
        .folder
        .write(".session-fs/store", "no store")
        .expect("written");
    let refused = scene.workspace.reader(&scene.base).expect_err("unknown");
    assert_eq!(refused.kind(), ErrorKind::Internal, "{refused:?}");
}
