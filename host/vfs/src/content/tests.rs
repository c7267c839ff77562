//! `Pieces` against a plain vector, what it holds against what it is charged, and hostile input.

use proptest::prelude::*;

use super::delta::{Differ, Hunk, common_suffix};
use super::*;
use crate::error::Error;

mod model;

/// A pristine version without repetitions, so that a wrong offset shows.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut next = || {
        state = state
            .wrapping_mul(0x5851_F42D_4C95_7F2D)
            .wrapping_add(0x1405_7B7E_F767_814F);
        (state >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}

fn unlimited() -> Arc<Meter> {
    Meter::new("memory", u64::MAX)
}

fn content(pieces: &Pieces, pristine: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xEE; usize::try_from(pieces.len()).expect("small")];
    let read = pieces.read_at(&mut bytes, 0, &mut |offset, buf| {
        let offset = usize::try_from(offset).expect("small");
        buf.copy_from_slice(&pristine[offset..offset + buf.len()]);
        Ok(())
    });
    assert_eq!(read.expect("the pristine version can be read"), bytes.len());
    bytes
}

#[track_caller]
fn check_invariants(pieces: &Pieces) {
    let mut end = 0;
    for (key, piece) in &pieces.index {
        assert!(
            *key >= end && piece.len() > 0,
            "pieces overlap or are empty: {pieces:?}"
        );
        end = key + piece.len();
        if let Piece::Data { chunk, .. } = piece {
            assert!(
                chunk.window().start <= *key && end <= chunk.window().end,
                "{pieces:?}"
            );
        }
    }
    assert!(end <= pieces.len && pieces.kept <= pieces.len, "{pieces:?}");
    let covered: u64 = pieces
        .segments(0..u64::MAX)
        .map(|segment| segment.len())
        .sum();
    assert_eq!(covered, pieces.len());
}

proptest! {
    #[test]
    fn reading_a_part_is_a_part_of_reading_all(
        ops in prop::collection::vec((0..3000_u64, 0..300_usize), 0..12),
        offset in 0..4000_u64,
        len in 0..2000_usize,
    ) {
        let pristine = noise(2000, 3);
        let meter = unlimited();
        let mut pieces = Pieces::pristine(2000);
        for (offset, len) in ops {
            pieces.write(&meter, offset, &noise(len, offset)).expect("unlimited");
        }
        let all = content(&pieces, &pristine);
        let mut part = vec![0; len];
        let read = pieces.read_at(&mut part, offset, &mut |at, buf| {
            let at = usize::try_from(at).expect("small");
            buf.copy_from_slice(&pristine[at..at + buf.len()]);
            Ok(())
        });
        let rest = all.get(usize::try_from(offset).expect("small")..).unwrap_or_default();
        prop_assert_eq!(&part[..read.expect("readable")], &rest[..rest.len().min(len)]);
    }

    #[test]
    fn hunks_rebuild_the_new_bytes(
        len in 0..20_000_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..500_usize, 0..500_usize), 0..8),
        window in 1..5000_usize,
    ) {
        let pristine = noise(len, 11);
        let mut new = pristine.clone();
        for (at, removed, added) in edits {
            let at = at.index(new.len() + 1);
            let end = new.len().min(at + removed);
            new.splice(at..end, noise(added, at as u64));
        }
        prop_assert!(applied(&hunks(&pristine, &new), &pristine, &new) == new);
        let mut differ = Differ::new(&pristine);
        new.chunks(window).for_each(|window| differ.feed(window));
        prop_assert!(applied(&differ.finish(), &pristine, &new) == new);
    }

    #[test]
    fn hunks_of_few_letters_rebuild_the_new_bytes(
        pristine in prop::collection::vec(0..2_u8, 0..2000),
        new in prop::collection::vec(0..2_u8, 0..2000),
    ) {
        prop_assert!(applied(&hunks(&pristine, &new), &pristine, &new) == new);
    }
}

fn hunks(pristine: &[u8], new: &[u8]) -> Vec<Hunk> {
    let suffix = common_suffix(pristine, new);
    let mut differ = Differ::new(pristine);
    differ.feed(&new[..new.len() - suffix]);
    differ.keep(pristine.len() - suffix, suffix);
    differ.finish()
}

