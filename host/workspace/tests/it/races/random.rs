//! Races of random sessions: somebody does some of the things that they can do to a random path.

use store::disk::crash::{CrashOptions, EntryOrder};

use super::acts::Act;
use super::round::{Target, Work, against};
use super::{ALL, NEW};
use crate::crash::workload::{self, Operation, START};
use crate::rig::{self, Dice};

/// How many of the acts a seed picks.
const ACTS: usize = 2;
/// Names of a path at most: no session of these gets deeper.
const DEPTH_MAX: usize = 8;

/// All races of a seed: some acts at one path, before every call of a random commit. Returns how many
/// there were; none when the session changes nothing.
pub(crate) fn every_race(seed: u64) -> u64 {
    let mut dice = Dice::new(seed);
    let operations = workload::commit(&mut dice, false).operations;
    let path = path(&mut dice, &operations);
    let moved = aliases(&path, &operations);
    let moved: Vec<&str> = moved.iter().map(String::as_str).collect();
    let target = Target {
        path: &path,
        moved: &moved,
        change: Work::Random(&operations),
    };
    let options = CrashOptions {
        entry_order: EntryOrder::Sequential,
        ..CrashOptions::default()
    };
    let start = rig::prepared(START, options);
    let all = [ALL, NEW].concat();
    let acts: Vec<Act> = (0..ACTS).map(|_| *dice.pick(&all)).collect();
    against(&start, &target, &acts).map_or(0, |counts| counts.rounds)
}

/// Mostly one that the session touches as well.
fn path(dice: &mut Dice, operations: &[Operation]) -> String {
    match dice.below(8) {
        0 => dice.pick(START).0.to_owned(),
        1 => format!("{}/theirs", dice.pick(&["a", "a/c", "b", "new"])),
        _ => {
            let touched: Vec<&str> = operations.iter().flat_map(paths).collect();
            (*dice.pick(&touched)).to_owned()
        }
    }
}

fn paths(operation: &Operation) -> Vec<&str> {
    match operation {
        Operation::Write(path, _)
        | Operation::Append(path, _)
        | Operation::Truncate(path, _)
        | Operation::MakeDirectory(path)
        | Operation::Remove(path)
        | Operation::Link(_, path) => vec![path],
        Operation::Rename(source, target) | Operation::Copy(source, target) => {
            vec![source, target]
        }
    }
}

/// Where else it may show what somebody did to a path: wherever the session moves that from or to, and
/// all of a directory that it takes away above it.
fn aliases(path: &str, operations: &[Operation]) -> Vec<String> {
    let mut all = vec![path.to_owned()];
    let add = |all: &mut Vec<String>, path: String| {
        let is_new = path.split('/').count() <= DEPTH_MAX && !all.contains(&path);
        if is_new {
            all.push(path);
        }
        is_new
    };
    loop {
        let mut has_grown = false;
        for operation in operations {
            for path in all.clone() {
                match operation {
                    Operation::Rename(source, target) => {
                        for (from, to) in [(source, target), (target, source)] {
                            if let Some(rest) = within(&path, from) {
                                has_grown |= add(&mut all, format!("{to}{rest}"));
                            }
                        }
                    }
                    Operation::Remove(gone) if within(&path, gone).is_some() => {
                        has_grown |= add(&mut all, gone.clone());
                    }
                    _ => {}
                }
            }
        }
        if !has_grown {
            return all;
        }
    }
}

/// The rest of a path below a directory, or of the path itself.
fn within<'a>(path: &'a str, dir: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(dir)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}
