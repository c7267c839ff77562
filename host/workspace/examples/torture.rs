//! The long runs of the tests: `torture crash|recovery|races <seconds> <first seed>`. Prints what was
//! checked; a failure ends it with what led there.
#![expect(
    dead_code,
    reason = "the modules belong to the tests, which use all of them"
)]
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it measures and tells"
)]

#[path = "../tests/it"]
mod it {
    pub(crate) mod acting;
    pub(crate) mod crash;
    pub(crate) mod races;
    pub(crate) mod rig;
}
use std::time::{Duration, Instant};

use it::{acting, crash, races, rig};

use crash::sweep::{Counts, Sweep};
use crash::workload::Workload;

/// Disks per call of a random workload.
const STATES_PER_CALL: u64 = 24;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, seconds, seed] = arguments.as_slice() else {
        panic!("torture crash|recovery|races <seconds> <first seed>");
    };
    let seconds = Duration::from_secs(seconds.parse().expect("a number"));
    let first: u64 = seed.parse().expect("a number");
    let (started, mut seed) = (Instant::now(), first);
    let is_time = || started.elapsed() < seconds;
    match what.as_str() {
        "crash" => {
            let mut counts = Counts::default();
            while is_time() {
                let sweep = Sweep::new(Workload::random(seed));
                counts += sweep.every_call(STATES_PER_CALL, STATES_PER_CALL);
                counts += sweep.every_kill();
                seed += 1;
            }
            println!(
                "{} crash states of {} workloads, 0 failures",
                counts.states,
                seed - first
            );
        }
        "recovery" => {
            let mut counts = Counts::default();
            while is_time() {
                counts += Sweep::new(Workload::random(seed)).in_recovery(seed, 3, 8);
                seed += 1;
            }
            let count = counts.in_recovery;
            println!(
                "{count} crashes in recovery of {} workloads, 0 failures",
                seed - first
            );
        }
        "races" => {
            let (mut rounds, mut live) = (0, 0);
            while is_time() {
                rounds += races::everything();
                // As many again against a thread.
                while live < rounds && is_time() {
                    live += races::live::live(2_000, seed).rounds;
                    seed += 1;
                }
            }
            println!("{rounds} races, and {live} against a thread, 0 bytes lost");
        }
        other => panic!("{other} is no run"),
    }
}