fn applied(hunks: &[Hunk], pristine: &[u8], new: &[u8]) -> Vec<u8> {
    let index = |at: u64| usize::try_from(at).expect("small");
    let mut made = Vec::new();
    for hunk in hunks {
        match *hunk {
            Hunk::Keep { offset, len } => {
                made.extend_from_slice(&pristine[index(offset)..index(offset + len)]);
            }
            Hunk::Data { len } => {
                made.extend_from_slice(&new[made.len()..made.len() + index(len)]);
            }
            Hunk::Zero { len } => made.resize(made.len() + index(len), 0),
        }
    }
    made
}

/// The offsets `0..count` in an order that jumps about.
fn shuffled(count: u64) -> Vec<u64> {
    let mut offsets: Vec<_> = (0..count).collect();
    let random = noise(offsets.len() * 4, 5);
    for (at, bytes) in random.chunks_exact(4).enumerate() {
        let random = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
        offsets.swap(at, random % (at + 1));
    }
    offsets
}

#[track_caller]
fn check_small_writes(start: &Pieces, offsets: impl IntoIterator<Item = u64>) {
    let meter = unlimited();
    let mut pieces = start.clone();
    let mut count = 0;
    for offset in offsets {
        pieces
            .write(&meter, offset, &[(offset % 251) as u8])
            .expect("unlimited");
        count += 1;
    }
    let expected: Vec<_> = (0..count).map(|offset: u64| (offset % 251) as u8).collect();
    assert!(content(&pieces, &[]) == expected);
    assert!(
        pieces.index.len() as u64 <= count / (CELL_BYTES / 2) + 1,
        "{}",
        pieces.index.len()
    );
    assert!(
        meter.used() <= count + count / 2 + 2048,
        "{} held for {count}",
        meter.used()
    );
    assert_eq!(meter.used(), pieces.memory_bytes());
}

const STEPS: u64 = 100_000;

#[test]
fn small_writes_cost_their_bytes_in_any_order() {
    check_small_writes(&Pieces::empty(), 0..STEPS);
    check_small_writes(&Pieces::empty(), (0..STEPS).rev());
    check_small_writes(&Pieces::empty(), shuffled(STEPS));
    let evens_first = (0..STEPS).step_by(2).chain((0..STEPS).skip(1).step_by(2));
    check_small_writes(&Pieces::empty(), evens_first);
}

#[test]
fn small_writes_over_a_pristine_version_cost_their_bytes_in_any_order() {
    check_small_writes(&Pieces::pristine(STEPS), 0..STEPS);
    check_small_writes(&Pieces::pristine(STEPS), (0..STEPS).rev());
    check_small_writes(&Pieces::pristine(STEPS), shuffled(STEPS));
}

#[test]
fn scattered_writes_into_a_hole_never_cost_much_more_than_the_hole() {
    let meter = unlimited();
    let mut pieces = Pieces::empty();
    for offset in shuffled(STEPS) {
        pieces.write(&meter, offset, b"x").expect("unlimited");
    }
    assert!(meter.peak() < 5 * STEPS, "{}", meter.peak());
}

#[test]
fn one_byte_in_a_large_pristine_file_costs_that_byte() {
    let meter = unlimited();
    let mut pieces = Pieces::pristine(1 << 40);
    pieces.write(&meter, 1 << 39, b"x").expect("unlimited");
    assert_eq!(pieces.data_bytes(), 1);
    assert!(meter.used() < 1024);
}

#[test]
fn a_gap_is_a_hole_and_costs_nothing() {
    let meter = unlimited();
    let mut pieces = Pieces::empty();
    pieces.write(&meter, 1 << 40, b"end").expect("unlimited");
    pieces.set_len(1 << 50);
    assert_eq!(pieces.len(), 1 << 50);
    assert!(meter.used() < 1024);
}

#[test]
fn bytes_cut_off_come_back_as_zeros() {
    let meter = unlimited();
    let mut pieces = Pieces::pristine(6);
    pieces.write(&meter, 4, b"0123456789").expect("unlimited");
    pieces.set_len(5);
    pieces.write(&meter, 9, b"z").expect("unlimited");
    assert_eq!(content(&pieces, b"abcdef"), b"abcd0\0\0\0\0z");
    pieces.set_len(2);
    pieces.set_len(6);
    assert_eq!(content(&pieces, b"abcdef"), b"ab\0\0\0\0");
    assert!(!pieces.is_pristine(6));
}

