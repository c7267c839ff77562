//! Every cut, every flipped byte and every kind of foreign bytes: a prefix of the truth, or an error.

use session_fs_store::disk::RealDir;
use session_fs_store::{Journal, JournalError, StoreIdentity};

use super::{AREA, IDENTITY, LIMITS, Records, bytes, create, numbered, open, set_bytes, try_open};
use crate::{Sandbox, name};

/// Length of the record of a payload of at most 56 bytes.
const FRAME: usize = 192;
const AREA_START: usize = 8192;

/// A journal of three batches: 1; 2 and 3; 4. Every record takes [`FRAME`] bytes.
fn three_batches() -> (Sandbox, Records, Vec<u8>) {
    let sandbox = Sandbox::new(RealDir::open);
    let mut journal = create(&sandbox.root);
    journal.append(&[b"one"]).expect("room");
    journal.append(&[b"two", b"three"]).expect("room");
    journal.append(&[b"four"]).expect("room");
    let bytes = bytes(&*sandbox.root);
    (sandbox, numbered(&["one", "two", "three", "four"]), bytes)
}

/// What opening these bytes gives; checks that it is the same again afterwards.
fn outcome(sandbox: &Sandbox, bytes: &[u8]) -> Result<Records, JournalError> {
    set_bytes(&*sandbox.root, bytes);
    let result = try_open(&sandbox.root).map(|(_, records)| records);
    match &result {
        Ok(records) => assert_eq!(&open(&sandbox.root).1, records),
        Err(_) => assert_eq!(
            super::bytes(&*sandbox.root),
            bytes,
            "an error touches nothing"
        ),
    }
    result
}

#[test]
fn a_journal_cut_anywhere_is_refused() {
    let (sandbox, _, whole) = three_batches();
    for len in (0..400).chain(4000..4300).chain(8100..whole.len()) {
        let result = outcome(&sandbox, &whole[..len]);
        assert!(
            matches!(result, Err(JournalError::Corrupt { .. })),
            "{len}: {result:?}"
        );
    }
}

#[test]
fn any_flipped_byte_of_a_record_is_noticed() {
    let (sandbox, records, whole) = three_batches();
    for offset in AREA_START..AREA_START + 4 * FRAME {
        for mask in [1 << (offset % 8), 0xff] {
            let mut bytes = whole.clone();
            bytes[offset] ^= mask;
            let result = outcome(&sandbox, &bytes);
            if offset < AREA_START + 3 * FRAME {
                assert!(
                    matches!(result, Err(JournalError::Corrupt { .. })),
                    "{offset}: {result:?}"
                );
            } else {
                // The last batch cannot be told from one that was never acknowledged.
                assert_eq!(result.expect("a bad tail"), records[..3], "{offset}");
            }
        }
    }
}

#[test]
fn any_flipped_byte_of_a_header_is_harmless_or_refused() {
    let (sandbox, records, whole) = three_batches();
    for offset in (0..200).chain(4096..4296) {
        for mask in [1 << (offset % 8), 0xff] {
            let mut bytes = whole.clone();
            bytes[offset] ^= mask;
            match outcome(&sandbox, &bytes) {
                Ok(found) => assert_eq!(found, records, "{offset}"),
                // The version of a header that may be newer cannot be verified.
                Err(JournalError::Newer { .. }) => assert_eq!(offset % 4096 / 2, 4, "{offset}"),
                Err(error) => panic!("{offset}: {error}"),
            }
            bytes[offset ^ 4096] ^= mask;
            let both = outcome(&sandbox, &bytes);
            assert_eq!(both.is_ok(), offset % 4096 >= 170, "{offset}: {both:?}");
        }
    }
}

#[test]
fn flips_behind_the_tail_and_torn_remains_are_wiped() {
    let (sandbox, records, whole) = three_batches();
    for offset in AREA_START + 4 * FRAME..whole.len() {
        let mut bytes = whole.clone();
        bytes[offset] = 0xff;
        assert_eq!(outcome(&sandbox, &bytes).expect("behind the tail"), records);
        assert_eq!(
            super::bytes(&*sandbox.root)[AREA_START..],
            whole[AREA_START..],
            "{offset}"
        );
    }
}

#[test]
fn any_part_of_a_torn_batch_is_dropped_from_its_first_bad_record_on() {
    let sandbox = Sandbox::new(RealDir::open);
    let mut journal = create(&sandbox.root);
    journal.append(&[b"kept"]).expect("room");
    let before = bytes(&*sandbox.root);
    journal.append(&[b"a", b"b", b"c"]).expect("room");
    let after = bytes(&*sandbox.root);
    // Which blocks of 64 bytes of the batch reached the disk.
    for blocks in 0_u32..1 << 9 {
        let start = AREA_START + FRAME;
        let mut torn = before.clone();
        for block in (0..9).filter(|block| blocks >> block & 1 == 1) {
            let range = start + 64 * block..start + 64 * (block + 1);
            torn[range.clone()].copy_from_slice(&after[range]);
        }
        let whole = (0..3)
            .take_while(|record| blocks >> (3 * record) & 7 == 7)
            .count();
        let expected = &numbered(&["kept", "a", "b", "c"])[..=whole];
        assert_eq!(
            outcome(&sandbox, &torn).expect("a torn tail"),
            expected,
            "{blocks:b}"
        );
    }
}

