//! The crash tests: small workloads with every disk, random ones with some of each call.

use store::disk::crash::{CrashOptions, EntryOrder};

use super::sweep::{Counts, Sweep};
use super::workload::{Operation, Workload};
use crate::rig::{self, Host};

fn write(path: &str, content: &str) -> Operation {
    Operation::Write(path.to_owned(), content.as_bytes().to_vec())
}

fn rename(source: &str, target: &str) -> Operation {
    Operation::Rename(source.to_owned(), target.to_owned())
}

fn remove(path: &str) -> Operation {
    Operation::Remove(path.to_owned())
}

fn make_directory(path: &str) -> Operation {
    Operation::MakeDirectory(path.to_owned())
}

fn options(entry_order: EntryOrder) -> CrashOptions {
    CrashOptions {
        entry_order,
        ..CrashOptions::default()
    }
}

/// Small workloads, each with every disk that a crash can leave as far as that is a number of some
/// hundreds.
#[expect(clippy::too_many_lines, reason = "a table of workloads")]
fn small(order: EntryOrder) -> Vec<Workload> {
    let files = &[
        ("f", "before"),
        ("d/g", "g before"),
        ("d/h", "h before"),
        ("empty", ""),
    ];
    let sessions: &[(&str, &[&[Operation]])] = &[
        ("update", &[&[write("f", "after")]]),
        ("create", &[&[write("n", "new")]]),
        ("remove", &[&[remove("f")]]),
        (
            "update twice",
            &[&[write("f", "one")], &[write("f", "two")]],
        ),
        ("create and remove", &[&[write("n", "new")], &[remove("n")]]),
        (
            "create and replace",
            &[
                &[write("n", "new")],
                &[write("t", "newer"), rename("t", "n")],
            ],
        ),
        ("empty a directory", &[&[remove("d")]]),
        (
            "change in a directory and remove it",
            &[&[write("d/g", "g after")], &[remove("d")]],
        ),
        (
            "change in a directory and replace it",
            &[
                &[write("d/g", "g after")],
                &[remove("d"), write("d", "file")],
            ],
        ),
        (
            "a directory becomes a file",
            &[&[remove("d"), write("d", "file")]],
        ),
        (
            "a file becomes a directory",
            &[
                &[remove("f"), make_directory("f"), write("f/in", "in")],
                &[remove("f"), write("f", "file")],
            ],
        ),
    ];
    let moves: &[(&str, &[&[Operation]])] = &[
        ("rename", &[&[rename("f", "n")]]),
        (
            "swap",
            &[&[rename("f", "t"), rename("d/g", "f"), rename("t", "d/g")]],
        ),
        (
            "move a directory and change in it",
            &[&[rename("d", "e"), write("e/g", "after")]],
        ),
        (
            "remove from a directory and move it",
            &[&[remove("d/g"), rename("d", "e")]],
        ),
        (
            "move out of a directory and move it",
            &[&[rename("d/g", "g"), rename("d", "e")]],
        ),
        (
            "remove from a directory, move it and make it again",
            &[
                &[remove("d/g"), rename("d", "e")],
                &[make_directory("d"), write("d/n", "new")],
            ],
        ),
        (
            "make a directory and move another there",
            &[&[make_directory("n")], &[remove("n"), rename("d", "n")]],
        ),
        (
            "write a file and move an empty one there",
            &[&[write("n", "new")], &[remove("n"), rename("empty", "n")]],
        ),
        (
            "write a file and move an equal one there",
            &[&[write("n", "before")], &[remove("n"), rename("f", "n")]],
        ),
        (
            "move what was just written",
            &[&[write("d/g", "one")], &[rename("d", "e")]],
        ),
        (
            "move into a directory and remove that",
            &[&[rename("f", "d/f")], &[remove("d")]],
        ),
        (
            "there and back",
            &[&[rename("f", "n")], &[rename("n", "f")]],
        ),
    ];
    // Names that move have no bytes in the journal: no file system reorders their operations.
    let moves = if order == EntryOrder::Any { &[] } else { moves };
    let all = sessions.iter().chain(moves);
    all.map(|(label, sessions)| {
        Workload::fixed(
            &format!("{label}, {order:?}"),
            files,
            options(order),
            sessions,
        )
    })
    .collect()
}

