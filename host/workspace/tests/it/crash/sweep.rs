//! A workload crashed at each of its calls, and the disks that may be found then.

use std::ops::AddAssign;

use store::disk::CrashDisk;
use store::disk::crash::EntryOrder;

use super::check::{Expected, Restart};
use super::workload::{Reached, Workload};
use crate::rig::{Dice, Host, Nodes};

/// How often a base that was recovered is committed to as well.
const GOES_ON_EVERY: u64 = 16;

/// What was checked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Disks after a crash of commits.
    pub(crate) states: u64,
    /// Disks after a crash of a recovery.
    pub(crate) in_recovery: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.states += other.states;
        self.in_recovery += other.in_recovery;
    }
}

/// A workload with what it comes to when nothing interrupts it.
pub(crate) struct Sweep {
    workload: Workload,
    trees: Vec<Nodes>,
    calls_count: u64,
}

impl Sweep {
    pub(crate) fn new(workload: Workload) -> Self {
        let (trees, calls_count) = workload.rehearse();
        Self {
            workload,
            trees,
            calls_count,
        }
    }

    /// The disk as it was when the call `call` did not come back, and how far the commits were.
    fn interrupted(&self, call: u64) -> (CrashDisk, Reached) {
        let disk = self.workload.disk.fork();
        disk.crash_at(call);
        let reached = self.workload.run(disk.root(), &mut || {});
        (disk, reached)
    }

    fn expected(&self, reached: Reached, restart: Restart) -> Expected<'_> {
        Expected {
            trees: &self.trees,
            reached,
            restart,
            is_orderly: self.workload.entry_order != EntryOrder::Any,
        }
    }

    /// Loses the power at every call: all disks that it can leave when there are at most
    /// `exhaustive_max`, and otherwise that many by chance.
    pub(crate) fn every_call(&self, exhaustive_max: u64, random_count: u64) -> Counts {
        let mut counts = Counts::default();
        for call in 0..self.calls_count {
            let (disk, reached) = self.interrupted(call);
            let expected = self.expected(reached, Restart::Machine);
            let label = &self.workload.label;
            let mut check = |found: &CrashDisk, how: &dyn std::fmt::Display| {
                let context = || {
                    let items: Vec<_> = disk.pending().iter().map(ToString::to_string).collect();
                    let last = disk.log();
                    format!("{label}, call {call} {:?}, {how}\n{items:#?}", last.last())
                };
                expected.check(found, &context);
                counts.states += 1;
                if counts.states % GOES_ON_EVERY == 0 {
                    expected.check_goes_on(found, &context);
                }
            };
            if disk.crash_states_count() <= exhaustive_max {
                for found in disk.every_crash(exhaustive_max) {
                    check(&found, &format!("choice {:?}", found.answers()));
                }
                continue;
            }
            for number in 0..random_count {
                let (choices, found) = disk.random_crash(call * 1_000 + number);
                check(&found, &choices);
            }
        }
        counts
    }

    /// Ends the process at every call: the disk is as it left it.
    pub(crate) fn every_kill(&self) -> Counts {
        let mut counts = Counts::default();
        for call in 0..self.calls_count {
            let (disk, reached) = self.interrupted(call);
            let expected = self.expected(reached, Restart::Process);
            let found = disk.fork();
            let context = || {
                let last = disk.log();
                format!(
                    "{}, killed at {call} {:?}",
                    self.workload.label,
                    last.last()
                )
            };
            expected.check(&found, &context);
            expected.check_goes_on(&found, &context);
            counts.states += 1;
        }
        counts
    }

    /// Crashes, and then crashes what recovers from that at every call, and what recovers from that
    /// at some, so deep.
    pub(crate) fn in_recovery(&self, seed: u64, depth: u32, starts_count: u64) -> Counts {
        let mut dice = Dice::new(seed);
        let mut counts = Counts::default();
        for _ in 0..starts_count {
            let (disk, reached) = self.interrupted(dice.next() % self.calls_count);
            let (choices, found) = disk.random_crash(dice.next());
            let expected = self.expected(reached, Restart::Machine);
            let context = format!(
                "{}, {:?}, {choices}",
                self.workload.label,
                disk.log().last()
            );
            for call in 0..recovery_calls_count(&found, &expected) {
                let mut chain = Chain {
                    expected,
                    context: context.clone(),
                    counts: &mut counts,
                };
                chain.crash(&found, call, depth, &mut dice);
            }
        }
        counts
    }
}

/// Recoveries that crash one after the other.
struct Chain<'a> {
    expected: Expected<'a>,
    context: String,
    counts: &'a mut Counts,
}

impl Chain<'_> {
    fn crash(&mut self, disk: &CrashDisk, call: u64, depth: u32, dice: &mut Dice) {
        let copy = disk.fork();
        copy.crash_at(call);
        drop(Host::try_open(
            copy.root(),
            "mourner",
            Some(self.expected.boot()),
        ));
        let (choices, found) = copy.random_crash(dice.next());
        let step = format!("\nrecovery at {call} {:?}, {choices}", copy.log().last());
        self.context.push_str(&step);
        self.counts.in_recovery += 1;
        if depth > 1 {
            let calls_count = recovery_calls_count(&found, &self.expected);
            if calls_count > 0 {
                self.crash(&found, dice.next() % calls_count, depth - 1, dice);
            }
        }
        let context = self.context.clone();
        self.expected.check(&found, &|| context.clone());
    }
}

/// How many mutating calls it takes to open the base of a disk.
fn recovery_calls_count(disk: &CrashDisk, expected: &Expected<'_>) -> u64 {
    let copy = disk.fork();
    drop(Host::try_open(
        copy.root(),
        "rehearsal",
        Some(expected.boot()),
    ));
    copy.calls_count()
}
