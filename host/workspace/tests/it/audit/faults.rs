//! Crashes, failing disks and several writers: no line twice, none lost without a line that says so.

use std::sync::Arc;

use proptest::prelude::*;
use session_fs_workspace::audit::{AuditError, AuditLimits, AuditLog, AuditRetention};
use store::disk::FaultDir;
use store::disk::fault::{Fault, FaultError, FaultPlan};

use super::{Desk, KEY, entries, note, paths, small};

const FULL: FaultError = FaultError::Errno(28);

#[test]
fn a_crash_at_every_byte_of_an_append_leaves_whole_lines() {
    let desk = Desk::new();
    let log = desk.log(AuditLimits::default());
    note(&log, "before");
    log.flush().expect("writes");
    let (head, start) = (desk.folder.read("head"), desk.folder.read("00000001.log"));
    let (head, start) = (head.expect("there"), start.expect("there").len());
    for path in ["x", "y", "z"] {
        note(&log, path);
    }
    drop(log);
    let whole = desk.folder.read("00000001.log").expect("there");
    for length in start..=whole.len() {
        desk.folder.write("head", &head).expect("ours");
        desk.folder
            .write("00000001.log", &whole[..length])
            .expect("ours");
        desk.intact();
        let lines_count = whole[start..length].iter().filter(|b| **b == b'\n').count();
        let log = desk.log(AuditLimits::default());
        note(&log, "after");
        let mut expected = vec!["before", "x", "y", "z"];
        expected.truncate(1 + lines_count);
        expected.push("after");
        assert_eq!(paths(&log), expected, "{length}");
        let torn = length > start && whole[length - 1] != b'\n';
        assert_eq!(desk.intact().losses_count, u64::from(torn));
    }
}

#[test]
fn a_crash_while_a_segment_begins_is_mended() {
    let desk = Desk::new();
    let log = desk.log(small());
    for number in 0..4 {
        note(&log, &format!("f{number}"));
        log.flush().expect("writes");
    }
    assert!(!desk.folder.exists("00000002.log"));
    let head = desk.folder.read("head").expect("there");
    for number in 4..8 {
        note(&log, &format!("f{number}"));
        log.flush().expect("writes");
    }
    drop(log);
    let first = desk.folder.read("00000001.log").expect("there");
    let second = desk.folder.read("00000002.log").expect("there");
    for length in 0..second.len() {
        desk.folder.write("head", &head).expect("ours");
        desk.folder.write("00000001.log", &first).expect("ours");
        desk.folder
            .write("00000002.log", &second[..length])
            .expect("ours");
        let log = desk.log(small());
        note(&log, "after");
        assert_eq!(paths(&log).last().map(String::as_str), Some("after"));
        drop(log);
        desk.intact();
    }
}

/// What the faults are tried on: several appends, a new segment, retention. Returns what was noted.
fn scenario(log: &Arc<AuditLog>, dir: Arc<dyn store::disk::Dir>) -> Vec<String> {
    drop(log.attach(dir, &KEY));
    let mut noted = Vec::new();
    for number in 0..8 {
        let path = format!("f{number}");
        note(log, &path);
        noted.push(path);
        drop(log.flush());
    }
    let retention = AuditRetention {
        segments_max: Some(100),
        since: None,
    };
    drop(log.retain(&retention));
    noted
}

#[test]
fn a_failure_of_any_call_loses_and_doubles_nothing() {
    for prefix in [0, 1, 200, usize::MAX] {
        for call in 0.. {
            let desk = Desk::new();
            let fault = Fault {
                write_prefix_bytes: prefix,
                ..Fault::once(call, FULL)
            };
            let plan = FaultPlan::new(fault);
            let log = AuditLog::detached(small(), desk.clock.clone());
            let noted = scenario(&log, FaultDir::wrap(desk.dir(), plan.clone()));
            let fired_count = plan.fired_count();
            plan.arm(Fault::NEVER);
            log.ready().expect("the disk is well again");
            assert_eq!(paths(&log), noted, "call {call}, prefix {prefix}");
            assert_eq!(log.health().pending_bytes, 0);
            desk.intact();
            if fired_count == 0 {
                assert!(call > 20, "{call}");
                break;
            }
        }
    }
}

#[test]
fn a_crash_after_any_call_leaves_a_log_that_verifies_and_goes_on() {
    for prefix in [0, 1, 200, usize::MAX] {
        for call in 0.. {
            let desk = Desk::new();
            let fault = Fault {
                write_prefix_bytes: prefix,
                ..Fault::forever(call, FULL)
            };
            let plan = FaultPlan::new(fault);
            let log = AuditLog::detached(small(), desk.clock.clone());
            let noted = scenario(&log, FaultDir::wrap(desk.dir(), plan.clone()));
            let fired_count = plan.fired_count();
            drop(log);
            let log = desk.log(small());
            note(&log, "after");
            let mut found = paths(&log);
            assert_eq!(found.pop().as_deref(), Some("after"));
            assert_eq!(found, noted[..found.len()], "call {call}, prefix {prefix}");
            drop(log);
            desk.intact();
            if fired_count == 0 {
                assert_eq!(found, noted);
                break;
            }
        }
    }
}