/// Directories that a change removes, after something was done in them, and a later one makes again
/// or moves another one to.
fn replaced_directories() -> Vec<Workload> {
    let files = &[
        ("d/e/g", "g before"),
        ("d/e/h", "h before"),
        ("other/k", "k before"),
        ("f", "f before"),
    ];
    let (gone, outer, inner) = (remove("d"), make_directory("d"), make_directory("d/e"));
    let again_as_before: &[_] = &[
        outer.clone(),
        inner.clone(),
        write("d/e/h", "h before and after"),
    ];
    let again: &[_] = &[outer.clone(), inner, write("d/e/n", "n")];
    let moved: &[_] = &[outer, rename("other", "d/e"), rename("f", "d/f")];
    let gone: &[_] = &[gone];
    let create: &[_] = &[write("d/e/f", "new")];
    let update: &[_] = &[write("d/e/g", "g after")];
    let delete: &[_] = &[remove("d/e/g")];
    let change_moved: &[_] = &[write("d/e/k", "k after"), write("d/f", "f after")];
    let sessions: &[(&str, &[&[Operation]])] = &[
        ("create, then made again", &[create, gone, again]),
        ("update, then made again", &[update, gone, again]),
        ("remove, then made again", &[delete, gone, again]),
        (
            "create, then made again twice",
            &[create, gone, again, gone, again],
        ),
        (
            "remove, then made again twice, with an old name",
            &[delete, gone, again, gone, again_as_before],
        ),
        (
            "remove, then made and removed again",
            &[delete, gone, again, gone],
        ),
        ("create, then another there", &[create, gone, moved]),
        ("remove, then another there", &[delete, gone, moved]),
        (
            "create, update, and remove its directory and the one above",
            &[create, &[write("d/e/f", "newer")], &[remove("d/e")], gone],
        ),
        (
            "remove, then its directory, and the one above, then made again",
            &[delete, &[remove("d/e")], gone, again],
        ),
        (
            "update, then another there that changes",
            &[update, gone, moved, change_moved],
        ),
    ];
    let fixed = |(label, sessions): &(&str, &[&[Operation]])| {
        Workload::fixed(label, files, options(EntryOrder::Dependent), sessions)
    };
    sessions.iter().map(fixed).collect()
}

#[test]
fn every_disk_after_small_commits() {
    let mut counts = Counts::default();
    for order in [
        EntryOrder::Sequential,
        EntryOrder::Dependent,
        EntryOrder::Any,
    ] {
        for workload in small(order) {
            let sweep = Sweep::new(workload);
            counts += sweep.every_call(200, 24);
        }
    }
    assert!(counts.states > 12_000, "{counts:?}");
}

#[test]
fn directories_that_were_removed_stand_there_again() {
    let mut counts = Counts::default();
    for (workload, seed) in replaced_directories().into_iter().zip(0..) {
        let sweep = Sweep::new(workload);
        counts += sweep.every_call(48, 24);
        counts += sweep.in_recovery(seed, 3, 1);
    }
    assert!(counts.states > 6_000, "{counts:?}");
    assert!(counts.in_recovery > 200, "{counts:?}");
}

/// A content that is too large for the journal: it is on the disk before the record is.
fn large(path: &str, byte: u8) -> Operation {
    Operation::Write(path.to_owned(), vec![byte; (1 << 20) + 1])
}

fn large_options(entry_order: EntryOrder) -> CrashOptions {
    CrashOptions {
        sector_bytes: 256 << 10,
        entry_order,
    }
}

#[test]
fn a_large_content() {
    let mut counts = Counts::default();
    for entry_order in [
        EntryOrder::Sequential,
        EntryOrder::Dependent,
        EntryOrder::Any,
    ] {
        let files = &[("f", "before")];
        let (options, sessions) = (
            large_options(entry_order),
            &[&[large("f", 7)][..], &[large("n", 7)][..]],
        );
        let workload = Workload::fixed("large", files, options, sessions);
        counts += Sweep::new(workload).every_call(32, 12);
    }
    assert!(counts.states > 1_000, "{counts:?}");
}

