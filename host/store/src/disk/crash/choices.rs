//! What a crash keeps, chosen by a rule and a seed, or one after the other until all were had.

use std::fmt;

use super::CrashDisk;
use super::pending::{PendingItem, PendingKind};

/// The rules by which [`Choices::new`] chooses; each is the shape of a mistake in a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Nothing has arrived.
    Nothing,
    /// Everything has arrived.
    Everything,
    /// One item is missing or old.
    AllButOne,
    /// One item has arrived.
    OneOnly,
    /// The calls up to one of them have arrived.
    Prefix,
    /// The data of files without sizes, modes and names.
    DataOnly,
    /// Sizes, modes and names without data.
    MetadataOnly,
    /// The calls before one write have arrived, and some sectors of that write.
    TornWrite,
    /// Each item by its own throw of a die.
    Random,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Nothing,
        Self::Everything,
        Self::AllButOne,
        Self::OneOnly,
        Self::Prefix,
        Self::DataOnly,
        Self::MetadataOnly,
        Self::TornWrite,
        Self::Random,
    ];
}

/// One answer for each pending item, printed by its seed and rule so that it can be had again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    seed: u64,
    strategy: Strategy,
    answers: Vec<usize>,
}

impl Choices {
    /// Chooses among `items` by a rule that the seed picks. Equal arguments choose equally.
    pub fn random(seed: u64, items: &[PendingItem]) -> Self {
        let strategy = Strategy::ALL[Dice::new(!seed).below(Strategy::ALL.len())];
        Self::new(strategy, seed, items)
    }

    /// Chooses among `items` by a rule. Equal arguments choose equally.
    pub fn new(strategy: Strategy, seed: u64, items: &[PendingItem]) -> Self {
        let mut dice = Dice::new(seed);
        let answers = match strategy {
            Strategy::Nothing => vec![0; items.len()],
            Strategy::Everything => newest(items, |_| true),
            Strategy::AllButOne => all_but_one(items, &mut dice),
            Strategy::OneOnly => {
                let one = dice.below(items.len());
                newest(items, |item| item.index == one)
            }
            Strategy::Prefix => {
                let last = some_call(items, &mut dice);
                let until = |item: &PendingItem| versions_before(item, last + 1);
                items.iter().map(until).collect()
            }
            Strategy::DataOnly => newest(items, is_data),
            Strategy::MetadataOnly => newest(items, |item| !is_data(item)),
            Strategy::TornWrite => torn_write(items, &mut dice),
            Strategy::Random => items.iter().map(|i| dice.below(i.alternatives())).collect(),
        };
        Self {
            seed,
            strategy,
            answers,
        }
    }

    /// The answer for one of the items: how many of its versions have arrived.
    pub fn answer(&self, item: &PendingItem) -> usize {
        self.answers.get(item.index).copied().unwrap_or(0)
    }

    /// The rule that chose.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }
}

impl fmt::Display for Choices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (strategy, seed, answers) = (self.strategy, self.seed, &self.answers);
        write!(f, "{strategy:?} by seed {seed}: {answers:?}")
    }
}

fn is_data(item: &PendingItem) -> bool {
    matches!(item.kind, PendingKind::Data { .. })
}

fn newest(items: &[PendingItem], is_kept: impl Fn(&PendingItem) -> bool) -> Vec<usize> {
    let answer = |item: &PendingItem| if is_kept(item) { item.calls.len() } else { 0 };
    items.iter().map(answer).collect()
}

fn all_but_one(items: &[PendingItem], dice: &mut Dice) -> Vec<usize> {
    let mut answers = newest(items, |_| true);
    if let Some(answer) = answers.get_mut(dice.below(items.len())) {
        *answer = dice.below(*answer);
    }
    answers
}

/// The sectors of one write up to one of them, or any of them; the calls before it in full.
fn torn_write(items: &[PendingItem], dice: &mut Dice) -> Vec<usize> {
    let written: Vec<&PendingItem> = items.iter().filter(|item| is_data(item)).collect();
    let written: Vec<u64> = written.iter().flat_map(|item| item.calls.clone()).collect();
    let torn = match written.as_slice() {
        [] => some_call(items, dice),
        calls => calls[dice.below(calls.len())],
    };
    let sectors = written.iter().filter(|call| **call == torn).count();
    let mut left = dice.below(sectors + 1);
    let is_prefix = dice.below(2) == 0;
    let mut arrives = |item: &PendingItem| {
        if !is_data(item) || !is_prefix {
            return dice.below(2) == 0;
        }
        let has_arrived = left > 0;
        left = left.saturating_sub(1);
        has_arrived
    };
    let answer = |item: &PendingItem| {
        let before = versions_before(item, torn);
        let is_part = item.calls.contains(&torn) && arrives(item);
        before + usize::from(is_part)
    };
    items.iter().map(answer).collect()
}

/// How many versions were made by calls before `call`.
fn versions_before(item: &PendingItem, call: u64) -> usize {
    item.calls.iter().filter(|made| **made < call).count()
}

fn some_call(items: &[PendingItem], dice: &mut Dice) -> u64 {
    let calls: Vec<u64> = items.iter().flat_map(|item| item.calls.clone()).collect();
    calls.get(dice.below(calls.len())).copied().unwrap_or(0)
}

/// Numbers that look random: xorshift64*, started by splitmix64 so that small seeds differ.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        let mut state = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        // Zero is the one state that never moves.
        Self((state ^ (state >> 31)).max(1))
    }

    /// A number below `count`, and 0 when there is none.
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number % count.max(1) as u64).expect("below a usize")
    }
}

/// Every disk that a crash can leave, each once, until the limit.
#[derive(Debug)]
pub struct EveryCrash<'a> {
    disk: &'a CrashDisk,
    /// Each question that was asked: the answer, and how many there are.
    path: Vec<(usize, usize)>,
    left: u64,
    is_complete: bool,
}

impl<'a> EveryCrash<'a> {
    pub(super) fn new(disk: &'a CrashDisk, states_max: u64) -> Self {
        Self {
            disk,
            path: Vec::new(),
            left: states_max,
            is_complete: false,
        }
    }

    /// Whether no disk is left that has not been given.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Turns to the next answers: the last question that has one left gets it.
    fn advance(&mut self) {
        while let Some((answer, alternatives)) = self.path.last_mut() {
            *answer += 1;
            if answer < alternatives {
                return;
            }
            self.path.pop();
        }
        self.is_complete = true;
    }
}

impl Iterator for EveryCrash<'_> {
    type Item = CrashDisk;

    fn next(&mut self) -> Option<CrashDisk> {
        if self.is_complete || self.left == 0 {
            return None;
        }
        self.left -= 1;
        let path = &mut self.path;
        let mut asked = 0;
        let disk = self.disk.crash(&mut |item| {
            if asked == path.len() {
                path.push((0, item.alternatives()));
            }
            asked += 1;
            path[asked - 1].0
        });
        self.advance();
        Some(disk)
    }
}
