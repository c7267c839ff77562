//! The power goes at every call, and any mixture of what was not flushed is found afterwards.

use std::sync::Arc;

use session_fs_store::disk::Dir;
use session_fs_store::disk::crash::{CrashDisk, CrashOptions};
use session_fs_store::{Journal, JournalError};

use super::failures::{Told, workload};
use super::{IDENTITY, LIMITS, Records, open, try_open};
use crate::name;

/// Pieces in which the disk writes: coarse as disks do, and fine enough to tear every header.
const SECTORS_BYTES: [usize; 3] = [4096, 512, 64];

fn disk(sector_bytes: usize) -> CrashDisk {
    CrashDisk::new(CrashOptions {
        sector_bytes,
        ..CrashOptions::default()
    })
}

fn create_and_work(root: &Arc<dyn Dir>, told: &mut Told) -> Result<(), JournalError> {
    Journal::create(root, &name("journal"), &IDENTITY, &LIMITS)?;
    workload(root, told)
}

/// What is found on a disk after a crash; a journal that was never finished is none.
fn recover(disk: &CrashDisk) -> Result<Records, JournalError> {
    match try_open(&disk.root()) {
        Ok((_, records)) => Ok(records),
        Err(JournalError::Missing) => Ok(Records::new()),
        Err(error) => Err(error),
    }
}

/// Opens the journal, losing the power at each call of that too: the same must be found.
fn check_recovery(after: &CrashDisk, told: &Told, context: &str) {
    let complete = after.fork();
    let found = recover(&complete).unwrap_or_else(|error| panic!("{context}: {error}"));
    told.check(&found, context);
    for call in 0..complete.calls_count() {
        let again = after.fork();
        again.crash_at(call);
        recover(&again).expect_err("the power went");
        for seed in 0..2 {
            let (choices, again) = again.random_crash(seed);
            let twice = recover(&again).unwrap_or_else(|error| panic!("{context}: {error}"));
            assert_eq!(twice, found, "{context}, then call {call}, {choices:?}");
        }
    }
}

#[test]
fn a_crash_at_any_call_loses_nothing_that_was_acknowledged() {
    for sector_bytes in SECTORS_BYTES {
        let quiet = disk(sector_bytes);
        create_and_work(&quiet.root(), &mut Told::default()).expect("no crash is planned");
        for call in 0..=quiet.calls_count() {
            let disk = disk(sector_bytes);
            disk.crash_at(call);
            let mut told = Told::default();
            let result = create_and_work(&disk.root(), &mut told);
            assert_eq!(result.is_ok(), call == quiet.calls_count());
            for seed in 0..24 {
                let (choices, after) = disk.random_crash(seed);
                let context = format!("sectors of {sector_bytes}, call {call}, {choices:?}");
                check_recovery(&after, &told, &context);
            }
        }
    }
}

#[test]
fn what_a_failed_flush_lost_is_written_again_before_anyone_builds_on_it() {
    let quiet = disk(512);
    create_and_work(&quiet.root(), &mut Told::default()).expect("no failure is planned");
    let create_flushes = 2;
    for flush in create_flushes..quiet.flushes_count() {
        let disk = disk(512);
        disk.fail_flush_at(flush);
        let mut told = Told::default();
        create_and_work(&disk.root(), &mut told).expect_err("a flush fails");
        // The next writer reads from memory what the disk never got, and goes on from there.
        let (mut journal, mut expected) = open(&disk.root());
        told.check(&expected, &format!("flush {flush}"));
        journal.grow_for(&[4]).expect("below the limit");
        let sequence = journal.append(&[b"next"]).expect("room")[0];
        expected.push((sequence, b"next".to_vec()));
        for seed in 0..24 {
            let (choices, after) = disk.random_crash(seed);
            let found = recover(&after).unwrap_or_else(|error| panic!("flush {flush}: {error}"));
            assert_eq!(found, expected, "flush {flush}, {choices:?}");
        }
    }
}
