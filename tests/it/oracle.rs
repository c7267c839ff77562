//! The same program on the session and on wasmtime's own file system must find the same.
//!
//! Natively a program would see another libc; so the oracle is the very same component, run by
//! wasmtime over a directory of the host.
#![expect(
    clippy::disallowed_methods,
    reason = "tests look at directories of the host and ask the environment how long to run"
)]

mod conformance;
mod duel;
mod exceptions;
mod hosts;
mod programs;
mod scripts;
mod shorten;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::support::{Ground, Item};
use crate::tidy::root;
use duel::{Agreement, Duel};

/// Scripts that are played when nobody asks for another number.
const SCRIPTS: u64 = 2000;

/// Names the variable of the environment that asks for another number of scripts.
const SCRIPTS_VARIABLE: &str = "SESSION_FS_ORACLE_SCRIPTS";

/// Scripts over links that lead out of the tree, which only a directory can have.
const OUTWARD_SCRIPTS: u64 = 300;

/// Scripts where nothing may be changed.
const READ_ONLY_SCRIPTS: u64 = 300;

/// Threads that play; each has its own share of the scripts.
const PLAYERS: u64 = 2;

const BOTH: &[Ground] = &[Ground::Directory, Ground::Memory];

/// The n-th script is the same on every machine, and whatever the number of scripts.
fn seeded(number: u64) -> TestRunner {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    TestRunner::new_with_rng(Config::default(), rng)
}

/// Plays scripts and returns how many came out the same to the end.
fn play_all(duel: impl Fn() -> Duel + Sync, first: u64, scripts: u64) -> u64 {
    let share = |player: u64| {
        let duel = duel();
        let mut whole = 0;
        for number in (first..first + scripts).filter(|number| number % PLAYERS == player) {
            whole += u64::from(play(&duel, number) == Agreement::Whole);
        }
        duel.assert_untouched();
        whole
    };
    std::thread::scope(|scope| {
        let players: Vec<_> = (0..PLAYERS)
            .map(|player| scope.spawn(move || share(player)))
            .collect();
        let whole = players.into_iter().map(std::thread::ScopedJoinHandle::join);
        whole.map(|whole| whole.expect("no difference")).sum()
    })
}

fn play(duel: &Duel, number: u64) -> Agreement {
    let tree = scripts::script()
        .new_tree(&mut seeded(number))
        .expect("a script");
    let difference = match duel.play(&tree.current()) {
        Ok(agreement) => return agreement,
        Err(difference) => difference,
    };
    let script = shorten::shortest(tree, |script| duel.play(script).is_err());
    let shown = duel.play(&script).err().unwrap_or(difference);
    panic!(
        "script {number} comes out differently: ours | the oracle's\n{shown}\n\nto be put into \
         tests/oracle:\n\n{}\n",
        script.join("\n")
    );
}

#[test]
fn scripts_come_out_the_same() {
    let asked = std::env::var(SCRIPTS_VARIABLE).ok();
    let scripts = asked.map_or(SCRIPTS, |number| number.parse().expect("a number"));
    let whole = play_all(|| Duel::new(&scripts::ITEMS, BOTH), 0, scripts);
    assert!(
        whole * 2 > scripts,
        "only {whole} of {scripts} were compared to the end"
    );
}

fn with_outward() -> Vec<Item> {
    [&scripts::ITEMS[..], &scripts::OUTWARD[..]].concat()
}

#[test]
fn links_that_lead_out_lead_nowhere() {
    let duel = || Duel::new(&with_outward(), &[Ground::Directory]);
    play_all(duel, 1 << 40, OUTWARD_SCRIPTS);
}

/// RUSTSEC-2026-0149: what may only be read was emptied by opening it.
#[test]
fn nothing_changes_what_may_only_be_read() {
    let duel = || Duel::read_only(&scripts::ITEMS, BOTH);
    play_all(duel, 1 << 41, READ_ONLY_SCRIPTS);
}

/// Scripts that were once found, and those that show the known exceptions.
///
/// In a file, scripts are divided by empty lines; a line with `#` is a word on the next script. Those in
/// `outward.script` begin with the links that lead out, those in `read-only.script` may change nothing.
fn kept() -> Vec<(String, Vec<String>)> {
    let folder = std::fs::read_dir(root().join("tests/oracle")).expect("a folder");
    let mut kept = Vec::new();
    for entry in folder {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("scripts");
        for part in text.split("\n\n") {
            let steps = part.lines().filter(|line| !line.starts_with('#'));
            let script: Vec<String> = steps.map(str::to_owned).collect();
            if !script.is_empty() {
                kept.push((path.display().to_string(), script));
            }
        }
    }
    assert!(!kept.is_empty(), "tests/oracle has scripts");
    kept
}

#[test]
fn kept_scripts_come_out_the_same() {
    let usual = Duel::new(&scripts::ITEMS, BOTH);
    let outward = Duel::new(&with_outward(), &[Ground::Directory]);
    let read_only = Duel::read_only(&scripts::ITEMS, BOTH);
    for (file, script) in kept() {
        let duel = match file.rsplit('/').next() {
            Some("outward.script") => &outward,
            Some("read-only.script") => &read_only,
            _ => &usual,
        };
        if let Err(difference) = duel.play(&script) {
            panic!("{file}: {difference}\n{}", script.join("\n"));
        }
    }
    let idle = exceptions::not_met();
    assert!(idle.is_empty(), "no script in tests/oracle shows {idle:?}");
}
