//! Scripts at random, as `proptest` strategies: most steps meet something that exists, and every
//! method and flag of `wasi:filesystem` and every method of its streams occurs.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::support::Item;

/// Steps of a script besides those it opens with.
const STEPS_MAX: usize = 60;

/// The tree that scripts begin with, as every ground can have it.
pub(super) const ITEMS: [Item; 14] = [
    Item::File("a", "alpha, the first of the files\n"),
    Item::File("b", LONG),
    Item::File("e", ""),
    Item::File("d/a", "another alpha\n"),
    Item::File("d/b", "b"),
    Item::File("d/e/a", "a third\n"),
    Item::Directory("x"),
    Item::Link("l", "a"),
    Item::Link("ld", "d"),
    Item::Link("lt", "d/"),
    Item::Link("la", "a/"),
    Item::Link("lx", "absent"),
    Item::Link("loop", "loop"),
    Item::Link("d/up", "../a"),
];

/// Links that only a directory of the host has: a session makes none.
pub(super) const OUTWARD: [Item; 3] = [
    Item::Link("out", "/etc/passwd"),
    Item::Link("climb", "../canary.txt"),
    Item::Link("d/climb", "../../canary.txt"),
];

/// More than a host reads ahead, and no multiple of anything.
const LONG: &str = {
    const BYTES: &[u8] = &[b'b'; 5003];
    match std::str::from_utf8(BYTES) {
        Ok(text) => text,
        Err(_) => panic!("ASCII is UTF-8"),
    }
};

/// What every script opens first: two directories and three files.
const OPENING: [&str; 5] = [
    "open-at d1 d0 symlink-follow d - read,mutate-directory",
    "open-at d2 d0 symlink-follow d/e - read,mutate-directory",
    "open-at d3 d0 symlink-follow a - read,write",
    "open-at d4 d0 symlink-follow b - read",
    "open-at d5 d0 symlink-follow d/a - read,write",
];

/// A script: its steps, one a line.
pub(super) fn script() -> impl Strategy<Value = Vec<String>> {
    let opening: Vec<String> = OPENING.iter().map(|&step| step.to_owned()).collect();
    prop::collection::vec(step(), 1..STEPS_MAX).prop_map(move |steps| {
        let mut script = opening.clone();
        script.extend(steps);
        script
    })
}

fn step() -> impl Strategy<Value = String> {
    prop_oneof![
        30 => on_names(),
        14 => opening(),
        22 => on_descriptors(),
        10 => on_cursors(),
        24 => on_streams(),
    ]
}

fn on_names() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (directory(), path()).prop_map(|(d, p)| format!("create-directory-at {d} {p}")),
        3 => (directory(), path()).prop_map(|(d, p)| format!("remove-directory-at {d} {p}")),
        5 => (directory(), path()).prop_map(|(d, p)| format!("unlink-file-at {d} {p}")),
        8 => (directory(), path(), directory(), path())
            .prop_map(|(d, p, e, q)| format!("rename-at {d} {p} {e} {q}")),
        5 => (directory(), follow_seldom(), path(), directory(), path())
            .prop_map(|(d, f, p, e, q)| format!("link-at {d} {f} {p} {e} {q}")),
        4 => (directory(), target(), path())
            .prop_map(|(d, t, p)| format!("symlink-at {d} {t} {p}")),
        2 => (directory(), path()).prop_map(|(d, p)| format!("readlink-at {d} {p}")),
        4 => (directory(), follow(), path()).prop_map(|(d, f, p)| format!("stat-at {d} {f} {p}")),
        2 => (directory(), follow(), plain(), time(), time())
            .prop_map(|(d, f, p, a, m)| format!("set-times-at {d} {f} {p} {a} {m}")),
        2 => (directory(), follow(), path(), any_descriptor())
            .prop_map(|(d, f, p, e)| format!("metadata-hash-at {d} {f} {p} {e}")),
    ]
}

fn opening() -> impl Strategy<Value = String> {
    let open_flags = prop_oneof![
        6 => Just("-".to_owned()),
        4 => Just("create".to_owned()),
        2 => Just("directory".to_owned()),
        2 => names(&["create", "directory", "exclusive", "truncate"]),
    ];
    let usual = ["read", "write", "read,write", "-", "read,mutate-directory"];
    let flags = prop_oneof![
        30 => select(usual.to_vec()).prop_map(str::to_owned),
        2 => names(&["read", "write", "mutate-directory"]),
        1 => names(&["file-integrity-sync", "data-integrity-sync", "requested-write-sync"]),
    ];
    let slot = select(&["d1", "d2", "d3", "d4", "d5", "d6"][..]);
    (slot, directory(), follow(), path(), open_flags, flags)
        .prop_map(|(s, d, p, path, o, f)| format!("open-at {s} {d} {p} {path} {o} {f}"))
}

