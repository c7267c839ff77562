//! A commit that takes its time: who needs the same paths is told after a while, and nobody else waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use parking_lot::Mutex;
use session_fs_workspace::history::Retention;
use session_fs_workspace::{
    Acknowledge, CommitOptions, CommitOutcome, Workspace, WorkspaceError, WorkspaceLimits,
    WorkspaceOptions,
};
use store::disk::crash::CrashOptions;
use store::disk::{Dir, RealDir};
use vfs::{ErrorKind, Session, Status};

use crate::acting::{ActingDir, Hook};
use crate::rig::{self, Host};
use crate::scene::in_memory;

const FILES: &[(&str, &str)] = &[("f", "before"), ("copied", "before"), ("other", "before")];

/// What stops at a call until it is told to go on.
struct Slow {
    armed: Arc<AtomicBool>,
    stopped: Receiver<()>,
    go_on: Sender<()>,
}

/// A hook by which the first call of a method stops after it was armed.
fn slow(method: &'static str) -> (Hook, Slow) {
    let armed = Arc::new(AtomicBool::new(false));
    let (tell, stopped) = channel();
    let (go_on, told) = channel();
    let (is_time, told) = (armed.clone(), Mutex::new(told));
    let hook: Hook = Arc::new(move |_, called| {
        if called == method && is_time.swap(false, Ordering::Relaxed) {
            tell.send(()).expect("somebody waits for this");
            // Whoever waits here goes on too when the test has failed.
            told.lock().recv().ok();
        }
    });
    let slow = Slow {
        armed,
        stopped,
        go_on,
    };
    (hook, slow)
}

impl Slow {
    /// Lets something begin, and others do what they do while it is stopped.
    fn during<T: Send, R: Send>(
        self,
        begun: impl FnOnce() -> T + Send,
        others: impl FnOnce() -> R + Send,
    ) -> (T, R) {
        std::thread::scope(move |scope| {
            self.armed.store(true, Ordering::Relaxed);
            let begun = scope.spawn(begun);
            self.stopped.recv().expect("it stops on its way");
            let done = others();
            self.go_on.send(()).expect("it waits for this");
            (begun.join().expect("ends"), done)
        })
    }

    /// The same with somebody who waits for it.
    fn waited_for<T: Send, R: Send>(
        self,
        begun: impl FnOnce() -> T + Send,
        waiting: impl FnOnce() -> R + Send,
    ) -> (T, R) {
        std::thread::scope(move |scope| {
            let (ended, waiting) = self.during(begun, || scope.spawn(waiting));
            (ended, waiting.join().expect("ends"))
        })
    }
}

/// A host that waits so long for others.
fn host(root: Arc<dyn Dir>, lock_wait_ms_max: u64) -> Host {
    let workspace = Workspace::new(WorkspaceOptions {
        limits: WorkspaceLimits {
            lock_wait_ms_max,
            ..WorkspaceLimits::default()
        },
        ..WorkspaceOptions::default()
    });
    let base = workspace.directory(root, "file:///rig").expect("a base");
    Host { workspace, base }
}

/// A host that does not wait at all, below whose root a method stops.
fn impatient(method: &'static str) -> (Host, Slow) {
    let disk = rig::prepared(FILES, CrashOptions::default());
    let (hook, slow) = slow(method);
    (host(ActingDir::wrap(disk.root(), hook), 0), slow)
}

fn is_applied(outcome: &session_fs_workspace::Result<CommitOutcome>) -> bool {
    matches!(outcome, Ok(CommitOutcome::Applied(_)))
}

