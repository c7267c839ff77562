//! The encoding of changes: exact, canonical, and safe to read from a broken disk.

use proptest::prelude::*;
use vfs::Name;

use super::*;
use crate::commit::Displaced;

fn name() -> impl Strategy<Value = Name> {
    "[a-zé.]{1,12}".prop_filter_map("a valid name", |text| Name::new(&text).ok())
}

fn path() -> impl Strategy<Value = VPath> {
    prop::collection::vec(name(), 0..4).prop_map(VPath::from_names)
}

fn time() -> impl Strategy<Value = Timestamp> {
    (any::<i64>(), 0..1_000_000_000_u32).prop_map(|(seconds, nanoseconds)| Timestamp {
        seconds,
        nanoseconds,
    })
}

fn version() -> impl Strategy<Value = Version> {
    let file = (
        any::<u64>(),
        prop::option::of(any::<[u8; 32]>()),
        any::<bool>(),
        prop::option::of(time()),
    );
    prop_oneof![
        Just(Version::Directory),
        file.prop_map(|(size, digest, executable, modified)| Version::File {
            size,
            digest: digest.map(Digest::from_bytes),
            executable,
            modified,
        }),
        ".{0,20}".prop_map(|target| Version::Symlink { target }),
    ]
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let text = || prop::option::of(".{0,10}");
    let labels = prop::collection::vec((".{0,5}", ".{0,5}"), 0..3);
    (text(), text(), text(), labels, time()).prop_map(
        |(purpose, agent, task_id, labels, created_at)| Metadata {
            purpose,
            agent,
            task_id,
            labels,
            created_at,
        },
    )
}

/// Items by path, in the order and without the repetitions that a change has them in.
fn by_path<T: Clone + fmt::Debug>(
    rest: impl Strategy<Value = T>,
) -> impl Strategy<Value = Vec<(VPath, T)>> {
    prop::collection::btree_map(path(), rest, 0..4).prop_map(|map| map.into_iter().collect())
}

fn change() -> impl Strategy<Value = Change> {
    let departures = by_path((version(), prop::option::of(path())));
    let arrivals = by_path((version(), prop::option::of(path())));
    let updates = by_path((path(), version(), version()));
    let head = (
        ".{0,20}",
        any::<u64>(),
        prop::option::of(".{0,9}"),
        "[a-z0-9]{1,9}",
    );
    let tail = (metadata(), prop::option::of(".{0,20}"), time());
    (head, tail, departures, arrivals, updates).prop_map(
        |(head, tail, departures, arrivals, updates)| Change {
            base: head.0,
            base_generation: head.1,
            into_session: head.2,
            session: head.3,
            is_part: head.1 % 2 == 1,
            metadata: tail.0,
            message: tail.1,
            committed_at: tail.2,
            departures: departures
                .into_iter()
                .map(|(path, (before, moved_to))| Departure {
                    path,
                    before,
                    moved_to,
                })
                .collect(),
            arrivals: arrivals
                .into_iter()
                .map(|(path, (after, moved_from))| Arrival {
                    path,
                    after,
                    moved_from,
                })
                .collect(),
            updates: updates
                .into_iter()
                .map(|(path, (source, before, after))| Update {
                    path,
                    source,
                    before,
                    after,
                })
                .collect(),
        },
    )
}

fn small() -> Change {
    let at = |text| VPath::parse(text).expect("valid");
    Change {
        base: "vfs://b".to_owned(),
        base_generation: 7,
        into_session: None,
        session: "s1".to_owned(),
        is_part: true,
        metadata: Metadata {
            agent: Some("a".to_owned()),
            ..Metadata::default()
        },
        message: None,
        committed_at: Timestamp {
            seconds: 1,
            nanoseconds: 2,
        },
        departures: vec![Departure {
            path: at("d"),
            before: Version::Directory,
            moved_to: None,
        }],
        arrivals: vec![Arrival {
            path: at("l"),
            after: Version::Symlink {
                target: "t".to_owned(),
            },
            moved_from: None,
        }],
        updates: Vec::new(),
    }
}