#[test]
fn a_record_that_was_dropped_never_comes_back() {
    // The torn batch lost its first record only. Appending the very same record again must not make
    // the second one follow it.
    let sandbox = Sandbox::new(RealDir::open);
    let mut journal = create(&sandbox.root);
    let before = bytes(&*sandbox.root);
    journal.append(&[b"a", b"b"]).expect("room");
    let mut torn = bytes(&*sandbox.root);
    let first = AREA_START..AREA_START + FRAME;
    torn[first.clone()].copy_from_slice(&before[first]);
    set_bytes(&*sandbox.root, &torn);
    let (mut journal, records) = open(&sandbox.root);
    assert_eq!(records, []);
    journal.append(&[b"a"]).expect("room");
    assert_eq!(open(&sandbox.root).1, numbered(&["a"]));
}

#[test]
fn a_payload_that_holds_a_whole_record_is_only_bytes() {
    let sandbox = Sandbox::new(RealDir::open);
    let mut journal = create(&sandbox.root);
    journal.append(&[b"kept"]).expect("room");
    let start = AREA_START + FRAME;
    let copy = bytes(&*sandbox.root)[AREA_START..start].to_vec();
    // 104 bytes of head: 24 more put the copy where a record may begin.
    let payload = [&[0; 24], &copy[..], &[0; 40], &copy[..]].concat();
    journal.append(&[&payload]).expect("room");
    let whole = bytes(&*sandbox.root);
    assert_eq!(whole[start + 128..start + 128 + FRAME], copy);
    assert_eq!(open(&sandbox.root).1, numbered(&[b"kept", &payload[..]]));
    for torn_at in [start, start + 50, start + 110, start + 600] {
        let mut torn = whole.clone();
        torn[torn_at] ^= 1;
        assert_eq!(
            outcome(&sandbox, &torn).expect("a torn tail"),
            numbered(&["kept"])
        );
    }
}

#[test]
fn a_copy_of_a_record_in_another_place_is_no_record() {
    let (sandbox, records, mut bytes) = three_batches();
    let tail = AREA_START + 4 * FRAME;
    bytes.copy_within(AREA_START + 3 * FRAME..tail, tail);
    assert_eq!(outcome(&sandbox, &bytes).expect("a bad tail"), records);
}

#[test]
fn records_of_a_twin_do_not_continue_ours() {
    // Same store, epoch, number, place and length: only the chain tells them apart.
    let journal_of = |payloads: [&str; 2]| {
        let sandbox = Sandbox::new(RealDir::open);
        let mut journal = create(&sandbox.root);
        for payload in payloads {
            journal.append(&[payload.as_bytes()]).expect("room");
        }
        let bytes = bytes(&*sandbox.root);
        (sandbox, bytes)
    };
    let (sandbox, mut ours) = journal_of(["ours 1", "ours 2"]);
    let (_, twin) = journal_of(["twin 1", "twin 2"]);
    let second = AREA_START + FRAME..AREA_START + 2 * FRAME;
    ours[second.clone()].copy_from_slice(&twin[second]);
    let result = outcome(&sandbox, &ours);
    assert!(
        matches!(result, Err(JournalError::Corrupt { .. })),
        "{result:?}"
    );
}

#[test]
fn a_damaged_header_is_written_anew_by_the_next_open() {
    let (sandbox, records, whole) = three_batches();
    for slot in [0, 4096] {
        let mut bytes = whole.clone();
        bytes[slot + 30] ^= 1;
        assert_eq!(
            outcome(&sandbox, &bytes).expect("the other is whole"),
            records
        );
        // From now on the other one may go.
        let mut repaired = super::bytes(&*sandbox.root);
        repaired[4096 - slot + 30] ^= 1;
        assert_eq!(outcome(&sandbox, &repaired).expect("repaired"), records);
    }
}

#[test]
fn records_of_older_epochs_are_not_seen() {
    let sandbox = Sandbox::new(RealDir::open);
    let mut journal = create(&sandbox.root);
    for round in 0..6_u64 {
        let payloads = [vec![1; 30], vec![2; 30], vec![3; 30]];
        let batch: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        journal.append(&batch[..]).expect("room");
        journal.recycle().expect("works");
        journal.append(&[b"new"]).expect("room");
        // Whole records of the epoch before stand right behind, where the next one will begin.
        assert_eq!(open(&sandbox.root).1, [(4 * round + 4, b"new".to_vec())]);
        journal = open(&sandbox.root).0;
        journal.recycle().expect("works");
    }
}