/// Does something again until nobody else is at it.
fn at_last<T>(
    act: impl Fn() -> session_fs_workspace::Result<T>,
) -> session_fs_workspace::Result<T> {
    loop {
        match act() {
            Err(WorkspaceError::Busy { .. }) => std::thread::yield_now(),
            done => return done,
        }
    }
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
    let (host, slow) = impatient("rename");
    let [first, second, remover, copier, third] = [(); 5].map(|()| host.begin());
    for path in ["f", "copied"] {
        first.write(path, b"after").expect("writes");
    }
    second.write("f", b"second").expect("writes");
    remover.remove("f").expect("removes");
    copier.copy("copied", "copy").expect("copies");
    third.write("other", b"third").expect("writes");
    let others = || {
        // Who writes there, who needs to read nothing for it, and who takes its content from there.
        check_busy(&host, &second);
        check_busy(&host, &remover);
        check_busy(&host, &copier);
        let preview = host.workspace.preview(&second, &CommitOptions::default());
        let refused = preview.expect_err("as a commit").kind();
        assert_eq!(refused, ErrorKind::Retry);
        let late = host.begin();
        let refused = late.read("f").expect_err("it is not all there");
        assert_eq!(refused.kind(), ErrorKind::Retry, "{refused:?}");
        assert_eq!(late.read("other").expect("nobody is there"), b"before");
        assert!(is_applied(&host.commit(&third)), "nobody else waits");
        late
    };
    let (outcome, late) = slow.during(|| host.commit(&first), others);
    assert!(is_applied(&outcome), "{outcome:?}");
    assert_eq!(late.read("f").expect("is there now"), b"after");
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
    let host = host(disk.root(), 0);
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
    let (hook, slow) = slow("rename");
    let root = ActingDir::wrap(disk.root(), hook);
    let host = host(root, u64::from(u32::MAX));
    let [first, second] = [(); 2].map(|()| host.begin());
    first.write("f", b"after").expect("writes");
    second.remove("f").expect("removes");
    let (one, two) = slow.waited_for(|| host.commit(&first), || host.commit(&second));
    assert!(is_applied(&one), "{one:?}");
    assert!(matches!(two, Ok(CommitOutcome::Conflicted(_))), "{two:?}");
}

/// What moves something waits for a checkpoint, and not without a limit for the one of somebody else.
#[test]
fn who_needs_a_checkpoint_is_told_that_one_hangs() {
    let (host, slow) = impatient("sync_fs");
    let writer = host.begin();
    writer.write("f", b"after").expect("writes");
    assert!(is_applied(&host.commit(&writer)));
    let mover = host.begin();
    mover.rename("f", "g").expect("renames");
    mover.write("new", b"new").expect("writes");
    let others = || {
        check_busy(&host, &mover);
        let refused = host.base.checkpoint().expect_err("another is at it");
        assert_eq!(refused.kind(), ErrorKind::Retry, "{refused:?}");
    };
    let (checkpointed, ()) = slow.during(|| host.base.checkpoint(), others);
    checkpointed.expect("goes on where it stopped");
    assert_eq!(host.trouble(), None, "to wait harms nothing");
    assert!(is_applied(&host.commit(&mover)));
    host.base.checkpoint().expect("checkpoints");
}

/// A checkpoint waits for what is recorded and not yet in the directory, and not without a limit.
#[test]
fn a_checkpoint_tells_of_a_change_that_hangs() {
    let (host, slow) = impatient("rename");
    let session = host.begin();
    session.write("f", b"after").expect("writes");
    let options = CommitOptions {
        acknowledge: Acknowledge::Durable,
        ..CommitOptions::default()
    };
    let others = || {
        for _ in 0..2 {
            let refused = host.base.checkpoint().expect_err("it is on its way");
            assert_eq!(refused.kind(), ErrorKind::Retry, "{refused:?}");
        }
    };
    let (outcome, ()) = slow.during(|| host.workspace.commit(&session, &options), others);
    assert!(is_applied(&outcome), "{outcome:?}");
    at_last(|| host.base.checkpoint()).expect("it is in the directory");
    assert_eq!(host.begin().read("f").expect("reads"), b"after");
}