#[test]
fn the_bytes_are_those_of_the_specification() {
    let mut expected = b"SFCHANGE\x01\0".to_vec();
    expected.extend(b"\x07\0\0\0vfs://b");
    expected.extend(b"\x07\0\0\0\0\0\0\0");
    expected.extend(b"\0");
    expected.extend(b"\x02\0\0\0s1\x01");
    expected.extend(b"\0\x01\x01\0\0\0a\0");
    expected.extend(b"\0\0\0\0");
    expected.extend([0; 12]);
    expected.extend(b"\0");
    expected.extend(b"\x01\0\0\0\0\0\0\0\x02\0\0\0");
    expected.extend(b"\x01\0\0\0\x01\0\0\0\x01d\0\0");
    expected.extend(b"\x01\0\0\0\x01\0\0\0\x01l\x02\x01\0\0\0t\0");
    expected.extend(b"\0\0\0\0");
    assert_eq!(small().encode(), expected);
    assert_eq!(small().id(), ChangeId::of_encoding(&expected));
}

#[test]
fn a_newer_format_is_named() {
    let mut bytes = small().encode();
    bytes[8] = 2;
    assert_eq!(
        Change::decode(&bytes),
        Err(DecodeError::Version { found: 2 })
    );
    assert_eq!(Change::decode(b"SFCHANGX\x01\0"), Err(DecodeError::Magic));
}

#[test]
fn a_count_that_cannot_be_is_refused_before_memory_is_taken() {
    let mut bytes = small().encode();
    let labels = 8 + 2 + 11 + 8 + 1 + 6 + 1 + 8;
    assert_eq!(bytes[labels..labels + 4], [0; 4]);
    bytes[labels..labels + 4].fill(0xff);
    let found = Change::decode(&bytes);
    assert!(
        matches!(found, Err(DecodeError::Truncated { .. })),
        "{found:?}"
    );
}

fn small_file() -> ChangeFile {
    ChangeFile {
        generation: 3,
        previous: Some(ChangeId(Digest::from_bytes([7; 32]))),
        change: small(),
        preimages: vec![Preimage {
            path: VPath::parse("d").expect("valid"),
            digest: Digest::from_bytes([9; 32]),
            size: 5,
            executable: true,
        }],
        displaced: vec![Displaced {
            path: VPath::parse("l").expect("valid"),
            kept: "c/1".to_owned(),
        }],
    }
}

#[test]
fn the_bytes_of_a_change_file_are_as_specified() {
    let record = small().encode();
    let mut expected = b"SFCHFILE\x01\0\x03\0\0\0\0\0\0\0\x01".to_vec();
    expected.extend([7; 32]);
    expected.extend(u32::try_from(record.len()).expect("small").to_le_bytes());
    expected.extend(&record);
    expected.extend(b"\x01\0\0\0\x01\0\0\0\x01d");
    expected.extend([9; 32]);
    expected.extend(b"\x05\0\0\0\0\0\0\0\x01");
    expected.extend(b"\x01\0\0\0\x01\0\0\0\x01l\x03\0\0\0c/1");
    expected.extend(Digest::of(&expected).as_bytes());
    assert_eq!(small_file().encode(), expected);
    assert_eq!(small_file().id(), small().id());
}

/// The same bytes with a digest that fits them: what a careful forger writes.
fn sealed(body: &[u8]) -> Vec<u8> {
    [body, Digest::of(body).as_bytes()].concat()
}

#[test]
fn a_change_file_of_another_format_or_shape_is_refused_by_name() {
    let good = small_file().encode();
    let body = &good[..good.len() - 32];
    let with = |at: usize, bytes: &[u8]| {
        let mut body = body.to_vec();
        body[at..at + bytes.len()].copy_from_slice(bytes);
        sealed(&body)
    };
    let preimages_at = 8 + 2 + 8 + 33 + 4 + small().encode().len();
    type Check = fn(&DecodeError) -> bool;
    let cases: [(Vec<u8>, Check); 7] = [
        (b"SFCHANGE".to_vec(), |e| *e == DecodeError::Magic),
        (with(8, &[2]), |e| *e == DecodeError::Version { found: 2 }),
        (with(18, &[2]), |e| {
            matches!(e, DecodeError::Malformed { .. })
        }),
        (with(51, &[0xff; 4]), |e| {
            matches!(e, DecodeError::Truncated { .. })
        }),
        (with(preimages_at, &[0xff; 4]), |e| {
            matches!(e, DecodeError::Truncated { .. })
        }),
        (sealed(&[body, &[0]].concat()), |e| {
            matches!(e, DecodeError::Malformed { .. })
        }),
        ([body, &[0; 32]].concat(), |e| *e == DecodeError::Digest),
    ];
    for (index, (bytes, is_expected)) in cases.into_iter().enumerate() {
        let error = ChangeFile::decode(&bytes).expect_err("refused");
        assert!(is_expected(&error), "case {index}: {error:?}");
    }
}