#[test]
fn a_lost_header_is_told_from_one_that_was_never_flushed() {
    let sandbox = Sandbox::new(RealDir::open);
    let mut journal = create(&sandbox.root);
    journal.append(&[b"old", b"old too"]).expect("room");
    let before = bytes(&*sandbox.root);
    journal.recycle().expect("works");
    let after = bytes(&*sandbox.root);
    let slot = (0..2).find(|slot| before[4096 * slot..][..4096] != after[4096 * slot..][..4096]);
    let slot = 4096 * slot.expect("one header changed");
    // Any prefix of the header that a crash lets through: the old epoch still counts.
    for len in 0..=170 {
        let mut torn = before.clone();
        torn[slot..slot + len].copy_from_slice(&after[slot..slot + len]);
        let found = outcome(&sandbox, &torn).expect("one header is whole");
        let expected = if len == 170 {
            vec![]
        } else {
            numbered(&["old", "old too"])
        };
        assert_eq!(found, expected, "{len}");
    }
    // Once the new epoch has a record, its header was flushed: without it, that record would be lost.
    set_bytes(&*sandbox.root, &after);
    open(&sandbox.root).0.append(&[b"new"]).expect("room");
    let mut lost = bytes(&*sandbox.root);
    lost[slot + 20] ^= 1;
    let result = outcome(&sandbox, &lost);
    assert!(
        matches!(result, Err(JournalError::Corrupt { offset: AREA, .. })),
        "{result:?}"
    );
    lost[slot..slot + 4096].copy_from_slice(&before[slot..slot + 4096]);
    let result = outcome(&sandbox, &lost);
    assert!(
        matches!(result, Err(JournalError::Corrupt { offset: AREA, .. })),
        "{result:?}"
    );
}

#[test]
fn a_lost_header_of_a_grown_journal_hides_no_record() {
    let sandbox = Sandbox::new(RealDir::open);
    let mut journal = create(&sandbox.root);
    let small = bytes(&*sandbox.root);
    journal.append(&[b"kept"]).expect("room");
    journal.grow_for(&[700, 700]).expect("below the limit");
    let lose_header = || {
        let mut bytes = bytes(&*sandbox.root);
        bytes[..8192].copy_from_slice(&small[..8192]);
        outcome(&sandbox, &bytes)
    };
    assert_eq!(
        lose_header().expect("nothing is beyond"),
        numbered(&["kept"])
    );
    let (mut journal, _) = open(&sandbox.root);
    journal.grow_for(&[700, 700]).expect("below the limit");
    journal.append(&[&[1; 700]]).expect("room");
    journal.append(&[&[2; 700]]).expect("room");
    let result = lose_header();
    assert!(
        matches!(result, Err(JournalError::Corrupt { .. })),
        "{result:?}"
    );
}

#[test]
fn a_lost_header_is_noticed_when_the_smaller_area_was_exactly_full() {
    let sandbox = Sandbox::new(RealDir::open);
    let mut journal = create(&sandbox.root);
    let small = bytes(&*sandbox.root);
    journal.grow_for(&[1024]).expect("below the limit");
    journal
        .append(&[&[1; 1024 - 136], b"beyond"])
        .expect("room");
    let mut lost = bytes(&*sandbox.root);
    lost[..AREA_START].copy_from_slice(&small[..AREA_START]);
    let result = outcome(&sandbox, &lost);
    assert!(
        matches!(result, Err(JournalError::Corrupt { offset: 9216, .. })),
        "{result:?}"
    );
    // The same when the record before the end of the smaller area is bad as well.
    lost[AREA_START + 200] ^= 1;
    let result = outcome(&sandbox, &lost);
    assert!(
        matches!(result, Err(JournalError::Corrupt { offset: 9216, .. })),
        "{result:?}"
    );
}

#[test]
fn foreign_and_newer_journals_are_refused_by_name() {
    let (sandbox, _, whole) = three_batches();
    for (id, key) in [(*b"another store id", IDENTITY.key), (IDENTITY.id, [8; 32])] {
        let other = StoreIdentity { id, key };
        let refused = Journal::open(&sandbox.root, &name("journal"), &other, &LIMITS);
        assert!(matches!(refused, Err(JournalError::Foreign)), "{refused:?}");
    }
    assert!(
        !format!("{IDENTITY:?}").contains("key"),
        "the key is not printed"
    );
    for slot in [0, 4096] {
        let mut newer = whole.clone();
        newer[slot + 8..slot + 10].copy_from_slice(&[2, 1]);
        newer[slot + 10..slot + 4096].fill(0xee);
        let refused = outcome(&sandbox, &newer);
        let expected = matches!(
            refused,
            Err(JournalError::Newer {
                found: 258,
                supported: 1
            })
        );
        assert!(expected, "{refused:?}");
    }
    for garbage in [&[][..], b"SFJOURNL", &[0; 9000], &[0xff; 9000]] {
        let refused = outcome(&sandbox, garbage);
        assert!(
            matches!(refused, Err(JournalError::Corrupt { .. })),
            "{refused:?}"
        );
    }
}
