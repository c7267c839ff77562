//! Every target over its seeds, what was kept of long runs, and what chance makes of both.

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use proptest::test_runner::{Config, TestRunner};
use session_fs_fuzz::{TARGETS, Target, mutations, target};

/// Inputs that chance makes for one target.
const CASES: u32 = 2_000;

/// The seeds of a target and what was kept.
fn inputs(target: &Target) -> Vec<Vec<u8>> {
    let mut inputs = (target.seeds)();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus");
    let corpus = Dir::open_ambient_dir(folder, ambient_authority()).expect("a corpus");
    for entry in corpus
        .read_dir(target.name)
        .expect("a folder of the target")
    {
        let entry = entry.expect("an entry");
        let path = format!("{}/{}", target.name, entry.file_name().to_string_lossy());
        inputs.push(corpus.read(path).expect("a file"));
    }
    inputs
}

fn play(name: &str) {
    let target = target(name).expect("a target");
    let inputs = inputs(&target);
    assert!(!inputs.is_empty(), "{name} has nothing to begin with");
    for input in &inputs {
        (target.run)(input);
    }
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&mutations(inputs), |input| {
        (target.run)(&input);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{name}: {error}");
    }
}

#[test]
fn change() {
    play("change");
}

#[test]
fn globs() {
    play("globs");
}

#[test]
fn paths() {
    play("paths");
}

#[test]
fn programs() {
    play("programs");
}

#[test]
fn records() {
    play("records");
}

#[test]
fn saved() {
    play("saved");
}

#[test]
fn stores() {
    play("stores");
}

#[test]
fn texts() {
    play("texts");
}

#[test]
fn every_target_is_played() {
    let source = include_str!("corpus.rs");
    for target in TARGETS {
        let call = format!("play(\"{}\")", target.name);
        assert!(source.contains(&call), "{call} is missing");
    }
}