#[test]
fn preimages_out_of_order_are_refused() {
    let mut file = small_file();
    let twice = file.preimages[0].clone();
    file.preimages.push(twice);
    let found = ChangeFile::decode(&file.encode());
    assert!(
        matches!(found, Err(DecodeError::Malformed { .. })),
        "{found:?}"
    );
}

fn change_file() -> impl Strategy<Value = ChangeFile> {
    let preimages = by_path((any::<[u8; 32]>(), any::<u64>(), any::<bool>()));
    let displaced = prop::collection::vec((path(), ".{0,20}"), 0..3);
    let head = (any::<u64>(), prop::option::of(any::<[u8; 32]>()));
    (head, change(), preimages, displaced).prop_map(|(head, change, preimages, displaced)| {
        let preimage = |(path, (digest, size, executable))| Preimage {
            path,
            digest: Digest::from_bytes(digest),
            size,
            executable,
        };
        let displace = |(path, kept)| Displaced { path, kept };
        ChangeFile {
            generation: head.0,
            previous: head.1.map(|id| ChangeId(Digest::from_bytes(id))),
            change,
            preimages: preimages.into_iter().map(preimage).collect(),
            displaced: displaced.into_iter().map(displace).collect(),
        }
    })
}

proptest! {
    #[test]
    fn every_change_file_comes_back(file in change_file()) {
        let bytes = file.encode();
        prop_assert_eq!(ChangeFile::decode(&bytes), Ok(file));
    }

    #[test]
    fn no_part_of_a_change_file_is_one(file in change_file()) {
        let bytes = file.encode();
        for end in 0..bytes.len() {
            prop_assert!(ChangeFile::decode(&bytes[..end]).is_err(), "cut at {}", end);
            if end + 32 < bytes.len() {
                prop_assert!(ChangeFile::decode(&sealed(&bytes[..end])).is_err(), "sealed at {}", end);
            }
        }
    }

    #[test]
    fn no_two_bodies_mean_one_change_file(file in change_file(), at: prop::sample::Index, bit in 0..8_u32) {
        let mut bytes = file.encode();
        let end = bytes.len() - 32;
        bytes[at.index(end)] ^= 1_u8 << bit;
        prop_assert!(ChangeFile::decode(&bytes).is_err(), "the digest does not fit");
        let forged = sealed(&bytes[..end]);
        if let Ok(other) = ChangeFile::decode(&forged) {
            prop_assert_eq!(other.encode(), forged);
        }
    }
}

proptest! {
    #[test]
    fn every_change_comes_back(change in change()) {
        let bytes = change.encode();
        prop_assert_eq!(Change::decode(&bytes), Ok(change));
    }

    #[test]
    fn no_part_of_a_change_is_a_change(change in change()) {
        let bytes = change.encode();
        for end in 0..bytes.len() {
            prop_assert!(Change::decode(&bytes[..end]).is_err(), "cut at {}", end);
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        prop_assert!(Change::decode(&longer).is_err());
    }

    #[test]
    fn no_two_encodings_mean_one_change(change in change(), at: prop::sample::Index, bit in 0..8_u32) {
        let mut bytes = change.encode();
        let index = at.index(bytes.len());
        bytes[index] ^= 1_u8 << bit;
        if let Ok(other) = Change::decode(&bytes) {
            prop_assert_eq!(other.encode(), bytes);
        }
    }
}
