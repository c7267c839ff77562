//! Where the base moved under a session, nothing is touched and every such path is named.

use cap_std::fs::MetadataExt;
use rustix::fs::{FileType, Mode};
use session_fs_workspace::{BeginOptions, CommitOutcome};
use store::Digest;
use vfs::{Conflict, ConflictSide, Kind, Session};

use crate::scene::{Scene, expected, paths};

type Files<'a> = &'a [(&'a str, &'a str)];

/// Changes a session, lets somebody else act, and holds the conflicting paths against `expected`.
fn check(
    before: Files<'_>,
    ours: impl FnOnce(&Session) -> vfs::Result<()>,
    theirs: impl FnOnce(&Scene),
    expected: &[&str],
) -> Vec<Conflict> {
    let scene = Scene::new(before);
    let session = scene.begin();
    ours(&session).expect("the session takes it");
    theirs(&scene);
    let conflicts = scene.conflicts(&session);
    assert_eq!(paths(&conflicts), expected);
    conflicts
}

/// The same, where there is no conflict.
fn check_applied(
    before: Files<'_>,
    ours: impl FnOnce(&Session) -> vfs::Result<()>,
    theirs: impl FnOnce(&Scene),
    after: Files<'_>,
) {
    let scene = Scene::new(before);
    let session = scene.begin();
    ours(&session).expect("the session takes it");
    theirs(&scene);
    scene.applied(&session);
    assert_eq!(scene.tree(), expected(after));
}

fn file(size: u64) -> Option<ConflictSide> {
    Some(ConflictSide {
        kind: Some(Kind::File),
        size,
    })
}

fn write(path: &str, text: &str) -> impl FnOnce(&Scene) {
    move |scene| scene.folder.write(path, text).expect("writes")
}

#[test]
fn one_file_changed_twice() {
    let conflicts = check(
        &[("a", "1"), ("b", "2")],
        |s| s.write("a", b"ours"),
        write("a", "theirs"),
        &["a"],
    );
    let Conflict {
        before,
        ours,
        theirs,
        ..
    } = &conflicts[0];
    assert_eq!((*before, *ours, *theirs), (file(1), file(4), file(6)));
}

#[test]
fn a_change_of_the_same_length_and_time_is_seen() {
    let scene = Scene::new(&[("a", "1")]);
    let session = scene.begin();
    session.write("a", b"3").expect("writes");
    let metadata = || scene.folder.metadata("a").expect("there");
    let (time, ctime) = (
        metadata().modified().expect("a time"),
        metadata().ctime_nsec(),
    );
    // The clock of an older kernel stands still for some milliseconds.
    while metadata().ctime_nsec() == ctime {
        scene.folder.write("a", "2").expect("writes");
        let opened = scene
            .folder
            .open_with("a", cap_std::fs::OpenOptions::new().write(true));
        let file = opened.expect("opens").into_std();
        file.set_modified(time.into_std()).expect("a time");
    }
    assert_eq!(paths(&scene.conflicts(&session)), ["a"]);
}

#[test]
fn every_conflict_is_listed() {
    check(
        &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")],
        |s| {
            s.write("a", b"11")?;
            s.remove("b")?;
            s.rename("c", "e")?;
            s.write("d", b"44")?;
            s.write("new", b"5")
        },
        |scene| {
            for path in ["a", "b", "c", "new"] {
                scene.folder.write(path, "theirs").expect("writes");
            }
        },
        &["a", "b", "c", "new"],
    );
}

#[test]
fn one_side_removes_what_the_other_changes() {
    let remove = |scene: &Scene| scene.folder.remove_file("a").expect("removes");
    let conflicts = check(
        &[("a", "1")],
        |s| s.remove("a"),
        write("a", "theirs"),
        &["a"],
    );
    assert_eq!((conflicts[0].ours, conflicts[0].theirs), (None, file(6)));
    let conflicts = check(&[("a", "1")], |s| s.write("a", b"ours"), remove, &["a"]);
    assert_eq!((conflicts[0].ours, conflicts[0].theirs), (file(4), None));
    check(&[("a", "1")], |s| s.rename("a", "b"), remove, &["a"]);
}

