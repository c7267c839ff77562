//! A copy/insert delta in linear time: which stretches of new bytes stand in the pristine bytes.
//!
//! **Invariant:** applying the hunks to the pristine bytes gives the new bytes; the work is at most
//! a constant per byte and the index at most 8 MiB, whatever the bytes. Used when a rewritten file
//! is closed, so that only what changed is kept.

use std::ops::Range;

/// Copies shorter than this are not looked for.
pub(crate) const MATCH_BYTES_MIN: usize = 64;

/// Length of the hashed windows; every [`MATCH_BYTES_MIN`] stretch holds an indexed one when the
/// pristine version is below [`WINDOWS_MAX`] windows.
const WINDOW_BYTES: usize = 32;

/// Protects memory: a larger pristine version is indexed more sparsely.
const WINDOWS_MAX: usize = 1 << 20;

/// The part of a slot that numbers a window; the rest is its tag.
const NUMBER_MAX: u32 = (1 << 21) - 1;

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// One step of a delta, in the order of the new bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hunk {
    /// `len` bytes as they stand in the pristine bytes from `offset` on.
    Keep {
        /// Offset in the pristine bytes.
        offset: u64,
        /// Length in bytes.
        len: u64,
    },
    /// `len` new bytes.
    Data {
        /// Length in bytes.
        len: u64,
    },
    /// `len` zero bytes that are a hole; never found, only passed on.
    Zero {
        /// Length in bytes.
        len: u64,
    },
}

/// Finds hunks piece by piece: new bytes are fed in order and in windows of any size.
pub(super) struct Differ<'a> {
    pristine: &'a [u8],
    index: Option<Index>,
    hunks: Vec<Hunk>,
    /// Where the pristine bytes go on if the new ones so far were only replaced, not moved.
    expected: usize,
    pub(super) steps: Steps,
}

/// Counts compared bytes, in tests only: there it shows that the work is linear.
#[derive(Default)]
pub(super) struct Steps {
    #[cfg(test)]
    pub(super) count: usize,
}

/// Where in the pristine bytes a window may stand: the first of those with its hash.
struct Index {
    /// Number of the indexed window plus one, under a tag from its hash; zero is free.
    slots: Vec<u32>,
    stride: usize,
    shift: u32,
}

/// A stretch of the new bytes that stands at `offset` of the pristine ones.
struct Match {
    new: Range<usize>,
    offset: usize,
}

impl<'a> Differ<'a> {
    pub(super) fn new(pristine: &'a [u8]) -> Self {
        Self {
            pristine,
            index: None,
            hunks: Vec::new(),
            expected: 0,
            steps: Steps::default(),
        }
    }

    /// Adds the hunks of the next new bytes.
    pub(super) fn feed(&mut self, new: &[u8]) {
        let going_on = common_prefix(new, self.pristine.get(self.expected..).unwrap_or_default());
        self.steps.count(going_on);
        self.keep(self.expected, going_on);
        let mut pending = going_on;
        let mut at = going_on;
        while at + WINDOW_BYTES <= new.len() {
            let found = self
                .try_at(new, pending, at, self.expected.saturating_add(at - pending))
                .map_or_else(|| self.search(new, pending, at), Ok);
            match found {
                Ok(found) => {
                    self.data(found.new.start - pending);
                    self.keep(found.offset, found.new.len());
                    at = found.new.end;
                    pending = at;
                }
                Err(next) => at = next,
            }
        }
        self.data(new.len() - pending);
    }

    /// Adds a stretch that is known to be kept.
    pub(super) fn keep(&mut self, offset: usize, len: usize) {
        self.expected = offset + len;
        push(
            &mut self.hunks,
            Hunk::Keep {
                offset: offset as u64,
                len: len as u64,
            },
        );
    }

    /// Adds a hole.
    pub(super) fn zero(&mut self, len: u64) {
        self.expected = self
            .expected
            .saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
        push(&mut self.hunks, Hunk::Zero { len });
    }

    pub(super) fn finish(self) -> Vec<Hunk> {
        self.hunks
    }

    fn data(&mut self, len: usize) {
        self.expected = self.expected.saturating_add(len);
        push(&mut self.hunks, Hunk::Data { len: len as u64 });
    }

    /// Looks for one of the next windows anywhere in the pristine bytes; where to go on without one.
    /// That is near enough that no match where the bytes were only replaced lies between.
    fn search(&mut self, new: &[u8], pending: usize, at: usize) -> Result<Match, usize> {
        let step = step_after(at - pending);
        let end = (at + WINDOW_BYTES).min(new.len() - WINDOW_BYTES + 1);
        let mut windows = Windows::from(new, at);
        while windows.at < end {
            self.steps.count(1);
            let (at, hash) = (windows.at, windows.hash);
            let pristine = self.pristine;
            let index = self.index.get_or_insert_with(|| Index::of(pristine));
            if let Some(offset) = index.find(hash)
                && let Some(found) = self.try_at(new, pending, at, offset)
            {
                return Ok(found);
            }
            windows.go_on(step);
        }
        Err(windows.at)
    }

    /// Extends a match both ways; backwards only over bytes that no hunk holds yet.
    fn try_at(&mut self, new: &[u8], pending: usize, at: usize, offset: usize) -> Option<Match> {
        let pristine = self.pristine.get(offset..).unwrap_or_default();
        let after = common_prefix(&new[at..], pristine);
        if after == 0 {
            return None;
        }
        let before = common_suffix(&new[pending..at], &self.pristine[..offset]);
        self.steps.count(before + after);
        let found = Match {
            new: at - before..at + after,
            offset: offset - before,
        };
        (before + after >= MATCH_BYTES_MIN).then_some(found)
    }
}

