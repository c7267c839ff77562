//! A disk that is slower than its sessions: no operation waits for it, and none is lost.

use std::sync::Arc;

use parking_lot::Mutex;
use session_fs_workspace::audit::{AuditLimits, AuditLog};
use vfs::{Observer, Operation, OperationKind};

use super::{Desk, KEY, entries, observer, paths};
use crate::acting::ActingDir;

#[test]
fn no_operation_waits_for_a_disk_that_hangs() {
    let desk = Desk::new();
    let limits = AuditLimits {
        write_bytes: 1_000,
        ..AuditLimits::default()
    };
    let gate = Arc::new(Mutex::new(()));
    let passing = gate.clone();
    let hook = Arc::new(move |_, _: &'static str| drop(passing.lock()));
    let dir = ActingDir::flushing(desk.dir(), hook);
    let log = AuditLog::open(dir, &KEY, limits.clone(), desk.clock.clone()).expect("opens");
    let watched = observer(&log, "s1");
    let names: Vec<_> = (0..50).map(|number| format!("f{number}")).collect();
    let shut = gate.lock();
    for name in &names {
        watched.note(&Operation::at(OperationKind::Write, name));
    }
    let health = log.health();
    assert!(health.pending_bytes > limits.write_bytes, "{health:?}");
    assert_eq!(health.lost_count, 0);
    drop(shut);
    drop((watched, log));
    assert_eq!(paths(&desk.log(AuditLimits::default())), names);
    assert_eq!(desk.intact().losses_count, 0);
}

#[test]
fn what_comes_faster_than_it_is_written_is_not_lost() {
    const OPERATIONS: u64 = 2_000;
    let desk = Desk::new();
    let limits = AuditLimits {
        buffer_bytes_max: 4_000,
        write_bytes: 500,
        ..AuditLimits::default()
    };
    let log = desk.log(limits);
    let sessions = ["s1", "s2", "s3", "s4"];
    std::thread::scope(|scope| {
        for session in sessions {
            let watched = observer(&log, session);
            scope.spawn(move || {
                for number in 0..OPERATIONS {
                    watched.note(&Operation::at(OperationKind::Read, "f").of(number + 1));
                }
            });
        }
    });
    assert_eq!(log.health().lost_count, 0);
    let told = entries(&log);
    assert!(told[1..].windows(2).all(|pair| pair[0].time < pair[1].time));
    for session in sessions {
        let own = told
            .iter()
            .filter(|e| e.session.as_deref() == Some(session));
        assert!(own.map(|entry| entry.bytes).eq(1..=OPERATIONS));
    }
    assert_eq!(desk.intact().losses_count, 0);
}
