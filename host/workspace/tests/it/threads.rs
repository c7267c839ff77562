//! Commits from several threads and several processes: each builds on what it saw, or conflicts.

use std::sync::atomic::{AtomicUsize, Ordering};

use session_fs_workspace::history::{GcReport, Retention};
use session_fs_workspace::{CommitOutcome, WorkspaceError};
use store::disk::crash::CrashOptions;

use crate::rig::{self, Host};

const THREADS: usize = 4;
const ATTEMPTS: usize = 60;
/// Commits of a process that drops history; what it may need is told to others every 256 generations.
const LOOKS: usize = 300;

/// Adds one to the number in a file, again and again; returns how often that was committed.
fn count_up(host: &Host) -> u64 {
    let mut applied = 0;
    for _ in 0..ATTEMPTS {
        let session = host.begin();
        let number = match session.read("number") {
            // Another process committed between two looks at the file.
            Err(vfs::Error::Stale { .. }) => continue,
            number => number.expect("reads"),
        };
        let number: u64 = String::from_utf8_lossy(&number).parse().expect("a number");
        let next = (number + 1).to_string();
        session.write("number", next.as_bytes()).expect("writes");
        match host.commit(&session) {
            Ok(CommitOutcome::Applied(info)) => {
                assert_eq!(info.displaced, [], "nobody but us is here");
                applied += 1;
            }
            Ok(CommitOutcome::Conflicted(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    applied
}

fn check(hosts: &[Host], of_thread: impl Fn(usize) -> usize + Sync) {
    let applied: u64 = std::thread::scope(|scope| {
        let of_thread = &of_thread;
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| scope.spawn(move || count_up(&hosts[of_thread(thread)])))
            .collect();
        let counts = threads
            .into_iter()
            .map(|thread| thread.join().expect("ends"));
        counts.sum()
    });
    let session = hosts[0].begin();
    let number = session.read("number").expect("reads");
    assert_eq!(String::from_utf8_lossy(&number), applied.to_string());
    assert!(applied >= ATTEMPTS as u64, "only {applied} commits");
}

#[test]
fn no_update_of_a_thread_is_lost() {
    let disk = rig::prepared(&[("number", "0")], CrashOptions::default());
    check(&[Host::open(disk.root(), "one", None)], |_| 0);
}

/// Two workspaces over one disk are as two processes: only the lock keeps them apart.
#[test]
fn no_update_of_a_process_is_lost() {
    let disk = rig::prepared(&[("number", "0")], CrashOptions::default());
    let hosts = ["one", "two"].map(|who| Host::open(disk.root(), who, None));
    check(&hosts, |thread| thread % 2);
}

/// Drops all history that nobody needs.
fn gc(host: &Host) -> Option<GcReport> {
    let retention = Retention {
        changes_max: Some(0),
        ..Retention::default()
    };
    match host.workspace.gc(&host.base, &retention, false) {
        Err(WorkspaceError::Busy { .. }) => None,
        report => Some(report.expect("drops").expect("there is a store").0),
    }
}

/// Commits to a file of its own, and reads through a session that began before each commit.
fn look_back(host: &Host, path: &str) {
    for number in 0..LOOKS {
        let (old, session) = (host.begin(), host.begin());
        let next = (number + 1).to_string();
        session.write(path, next.as_bytes()).expect("writes");
        let outcome = host.commit(&session);
        assert!(
            matches!(outcome, Ok(CommitOutcome::Applied(_))),
            "{outcome:?}"
        );
        if number % 3 == 0 {
            host.base.checkpoint().expect("checkpoints");
        }
        let seen = old.read(path).expect("is kept as long as it may be read");
        assert_eq!(String::from_utf8_lossy(&seen), number.to_string());
    }
}

/// Two processes commit and drop history, again and again: each keeps what sessions of the other may
/// ask for, and nothing that nobody may.
#[test]
fn processes_that_drop_history_leave_one_another_what_is_needed() {
    let disk = rig::prepared(&[("of-0", "0"), ("of-1", "0")], CrashOptions::default());
    let hosts = ["one", "two"].map(|who| Host::open(disk.root(), who, None));
    let (at_work, dropped) = (AtomicUsize::new(hosts.len()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (at_work, dropped) = (&at_work, &dropped);
        for (number, host) in hosts.iter().enumerate() {
            scope.spawn(move || {
                let ending = Ending(at_work);
                look_back(host, &format!("of-{number}"));
                drop(ending);
            });
            scope.spawn(move || {
                while at_work.load(Ordering::Acquire) > 0 {
                    let count = gc(host).map_or(0, |report| report.changes.len());
                    dropped.fetch_add(count, Ordering::Relaxed);
                }
            });
        }
    });
    assert!(
        dropped.load(Ordering::Relaxed) > 0,
        "nothing was ever dropped"
    );
    for host in &hosts {
        let report = host.workspace.doctor(&host.base, false).expect("looks");
        let report = report.expect("there is a store");
        assert!(report.is_sound(), "{report:?}");
    }
    let [one, two] = hosts;
    drop(one);
    let report = gc(&two).expect("nobody else is at it");
    assert_eq!((report.changes_kept, report.needed_since), (0, None));
}

/// Counts down when the work is done, or has failed.
struct Ending<'a>(&'a AtomicUsize);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}
