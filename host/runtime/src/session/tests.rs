//! Tests of the interface `session-fs` without a guest: what becomes of sessions and handles.

use vfs::Status;
use wasmtime::component::Resource;

use super::{SessionError, SessionHandle};
use crate::bindings::agent::session_fs::host::session_fs::{
    BeginOptions, CommitOptions, HostSession,
};
use crate::bindings::agent::session_fs::host::types::Error as WitError;
use crate::bindings::agent::session_fs::host::types::Host as _;
use crate::tests::Run;

fn error<T>(run: &mut Run, result: Result<T, SessionError>) -> WitError {
    let Err(error) = result else {
        panic!("it went well")
    };
    run.view().convert_error(error).expect("no trap")
}

fn options() -> BeginOptions {
    BeginOptions {
        purpose: None,
        labels: Vec::new(),
    }
}

fn commit() -> CommitOptions {
    CommitOptions { message: None }
}

fn again(handle: &Resource<SessionHandle>) -> Resource<SessionHandle> {
    Resource::new_borrow(handle.rep())
}

#[test]
fn the_last_handle_of_a_begun_session_rolls_it_back() {
    let mut run = Run::new();
    let first = run
        .view()
        .begin("vfs://granted".to_owned(), options())
        .expect("begun");
    let id = run.begun(0).id().to_owned();
    let second = run.view().open(id.clone()).expect("opened");
    run.view().drop(first).expect("dropped");
    assert_eq!(run.begun(0).status(), Status::Open);
    run.view().drop(second).expect("dropped");
    assert_eq!(run.begun(0).status(), Status::RolledBack);
    let reopened = run.view().open(id);
    assert!(matches!(error(&mut run, reopened), WitError::Denied(_)));
}

#[test]
fn the_runs_own_session_outlives_its_handles() {
    let mut run = Run::new();
    let current = run.view().current().expect("a handle");
    assert_eq!(
        run.view().mount(again(&current)).expect("told").as_deref(),
        Some("/")
    );
    run.view()
        .write(again(&current), "a".to_owned(), b"x".to_vec())
        .expect("written");
    run.view().drop(current).expect("dropped");
    assert_eq!(run.state.session.status(), Status::Open);
    let own = run.view().open("own".to_owned()).expect("opened by its id");
    assert_eq!(run.view().read(own, "a".to_owned()).expect("read"), b"x");
}

#[test]
fn what_a_run_leaves_open_is_rolled_back_when_it_ends() {
    let mut run = Run::new();
    let begun = run
        .view()
        .begin("vfs://granted".to_owned(), options())
        .expect("begun");
    let nested = run
        .view()
        .begin_nested(again(&begun), options())
        .expect("nested");
    run.view()
        .write(nested, "a".to_owned(), b"x".to_vec())
        .expect("written");
    let (outer, inner, own) = (run.begun(0), run.begun(1), run.state.session.clone());
    drop(run);
    assert_eq!(
        (outer.status(), inner.status()),
        (Status::RolledBack, Status::RolledBack)
    );
    assert_eq!(own.status(), Status::Open);
}

#[test]
fn a_nested_session_commits_into_its_parent_and_stays_so() {
    let mut run = Run::new();
    let current = run.view().current().expect("a handle");
    let nested = run
        .view()
        .begin_nested(again(&current), options())
        .expect("nested");
    run.view()
        .write(again(&nested), "a".to_owned(), b"x".to_vec())
        .expect("written");
    let info = run
        .view()
        .commit(again(&nested), commit())
        .expect("committed");
    assert_eq!(info.entries.len(), 1);
    run.view().drop(nested).expect("dropped");
    assert!(matches!(run.begun(0).status(), Status::Committed(_)));
    assert_eq!(run.state.session.read("a").expect("read"), b"x");
}

#[test]
fn what_was_not_granted_is_denied_with_the_grant_and_logged() {
    let mut run = Run::new();
    let current = run.view().current().expect("a handle");
    let committed = run.view().commit(current, commit());
    let WitError::Denied(denial) = error(&mut run, committed) else {
        panic!("not denied")
    };
    assert_eq!(denial.grant.as_deref(), Some("commit"));
    let begun = run.view().begin("file:///etc".to_owned(), options());
    assert!(matches!(error(&mut run, begun), WitError::Denied(_)));
    let opened = run.view().open("somebody-elses".to_owned());
    assert!(matches!(error(&mut run, opened), WitError::Denied(_)));
    assert_eq!(run.state.events.take().0.len(), 3);
}

#[test]
fn sessions_and_labels_are_limited() {
    let mut run = Run::new();
    let many = vec![(String::new(), String::new()); 17];
    let labelled = BeginOptions {
        purpose: None,
        labels: many,
    };
    let begun = run.view().begin("vfs://granted".to_owned(), labelled);
    assert!(matches!(error(&mut run, begun), WitError::Invalid(_)));
    for _ in 0..2 {
        let _handle = run
            .view()
            .begin("vfs://granted".to_owned(), options())
            .expect("begun");
    }
    let third = run.view().begin("vfs://granted".to_owned(), options());
    let WitError::Quota(quota) = error(&mut run, third) else {
        panic!("not limited")
    };
    assert_eq!(
        (quota.which.as_str(), quota.used, quota.limit),
        ("sessions-max", 2, 2)
    );
}

#[test]
fn a_full_handle_table_is_an_error_and_leaves_no_session_behind() {
    let mut run = Run::new();
    run.table.set_max_capacity(1);
    let _current = run.view().current().expect("a handle");
    let begun = run.view().begin("vfs://granted".to_owned(), options());
    assert!(matches!(error(&mut run, begun), WitError::Quota(_)));
    assert_eq!(run.begun(0).status(), Status::RolledBack);
}

/// Commits nothing before another task has run.
struct Patient(parking_lot::Mutex<std::sync::mpsc::Receiver<()>>);

impl crate::SessionAuthority for Patient {
    fn begin(&self, _: &str, _: crate::BeginRequest) -> vfs::Result<vfs::Session> {
        Err(vfs::Error::CrossSession)
    }

    fn open(&self, _: &str) -> vfs::Result<vfs::Session> {
        Err(vfs::Error::CrossSession)
    }

    fn begin_nested(&self, _: &vfs::Session, _: crate::BeginRequest) -> vfs::Result<vfs::Session> {
        Err(vfs::Error::CrossSession)
    }

    fn fork(&self, _: &vfs::Session, _: crate::BeginRequest) -> vfs::Result<vfs::Session> {
        Err(vfs::Error::CrossSession)
    }

    fn commit(
        &self,
        _: &vfs::Session,
        _: Option<String>,
    ) -> Result<crate::CommitReport, crate::AuthorityError> {
        let watchdog = std::time::Duration::from_secs(20);
        match self.0.lock().recv_timeout(watchdog) {
            Ok(()) => Ok(crate::CommitReport {
                id: String::new(),
                generation: 0,
                entries: Vec::new(),
            }),
            Err(_stalled) => Err(vfs::Error::CrossSession.into()),
        }
    }

    fn rollback(&self, _: &vfs::Session) -> vfs::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_commit_leaves_its_thread_to_other_runs() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let committing = tokio::spawn(async move {
        let mut run = Run::new();
        run.state.authority = std::sync::Arc::new(Patient(parking_lot::Mutex::new(receiver)));
        let current = run.view().current().expect("a handle");
        drop(tokio::spawn(async move { sender.send(()) }));
        run.view().commit(current, commit()).is_ok()
    });
    assert!(committing.await.expect("no panic"), "the other task waited");
}
