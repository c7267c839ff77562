//! Two journals that take turns: one sequence of records, whatever is switched, recycled or lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use session_fs_store::disk::crash::{CrashDisk, CrashOptions};
use session_fs_store::disk::fault::{Fault, FaultError, FaultPlan};
use session_fs_store::disk::{Dir, FaultDir, RealDir};
use session_fs_store::{JournalError, JournalPair};

use super::{AREA, IDENTITY, LIMITS};
use crate::{Sandbox, name};

fn open(root: &Arc<dyn Dir>) -> Result<(JournalPair, BTreeMap<u64, Vec<u8>>), JournalError> {
    let (pair, records) = JournalPair::open(root, &IDENTITY, &LIMITS)?;
    let records = records.into_iter().map(|one| (one.sequence, one.payload));
    Ok((pair, records.collect()))
}

/// What a run was told by the journals, and what it asked for.
#[derive(Default)]
struct Told {
    attempted: BTreeMap<u64, Vec<u8>>,
    /// The last record whose append returned.
    acknowledged: u64,
    /// The last record that was handed to a recycle, and whose recycle returned.
    recycling: u64,
    recycled: u64,
}

impl Told {
    fn append(&mut self, pair: &mut JournalPair, text: &str) -> Result<(), JournalError> {
        let sequence = pair.next_sequence();
        self.attempted.insert(sequence, text.as_bytes().to_vec());
        assert_eq!(pair.current().append(&[text.as_bytes()])?, [sequence]);
        self.acknowledged = sequence;
        Ok(())
    }

    fn recycle(&mut self, pair: &mut JournalPair) -> Result<(), JournalError> {
        let mut retired = pair.take_retired().expect("one is retired");
        self.recycling = retired.next_sequence() - 1;
        retired.recycle()?;
        self.recycled = self.recycling;
        pair.give_back(retired);
        Ok(())
    }

    /// Everything acknowledged and not carried out is there, in one piece, and nothing else.
    fn check(&self, found: &BTreeMap<u64, Vec<u8>>, context: &str) {
        for (sequence, payload) in found {
            let attempted = self.attempted.get(sequence);
            assert_eq!(attempted, Some(payload), "{context}: {sequence}");
            assert!(*sequence > self.recycled, "{context}: {sequence} came back");
        }
        let missing = (self.recycling + 1..=self.acknowledged).find(|one| !found.contains_key(one));
        assert_eq!(missing, None, "{context}: {found:?}");
        let first = found.keys().next().copied().unwrap_or(0);
        let is_gapless = (first..).zip(found.keys()).all(|(one, two)| one == *two);
        assert!(is_gapless, "{context}: {found:?}");
    }
}

/// Appends, switches and recycles in every order there is, with a reopening in between.
fn workload(root: &Arc<dyn Dir>, told: &mut Told) -> Result<(), JournalError> {
    let (mut pair, _) = open(root)?;
    told.append(&mut pair, "one")?;
    pair.switch()?;
    told.append(&mut pair, "two")?;
    told.append(&mut pair, "three")?;
    told.recycle(&mut pair)?;
    told.append(&mut pair, "four")?;
    pair.switch()?;
    told.recycle(&mut pair)?;
    told.append(&mut pair, "five")?;
    pair.switch()?;
    told.append(&mut pair, "six")?;
    drop(pair);
    let (mut pair, _) = open(root)?;
    told.append(&mut pair, "seven")?;
    told.recycle(&mut pair)?;
    pair.switch()?;
    told.append(&mut pair, "eight")
}

#[test]
fn records_come_back_in_order_whichever_journal_holds_them() {
    let sandbox = Sandbox::new(RealDir::open);
    let root = &sandbox.root;
    let mut pair = JournalPair::create(root, &IDENTITY, &LIMITS).expect("a new pair");
    let mut told = Told::default();
    assert!(pair.is_empty());
    for round in 0..4 {
        told.append(&mut pair, &format!("{round}")).expect("room");
        assert!(pair.can_switch() && !pair.is_empty());
        pair.switch().expect("the other one is at hand");
        assert!(!pair.can_switch() && pair.current().is_empty());
        told.append(&mut pair, &format!("{round}, later"))
            .expect("room");
        pair.switch().expect("nothing happens");
        assert!(!pair.current().is_empty(), "the other one is not at hand");
        let (_, found) = open(root).expect("intact");
        told.check(&found, "both hold records");
        told.recycle(&mut pair).expect("a working disk");
        let (reopened, found) = open(root).expect("intact");
        told.check(&found, "one holds records");
        assert_eq!(found.len(), 1);
        assert!(reopened.can_switch());
    }
    assert_eq!(pair.next_sequence(), 9);
}