#[test]
fn a_cut_off_chunk_is_given_back() {
    let meter = unlimited();
    let mut pieces = Pieces::empty();
    pieces
        .write(&meter, 0, &noise(200_000, 1))
        .expect("unlimited");
    pieces.set_len(70_000);
    assert!(meter.used() < 72_000, "{}", meter.used());
    pieces.set_len(0);
    assert_eq!(meter.used(), 0);
}

#[test]
fn a_snapshot_costs_only_the_pages_written_since() {
    let meter = unlimited();
    let mut pieces = Pieces::empty();
    pieces
        .write(&meter, 0, &noise(1 << 20, 1))
        .expect("unlimited");
    let before = meter.used();
    let snapshot = pieces.clone();
    assert_eq!(meter.used(), before);
    pieces.write(&meter, 500_000, b"x").expect("unlimited");
    assert!(meter.used() < before + 8192, "{}", meter.used() - before);
    drop(snapshot);
    assert!(meter.used() < before + 8192);
}

#[test]
fn a_chunk_that_is_mostly_overwritten_is_let_go() {
    let meter = unlimited();
    let mut pieces = Pieces::empty();
    pieces
        .write(&meter, 0, &noise(65_536, 1))
        .expect("unlimited");
    let snapshot = pieces.clone();
    for page in 0..15 {
        pieces
            .write(&meter, page * 4096, &noise(4096, page))
            .expect("unlimited");
    }
    drop(snapshot);
    assert!(meter.used() <= 2 * 65_536, "{}", meter.used());
}

/// Only chunks beside the cut used to be looked at; one behind a newer piece kept all its bytes.
#[test]
fn a_chunk_that_loses_a_stretch_out_of_sight_is_let_go() {
    let meter = unlimited();
    let mut pieces = Pieces::empty();
    pieces
        .write(&meter, 0, &noise(65_536, 1))
        .expect("unlimited");
    let snapshot = pieces.clone();
    pieces
        .write(&meter, 4096, &noise(4096, 2))
        .expect("unlimited");
    drop(snapshot);
    pieces.set_len(8192);
    assert!(meter.used() < 3 * 8192, "{}", meter.used());
}

#[test]
fn a_refused_write_changes_nothing() {
    let pristine = noise(300_000, 9);
    let writes = [
        (0, 300_000),
        (65_000, 2000),
        (10, 20),
        (299_999, 140_000),
        (600_000, 1),
    ];
    for limit in (0..900_000).step_by(9_973) {
        let meter = Meter::new("memory", limit);
        let mut pieces = Pieces::pristine(300_000);
        for (offset, len) in writes {
            let (held, before) = (meter.used(), content(&pieces, &pristine));
            let result = pieces.write(&meter, offset, &noise(len, offset));
            assert!(meter.used() <= limit);
            if let Err(refusal) = result {
                assert!(
                    matches!(
                        refusal,
                        Error::Quota {
                            which: "memory",
                            ..
                        }
                    ),
                    "{refusal:?}"
                );
                assert_eq!(meter.used(), held);
                assert!(content(&pieces, &pristine) == before);
            }
        }
        drop(pieces);
        assert_eq!(meter.used(), 0);
    }
}

#[test]
fn a_write_past_the_largest_offset_is_refused() {
    let meter = unlimited();
    let mut pieces = Pieces::pristine(5);
    for offset in [CONTENT_BYTES_MAX, u64::MAX - 1, u64::MAX] {
        let refusal = pieces.write(&meter, offset, b"xy").expect_err("too far");
        assert!(matches!(refusal, Error::Invalid { .. }));
    }
    assert!(pieces.is_pristine(5));
    pieces
        .write(&meter, CONTENT_BYTES_MAX - 2, b"xy")
        .expect("the last bytes are allowed");
    assert_eq!(pieces.len(), CONTENT_BYTES_MAX);
}

