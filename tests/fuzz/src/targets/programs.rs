//! Programs of operations on a session: each outcome is that of the plain model.

use crate::Target;
use crate::model;
use crate::model::program::Op;

pub(crate) const TARGET: Target = Target {
    name: "programs",
    run,
    seeds,
};

/// Steps of a program at most.
const STEPS_MAX: usize = 64;

/// Each byte is a choice.
fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let mut program = Vec::new();
    while !choices.0.is_empty() && program.len() < STEPS_MAX {
        program.push(choices.step());
    }
    model::play(&program);
}

/// What is left to choose by; at the end everything is the first of its kind.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first) % count
    }

    fn number(&mut self, end: u32) -> u32 {
        let choice = self.below(256);
        u32::try_from(choice).expect("a byte") % end
    }

    fn of(&mut self, words: &[&str]) -> String {
        let index = self.below(words.len());
        words[index].to_owned()
    }

    fn step(&mut self) -> Op {
        match self.below(32) {
            0..=9 => self.contents(),
            10..=25 => self.names(),
            _ => self.states(),
        }
    }

    fn contents(&mut self) -> Op {
        match self.below(7) {
            0 => Op::Write(self.path(), self.bytes()),
            1 => Op::WriteRange(self.path(), self.number(20).into(), self.bytes()),
            2 => Op::Append(self.path(), self.bytes()),
            3 => Op::Truncate(self.path(), self.number(24).into()),
            4 => {
                let (from, to) = (self.of(&["a", "o", "ao", "aa"]), self.of(&["", "o", "oao"]));
                Op::Edit(self.path(), from, to, self.number(3))
            }
            5 => Op::ReadRange(self.path(), self.number(12).into(), self.number(12)),
            _ => Op::Read(self.path()),
        }
    }

    fn names(&mut self) -> Op {
        match self.below(16) {
            0..=4 => Op::Rename(self.path(), self.path()),
            5 | 6 => Op::Copy(self.path(), self.path()),
            7 | 8 => Op::Mkdir(self.path()),
            9 | 10 => Op::Remove(self.path()),
            11 => Op::RemoveAll(self.path()),
            12 => Op::Symlink(self.target(), self.path()),
            13 => Op::ReadLink(self.path()),
            14 => Op::Stat(self.path()),
            _ => Op::List(self.path(), 1 + self.below(3)),
        }
    }

    fn states(&mut self) -> Op {
        match self.below(7) {
            0 => Op::Savepoint(self.of(&["p", "q"])),
            1 => Op::Restore(self.of(&["p", "q"])),
            2 => Op::Fork,
            3 => Op::BeginNested,
            4 => Op::Merge,
            5 => Op::Rollback,
            _ => Op::WriteInParent(self.bytes()),
        }
    }

    fn path(&mut self) -> String {
        const NAMES: [&str; 12] = ["a", "b", "c", "f", "x", "l", "s", "o", "u", "k", "d", ".."];
        let parts: Vec<_> = (0..self.below(4)).map(|_| self.of(&NAMES)).collect();
        let path = parts.join("/");
        match self.below(16) {
            1 => format!("{path}/"),
            2 => format!("/{path}//"),
            3 => format!("./{path}"),
            _ => path,
        }
    }

    fn target(&mut self) -> String {
        match self.below(3) {
            0 => self.path(),
            1 => format!("../{}", self.path()),
            _ => "b/".to_owned(),
        }
    }

    fn bytes(&mut self) -> Vec<u8> {
        let count = self.below(16);
        (0..count)
            .map(|_| self.of(&["a", "o", "\n", "e", "\0"]).into_bytes()[0])
            .collect()
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mix = |step: usize| (step.wrapping_mul(2_654_435_761) >> 7).to_le_bytes()[0];
    let program = |seed: usize| (0..120).map(|step| mix(seed * 1000 + step)).collect();
    (1..=16).map(program).collect()
}
