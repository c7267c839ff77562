//! The long runs of the tests: `torture <run> --count <n> --seed <first>`.
//!
//! Seeds are taken in their order by one thread for each core until the count is reached. A seed that
//! fails is told with the command that repeats it, and the others go on. The last line is for
//! `cargo xtask torture`, which makes its table of it.
#![expect(
    dead_code,
    reason = "the modules belong to the tests, which use all of them"
)]
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "it measures and tells"
)]

mod caught;
mod options;
mod pool;

#[path = "../../tests/it"]
mod it {
    pub(crate) mod acting;
    pub(crate) mod crash;
    pub(crate) mod model;
    pub(crate) mod races;
    pub(crate) mod rig;
    pub(crate) mod scene;
}
#[path = "../../tests/kill"]
mod kill {
    pub(crate) mod child;
    pub(crate) mod numbered;
    pub(crate) mod often;
}

use std::process::ExitCode;

use cap_std::ambient_authority;
use cap_std::fs::Dir as Folder;
use cap_tempfile::TempDir;
use it::{acting, crash, model, races, rig, scene};

use crash::sweep::Sweep;
use crash::workload::Workload;
use options::{Options, Run};

/// Disks per call of a random workload.
const STATES_PER_CALL: u64 = 24;
/// First crashes of a workload whose recoveries are crashed, and how deep.
const STARTS: u64 = 8;
const DEPTH: u32 = 3;
/// Sequences of either model that one seed makes.
const SEQUENCES_PER_SEED: u32 = 100;
/// Commits against a thread, which one seed makes.
const LIVE_PER_SEED: u64 = 200;
/// Kills over one folder, which one seed makes.
const KILLS_PER_SEED: u64 = 50;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if kill::child::run(&words) {
        return ExitCode::SUCCESS;
    }
    let options = match Options::read(&arguments) {
        Ok(options) => options,
        Err(error) => {
            println!("{error}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    let outcome = pool::run(&options, &|seed| one_seed(&options, seed));
    println!("{outcome}");
    match outcome.failures {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Does everything that a seed stands for; returns how much that was, and panics where something is
/// not as it must be.
fn one_seed(options: &Options, seed: u64) -> u64 {
    match options.run {
        Run::Crash => {
            let sweep = Sweep::new(Workload::random(seed));
            let states = sweep.every_call(STATES_PER_CALL, STATES_PER_CALL).states;
            states + sweep.every_kill().states
        }
        Run::Meanwhile => crash::meanwhile::random(seed),
        Run::Recovery => {
            let sweep = Sweep::new(Workload::random(seed));
            sweep.in_recovery(seed, DEPTH, STARTS).in_recovery
        }
        Run::Races => {
            races::random::every_race(seed) + races::live::live(LIVE_PER_SEED, seed).rounds
        }
        Run::Model => {
            model::sequences(seed, SEQUENCES_PER_SEED)
                + model::rivals::sequences(seed, SEQUENCES_PER_SEED)
        }
        Run::Kill => {
            let folder = Folder::open_ambient_dir(&options.folder, ambient_authority());
            let inside = TempDir::new_in(&folder.expect("a folder")).expect("a folder");
            kill::often::kill_often(&inside, KILLS_PER_SEED, seed);
            KILLS_PER_SEED
        }
    }
}