/// A link where the session saw a file was an input/output error: the door refuses to open it.
#[test]
fn a_file_that_became_something_else_is_a_conflict() {
    let ours = |s: &Session| s.write("a", b"2");
    let link = |scene: &Scene| {
        scene.folder.remove_file("a").expect("removes");
        scene.folder.symlink("b", "a").expect("links");
    };
    check(&[("a", "1"), ("b", "2")], ours, link, &["a"]);
    let directory = |scene: &Scene| {
        scene.folder.remove_file("a").expect("removes");
        scene.folder.create_dir("a").expect("makes");
    };
    check(&[("a", "1")], ours, directory, &["a"]);
}

#[test]
fn both_sides_create_a_name() {
    let ours = |s: &Session| s.write("a", b"ours");
    let conflicts = check(&[], ours, write("a", "theirs"), &["a"]);
    assert_eq!((conflicts[0].before, conflicts[0].theirs), (None, file(6)));
    check(
        &[],
        ours,
        |scene| scene.folder.create_dir("a").expect("makes"),
        &["a"],
    );
    let ours = |s: &Session| s.mkdir("a");
    check(&[], ours, write("a", "theirs"), &["a"]);
    let link = |scene: &Scene| scene.folder.symlink("nowhere", "a").expect("links");
    check(&[], ours, link, &["a"]);
}

#[test]
fn a_pipe_in_the_way_is_a_conflict() {
    let pipe = |path: &'static str| {
        move |scene: &Scene| {
            let mode = Mode::from_raw_mode(0o600);
            let made = rustix::fs::mknodat(&*scene.folder, path, FileType::Fifo, mode, 0);
            made.expect("a pipe");
        }
    };
    let conflicts = check(&[], |s| s.write("p", b"1"), pipe("p"), &["p"]);
    assert_eq!(conflicts[0].theirs.expect("a pipe").kind, None);
    check(
        &[("d/x", "1")],
        |s| s.remove_all("d"),
        pipe("d/p"),
        &["d/p"],
    );
}

#[test]
fn a_removed_directory_must_hold_nothing_else() {
    let ours = |s: &Session| s.remove_all("d");
    check(
        &[("d/e/x", "1")],
        ours,
        write("d/e/y", "theirs"),
        &["d/e/y"],
    );
    check(
        &[("d/e/x", "1")],
        ours,
        |scene| {
            use std::os::unix::ffi::OsStrExt;
            let name = std::ffi::OsStr::from_bytes(b"\xff");
            let dir = scene.folder.open_dir("d/e").expect("opens");
            dir.write(name, "theirs").expect("writes");
        },
        &["d/e"],
    );
}

#[test]
fn a_directory_that_is_gone_takes_no_arrivals() {
    let gone = |scene: &Scene| scene.folder.remove_dir_all("d").expect("removes");
    check(&[("d/x", "1")], |s| s.write("d/y", b"2"), gone, &["d/y"]);
    let replaced = |scene: &Scene| {
        scene.folder.remove_dir_all("d").expect("removes");
        scene.folder.symlink("elsewhere", "d").expect("links");
        scene.folder.create_dir("elsewhere").expect("makes");
    };
    check(
        &[("d/x", "1")],
        |s| s.write("d/y", b"2"),
        replaced,
        &["d/y"],
    );
}

#[test]
fn an_arrival_below_a_moved_directory_is_looked_for_where_that_stands() {
    let ours = |s: &Session| {
        s.rename("d", "e")?;
        s.write("e/y", b"2")
    };
    check(&[("d/x", "1")], ours, write("d/y", "theirs"), &["e/y"]);
    check_applied(
        &[("d/x", "1")],
        ours,
        write("d/z", "theirs"),
        &[("e/x", "1"), ("e/y", "2"), ("e/z", "theirs")],
    );
}

