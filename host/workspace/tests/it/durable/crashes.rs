//! The power fails at every call, and the disk keeps any mixture of what was not flushed.

use store::disk::crash::{CrashDisk, CrashOptions, EntryOrder};

use super::Sessions;
use super::faults::Trail;

/// Ways in which each crash is drawn.
const SEEDS: u64 = 12;

/// Lives a life that the power ends at a call, and looks at what every draw leaves; `false` when
/// the life was over before.
fn round(entry_order: EntryOrder, call: u64) -> bool {
    let sessions = Sessions::new();
    let disk = CrashDisk::new(CrashOptions {
        entry_order,
        ..CrashOptions::default()
    });
    disk.crash_at(call);
    let store = sessions.store_of("a test", disk.root());
    let mut trail = Trail::default();
    trail.live(&store, true).ok();
    let died = disk.is_dead();
    for seed in 0..SEEDS {
        let (choices, after) = disk.random_crash(seed);
        let at = disk
            .log()
            .get(usize::try_from(call).expect("small"))
            .cloned();
        let context = format!("{entry_order:?}, call {call} {at:?}, seed {seed}, {choices:?}");
        trail.check(&sessions.store_of("the next", after.root()), &context);
    }
    died
}

#[test]
fn what_was_acknowledged_outlives_the_power() {
    for entry_order in [EntryOrder::Sequential, EntryOrder::Dependent] {
        let calls = (0..).take_while(|call| round(entry_order, *call)).count();
        assert!(calls > 30, "{calls} calls");
    }
}