impl Steps {
    #[cfg(test)]
    fn count(&mut self, steps: usize) {
        self.count += steps;
    }

    #[cfg(not(test))]
    fn count(&self, _steps: usize) {}
}

impl Index {
    fn of(pristine: &[u8]) -> Self {
        let stride = pristine
            .len()
            .div_ceil(WINDOWS_MAX)
            .next_power_of_two()
            .max(WINDOW_BYTES);
        let windows = pristine.len() / stride;
        let slots_count = (windows * 2).next_power_of_two().max(2);
        let shift = u64::BITS - slots_count.trailing_zeros();
        let mut index = Self {
            slots: vec![0; slots_count],
            stride,
            shift,
        };
        for (window, number) in (0..windows).zip(1_u32..) {
            let (slot, tag) = index.place(Windows::from(pristine, window * stride).hash);
            if index.slots[slot] == 0 {
                index.slots[slot] = tag | number;
            }
        }
        index
    }

    fn find(&self, hash: u64) -> Option<usize> {
        let (slot, tag) = self.place(hash);
        let number = self.slots[slot] ^ tag;
        let window = number.checked_sub(1).filter(|_| number <= NUMBER_MAX)?;
        Some(window as usize * self.stride)
    }

    /// The slot for a hash, and the tag that tells most other hashes of that slot apart.
    fn place(&self, hash: u64) -> (usize, u32) {
        let mixed = (hash ^ (hash >> 32)).wrapping_mul(MULTIPLIER);
        let slot = usize::try_from(mixed >> self.shift).expect("below the slot count");
        let [low, lower, ..] = mixed.to_le_bytes();
        (slot, u32::from_le_bytes([0, 0, lower, low]) & !NUMBER_MAX)
    }
}

/// The windows of some bytes one after the other, each with its hash: a sum of a random number per
/// byte, shifted by its place ("gear"), from which a byte has gone when the window is past it.
struct Windows<'a> {
    bytes: &'a [u8],
    at: usize,
    hash: u64,
}

impl<'a> Windows<'a> {
    /// As far as a byte has to move to be gone after a window.
    const SHIFT: usize = 64 / WINDOW_BYTES;

    /// From the window at `at` on, which is within the bytes.
    fn from(bytes: &'a [u8], at: usize) -> Self {
        let window = &bytes[at..at + WINDOW_BYTES];
        Self {
            bytes,
            at,
            hash: window.iter().fold(0, |hash, byte| Self::push(hash, *byte)),
        }
    }

    /// Moves on by some bytes; past the last window the hash is of no use.
    fn go_on(&mut self, count: usize) {
        let from = self.at + WINDOW_BYTES;
        let next = self.bytes.get(from..).unwrap_or_default();
        for byte in next.iter().take(count) {
            self.hash = Self::push(self.hash, *byte);
        }
        self.at += count;
    }

    fn push(hash: u64, byte: u8) -> u64 {
        (hash << Self::SHIFT).wrapping_add(GEAR[usize::from(byte)])
    }
}

/// A random number for each byte (`SplitMix64`).
const GEAR: [u64; 256] = {
    let mut gear = [0; 256];
    let (mut state, mut byte) = (0_u64, 0);
    while byte < gear.len() {
        state = state.wrapping_add(MULTIPLIER);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        gear[byte] = mixed ^ (mixed >> 31);
        byte += 1;
    }
    gear
};

/// How far to go on after so many bytes that match nothing: the longer, the less likely it is that
/// the next ones do. Odd, so that every distance to the indexed windows, a power of two apart, comes
/// up, and a long match is found a little later and extended backwards.
fn step_after(unmatched: usize) -> usize {
    const PATIENCE_BYTES: usize = 16 * 1024;
    (2 * (unmatched / PATIENCE_BYTES) + 1).min(15)
}

/// Adds a hunk, joining it with the last where they go on into each other.
pub(super) fn push(hunks: &mut Vec<Hunk>, hunk: Hunk) {
    if hunk.len() == 0 {
        return;
    }
    match (hunks.last_mut(), hunk) {
        (
            Some(Hunk::Keep { offset, len }),
            Hunk::Keep {
                offset: next,
                len: more,
            },
        ) if *offset + *len == next => {
            *len += more;
        }
        (Some(Hunk::Data { len }), Hunk::Data { len: more })
        | (Some(Hunk::Zero { len }), Hunk::Zero { len: more }) => *len += more,
        _ => hunks.push(hunk),
    }
}

impl Hunk {
    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Keep { len, .. } | Self::Data { len } | Self::Zero { len } => *len,
        }
    }
}

/// Number of equal bytes at the start.
pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 32;
    let len = a.len().min(b.len());
    let blocks = a.chunks_exact(STEP).zip(b.chunks_exact(STEP));
    let equal = blocks.take_while(|(a, b)| a == b).count() * STEP;
    equal
        + a[equal..len]
            .iter()
            .zip(&b[equal..len])
            .take_while(|(a, b)| a == b)
            .count()
}

/// Number of equal bytes at the end.
pub(super) fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    const STEP: usize = 32;
    let len = a.len().min(b.len());
    let (a, b) = (&a[a.len() - len..], &b[b.len() - len..]);
    let blocks = a.rchunks_exact(STEP).zip(b.rchunks_exact(STEP));
    let equal = blocks.take_while(|(a, b)| a == b).count() * STEP;
    let rest = a[..len - equal]
        .iter()
        .rev()
        .zip(b[..len - equal].iter().rev());
    equal + rest.take_while(|(a, b)| a == b).count()
}
