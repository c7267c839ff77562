//! Commits from several threads and several processes: each builds on what it saw, or conflicts.

use session_fs_workspace::CommitOutcome;
use store::disk::crash::CrashOptions;

use crate::rig::{self, Host};

const THREADS: usize = 4;
const ATTEMPTS: usize = 60;

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
