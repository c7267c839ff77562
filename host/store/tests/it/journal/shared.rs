//! Two handles on one journal, taking turns: each notices what the other wrote.

use session_fs_store::disk::fault::{Fault, FaultError, FaultPlan};
use session_fs_store::disk::{FaultDir, RealDir};

use super::{bytes, create, numbered, open};
use crate::Sandbox;

#[test]
fn everything_that_another_writer_does_is_noticed() {
    let sandbox = Sandbox::new(RealDir::open);
    let mut ours = create(&sandbox.root);
    let mut theirs = open(&sandbox.root).0;
    assert!(!ours.moved_on().expect("readable"), "nobody wrote");
    theirs.append(&[b"theirs"]).expect("room");
    assert!(ours.moved_on().expect("readable"), "an append");
    assert!(!theirs.moved_on().expect("readable"), "their own");

    ours = open(&sandbox.root).0;
    assert!(!ours.moved_on().expect("readable"));
    theirs.recycle().expect("works");
    assert!(ours.moved_on().expect("readable"), "a recycle");
    ours = open(&sandbox.root).0;
    theirs.grow_for(&[1500]).expect("below the limit");
    assert!(ours.moved_on().expect("readable"), "growth");
}

#[test]
fn an_append_over_old_records_is_noticed() {
    let sandbox = Sandbox::new(RealDir::open);
    let mut ours = create(&sandbox.root);
    ours.append(&[b"old", b"old"]).expect("room");
    ours.recycle().expect("works");
    assert!(!ours.moved_on().expect("readable"));
    let mut theirs = open(&sandbox.root).0;
    theirs.append(&[b"theirs"]).expect("room");
    assert!(ours.moved_on().expect("readable"));
    assert_eq!(open(&sandbox.root).1, [(3, b"theirs".to_vec())]);
}

#[test]
fn what_a_writer_left_when_it_failed_is_noticed_and_wiped() {
    for write_prefix_bytes in [1, 8, 100, 300] {
        let sandbox = Sandbox::new(RealDir::open);
        let plan = FaultPlan::new(Fault::NEVER);
        let mut theirs = create(&FaultDir::wrap(sandbox.root.clone(), plan.clone()));
        theirs.append(&[b"one"]).expect("room");
        let ours = open(&sandbox.root).0;
        let before = bytes(&*sandbox.root);
        plan.arm(Fault {
            write_prefix_bytes,
            ..Fault::once(0, FaultError::Errno(5))
        });
        theirs.append(&[b"two", b"three"]).expect_err("planned");
        assert!(ours.moved_on().expect("readable"), "{write_prefix_bytes}");
        let whole = write_prefix_bytes / 192;
        assert_eq!(open(&sandbox.root).1, numbered(&["one", "two"])[..=whole]);
        let wiped = &bytes(&*sandbox.root)[8192 + 192 * (1 + whole)..];
        assert_eq!(wiped, &before[8192 + 192 * (1 + whole)..]);
    }
}

#[test]
fn what_is_served_was_written_and_flushed_by_the_one_who_serves_it() {
    // A flush that failed may have lost what still stands in memory. Writing the same bytes again is
    // what makes the next flush write them.
    let sandbox = Sandbox::new(RealDir::open);
    let plan = FaultPlan::new(Fault::NEVER);
    let root = FaultDir::wrap(sandbox.root.clone(), plan.clone());
    let mut journal = create(&root);
    plan.arm(Fault::once(1, FaultError::Errno(5)));
    journal.append(&[b"unsure"]).expect_err("the flush fails");
    plan.arm(Fault::NEVER);
    assert_eq!(open(&root).1, numbered(&["unsure"]));
    let log = plan.log();
    let writes = log.iter().filter(|call| call.method == "file.write_at");
    assert_eq!(writes.count(), 2, "the batch and the header: {log:?}");
    assert_eq!(log.last().expect("calls").method, "file.sync_data");
    // When that flush fails, nothing is served.
    let last = log.len() as u64 - 1;
    plan.arm(Fault::once(last, FaultError::Errno(5)));
    super::try_open(&root).expect_err("the flush fails");
}
