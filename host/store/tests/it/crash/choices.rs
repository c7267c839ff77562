//! All choices, random choices, and what holds for any of them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use session_fs_store::disk::crash::{
    Choices, EntryOrder, Node, PendingItem, PendingKind, Strategy as Rule,
};
use session_fs_store::disk::{CrashDisk, Dir, Fingerprint, RenameMode};

use super::{disk, durable, keep_all, outcomes, set, short};
use crate::{name, names};

#[derive(Debug, Clone)]
enum Operation {
    Write(&'static str, u8, usize, u64),
    SetLen(&'static str, u64),
    SetMode(&'static str, u32),
    SetMtime(&'static str, i128),
    Mkdir(&'static str),
    Unlink(&'static str),
    Rmdir(&'static str),
    Rename(&'static str, &'static str, RenameMode),
    SyncData(&'static str),
    Sync(bool),
    SyncFs,
}

const PATHS: [&str; 6] = ["a", "b", "c", "d/a", "d/b", "d/c"];

fn operation() -> impl Strategy<Value = Operation> {
    let path = || prop::sample::select(PATHS.to_vec());
    let mode = prop::sample::select(vec![
        RenameMode::Replace,
        RenameMode::NoReplace,
        RenameMode::Exchange,
    ]);
    prop_oneof![
        6 => (path(), 1..=u8::MAX, 1..12_usize, 0..16_u64)
            .prop_map(|(path, byte, len, offset)| Operation::Write(path, byte, len, offset)),
        1 => (path(), 0..20_u64).prop_map(|(path, len)| Operation::SetLen(path, len)),
        1 => (path(), prop::sample::select(vec![0o600, 0o755]))
            .prop_map(|(path, mode)| Operation::SetMode(path, mode)),
        1 => (path(), 0..9_i128).prop_map(|(path, ns)| Operation::SetMtime(path, ns)),
        1 => path().prop_map(Operation::Mkdir),
        2 => path().prop_map(Operation::Unlink),
        1 => path().prop_map(Operation::Rmdir),
        5 => (path(), path(), mode).prop_map(|(from, to, mode)| Operation::Rename(from, to, mode)),
        1 => path().prop_map(Operation::SyncData),
        1 => any::<bool>().prop_map(Operation::Sync),
        1 => Just(Operation::SyncFs),
    ]
}

/// What moves files and directories about and removes no file.
fn moving() -> impl Strategy<Value = Operation> {
    let path = || {
        let paths = vec![
            "d", "e", "f", "d/d", "d/e", "d/f", "e/d", "e/e", "e/f", "d/e/d", "d/e/f", "e/d/f",
        ];
        prop::sample::select(paths)
    };
    let mode = prop::sample::select(vec![RenameMode::NoReplace, RenameMode::Exchange]);
    prop_oneof![
        6 => (path(), path(), mode).prop_map(|(from, to, mode)| Operation::Rename(from, to, mode)),
        1 => path().prop_map(Operation::Mkdir),
        2 => path().prop_map(Operation::Rmdir),
        1 => any::<bool>().prop_map(Operation::Sync),
    ]
}

/// Does what can be done; errors leave the disk as it is.
fn perform(root: &dyn Dir, operation: &Operation) -> Option<()> {
    let place = |path: &str| {
        let path = names(path);
        let (last, dir) = path.split_last().expect("not the root");
        Some((root.walk(dir).ok()?, last.clone()))
    };
    let file = |path: &str| {
        let (dir, last) = place(path)?;
        dir.open_writable(&last)
            .or_else(|_| dir.create(&last, 0o644))
            .ok()
    };
    match operation {
        Operation::Write(path, byte, len, offset) => {
            file(path)?.write_at(&vec![*byte; *len], *offset).ok()
        }
        Operation::SetLen(path, len) => file(path)?.set_len(*len).ok(),
        Operation::SetMode(path, mode) => file(path)?.set_mode(*mode).ok(),
        Operation::SetMtime(path, ns) => file(path)?.set_mtime(*ns).ok(),
        Operation::Mkdir(path) => place(path).and_then(|(dir, last)| dir.mkdir(&last, 0o755).ok()),
        Operation::Unlink(path) => place(path).and_then(|(dir, last)| dir.unlink(&last).ok()),
        Operation::Rmdir(path) => place(path).and_then(|(dir, last)| dir.rmdir(&last).ok()),
        Operation::Rename(from, to, mode) => {
            let ((from, name), (to, to_name)) = (place(from)?, place(to)?);
            from.rename(&name, &*to, &to_name, *mode).ok()
        }
        Operation::SyncData(path) => file(path)?.sync_data().ok(),
        Operation::Sync(is_root) => {
            let path = if *is_root { "" } else { "d" };
            root.walk(&names(path)).ok()?.sync().ok()
        }
        Operation::SyncFs => root.sync_fs().ok(),
    }
}

/// Every object by path, with all that a stat tells.
fn stats(disk: &CrashDisk) -> BTreeMap<String, Fingerprint> {
    let mut stats = BTreeMap::new();
    let root = disk.root();
    stats.insert(String::new(), root.stat_self().expect("open"));
    for path in disk.tree().keys() {
        let path_names = names(path);
        let (last, dir) = path_names.split_last().expect("not the root");
        let dir = root.walk(dir).expect("listed");
        stats.insert(path.clone(), dir.stat(last).expect("listed"));
    }
    stats
}

fn ran(order: EntryOrder, operations: &[Operation]) -> CrashDisk {
    let disk = disk(order);
    disk.root().mkdir(&name("d"), 0o755).expect("new");
    disk.root().sync_fs().expect("flushes");
    for operation in operations {
        perform(&*disk.root(), operation);
    }
    disk
}

fn any_order() -> impl Strategy<Value = EntryOrder> {
    prop::sample::select(vec![
        EntryOrder::Any,
        EntryOrder::Dependent,
        EntryOrder::Sequential,
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// The live state is the durable one and all that waits: nothing is forgotten, nothing invented.
    #[test]
    fn keeping_everything_is_losing_nothing(
        order in any_order(),
        operations in prop::collection::vec(operation(), 1..60),
    ) {
        let disk = ran(order, &operations);
        let live = (disk.tree(), stats(&disk));
        let durable = disk.durable_tree();
        let kept = disk.crash(&mut keep_all);
        prop_assert_eq!((kept.tree(), stats(&kept)), live.clone());
        prop_assert_eq!(kept.pending_count(), 0);
        prop_assert_eq!(disk.crash(&mut |_| 0).tree(), durable);
        // Both at once: what is found after a crash is durable.
        let flushed = disk.fork();
        flushed.root().sync_fs().expect("flushes");
        let flushed = flushed.crash(&mut |_| 0);
        prop_assert_eq!((flushed.tree(), stats(&flushed)), live);
    }

    /// Whatever was chosen is a disk that works, the same each time it is asked for, and dropped
    /// objects stay dropped.
    #[test]
    fn any_choice_leaves_a_working_disk(
        order in any_order(),
        operations in prop::collection::vec(operation(), 1..40),
        more in prop::collection::vec(operation(), 1..20),
        seed in any::<u64>(),
    ) {
        let disk = ran(order, &operations);
        let (choices, after) = disk.random_crash(seed);
        let (again, same) = disk.random_crash(seed);
        prop_assert_eq!(&choices, &again);
        prop_assert_eq!(stats(&after), stats(&same), "{}", choices);
        let answers = after.answers().to_vec();
        let replayed = disk.crash(&mut |item| answers[item.index]);
        prop_assert_eq!(replayed.tree(), after.tree());
        prop_assert_eq!(after.tree(), after.durable_tree());
        for operation in &more {
            perform(&*after.root(), operation);
        }
        prop_assert_eq!(after.crash(&mut keep_all).tree(), after.tree());
    }

    /// Where a file system keeps dependencies, a file that was never removed has one name, however
    /// directories are moved into each other, emptied and removed around it.
    #[test]
    fn renames_neither_lose_nor_double_a_file(
        order in prop::sample::select(vec![EntryOrder::Dependent, EntryOrder::Sequential]),
        moves in prop::collection::vec(moving(), 1..16),
        seed in any::<u64>(),
    ) {
        let disk = disk(order);
        let root = disk.root();
        for dir in ["d", "e", "d/e", "d/e/d"] {
            perform(&*root, &Operation::Mkdir(dir)).expect("new");
        }
        for file in ["f", "d/e/f"] {
            perform(&*root, &Operation::Write(file, if file == "f" { 1 } else { 5 }, 1, 0)).expect("new");
        }
        root.sync_fs().expect("flushes");
        for operation in moves {
            perform(&*root, &operation);
        }
        let (choices, after) = disk.random_crash(seed);
        let mut found: Vec<Vec<u8>> = Vec::new();
        for node in after.tree().into_values() {
            if let Node::File { content, .. } = node {
                found.push(content);
            }
        }
        found.sort_unstable();
        prop_assert_eq!(found, [vec![1], vec![5]], "{} {}", choices, short(&after.tree()));
    }

    /// Sectors come from the platter or from one write each, wherever a crash tears.
    #[test]
    fn each_sector_is_one_of_its_versions(
        writes in prop::collection::vec((0..26_u8, 1..14_usize, 0..10_u64), 1..8),
        seed in any::<u64>(),
    ) {
        let disk = durable(EntryOrder::Any, &[("f", &".".repeat(24))]);
        let file = disk.root().open_writable(&name("f")).expect("exists");
        let mut versions = vec![vec![b'.'; 24]];
        for (letter, len, offset) in writes {
            file.write_at(&vec![b'a' + letter; len], offset).expect("room");
            let mut bytes = vec![0; 24];
            file.read_at(&mut bytes, 0).expect("readable");
            versions.push(bytes);
        }
        let (choices, after) = disk.random_crash(seed);
        let found = crate::content(&*after.root(), "f").expect("durable");
        for (index, sector) in found.as_bytes().chunks(4).enumerate() {
            let of = |version: &Vec<u8>| version[index * 4..][..4] == *sector;
            prop_assert!(versions.iter().any(of), "{} {:?}", choices, found);
        }
    }
}

#[test]
fn every_crash_is_each_choice_once() {
    let disk = durable(EntryOrder::Any, &[("f", "........")]);
    let file = disk.root().open_writable(&name("f")).expect("exists");
    file.write_at(b"aaaaaaaa", 0).expect("room");
    file.write_at(b"b", 0).expect("room");
    file.set_mode(0o600).expect("own file");
    let expected = disk.crash_states_count();
    assert_eq!(expected, 3 * 2 * 2 * 2, "sectors, size and mode");
    let mut every = disk.every_crash(expected);
    let answers: BTreeSet<Vec<usize>> = every.by_ref().map(|a| a.answers().to_vec()).collect();
    assert_eq!(
        (answers.len() as u64, every.is_complete()),
        (expected, true)
    );
    let mut most = disk.every_crash(expected - 1);
    assert_eq!(
        (most.by_ref().count() as u64, most.is_complete()),
        (expected - 1, false)
    );
}

/// With an order among names some choices are not free, and are not counted twice either.
#[test]
fn every_crash_skips_what_cannot_be() {
    let disk = disk(EntryOrder::Sequential);
    for link in ["a", "b", "c"] {
        disk.root().symlink("x", &name(link)).expect("new");
    }
    assert_eq!(disk.every_crash(99).count(), 4);
    assert_eq!(disk.crash_states_count(), 8, "as if every choice were free");
    assert_eq!(
        outcomes(&disk),
        set(["", "a->x", "a->x b->x", "a->x b->x c->x"])
    );
}

/// What was made in a directory that did not survive is no choice of its own.
#[test]
fn dependent_names_are_not_counted_twice() {
    let disk = disk(EntryOrder::Dependent);
    perform(&*disk.root(), &Operation::Mkdir("d")).expect("new");
    perform(&*disk.root(), &Operation::Mkdir("d/a")).expect("new");
    assert_eq!(disk.every_crash(99).count(), 3);
}

/// A directory never ends below itself, and its content does not depend on where it lies.
#[test]
fn directories_move_as_far_as_others_have_made_way() {
    let disk = disk(EntryOrder::Dependent);
    let root = &*disk.root();
    for dir in ["d", "d/x", "d/x/b"] {
        perform(root, &Operation::Mkdir(dir)).expect("new");
    }
    root.sync_fs().expect("flushes");
    let renamed = disk.fork();
    let links = renamed.root().walk(&names("d")).expect("exists");
    links.symlink("x", &name("l")).expect("new");
    let root = &*renamed.root();
    perform(root, &Operation::Rename("d", "e", RenameMode::Replace)).expect("free");
    assert_eq!(renamed.every_crash(99).count(), 4);
    let root = &*disk.root();
    perform(root, &Operation::Rename("d/x", "x", RenameMode::Replace)).expect("free");
    perform(root, &Operation::Rename("d", "x/b/d", RenameMode::Replace)).expect("free");
    let expected = ["d/ d/x/ d/x/b/", "d/ x/ x/b/", "x/ x/b/ x/b/d/"];
    assert_eq!(outcomes(&disk), set(expected));
}

/// Two files of three sectors, each written by one call; the second is renamed over the first.
fn replaced() -> CrashDisk {
    let disk = durable(EntryOrder::Any, &[("f", "............")]);
    let disk = disk.fork();
    crate::put(&*disk.root(), "t", "aaaabbbbcccc");
    super::rename(&disk, "t", "f", RenameMode::Replace);
    disk
}

#[test]
fn each_rule_chooses_by_its_rule() {
    let disk = replaced();
    let items = disk.pending();
    let is_data = |item: &PendingItem| matches!(item.kind, PendingKind::Data { .. });
    let full: Vec<usize> = items.iter().map(keep_all).collect();
    for seed in 0..200 {
        let of = |rule| -> Vec<usize> {
            let choices = Choices::new(rule, seed, &items);
            assert_eq!(choices.strategy(), rule);
            items.iter().map(|item| choices.answer(item)).collect()
        };
        let missing = |answers: &[usize]| {
            answers
                .iter()
                .zip(&full)
                .filter(|(answer, full)| answer < full)
                .count()
        };
        assert_eq!(missing(&of(Rule::Nothing)), items.len());
        assert_eq!(of(Rule::Everything), full);
        assert_eq!(missing(&of(Rule::AllButOne)), 1);
        assert_eq!(missing(&of(Rule::OneOnly)), items.len() - 1);
        let prefix = of(Rule::Prefix);
        let last = items
            .iter()
            .zip(&prefix)
            .filter(|(_, a)| **a > 0)
            .map(|(i, _)| i.calls[0])
            .max();
        let is_before = |item: &PendingItem| last.is_some_and(|last| item.calls[0] <= last);
        let expected: Vec<usize> = items
            .iter()
            .map(|item| usize::from(is_before(item)))
            .collect();
        assert_eq!(prefix, expected);
        let data: Vec<usize> = items
            .iter()
            .map(|item| usize::from(is_data(item)))
            .collect();
        assert_eq!(of(Rule::DataOnly), data);
        let rest: Vec<usize> = items
            .iter()
            .map(|item| usize::from(!is_data(item)))
            .collect();
        assert_eq!(of(Rule::MetadataOnly), rest);
        let torn = of(Rule::TornWrite);
        assert_eq!(
            (torn[0], torn[items.len() - 1]),
            (1, 0),
            "created before, renamed after"
        );
        let random = of(Rule::Random);
        assert!(
            items
                .iter()
                .zip(random)
                .all(|(item, answer)| answer < item.alternatives())
        );
    }
}

/// Seeds reach what a protocol can get wrong: every rule, and every tree of a small workload.
#[test]
fn seeds_reach_every_state_of_a_small_workload() {
    let disk = replaced();
    let every = outcomes(&disk.fork());
    let (mut rules, mut found) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..2000 {
        let (choices, after) = disk.random_crash(seed);
        rules.insert(format!("{:?}", choices.strategy()));
        found.insert(short(&after.tree()));
    }
    assert_eq!(rules.len(), Rule::ALL.len());
    assert_eq!(found, every);
}

/// Torn in the middle: of one write some sectors have arrived and others have not.
#[test]
fn a_write_is_torn_at_each_sector() {
    let disk = durable(EntryOrder::Any, &[("f", "............")]);
    let file = disk.root().open_writable(&name("f")).expect("exists");
    file.write_at(b"aaaabbbbcccc", 0).expect("room");
    let items = disk.pending();
    let found: BTreeSet<String> = (0..200)
        .map(|seed| Choices::new(Rule::TornWrite, seed, &items))
        .map(|choices| short(&disk.crash(&mut |item| choices.answer(item)).tree()))
        .collect();
    assert_eq!(found.len(), 8, "{found:?}");
}

#[test]
fn an_item_says_what_it_is() {
    let disk = replaced();
    let shown: Vec<String> = disk.pending().iter().map(ToString::to_string).collect();
    let expected = [
        "entry t by calls [0]",
        "size of t by calls [1]",
        "sector 0 of t by calls [1]",
        "sector 1 of t by calls [1]",
        "sector 2 of t by calls [1]",
        "entry f by calls [2]",
    ];
    assert_eq!(shown, expected);
}
