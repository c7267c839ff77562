//! A commit that takes its time: who needs the same paths is told after a while, and nobody else waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use parking_lot::Mutex;
use session_fs_workspace::{
    BeginOptions, CommitOptions, CommitOutcome, Workspace, WorkspaceError, WorkspaceLimits,
    WorkspaceOptions,
};
use store::disk::crash::CrashOptions;
use store::disk::{CrashDisk, Dir};
use vfs::{ErrorKind, Session, Status};

use crate::acting::{ActingDir, Hook};
use crate::rig::{self, Host};

const FILES: &[(&str, &str)] = &[("f", "before"), ("copied", "before"), ("other", "before")];

/// A commit that stops in the middle of being applied until it is told to go on.
struct Slow {
    armed: Arc<AtomicBool>,
    stopped: Receiver<()>,
    go_on: Sender<()>,
}

/// A root below which the first rename after it was armed stops.
fn slow(disk: &CrashDisk) -> (Arc<dyn Dir>, Slow) {
    let armed = Arc::new(AtomicBool::new(false));
    let (tell, stopped) = channel();
    let (go_on, told) = channel();
    let (is_time, told) = (armed.clone(), Mutex::new(told));
    let hook: Hook = Arc::new(move |_, method| {
        if method == "rename" && is_time.swap(false, Ordering::Relaxed) {
            tell.send(()).expect("somebody waits for this");
            // Whoever waits here goes on too when the test has failed.
            told.lock().recv().ok();
        }
    });
    let root = ActingDir::wrap(disk.root(), hook);
    let slow = Slow {
        armed,
        stopped,
        go_on,
    };
    (root, slow)
}

/// A host whose commits do not wait at all.
fn impatient(root: Arc<dyn Dir>) -> Host {
    let workspace = Workspace::new(WorkspaceOptions {
        limits: WorkspaceLimits {
            lock_wait_ms_max: 0,
            ..WorkspaceLimits::default()
        },
        ..WorkspaceOptions::default()
    });
    let base = workspace.directory(root, "file:///rig").expect("a base");
    Host { workspace, base }
}

fn is_applied(outcome: &session_fs_workspace::Result<CommitOutcome>) -> bool {
    matches!(outcome, Ok(CommitOutcome::Applied(_)))
}

/// The commit was refused, and costs nothing.
fn check_busy(host: &Host, session: &Session) {
    let refused = host.commit(session).expect_err("somebody is at work there");
    assert!(
        matches!(refused, WorkspaceError::Busy { .. }),
        "{refused:?}"
    );
    assert_eq!(refused.kind(), ErrorKind::Retry);
    assert_eq!(session.status(), Status::Open);
}

#[test]
fn who_needs_what_a_slow_commit_changes_is_told_so() {
    let disk = rig::prepared(FILES, CrashOptions::default());
    let (root, slow) = slow(&disk);
    let host = impatient(root);
    let [first, second, remover, copier, third] = [(); 5].map(|()| host.begin());
    for path in ["f", "copied"] {
        first.write(path, b"after").expect("writes");
    }
    second.write("f", b"second").expect("writes");
    remover.remove("f").expect("removes");
    copier.copy("copied", "copy").expect("copies");
    third.write("other", b"third").expect("writes");
    std::thread::scope(|scope| {
        let Slow {
            armed,
            stopped,
            go_on,
        } = slow;
        armed.store(true, Ordering::Relaxed);
        let committing = scope.spawn(|| host.commit(&first));
        stopped.recv().expect("it stops on its way");
        // Who writes there, who needs to read nothing for it, and who takes its content from there.
        check_busy(&host, &second);
        check_busy(&host, &remover);
        check_busy(&host, &copier);
        let late = host.begin();
        let refused = late.read("f").expect_err("it is not all there");
        assert_eq!(refused.kind(), ErrorKind::Retry, "{refused:?}");
        assert_eq!(late.read("other").expect("nobody is there"), b"before");
        assert!(is_applied(&host.commit(&third)), "nobody else waits");
        go_on.send(()).expect("it waits for this");
        let outcome = committing.join().expect("ends");
        assert!(is_applied(&outcome), "{outcome:?}");
        assert_eq!(late.read("f").expect("is there now"), b"after");
    });
    assert!(
        is_applied(&host.commit(&copier)),
        "its copy is of what it saw"
    );
    for late in [&second, &remover] {
        let outcome = host.commit(late);
        let is_refused = matches!(outcome, Ok(CommitOutcome::Conflicted(_)));
        assert!(is_refused, "{outcome:?}");
    }
    let session = host.begin();
    let contents = ["f", "copied", "copy", "other"].map(|path| session.read(path).expect("reads"));
    assert_eq!(contents, [&b"after"[..], b"after", b"before", b"third"]);
}

#[test]
fn no_commit_is_taken_while_another_process_has_the_turn() {
    let disk = rig::bare(FILES, CrashOptions::default());
    let host = impatient(disk.root());
    let session = host.begin();
    session.write("a", b"1").expect("writes");
    let before = rig::nodes(&disk);
    let lock = disk.root().try_lock().expect("locks").expect("is free");
    check_busy(&host, &session);
    assert_eq!(rig::nodes(&disk), before);
    drop(lock);
    assert!(is_applied(&host.commit(&session)));
}

/// The wait ends as soon as there is nothing to wait for, whatever the limit is.
#[test]
fn a_commit_waits_for_one_that_has_the_same_path() {
    let disk = rig::prepared(FILES, CrashOptions::default());
    let (root, slow) = slow(&disk);
    let workspace = Workspace::new(WorkspaceOptions {
        limits: WorkspaceLimits {
            lock_wait_ms_max: u64::from(u32::MAX),
            ..WorkspaceLimits::default()
        },
        ..WorkspaceOptions::default()
    });
    let base = workspace.directory(root, "file:///rig").expect("a base");
    let begin = || {
        workspace
            .begin(&base, BeginOptions::default())
            .expect("begins")
    };
    let commit = |session: &Session| workspace.commit(session, &CommitOptions::default());
    let [first, second] = [begin(), begin()];
    first.write("f", b"after").expect("writes");
    second.remove("f").expect("removes");
    std::thread::scope(|scope| {
        let Slow {
            armed,
            stopped,
            go_on,
        } = slow;
        armed.store(true, Ordering::Relaxed);
        let committing = scope.spawn(|| commit(&first));
        stopped.recv().expect("it stops on its way");
        let waiting = scope.spawn(|| commit(&second));
        go_on.send(()).expect("it waits for this");
        let outcome = waiting.join().expect("ends");
        assert!(
            matches!(outcome, Ok(CommitOutcome::Conflicted(_))),
            "{outcome:?}"
        );
        assert!(is_applied(&committing.join().expect("ends")));
    });
}