#[test]
fn another_writer_is_noticed_in_either_journal() {
    let sandbox = Sandbox::new(RealDir::open);
    let root = &sandbox.root;
    let first = JournalPair::create(root, &IDENTITY, &LIMITS).expect("a new pair");
    let (mut second, _) = open(root).expect("intact");
    let mut told = Told::default();
    assert!(!first.moved_on().expect("readable"));
    told.append(&mut second, "one").expect("room");
    assert!(first.moved_on().expect("readable"));
    let (mut first, _) = open(root).expect("intact");
    second = open(root).expect("intact").0;
    second.switch().expect("at hand");
    assert!(first.moved_on().expect("readable"), "a switch");
    first = open(root).expect("intact").0;
    told.recycle(&mut second).expect("works");
    assert!(first.moved_on().expect("readable"), "a recycle");
}

#[test]
fn a_crash_at_any_call_loses_nothing_between_the_two() {
    let disk = || {
        CrashDisk::new(CrashOptions {
            sector_bytes: 512,
            ..CrashOptions::default()
        })
    };
    let run = |disk: &CrashDisk, told: &mut Told| {
        JournalPair::create(&disk.root(), &IDENTITY, &LIMITS)?;
        workload(&disk.root(), told)
    };
    let recover = |disk: &CrashDisk| match open(&disk.root()) {
        // Before the pair is whole there is nothing to lose.
        Err(JournalError::Missing) => Ok(BTreeMap::new()),
        found => found.map(|(_, records)| records),
    };
    let quiet = disk();
    run(&quiet, &mut Told::default()).expect("no crash is planned");
    assert!(quiet.calls_count() > 50, "{}", quiet.calls_count());
    for call in 0..=quiet.calls_count() {
        let crashing = disk();
        crashing.crash_at(call);
        let mut told = Told::default();
        let ended = run(&crashing, &mut told);
        assert_eq!(ended.is_ok(), call == quiet.calls_count());
        for seed in 0..40 {
            let (choices, after) = crashing.random_crash(seed);
            let context = format!("call {call}, {choices:?}");
            let whole = after.fork();
            let found = recover(&whole).unwrap_or_else(|error| panic!("{context}: {error}"));
            told.check(&found, &context);
            // Losing the power while it is opened changes nothing.
            after.crash_at(seed % whole.calls_count().max(1));
            drop(recover(&after));
            let (choices, again) = after.random_crash(seed);
            let twice = recover(&again).unwrap_or_else(|error| panic!("{context}: {error}"));
            assert_eq!(twice, found, "{context}, then {choices:?}");
        }
    }
}

#[test]
fn any_failing_call_loses_nothing_between_the_two() {
    let run = |fault| {
        let sandbox = Sandbox::new(RealDir::open);
        drop(JournalPair::create(&sandbox.root, &IDENTITY, &LIMITS).expect("a new pair"));
        let plan = FaultPlan::new(fault);
        let root = FaultDir::wrap(sandbox.root.clone(), plan.clone());
        let mut told = Told::default();
        let result = workload(&root, &mut told);
        let (_, found) = open(&sandbox.root).expect("the disk works again");
        told.check(&found, &format!("{fault:?} {:?}", plan.log().last()));
        (plan, result)
    };
    let (plan, result) = run(Fault::NEVER);
    result.expect("nothing is planned");
    for (index, call) in (0..).zip(plan.log()) {
        for error in [5, 28].map(FaultError::Errno) {
            for fault in [Fault::once(index, error), Fault::forever(index, error)] {
                let (plan, result) = run(fault);
                assert!(plan.fired_count() > 0, "{call}");
                assert!(
                    matches!(result, Err(JournalError::Io { .. })),
                    "{call}: {result:?}"
                );
            }
        }
    }
}

/// The journals of `one` switch `two`: the first ends with a record that the second goes on from.
fn switched() -> Sandbox {
    let sandbox = Sandbox::new(RealDir::open);
    let mut pair = JournalPair::create(&sandbox.root, &IDENTITY, &LIMITS).expect("a new pair");
    let mut told = Told::default();
    told.append(&mut pair, "one").expect("room");
    pair.switch().expect("at hand");
    told.append(&mut pair, "two").expect("room");
    sandbox
}

#[test]
fn a_record_that_is_lost_between_the_two_is_noticed() {
    let sandbox = switched();
    let file = sandbox.root.open_writable(&name("journal")).expect("there");
    // As if the first record had never been written: alone, nothing would be missing.
    file.write_at(&[0; 256], AREA).expect("writable");
    let refused = open(&sandbox.root).map(|(_, records)| records);
    assert!(
        matches!(refused, Err(JournalError::Corrupt { .. })),
        "{refused:?}"
    );
}

#[test]
fn a_journal_that_is_gone_is_noticed() {
    let sandbox = switched();
    sandbox.root.unlink(&name("journal2")).expect("there");
    let refused = open(&sandbox.root).map(|(_, records)| records);
    assert!(matches!(refused, Err(JournalError::Missing)), "{refused:?}");
}
