//! Whatever is done to the files of a log by somebody without the key is found.

use session_fs_workspace::audit::{AuditFault, AuditLimits, AuditVerdict, LineFault};

use super::{Desk, note, paths, small};

/// A log of three segments or more, closed.
fn closed() -> (Desk, Vec<String>) {
    let desk = Desk::new();
    let log = desk.log(small());
    for number in 0..12 {
        note(&log, &format!("f{number}"));
        log.flush().expect("writes");
    }
    drop(log);
    let mut names: Vec<_> = desk.folder.entries().expect("ours").collect();
    names.sort_by_key(|entry| entry.as_ref().expect("ours").file_name());
    let names = names.into_iter().map(|entry| {
        let name = entry.expect("ours").file_name();
        name.into_string().expect("ours")
    });
    let names: Vec<_> = names.collect();
    assert!(names.len() >= 4, "three segments and the head: {names:?}");
    desk.intact();
    (desk, names)
}

fn fault(desk: &Desk) -> AuditFault {
    match desk.verify().verdict {
        AuditVerdict::Tampered(fault) => fault,
        AuditVerdict::Intact => panic!("not found"),
    }
}

/// Runs a check with a file replaced, and puts the file back.
fn with_file(desk: &Desk, name: &str, bytes: &[u8], check: impl FnOnce(&Desk)) {
    let before = desk.folder.read(name).expect("there");
    desk.folder.write(name, bytes).expect("ours");
    check(desk);
    desk.folder.write(name, before).expect("ours");
}

/// The lines of a file, each with the number that it has.
fn lines(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| {
            let value: serde_json::Value = serde_json::from_slice(line).expect("JSON");
            (value["n"].as_u64().expect("a number"), line.to_vec())
        })
        .collect()
}

#[test]
fn every_changed_byte_is_found_in_its_line() {
    let (desk, names) = closed();
    for name in &names {
        let bytes = desk.folder.read(name).expect("there");
        let numbers = (name != "head").then(|| {
            let lines = lines(&bytes);
            let each = lines.iter().flat_map(|(n, line)| vec![*n; line.len()]);
            each.collect::<Vec<_>>()
        });
        for at in 0..bytes.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut bad = bytes.clone();
                bad[at] ^= flip;
                with_file(&desk, name, &bad, |desk| {
                    let found = fault(desk);
                    if let (
                        Some(numbers),
                        AuditFault::Line {
                            segment, number, ..
                        },
                    ) = (&numbers, &found)
                    {
                        assert_eq!((segment, *number), (name, numbers[at]), "byte {at}");
                    }
                });
            }
        }
    }
    desk.intact();
}

#[test]
fn a_removed_doubled_or_swapped_line_is_found() {
    let (desk, names) = closed();
    for name in names.iter().filter(|name| *name != "head") {
        let lines = lines(&desk.folder.read(name).expect("there"));
        let join = |order: &[usize]| -> Vec<u8> {
            order.iter().flat_map(|at| lines[*at].1.clone()).collect()
        };
        let all: Vec<usize> = (0..lines.len()).collect();
        for &at in &all[1..] {
            let mut without = all.clone();
            without.remove(at);
            with_file(&desk, name, &join(&without), |desk| match fault(desk) {
                AuditFault::Line {
                    number,
                    fault: LineFault::Number { found },
                    ..
                } => assert_eq!((number, found), (lines[at].0, lines[at].0 + 1)),
                // The line after a segment's last one is the first of the next.
                AuditFault::Cut { last, expected } => {
                    assert_eq!((last + 1, expected), (lines[at].0, lines[at].0));
                }
                other => panic!("{other:?}"),
            });
            let mut doubled = all.clone();
            doubled.insert(at, at);
            with_file(&desk, name, &join(&doubled), |desk| drop(fault(desk)));
            let mut swapped = all.clone();
            swapped.swap(at, at - 1);
            with_file(&desk, name, &join(&swapped), |desk| drop(fault(desk)));
        }
    }
}

#[test]
fn a_cut_tail_and_a_missing_or_swapped_segment_are_found() {
    let (desk, names) = closed();
    let segments: Vec<_> = names.iter().filter(|name| *name != "head").collect();
    let last = segments.last().expect("three");
    let bytes = desk.folder.read(last).expect("there");
    for length in 0..bytes.len() {
        with_file(&desk, last, &bytes[..length], |desk| {
            let found = fault(desk);
            let cut = matches!(found, AuditFault::Cut { .. });
            assert!(cut || length == 0, "{length}: {found:?}");
        });
    }
    for name in &names {
        desk.folder
            .rename(name, &desk.folder, "away")
            .expect("ours");
        let found = fault(&desk);
        if name == "head" {
            assert_eq!(found, AuditFault::Head);
        } else {
            assert_eq!(
                found,
                AuditFault::Segment {
                    segment: name.clone()
                }
            );
        }
        desk.folder
            .rename("away", &desk.folder, name)
            .expect("ours");
    }
    let first = desk.folder.read(segments[0]).expect("there");
    with_file(&desk, segments[1], &first, |desk| drop(fault(desk)));
    desk.intact();
}

/// An older head with the log of its time is what nobody can tell without another witness; an older
/// head alone is mended, and an older log alone is found.
#[test]
fn a_log_older_than_its_head_is_found_and_stays_found() {
    let desk = Desk::new();
    let log = desk.log(AuditLimits::default());
    note(&log, "a");
    log.flush().expect("writes");
    let old = desk.folder.read("00000001.log").expect("there");
    note(&log, "b");
    note(&log, "c");
    drop(log);
    desk.folder.write("00000001.log", &old).expect("ours");
    assert_eq!(
        fault(&desk),
        AuditFault::Cut {
            last: 2,
            expected: 4
        }
    );
    // Whoever goes on writing leaves a line about it.
    let log = desk.log(AuditLimits::default());
    note(&log, "d");
    assert_eq!(paths(&log), ["a", "d"]);
    assert_eq!(desk.intact().losses_count, 1);
    drop(log);
    desk.folder.remove_file("head").expect("there");
    assert_eq!(fault(&desk), AuditFault::Head);
    drop(desk.log(AuditLimits::default()));
    assert_eq!(desk.intact().losses_count, 2);
}
