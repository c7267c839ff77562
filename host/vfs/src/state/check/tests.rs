//! States that contradict themselves, each in one way, beside the sound ones that they come from.

use std::sync::Arc;

use super::*;
use crate::inode::{Slot, Times};
use crate::meter::Meter;

/// Every object is a directory: its number, where it stands, whether it shows the base, its names.
type Made = (u64, &'static [(u64, &'static str)], bool, Names);
type Names = &'static [(&'static str, Option<u64>)];

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

fn link(&(parent, text): &(u64, &str)) -> Link {
    Link {
        parent: Ino(parent),
        name: name(text),
    }
}

fn state(base: &[(u64, (u64, &str))], made: &[Made]) -> State {
    let meter = Meter::new("memory", u64::MAX);
    let charge = || meter.charge(0).expect("nothing");
    let mut state = State::new();
    state.mark.next_ino = 100;
    state.names = base.iter().map(|(ino, at)| (Ino(*ino), link(at))).collect();
    for (ino, links, has_base, names) in made {
        let slots = names.iter().map(|(text, target)| {
            let target = target.map(|ino| (Ino(ino), Kind::Directory));
            let _charge = Arc::new(charge());
            (name(text), Slot { target, _charge })
        });
        let inode = Inode {
            links: links.iter().map(link).collect(),
            body: Body::Directory(Directory {
                has_base: *has_base,
                slots: slots.collect(),
            }),
            times: Times::default(),
            _charge: charge(),
        };
        state.mark.tree.insert(Ino(*ino), inode);
    }
    state
}

#[track_caller]
fn is_sound(base: &[(u64, (u64, &str))], made: &[Made]) {
    check(&state(base, made)).expect("sound");
}

#[track_caller]
fn contradicts(base: &[(u64, (u64, &str))], made: &[Made], what: &str) {
    let error = check(&state(base, made)).expect_err("a contradiction");
    let text = error.to_string();
    assert!(text.ends_with(what), "{text}");
}

const ROOT: Made = (1, &[], true, &[("d", Some(2))]);

#[test]
fn names_and_links_agree() {
    is_sound(&[], &[ROOT, (2, &[(1, "d")], false, &[])]);
    contradicts(&[], &[ROOT], "a name of a directory");
    contradicts(&[], &[ROOT, (2, &[], false, &[])], "a name of a directory");
    contradicts(
        &[],
        &[ROOT, (2, &[(1, "e")], false, &[])],
        "a name of a directory",
    );
    contradicts(&[], &[(2, &[(1, "d")], false, &[])], "a place");
    let file_above: Made = (3, &[(4, "x")], false, &[]);
    contradicts(&[], &[file_above], "a place");
}

#[test]
fn a_directory_has_one_place() {
    let twice: Made = (1, &[], true, &[("d", Some(2)), ("e", Some(2))]);
    contradicts(
        &[],
        &[twice, (2, &[(1, "d"), (1, "e")], false, &[])],
        "the links of a directory",
    );
    contradicts(
        &[],
        &[(1, &[(1, "d")], true, &[("d", Some(1))])],
        "the links of a directory",
    );
}

#[test]
fn no_directory_is_inside_itself() {
    let below: Made = (3, &[(2, "b")], false, &[]);
    let dir: Made = (2, &[(1, "d")], false, &[("b", Some(3))]);
    is_sound(&[], &[ROOT, dir, below]);
    let circle: [Made; 2] = [
        (2, &[(3, "a")], false, &[("b", Some(3))]),
        (3, &[(2, "b")], false, &[("a", Some(2))]),
    ];
    contradicts(&[], &circle, "a circle of directories");
    // The way leads through a directory of the base that nobody holds.
    let through_base: [Made; 2] = [
        (2, &[(4, "a")], true, &[]),
        (4, &[(3, "b")], false, &[("a", Some(2))]),
    ];
    contradicts(
        &[(2, (1, "d")), (3, (2, "x"))],
        &through_base,
        "circle of directories",
    );
}

#[test]
fn what_was_moved_is_gone_from_its_old_place() {
    let base = [(2, (1, "d")), (3, (1, "e"))];
    let moved: Made = (2, &[(3, "new")], true, &[]);
    let into: Made = (3, &[(1, "e")], true, &[("new", Some(2))]);
    is_sound(&base, &[(1, &[], true, &[("d", None)]), moved, into]);
    contradicts(&base, &[moved, into], "an old place");
    contradicts(&base, &[(1, &[], true, &[]), moved, into], "an old place");
    // Its directory is gone as a whole.
    let base = [(4, (1, "f")), (5, (4, "d")), (3, (1, "e"))];
    let moved: Made = (5, &[(3, "new")], true, &[]);
    let into: Made = (3, &[(1, "e")], true, &[("new", Some(5))]);
    is_sound(&base, &[(1, &[], true, &[("f", None)]), moved, into]);
    contradicts(&base, &[moved, into], "an old place");
}

#[test]
fn numbers_of_the_base_lead_to_the_root() {
    is_sound(&[(2, (1, "a")), (3, (2, "b"))], &[]);
    for base in [
        [(2, (3, "a")), (3, (2, "b"))],
        [(2, (1, "a")), (3, (1, "a"))],
        [(2, (1, "a")), (100, (1, "b"))],
        [(2, (1, "a")), (4, (3, "b"))],
        [(1, (1, "a")), (2, (1, "b"))],
    ] {
        contradicts(&base, &[], "a number of the base");
    }
    contradicts(&[(2, (1, ".session-fs"))], &[], "a name");
    contradicts(&[], &[(1, &[], true, &[(".session-fs", None)])], "a name");
}