#[test]
fn a_failure_while_old_segments_go_leaves_a_log_that_verifies() {
    let retention = AuditRetention {
        segments_max: Some(2),
        since: None,
    };
    for call in 0.. {
        let desk = Desk::new();
        let plan = FaultPlan::new(Fault::NEVER);
        let dir = FaultDir::wrap(desk.dir(), plan.clone());
        let log = AuditLog::open(dir, &KEY, small(), desk.clock.clone()).expect("opens");
        for number in 0..20 {
            note(&log, &format!("f{number}"));
            log.flush().expect("writes");
        }
        let last_number = desk.intact().last_number;
        plan.arm(Fault::forever(call, FULL));
        drop(log.retain(&retention));
        let fired_count = plan.fired_count();
        plan.arm(Fault::NEVER);
        if call % 2 == 0 {
            desk.intact();
        }
        log.retain(&retention).expect("well again");
        let verified = desk.intact();
        assert!(verified.last_number > last_number, "call {call}");
        assert_eq!(verified.losses_count, 0);
        assert_eq!(
            desk.folder.entries().expect("ours").count(),
            3,
            "call {call}"
        );
        assert_eq!(paths(&log).last().map(String::as_str), Some("f19"));
        if fired_count == 0 {
            assert!(call > 10, "{call}");
            break;
        }
    }
}

#[test]
fn a_full_disk_is_told_refuses_commits_and_is_written_down_later() {
    let desk = Desk::new();
    let plan = FaultPlan::new(Fault::NEVER);
    let limits = AuditLimits {
        buffer_bytes_max: 2_000,
        write_bytes: 500,
        ..AuditLimits::default()
    };
    let dir = FaultDir::wrap(desk.dir(), plan.clone());
    let log = AuditLog::open(dir, &KEY, limits, desk.clock.clone()).expect("opens");
    note(&log, "first");
    log.ready().expect("well");
    plan.arm(Fault::forever(0, FULL));
    for number in 0..100 {
        note(&log, &format!("f{number}"));
    }
    assert!(matches!(log.ready(), Err(AuditError::Unwritten { .. })));
    let health = log.health();
    assert!(health.failure.is_some());
    assert!(health.lost_count > 50, "{health:?}");
    // A disk that stays full is not asked at each operation.
    assert!(plan.calls_count() < 40, "{}", plan.calls_count());
    plan.arm(Fault::NEVER);
    log.ready().expect("well again");
    note(&log, "last");
    let lost = entries(&log)
        .into_iter()
        .find(|e| e.operation == "log-lost");
    assert_eq!(lost.map(|lost| lost.calls), Some(health.lost_count));
    assert_eq!(paths(&log).len() as u64, 102 - health.lost_count);
    assert!(log.health().failure.is_none());
    desk.intact();
}

#[test]
fn while_another_process_writes_lines_wait() {
    let desk = Desk::new();
    let log = desk.log(AuditLimits::default());
    let lock = desk.dir().try_lock().expect("asks").expect("free");
    note(&log, "a");
    assert!(matches!(log.flush(), Err(AuditError::Busy)));
    log.ready().expect("nothing is lost");
    assert!(log.health().pending_bytes > 0);
    drop(lock);
    log.flush().expect("writes");
    assert_eq!(paths(&log), ["a"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn several_writers_take_turns(
        steps in proptest::collection::vec((0..3_usize, any::<bool>(), any::<bool>()), 1..60),
    ) {
        let desk = Desk::new();
        let mut logs: Vec<_> = (0..3).map(|_| desk.log(small())).collect();
        let mut noted = vec![Vec::new(); 3];
        for (index, (who, flush, reopen)) in steps.iter().enumerate() {
            let path = format!("w{who}/{index}");
            note(&logs[*who], &path);
            noted[*who].push(path);
            if *flush {
                logs[*who].flush().expect("free");
            }
            if *reopen && index % 7 == 0 {
                logs[*who] = desk.log(small());
            }
        }
        for log in &logs {
            log.flush().expect("free");
        }
        let found = paths(&logs[0]);
        for (who, noted) in noted.iter().enumerate() {
            let own = found.iter().filter(|path| path.starts_with(&format!("w{who}/")));
            prop_assert!(own.eq(noted));
        }
        prop_assert_eq!(found.len(), steps.len());
        prop_assert_eq!(desk.intact().losses_count, 0);
    }
}