#[test]
fn a_rewrite_with_the_same_bytes_compacts_to_pristine() {
    let meter = unlimited();
    let pristine = noise(3 << 20, 2);
    let mut pieces = Pieces::empty();
    for (number, part) in pristine.chunks(10_000).enumerate() {
        pieces
            .write(&meter, number as u64 * 10_000, part)
            .expect("unlimited");
    }
    pieces = pieces
        .compact_against(&meter, &pristine)
        .expect("unlimited");
    assert!(pieces.is_pristine(pristine.len() as u64));
    assert_eq!(meter.used(), 0);
}

#[test]
fn a_rewrite_with_one_changed_line_keeps_only_that() {
    let meter = unlimited();
    let pristine = noise(1 << 20, 2);
    for (at, removed, added) in [
        (500_000, 40, 60),
        (0, 0, 10),
        (1 << 20, 0, 10),
        (700_001, 90, 0),
    ] {
        let mut new = pristine.clone();
        new.splice(at..at + removed, noise(added, 4));
        let mut pieces = Pieces::empty();
        pieces.write(&meter, 0, &new).expect("unlimited");
        pieces = pieces
            .compact_against(&meter, &pristine)
            .expect("unlimited");
        assert!(content(&pieces, &pristine) == new);
        assert!(
            pieces.data_bytes() < 1024 && meter.used() < 2048,
            "{}",
            meter.used()
        );
    }
}

#[test]
fn a_moved_block_is_found_behind_long_new_bytes() {
    let pristine = noise(400_000, 2);
    let mut new = noise(300_000, 3);
    new.extend_from_slice(&pristine[123_457..223_457]);
    let expected = [
        Hunk::Data { len: 300_000 },
        Hunk::Keep {
            offset: 123_457,
            len: 100_000,
        },
    ];
    assert_eq!(hunks(&pristine, &new), expected);
}

#[test]
fn unmatched_bytes_are_shared_and_not_copied_by_compacting() {
    let meter = Meter::new("memory", 600_000);
    let mut pieces = Pieces::empty();
    pieces.write(&meter, 0, &noise(500_000, 2)).expect("fits");
    let compacted = pieces
        .compact_against(&meter, &noise(400_000, 3))
        .expect("nothing to pay");
    assert_eq!(compacted.memory_bytes(), pieces.memory_bytes());
}

#[test]
fn holes_stay_holes_when_compacting() {
    let meter = unlimited();
    let pristine = noise(100_000, 2);
    let mut pieces = Pieces::pristine(100_000);
    pieces.set_len(10_000);
    pieces
        .write(&meter, 1 << 40, &pristine[20_000..90_000])
        .expect("unlimited");
    pieces = pieces
        .compact_against(&meter, &pristine)
        .expect("unlimited");
    assert!(
        pieces.data_bytes() < 64 && meter.used() < 2048,
        "{}",
        pieces.data_bytes()
    );
    let kept: Vec<_> = pieces
        .segments(0..u64::MAX)
        .map(|segment| segment.len())
        .collect();
    assert_eq!(kept, [10_000, (1 << 40) - 10_000, 70_000]);
}

#[test]
fn compacting_against_too_short_a_version_is_refused() {
    let meter = unlimited();
    let mut pieces = Pieces::pristine(1000);
    pieces.write(&meter, 10, b"x").expect("unlimited");
    let refusal = pieces
        .compact_against(&meter, &[0; 500])
        .expect_err("too short");
    assert!(matches!(refusal, Error::Invalid { .. }));
}

#[test]
fn hostile_bytes_take_a_bounded_number_of_steps() {
    let len = 1 << 18;
    let periodic = |period: &[u8]| period.iter().copied().cycle().take(len).collect::<Vec<_>>();
    let nearly = |every: usize| {
        let mut bytes = vec![0; len];
        bytes.iter_mut().step_by(every).for_each(|byte| *byte = 1);
        bytes
    };
    let cases = [
        vec![0; len],
        periodic(b"ab"),
        periodic(&noise(31, 1)),
        nearly(63),
        nearly(33),
    ];
    for pristine in &cases {
        for new in &cases {
            let mut differ = Differ::new(pristine);
            differ.feed(new);
            assert!(
                differ.steps.count <= 130 * len,
                "{} steps",
                differ.steps.count
            );
            assert!(applied(&differ.finish(), pristine, new) == *new);
        }
    }
}