fn on_descriptors() -> impl Strategy<Value = String> {
    let advices = [
        "normal",
        "sequential",
        "random",
        "will-need",
        "dont-need",
        "no-reuse",
    ];
    let slots = [
        "d1", "d2", "d3", "d4", "d5", "d6", "i0", "i1", "o0", "o1", "c0", "c1",
    ];
    prop_oneof![
        2 => select(slots.to_vec()).prop_map(|s| format!("drop {s}")),
        1 => (file(), offset(), length(), select(advices.to_vec()))
            .prop_map(|(d, o, l, a)| format!("advise {d} {o} {l} {a}")),
        1 => file().prop_map(|d| format!("sync-data {d}")),
        1 => file().prop_map(|d| format!("sync {d}")),
        2 => any_descriptor().prop_map(|d| format!("get-flags {d}")),
        1 => any_descriptor().prop_map(|d| format!("get-type {d}")),
        4 => (file(), size()).prop_map(|(d, s)| format!("set-size {d} {s}")),
        2 => (opened(), time(), time()).prop_map(|(d, a, m)| format!("set-times {d} {a} {m}")),
        6 => (file(), length(), offset()).prop_map(|(d, l, o)| format!("read {d} {l} {o}")),
        7 => (file(), content(9000), offset())
            .prop_map(|(d, c, o)| format!("write {d} {c} {o}")),
        5 => any_descriptor().prop_map(|d| format!("stat {d}")),
        2 => (any_descriptor(), any_descriptor())
            .prop_map(|(d, e)| format!("is-same-object {d} {e}")),
        2 => (any_descriptor(), any_descriptor())
            .prop_map(|(d, e)| format!("metadata-hash {d} {e}")),
    ]
}

fn on_cursors() -> impl Strategy<Value = String> {
    let slot = || select(&["c0", "c1"][..]);
    prop_oneof![
        3 => (slot(), directory()).prop_map(|(c, d)| format!("read-directory {c} {d}")),
        3 => slot().prop_map(|c| format!("directory-entry-stream.read-directory-entry {c}")),
        3 => slot().prop_map(|c| format!("directory-entry-stream.all {c}")),
    ]
}

fn on_streams() -> impl Strategy<Value = String> {
    let (input, output) = (|| select(&["i0", "i1"][..]), || select(&["o0", "o1"][..]));
    let on_input = |method: &'static str| {
        (input(), length()).prop_map(move |(i, l)| format!("input-stream.{method} {i} {l}"))
    };
    let on_output =
        |method: &'static str| output().prop_map(move |o| format!("output-stream.{method} {o}"));
    let moving = |method: &'static str| {
        (output(), input(), length())
            .prop_map(move |(o, i, l)| format!("output-stream.{method} {o} {i} {l}"))
    };
    prop_oneof![
        6 => (input(), file(), offset())
            .prop_map(|(i, d, o)| format!("read-via-stream {i} {d} {o}")),
        5 => (output(), writable(), offset())
            .prop_map(|(o, d, at)| format!("write-via-stream {o} {d} {at}")),
        4 => (output(), writable()).prop_map(|(o, d)| format!("append-via-stream {o} {d}")),
        2 => on_input("read"),
        2 => on_input("blocking-read"),
        1 => on_input("skip"),
        1 => on_input("blocking-skip"),
        1 => input().prop_map(|i| format!("input-stream.subscribe {i}")),
        1 => on_output("check-write"),
        1 => on_output("flush"),
        1 => on_output("blocking-flush"),
        1 => on_output("subscribe"),
        3 => (output(), content(9000))
            .prop_map(|(o, c)| format!("output-stream.write {o} {c}")),
        2 => (output(), content(4096))
            .prop_map(|(o, c)| format!("output-stream.blocking-write-and-flush {o} {c}")),
        1 => (output(), 0..9000)
            .prop_map(|(o, n)| format!("output-stream.write-zeroes {o} {n}")),
        1 => (output(), 0..=4096)
            .prop_map(|(o, n)| format!("output-stream.blocking-write-zeroes-and-flush {o} {n}")),
        1 => moving("splice"),
        1 => moving("blocking-splice"),
    ]
}

fn directory() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        12 => Just("d0"),
        6 => Just("d1"),
        4 => Just("d2"),
        1 => select(&["d3", "d4", "d5", "d6"][..]),
    ]
}

fn file() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        6 => Just("d3"),
        3 => Just("d4"),
        4 => Just("d5"),
        3 => Just("d6"),
        1 => select(&["d0", "d1", "d2"][..]),
    ]
}

