//! Three texts from a seed: one, and two that were made from it by edits that overlap more or less.

use std::ops::Range;

/// Three texts to merge.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) seed: u64,
    pub(super) before: Vec<u8>,
    pub(super) ours: Vec<u8>,
    pub(super) theirs: Vec<u8>,
}

/// The cases of these seeds.
pub(super) fn cases(seeds: Range<u64>) -> impl Iterator<Item = Case> {
    seeds.map(case)
}

/// Numbers that depend on the seed alone.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).expect("below `sides`")
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }
}

fn case(seed: u64) -> Case {
    let mut dice = Dice(seed);
    let lines_count = match dice.roll(10) {
        0 => dice.roll(3),
        1 => 200 + dice.roll(500),
        2..=5 => dice.roll(12),
        _ => dice.roll(60),
    };
    // Few different lines make hunks that can stand in many places.
    let words = [2, 4, 10, 1_000_000][dice.roll(4)];
    let before: Vec<usize> = (0..lines_count).map(|_| dice.roll(words)).collect();
    let (mut ours, mut theirs) = (before.clone(), before.clone());
    let most = if lines_count > 100 { 40 } else { 4 };
    for _ in 0..dice.roll(3) {
        let edit = Edit::roll(&mut dice, before.len(), words);
        edit.apply(&mut ours);
        edit.apply(&mut theirs);
    }
    for side in [&mut ours, &mut theirs] {
        for _ in 0..dice.roll(most + 1) {
            Edit::roll(&mut dice, side.len(), words).apply(side);
        }
    }
    let windows = dice.one_in(8);
    let mut text = |lines: &[usize]| {
        let ended = !dice.one_in(6);
        let mixed = windows && dice.one_in(4);
        let mut text = String::new();
        for (at, line) in lines.iter().enumerate() {
            text.push_str(&format!("w{line}"));
            let last = at + 1 == lines.len();
            text.push_str(match (last && !ended, windows && !(mixed && at % 3 == 0)) {
                (true, _) => "",
                (false, true) => "\r\n",
                (false, false) => "\n",
            });
        }
        text.into_bytes()
    };
    Case {
        seed,
        before: text(&before),
        ours: text(&ours),
        theirs: text(&theirs),
    }
}

/// Takes some lines out and puts others in.
struct Edit {
    at: usize,
    taken: usize,
    put: Vec<usize>,
    /// Whether the lines taken are put in elsewhere.
    moved_to: Option<usize>,
}

impl Edit {
    fn roll(dice: &mut Dice, len: usize, words: usize) -> Self {
        let size = if dice.one_in(5) { 12 } else { 3 };
        Self {
            at: dice.roll(len + 1),
            taken: dice.roll(size),
            put: (0..dice.roll(size)).map(|_| dice.roll(words)).collect(),
            moved_to: dice.one_in(6).then(|| dice.roll(len + 1)),
        }
    }

    fn apply(&self, lines: &mut Vec<usize>) {
        let start = self.at.min(lines.len());
        let end = (start + self.taken).min(lines.len());
        let taken: Vec<usize> = lines.splice(start..end, self.put.iter().copied()).collect();
        if let Some(place) = self.moved_to {
            let place = place.min(lines.len());
            lines.splice(place..place, taken);
        }
    }
}
