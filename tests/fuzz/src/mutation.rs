//! What chance makes of inputs: for a moment of looking where nothing tells what was reached.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Bytes of an input at most.
const BYTES_MAX: usize = 64 << 10;

/// Numbers at the edges of their kinds.
const EDGES: [u64; 8] = [0, 1, 0x7F, 0xFF, 0xFFFF, 0x7FFF_FFFF, 0xFFFF_FFFF, u64::MAX];

/// One change of an input.
#[derive(Clone, Debug)]
enum Change {
    Flip(Index, u8),
    Set(Index, u8),
    Number(Index, u64, usize),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    Repeat(Index, Index),
    Cut(Index),
}

/// Some of these inputs, each changed in a few places.
pub fn mutations(inputs: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec(change(), 0..8);
    (select(inputs), changes).prop_map(|(mut input, changes)| {
        for change in changes {
            change.apply(&mut input);
        }
        input.truncate(BYTES_MAX);
        input
    })
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        3 => (at(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        3 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        2 => (at(), select(&EDGES[..]), select(&[1_usize, 2, 4, 8][..]))
            .prop_map(|(at, number, size)| Change::Number(at, number, size)),
        2 => (at(), prop::collection::vec(any::<u8>(), 1..16))
            .prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (at(), at()).prop_map(|(from, to)| Change::Remove(from, to)),
        1 => (at(), at()).prop_map(|(from, to)| Change::Repeat(from, to)),
        1 => at().prop_map(Change::Cut),
    ]
}

impl Change {
    fn apply(&self, input: &mut Vec<u8>) {
        let len = input.len();
        let range = |one: &Index, other: &Index| {
            let (one, other) = (one.index(len + 1), other.index(len + 1));
            one.min(other)..one.max(other)
        };
        match self {
            Self::Insert(at, bytes) => {
                let at = at.index(len + 1);
                input.splice(at..at, bytes.iter().copied());
            }
            Self::Remove(from, to) => drop(input.drain(range(from, to))),
            Self::Repeat(from, to) => input.extend_from_within(range(from, to)),
            Self::Cut(at) => input.truncate(at.index(len + 1)),
            _ if len == 0 => {}
            Self::Flip(at, bit) => input[at.index(len)] ^= 1 << bit,
            Self::Set(at, byte) => input[at.index(len)] = *byte,
            Self::Number(at, number, size) => {
                let at = at.index(len);
                let bytes = &number.to_le_bytes()[..(*size).min(len - at)];
                input[at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
    }
}