/// Mostly a file that a stream may write to: what only one host refuses ends a comparison.
fn writable() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        16 => Just("d3"),
        12 => Just("d5"),
        2 => Just("d6"),
        1 => select(&["d0", "d1", "d2", "d4"][..]),
    ]
}

/// A descriptor that is not the preopened one.
fn opened() -> impl Strategy<Value = &'static str> {
    select(&["d1", "d2", "d3", "d4", "d5", "d6"][..])
}

fn any_descriptor() -> impl Strategy<Value = &'static str> {
    select(&["d0", "d1", "d2", "d3", "d4", "d5", "d6"][..])
}

fn follow() -> impl Strategy<Value = &'static str> {
    prop_oneof![3 => Just("symlink-follow"), 2 => Just("-")]
}

fn follow_seldom() -> impl Strategy<Value = &'static str> {
    prop_oneof![1 => Just("symlink-follow"), 9 => Just("-")]
}

fn names(of: &[&'static str]) -> impl Strategy<Value = String> {
    subsequence(of.to_vec(), 1..=of.len()).prop_map(|names| names.join(","))
}

/// What is there, or may be made.
fn plain() -> impl Strategy<Value = String> {
    let existing = [
        "a", "b", "e", "d", "x", "d/a", "d/b", "d/e", "d/e/a", "l", "ld", "ld/a", "d/up", "e/a",
    ];
    let fresh = ["n", "m", "d/n", "x/n", "d/e/n", "ld/n", "n/n"];
    prop_oneof![
        4 => select(existing.to_vec()).prop_map(str::to_owned),
        1 => select(fresh.to_vec()).prop_map(str::to_owned),
    ]
}

fn path() -> impl Strategy<Value = String> {
    let odd = [
        "%",
        ".",
        "..",
        "/",
        "/a",
        "a/",
        "d/",
        "n/",
        "x/",
        "d/..",
        "d/../a",
        "./a",
        "d//a",
        "d/.",
        "../a",
        "d/../../a",
        "a/b",
        "a/..",
        "a/.",
        "lx",
        "lx/n",
        "loop",
        "loop/a",
        "lt",
        "lt/a",
        "la",
        "ld/",
        "l/",
        "lx/",
        "ld/..",
        "ld/../a",
        "%00",
        "n%00",
        "d/up/",
        "ü",
        "ld/.",
        "d/e/..",
        "out",
        "out/",
        "climb",
        "d/climb",
        "climb/n",
    ];
    prop_oneof![
        88 => plain(),
        12 => select(odd.to_vec()).prop_map(str::to_owned),
        1 => select(vec![255_usize, 256, 5000]).prop_map(|length| "n".repeat(length)),
    ]
}

fn target() -> impl Strategy<Value = &'static str> {
    let targets = [
        "a", "d", "d/e", "absent", "b/", "l", "ld", "n", "x", "../a", "..", ".", "/", "/a", "%",
        "../..", "d/../a", "e/a", "%00",
    ];
    select(targets.to_vec())
}

/// Mostly inside the files, now and then far behind every end.
fn offset() -> impl Strategy<Value = String> {
    let far = ["signed", "max", "9223372036854775000"];
    prop_oneof![
        20 => select(vec![0_u64, 0, 0, 1, 7, 30, 4090, 5000]).prop_map(|n| n.to_string()),
        10 => (0..12_000_u64).prop_map(|n| n.to_string()),
        1 => select(far.to_vec()).prop_map(str::to_owned),
    ]
}

fn length() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => select(vec![1_u64, 3, 10, 100, 4096, 10_000]).prop_map(|n| n.to_string()),
        1 => select(vec!["0", "signed", "max"]).prop_map(str::to_owned),
    ]
}

fn size() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => select(vec![0_u64, 1, 10, 4096, 6000, 50_000]).prop_map(|n| n.to_string()),
        1 => select(vec!["signed", "max"]).prop_map(str::to_owned),
    ]
}

fn content(length_max: usize) -> impl Strategy<Value = String> {
    let length = prop_oneof![4 => 0..40_usize, 1 => 0..=length_max];
    (select(vec!['p', 'q', 'r', 's', 't']), length)
        .prop_map(|(letter, length)| format!("{letter}{length}"))
}

fn time() -> impl Strategy<Value = String> {
    let wrong = ["5.1000000000", "18446744073709551615.0"];
    prop_oneof![
        6 => Just("no-change".to_owned()),
        6 => Just("now".to_owned()),
        15 => (1..999_999_999_u32, select(vec![0, 500_000_000, 999_999_999]))
            .prop_map(|(seconds, nanoseconds)| format!("{seconds}.{nanoseconds}")),
        1 => select(wrong.to_vec()).prop_map(str::to_owned),
    ]
}
