//! What a guest may commit, what is remembered of it, and what it is told of a failure.

use cap_std::ambient_authority;
use store::disk::fault::{Fault, FaultPlan};
use store::disk::{FaultDir, RealDir};
use workspace::audit::{AuditFilter, AuditPageRequest};
use workspace::{BaseHandle, WorkspaceLimits, WorkspaceOptions};

use super::*;
use crate::job::{Job, Policy};

const SCRATCH: &str = "vfs://scratch";

fn workspace() -> Arc<Workspace> {
    Arc::new(Workspace::new(WorkspaceOptions::default()))
}

fn begin(workspace: &Workspace, base: &Arc<BaseHandle>) -> Session {
    workspace
        .begin(base, BeginOptions::default())
        .expect("begun")
}

fn authority(workspace: &Arc<Workspace>, own: &Session) -> TaskAuthority {
    let mut grants = Grants {
        commit: true,
        ..Grants::default()
    };
    grants
        .bases
        .insert(SCRATCH.to_owned(), workspace.memory("scratch"));
    TaskAuthority::new(workspace, own, grants, Arc::new(|_| {}))
}

#[test]
fn a_guest_commits_only_where_the_host_would() {
    let base = workspace().memory("base");
    let check = |policy, expected| {
        let mut job = Job::new(base.clone());
        job.policy = policy;
        job.grants.commit = true;
        assert_eq!(job.effective_grants().commit, expected, "{policy:?}");
    };
    check(Policy::Commit, true);
    check(Policy::DryRun, false);
    check(Policy::Hold, false);
}

#[test]
fn sessions_that_are_settled_are_forgotten() {
    let workspace = workspace();
    let own = begin(&workspace, &workspace.memory("base"));
    let authority = authority(&workspace, &own);
    let one = authority.begin(SCRATCH, BeginRequest::default());
    let two = authority.begin(SCRATCH, BeginRequest::default());
    authority
        .rollback(&one.expect("begun"))
        .expect("rolled back");
    authority
        .commit(&two.expect("begun"), None)
        .expect("committed");
    assert_eq!(authority.begun.lock().len(), 0);
}

#[test]
fn the_ends_of_the_own_session_are_remembered() {
    let workspace = workspace();
    let base = workspace.memory("base");
    let own = begin(&workspace, &base);
    let unchanged = authority(&workspace, &own);
    unchanged.commit(&own, None).expect("committed");
    assert!(matches!(unchanged.take_own_end(), Some(OwnEnd::Unchanged)));
    let own = begin(&workspace, &base);
    own.write("a", b"a").expect("written");
    let changed = authority(&workspace, &own);
    changed.commit(&own, None).expect("committed");
    assert!(matches!(changed.take_own_end(), Some(OwnEnd::Committed(_))));
}

#[test]
fn a_full_workspace_is_a_limit_to_the_guest() {
    let limits = WorkspaceLimits {
        sessions_max: 1,
        ..WorkspaceLimits::default()
    };
    let workspace = Arc::new(Workspace::new(WorkspaceOptions {
        limits,
        ..WorkspaceOptions::default()
    }));
    let own = begin(&workspace, &workspace.memory("base"));
    let error = authority(&workspace, &own).begin(SCRATCH, BeginRequest::default());
    let error = error.expect_err("full");
    assert!(
        matches!(
            error,
            vfs::Error::Quota {
                which: "sessions",
                ..
            }
        ),
        "{error:?}"
    );
}

/// Commits one file with the fault; tells how the commit ended and where the flushes were.
fn commit_with(fault: Fault) -> (Option<OwnEnd>, Vec<u64>) {
    let directory = tempfile::tempdir().expect("a directory");
    let root = cap_std::fs::Dir::open_ambient_dir(directory.path(), ambient_authority());
    let root = RealDir::open(root.expect("opened")).expect("opened");
    let plan = FaultPlan::new(fault);
    let workspace = workspace();
    let base = workspace.directory(FaultDir::wrap(root, plan.clone()), "file:///base");
    let own = begin(&workspace, &base.expect("a base"));
    own.write("file", b"content").expect("written");
    let authority = authority(&workspace, &own);
    // The guest may well ignore what it is told.
    let _ignored = authority.commit(&own, None);
    let flushes = (0..).zip(plan.log());
    let flushes = flushes
        .filter(|(_, call)| call.method == "file.sync_data" && call.name.starts_with("journal"));
    (
        authority.take_own_end(),
        flushes.map(|(at, _)| at).collect(),
    )
}

#[test]
fn a_commit_in_doubt_is_not_left_to_the_guest_to_tell() {
    let (end, flushes) = commit_with(Fault::NEVER);
    assert!(matches!(end, Some(OwnEnd::Committed(_))));
    let last = Fault {
        fail_at: flushes.last().copied(),
        ..Fault::NEVER
    };
    let (end, _) = commit_with(last);
    assert!(
        matches!(end, Some(OwnEnd::Failed(WorkspaceError::InDoubt { .. }))),
        "{end:?}"
    );
}

#[test]
fn what_a_task_was_not_granted_is_in_the_audit() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = cap_std::fs::Dir::open_ambient_dir(directory.path(), ambient_authority());
    let root = RealDir::open(root.expect("opened")).expect("opened");
    let workspace = workspace();
    let base = workspace.directory(root, "file:///base").expect("a base");
    let own = workspace.begin(
        &base,
        BeginOptions {
            agent: Some("curious".to_owned()),
            ..BeginOptions::default()
        },
    );
    let own = own.expect("begun");
    let authority = TaskAuthority::new(&workspace, &own, Grants::default(), Arc::new(|_| {}));
    let refused = authority.begin("vfs://secret", BeginRequest::default());
    refused.map(drop).expect_err("not granted");
    authority
        .open("another")
        .map(drop)
        .expect_err("not granted");
    authority
        .commit(&own, None)
        .map(drop)
        .expect_err("not granted");
    // The log has its place once something was committed.
    own.write("file", b"content").expect("written");
    let committed = workspace.commit(&own, &CommitOptions::default());
    assert!(matches!(committed, Ok(CommitOutcome::Applied(_))));
    let denied = AuditFilter {
        outcome: Some("denied".to_owned()),
        ..AuditFilter::default()
    };
    let all = AuditPageRequest {
        after: 0,
        entries_max: 100,
    };
    let page = base
        .audit()
        .expect("there")
        .read(&denied, all)
        .expect("read");
    let told = page.entries.iter().map(|entry| {
        assert_eq!(entry.session.as_deref(), Some(own.id()));
        assert_eq!(entry.agent.as_deref(), Some("curious"));
        assert_eq!(entry.reason.as_deref(), Some("capability"));
        (entry.operation.as_str(), entry.target.as_deref())
    });
    let expected = [
        ("begin", Some("vfs://secret")),
        ("resume", Some("another")),
        ("commit", None),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

/// An id is no handle: it may stand in any log.
#[test]
fn the_id_of_a_live_session_opens_nothing() {
    let workspace = workspace();
    let base = workspace.memory("base");
    let (own, other) = (begin(&workspace, &base), begin(&workspace, &base));
    let authority = authority(&workspace, &own);
    let nested = authority.begin_nested(&own, BeginRequest::default());
    let nested = nested.expect("begun");
    let told = [other.id(), own.id(), nested.id(), "none"].map(|id| {
        let error = authority.open(id).expect_err("an id alone");
        assert_eq!(error.kind(), vfs::ErrorKind::Denied, "{id}");
        error.to_string()
    });
    assert!(told.iter().all(|text| *text == told[3]), "{told:?}");
}