/// The journal cannot make a large content anew: it is found wherever a later change has it.
#[test]
fn a_large_content_that_a_later_change_takes_away() {
    let files = &[("d/g", "g before"), ("d/h", "h before")];
    let again = [make_directory("d"), large("d/g", 9), large("d/n", 8)];
    let (create, update) = (&[large("d/n", 7)][..], &[large("d/g", 7)][..]);
    let (gone, again) = (&[remove("d")][..], &again[..]);
    let small = &[make_directory("d"), write("d/g", "small")][..];
    let sessions: &[(&str, &[&[Operation]])] = &[
        ("create and remove", &[create, &[remove("d/n")]]),
        ("update and remove", &[update, &[remove("d/g")]]),
        ("update twice", &[update, &[large("d/g", 8)]]),
        ("create and remove its directory", &[create, gone]),
        ("update and remove its directory", &[update, gone]),
        ("create, then made again", &[create, gone, again]),
        (
            "update, then made and removed again",
            &[update, gone, again, gone],
        ),
        (
            "made again and updated",
            &[&[remove("d/h")], gone, small, &[large("d/g", 6)]],
        ),
        ("create and move", &[create, &[rename("d/n", "m")]]),
    ];
    let mut counts = Counts::default();
    for ((label, sessions), seed) in sessions.iter().zip(0..) {
        let options = large_options(EntryOrder::Dependent);
        let sweep = Sweep::new(Workload::fixed(label, files, options, sessions));
        counts += sweep.every_call(6, 3);
        counts += sweep.in_recovery(seed, 3, 1);
    }
    assert!(counts.states > 800, "{counts:?}");
    assert!(counts.in_recovery > 100, "{counts:?}");
}

/// Nobody can make it again: the base opens without it.
#[test]
fn a_large_content_that_somebody_removes_after_the_commit() {
    for path in ["f", "n"] {
        let options = large_options(EntryOrder::Sequential);
        let session = [large(path, 7)];
        let workload = Workload::fixed("large", &[("f", "before")], options, &[&session]);
        let disk = &workload.disk;
        let mut left = None;
        workload.run(disk.root(), &mut || left = Some(disk.fork()));
        let left = left.expect("was committed");
        let removed = left.root().unlink(&rig::name(path));
        removed.expect("stands there");
        let host = Host::open(left.root(), "heir", Some([2; 16]));
        assert_eq!(host.trouble(), None, "{path}");
        let nodes = rig::nodes(&left);
        assert!(!nodes.contains_key(path), "{path}");
        assert_eq!(rig::below(&nodes, ".session-fs/conflicts"), [""; 0]);
        assert_eq!(host.base.generation(), 1, "{path}");
    }
}

/// What a change replaced is what stood there last, and not what an earlier one had put there.
#[test]
fn a_path_that_something_else_was_moved_to() {
    let files = &[("f", "f before"), ("g", "g before")];
    let sessions: &[(&str, &[&[Operation]])] = &[
        (
            "moved there",
            &[
                &[write("f", "one")],
                &[rename("g", "f")],
                &[write("f", "two")],
            ],
        ),
        (
            "moved there, then removed",
            &[&[write("f", "one")], &[rename("g", "f")], &[remove("f")]],
        ),
    ];
    let mut counts = Counts::default();
    for ((label, sessions), seed) in sessions.iter().zip(0..) {
        let options = options(EntryOrder::Dependent);
        let sweep = Sweep::new(Workload::fixed(label, files, options, sessions));
        counts += sweep.in_recovery(seed, 3, 24);
    }
    assert!(counts.in_recovery > 1_000, "{counts:?}");
}

#[test]
fn random_sessions() {
    let mut counts = Counts::default();
    // The last ones lost the bytes of a file and kept its size and time, kept the removal of a
    // directory but not what was done in it before, and took what was moved to a path for what was
    // made there before.
    for seed in (0..44).chain([10_044, 1_004, 7_000_029]) {
        counts += Sweep::new(Workload::random(seed)).every_call(12, 4);
    }
    assert!(counts.states > 10_000, "{counts:?}");
}

#[test]
fn the_store_itself_is_being_made() {
    let options = CrashOptions {
        sector_bytes: 64 << 10,
        entry_order: EntryOrder::Any,
    };
    let files = &[("f", "before")];
    let mut workload = Workload::fixed("making", files, options, &[&[write("f", "after")]]);
    workload.disk = rig::bare(files, options);
    let counts = Sweep::new(workload).every_call(16, 6);
    assert!(counts.states > 400, "{counts:?}");
}

#[test]
fn a_crash_in_recovery_and_again() {
    let mut counts = Counts::default();
    // The last ones have equal contents in two slots, and directories that were carried away.
    for seed in (100..120).chain([20_047, 1_004, 40_006]) {
        counts += Sweep::new(Workload::random(seed)).in_recovery(seed, 3, 2);
    }
    assert!(counts.in_recovery > 2_000, "{counts:?}");
}

/// The process dies and the machine stays up: nothing is lost of what it did.
#[test]
fn a_process_is_killed_at_every_call() {
    let mut counts = Counts::default();
    for seed in 200..220 {
        counts += Sweep::new(Workload::random(seed)).every_kill();
    }
    assert!(counts.states > 1_200, "{counts:?}");
}