#[test]
fn both_sides_make_a_directory() {
    let ours = |s: &Session| {
        s.mkdir("d/e")?;
        s.write("d/e/x", b"1")
    };
    let theirs = |name: &'static str| {
        move |scene: &Scene| {
            scene.folder.create_dir_all("d/e").expect("makes");
            scene.folder.write(name, "theirs").expect("writes");
        }
    };
    check_applied(
        &[],
        ours,
        theirs("d/e/y"),
        &[("d/e/x", "1"), ("d/e/y", "theirs")],
    );
    check(&[], ours, theirs("d/e/x"), &["d/e/x"]);
}

#[test]
fn disjoint_sessions_both_commit_and_overlapping_ones_do_not() {
    let scene = Scene::new(&[("d/a", "1"), ("d/b", "2")]);
    let [first, second, third] = [scene.begin(), scene.begin(), scene.begin()];
    first.write("d/a", b"one").expect("writes");
    second.write("d/b", b"two").expect("writes");
    second.write("d/c", b"3").expect("writes");
    third.write("d/a", b"eins").expect("writes");
    assert_ne!(scene.applied(&first).id, scene.applied(&second).id);
    assert_eq!(paths(&scene.conflicts(&third)), ["d/a"]);
    assert_eq!(third.read("d/a").expect("open"), b"eins");
    assert_eq!(
        scene.tree(),
        expected(&[("d/a", "one"), ("d/b", "two"), ("d/c", "3")])
    );
    assert_eq!(scene.base.generation(), 2);
}

#[test]
fn a_conflict_goes_away_with_its_cause() {
    let scene = Scene::new(&[]);
    let session = scene.begin();
    session.write("a", b"ours").expect("writes");
    scene.folder.write("a", "theirs").expect("writes");
    scene.conflicts(&session);
    scene
        .folder
        .rename("a", &scene.folder, "b")
        .expect("renames");
    scene.applied(&session);
    assert_eq!(scene.tree(), expected(&[("a", "ours"), ("b", "theirs")]));
}

#[test]
fn what_was_only_read_is_no_conflict() {
    check_applied(
        &[("a", "1"), ("b", "2")],
        |s| s.read("a").and_then(|_| s.write("b", b"22")),
        write("a", "theirs"),
        &[("a", "theirs"), ("b", "22")],
    );
}

#[test]
fn the_id_is_that_of_the_change() {
    let ids: Vec<_> = ["1", "1", "2"]
        .map(|text| {
            let scene = Scene::new(&[]);
            let session = scene.begin();
            session.write("a", text.as_bytes()).expect("writes");
            scene.applied(&session).id
        })
        .into();
    assert_eq!(ids[0], ids[1], "the same change has the same id");
    assert_ne!(ids[0], ids[2], "the content is part of the change");
    assert_ne!(*ids[0].digest(), Digest::of(b"1"));
}

#[test]
fn a_dry_run_and_a_rollback_leave_no_trace() {
    let scene = Scene::new(&[("a", "1")]);
    let before = scene.tree();
    let session = scene.begin();
    session.write("b", b"2").expect("writes");
    session.diff().expect("a diff");
    scene.workspace.rollback(&session).expect("rolls back");
    let idle = scene.begin();
    assert!(matches!(scene.commit(&idle), CommitOutcome::Unchanged));
    let reader = BeginOptions {
        access: vfs::Access::ReadOnly,
        ..BeginOptions::default()
    };
    let reader = scene.workspace.begin(&scene.base, reader).expect("begins");
    assert!(matches!(scene.commit(&reader), CommitOutcome::Unchanged));
    assert_eq!(scene.tree(), before);
    assert_eq!(
        (scene.base.generation(), scene.workspace.sessions_count()),
        (0, 0)
    );
}
