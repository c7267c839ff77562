//! The races: each kind of step that a commit can make, and random sessions.

use super::acts::Act;
use super::round::{Counts, Target, at_every_call};
use super::{ALL, NEW, live, random};

/// The rounds were many enough, somebody was met, and commits were taken back.
fn check(counts: Counts, rounds_min: u64) {
    assert!(counts.rounds >= rounds_min, "{counts:?}");
    assert!(counts.acted > counts.rounds / 4, "{counts:?}");
    assert!(
        counts.refused > 0,
        "nothing was ever taken back: {counts:?}"
    );
}

/// The same, and something of theirs was set aside.
fn check_kept(counts: Counts, rounds_min: u64) {
    check(counts, rounds_min);
    assert!(counts.kept > 0, "nothing was ever kept: {counts:?}");
}

#[test]
fn a_file_that_is_updated() {
    let target = Target::new("f", &[], |session| {
        // What comes before in the order of the steps, and after.
        session.write("aa", b"aa after")?;
        session.write("f", b"f after")?;
        session.append("log", b"another line\n")
    });
    check_kept(at_every_call(&target, ALL), 800);
    let target = Target {
        path: "log",
        ..target
    };
    check_kept(at_every_call(&target, ALL), 800);
}

#[test]
fn a_file_that_is_removed() {
    let target = Target::new("f", &[], |session| {
        session.remove("f")?;
        session.append("log", b"another line\n")
    });
    check_kept(at_every_call(&target, ALL), 800);
}

#[test]
fn a_file_that_is_replaced() {
    let target = Target::new("f", &[], |session| {
        session.write("t", b"f replaced")?;
        session.rename("t", "f")?;
        session.append("log", b"another line\n")
    });
    check_kept(at_every_call(&target, ALL), 800);
}

#[test]
fn a_link_that_is_replaced() {
    let target = Target::new("link", &[], |session| {
        session.remove("link")?;
        session.symlink("kept", "link")
    });
    let acts = [Act::Save, Act::Remove, Act::Directory, Act::Carry];
    check_kept(at_every_call(&target, &acts), 200);
}

#[test]
fn a_name_that_is_created() {
    let target = Target::new("new", &[], |session| {
        session.write("new", b"new after")?;
        session.append("log", b"another line\n")
    });
    check_kept(at_every_call(&target, NEW), 200);
    let target = Target::new("made/deep/file", &["made"], |session| {
        session.mkdir("made/deep")?;
        session.write("made/deep/file", b"file after")?;
        session.append("log", b"another line\n")
    });
    check_kept(at_every_call(&target, NEW), 200);
    let target = Target {
        path: "made",
        ..target
    };
    check_kept(at_every_call(&target, NEW), 200);
}

#[test]
fn a_file_that_moves() {
    let target = Target::new("f", &["g"], |session| {
        session.rename("f", "g")?;
        session.append("log", b"another line\n")
    });
    check(at_every_call(&target, ALL), 800);
    let target = Target {
        path: "g",
        moved: &["f"],
        ..target
    };
    check(at_every_call(&target, NEW), 200);
}

#[test]
fn a_file_that_moves_and_changes() {
    let target = Target::new("f", &["g"], |session| {
        session.rename("f", "g")?;
        session.write("g", b"g after")
    });
    check(at_every_call(&target, ALL), 800);
}

#[test]
fn a_file_below_a_moved_directory() {
    let target = Target::new("d/inner", &["e/inner"], |session| {
        session.rename("d", "e")?;
        session.write("e/inner", b"inner after")
    });
    check(at_every_call(&target, ALL), 800);
    let moved = &["d/still", "e/still"];
    let target = Target {
        path: "d/still",
        moved,
        ..target
    };
    // Nobody writes to it but them, so nothing has to be kept.
    at_every_call(&target, ALL);
    let target = Target {
        path: "e/inner",
        moved: &["d/inner"],
        ..target
    };
    at_every_call(&target, ALL);
    let moved = &["d/theirs", "e/theirs"];
    let target = Target {
        path: "d/theirs",
        moved,
        ..target
    };
    at_every_call(&target, NEW);
}

#[test]
fn a_name_in_a_removed_directory() {
    let target = Target::new("gone/one", &["gone"], |session| {
        session.remove_all("gone")?;
        session.append("log", b"another line\n")
    });
    check_kept(at_every_call(&target, ALL), 800);
    let target = Target {
        path: "gone/theirs",
        ..target
    };
    check_kept(at_every_call(&target, NEW), 200);
    let target = Target::new("gone/theirs", &["gone"], |session| {
        session.remove_all("gone")?;
        session.write("gone", b"a file now")
    });
    check_kept(at_every_call(&target, NEW), 200);
}

#[test]
fn random_sessions() {
    let rounds: u64 = (0..24).map(random::every_race).sum();
    assert!(rounds > 4_000, "{rounds}");
}

/// Thousands of commits against a thread that has its own ways.
#[test]
fn somebody_else_with_a_thread_of_their_own() {
    let counts = live::live(2_000, 1);
    assert!(counts.applied > 0 && counts.met > 0, "{counts:?}");
    assert!(counts.tokens > 0, "{counts:?}");
}