/// A thread that was still at work was the last to have the base, and closed it: a process that ended
/// meanwhile left the journal to the next one.
#[test]
fn whoever_lets_go_of_a_base_last_closes_it() {
    let (stops, slow) = slow("rename");
    let flushers = Arc::new(Mutex::new(Vec::new()));
    let hook: Hook = {
        let flushers = flushers.clone();
        Arc::new(move |number, method| {
            stops(number, method);
            if method == "sync_fs" {
                let thread = std::thread::current();
                flushers.lock().push(thread.name().map(str::to_owned));
            }
        })
    };
    let disk = rig::prepared(FILES, CrashOptions::default());
    let host = host(ActingDir::wrap(disk.root(), hook), 0);
    let session = host.begin();
    session.write("f", b"after").expect("writes");
    let options = CommitOptions {
        acknowledge: Acknowledge::Durable,
        ..CommitOptions::default()
    };
    let handle = Arc::downgrade(&host.base);
    let commit = || {
        let outcome = host.workspace.commit(&session, &options);
        drop((session, host));
        outcome
    };
    let others = || {
        while handle.strong_count() > 0 {
            std::thread::yield_now();
        }
        flushers.lock().clear();
    };
    let (outcome, ()) = slow.during(commit, others);
    assert!(is_applied(&outcome), "{outcome:?}");
    let flushers = flushers.lock();
    let has_closed = !flushers.is_empty() && flushers.iter().all(Option::is_none);
    assert!(has_closed, "the last checkpoint: {flushers:?}");
}

#[test]
fn nobody_waits_for_a_gc_without_a_limit() {
    let (host, slow) = impatient("unlink");
    for number in 0..3 {
        let session = host.begin();
        session.write("f", &[number]).expect("writes");
        assert!(is_applied(&host.commit(&session)));
    }
    host.base.checkpoint().expect("checkpoints");
    let late = host.begin();
    late.write("other", b"late").expect("writes");
    let retention = Retention {
        changes_max: Some(1),
        ..Retention::default()
    };
    let gc = || host.workspace.gc(&host.base, &retention, false);
    let others = || {
        check_busy(&host, &late);
        let refused = gc().expect_err("one is enough");
        assert_eq!(refused.kind(), ErrorKind::Retry, "{refused:?}");
    };
    let (dropped, ()) = slow.during(gc, others);
    dropped.expect("goes on where it stopped");
    assert!(is_applied(&host.commit(&late)));
}

/// Commits that are far ahead of a checkpoint wait for it, and not without a limit.
#[test]
fn who_is_far_ahead_of_a_checkpoint_is_told_that_it_hangs() {
    const AHEAD_BYTES_MIN: usize = 32 << 20;
    const CONTENT_BYTES: usize = 1 << 20;
    let folder = in_memory();
    let root = RealDir::open(folder.try_clone().expect("a handle"));
    let (hook, slow) = slow("sync_fs");
    let host = host(ActingDir::wrap(root.expect("a directory"), hook), 0);
    let session = |byte| {
        let session = host.begin();
        for path in ["a", "b", "c"] {
            session
                .write(path, &vec![byte; CONTENT_BYTES])
                .expect("writes");
        }
        session
    };
    assert!(is_applied(&host.commit(&session(0))));
    let others = || {
        let mut ahead_bytes = 0;
        for byte in 1.. {
            let session = session(byte);
            match host.commit(&session) {
                Ok(CommitOutcome::Applied(_)) => ahead_bytes += 3 * CONTENT_BYTES,
                // A thread that looks whether it can checkpoint.
                Err(WorkspaceError::Busy { .. }) if ahead_bytes <= AHEAD_BYTES_MIN => {}
                refused => {
                    let refused = refused.expect_err("it hangs");
                    assert!(
                        matches!(refused, WorkspaceError::Busy { .. }),
                        "{refused:?}"
                    );
                    return (session, ahead_bytes);
                }
            }
        }
        unreachable!("there are fewer bytes in a journal")
    };
    let (checkpointed, (late, ahead_bytes)) = slow.during(|| host.base.checkpoint(), others);
    checkpointed.expect("goes on where it stopped");
    assert!(ahead_bytes > AHEAD_BYTES_MIN, "{ahead_bytes}");
    assert_eq!(late.status(), Status::Open);
    assert_eq!(host.trouble(), None, "to wait harms nothing");
    assert!(is_applied(&at_last(|| host.commit(&late))));
}
