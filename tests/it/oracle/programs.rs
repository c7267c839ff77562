//! Programs with a libc between them and the host: those that check by themselves pass on both hosts,
//! and random steps print the same and leave the same tree.
//!
//! Not on the oracle are those whose subject is where wasmtime is not POSIX: it stops reading for good
//! at an end, and tells every refused write as EIO.

use wasmtime_wasi::FsPerms;

use super::hosts::{Guest, tokio};
use crate::support::trees;
use crate::support::{Ground, Item, Scene, guests};

/// Seeds of the random steps; each is some four hundred steps.
const SEEDS: u64 = 25;

/// Error numbers of ours and of the oracle's where more than one thing is wrong with a step and POSIX
/// leaves open which is told: a directory that is linked to a name that cannot be made, a source that
/// is not there renamed to below a file, a file renamed over the directory it is in, and a file that
/// is created through a link that ends in `/`.
const EITHER: [(i32, i32); 7] = [
    (errno::PERM, errno::EXIST),
    (errno::PERM, errno::NOTDIR),
    (errno::PERM, errno::NOENT),
    (errno::NOENT, errno::NOTDIR),
    (errno::ISDIR, errno::NOTEMPTY),
    (errno::NOTDIR, errno::ISDIR),
    (errno::LOOP, errno::ISDIR),
];

/// Error numbers of wasi-libc.
mod errno {
    pub(super) const EXIST: i32 = 20;
    pub(super) const ISDIR: i32 = 31;
    pub(super) const LOOP: i32 = 32;
    pub(super) const NOENT: i32 = 44;
    pub(super) const NOTDIR: i32 = 54;
    pub(super) const NOTEMPTY: i32 = 55;
    pub(super) const PERM: i32 = 63;
}

#[test]
fn what_guests_expect_of_a_session_is_what_they_find_elsewhere() {
    const GIVEN: Item = Item::File("given.txt", "given\n");
    let tree = [
        Item::File("given/a.txt", "a"),
        Item::File("given/b.txt", "b"),
        Item::File("given/sub/deep.txt", "deep\n"),
        Item::File("top.txt", "top"),
        Item::Link("link", "given/sub"),
    ];
    let cases: [(&str, &[Item]); 12] = [
        (guests::APPEND, &[GIVEN]),
        (guests::HARD_LINK, &[GIVEN]),
        (guests::LARGE_FILE, &[]),
        (guests::MANY_FILES, &[]),
        (guests::READ_DIR, &tree),
        (
            guests::REMOVE,
            &[tree[0], tree[1], Item::File("kept.txt", "")],
        ),
        (guests::RENAME, &tree[2..3]),
        (guests::SEEK, &[]),
        (guests::SYMLINK, &[GIVEN]),
        (guests::SYNC, &[]),
        (guests::TREES, &[Item::File("given/a/b", "")]),
        (guests::UNLINKED, &[GIVEN]),
    ];
    let tokio = tokio();
    for (guest, items) in cases {
        Guest::new(guest).on_the_oracle(&tokio, &Scene::new(items), FsPerms::ReadWrite, &[]);
    }
}

#[test]
fn random_steps_come_out_the_same() {
    let (guest, tokio) = (Guest::new(guests::RANDOM_STEPS), tokio());
    let items = [
        Item::File("given", "given\n"),
        Item::File("d/given", "given\n"),
    ];
    let mut differences = Vec::new();
    for seed in 1..=SEEDS {
        let seed = seed.to_string();
        let scene = Scene::new(&items);
        let expected = guest.on_the_oracle(&tokio, &scene, FsPerms::ReadWrite, &[&seed]);
        let their_tree = trees::of_directory(&scene.path());
        let plan = guest.plan().items(&items).args(&[&seed]);
        let base = Scene::new(&items);
        for ground in [Ground::Directory, Ground::Memory] {
            let ran = guest.on_a_session(&tokio, &plan, ground, &base);
            let lines = ran.stdout.lines().zip(expected.lines());
            let differing = lines.filter(|(ours, theirs)| !agree(ours, theirs));
            differences
                .extend(differing.map(|(ours, theirs)| format!("{seed}: {ours} | {theirs}")));
            let our_tree = trees::of_session(&ran.session);
            if our_tree != their_tree {
                differences.push(format!("{seed}: {our_tree:?} | {their_tree:?}"));
            }
        }
    }
    assert!(
        differences.is_empty(),
        "ours | the oracle's\n{}",
        differences.join("\n")
    );
}

/// Whether two lines say the same, or name two of the several reasons why a step cannot be taken.
fn agree(ours: &str, theirs: &str) -> bool {
    let both_refuse = || {
        let ((step, ours), (other_step, theirs)) = (refusal(ours)?, refusal(theirs)?);
        Some(step == other_step && EITHER.contains(&(ours, theirs)))
    };
    ours == theirs || both_refuse() == Some(true)
}

fn refusal(line: &str) -> Option<(&str, i32)> {
    let (step, number) = line.split_once(": errno Some(")?;
    Some((step, number.strip_suffix(')')?.parse().ok()?))
}
