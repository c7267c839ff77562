//! Every shuffle of names that a session can make lands as it is in the session.

use cap_std::fs::{MetadataExt, PermissionsExt};
use vfs::{NewTime, Session, Timestamp};

use crate::scene::{Scene, expected};

type Files<'a> = &'a [(&'a str, &'a str)];

/// Changes a session over `before`, commits it, and holds the folder against `after`.
fn check(before: Files<'_>, change: impl FnOnce(&Session) -> vfs::Result<()>, after: Files<'_>) {
    let scene = Scene::new(before);
    let session = scene.begin();
    change(&session).expect("the session takes it");
    scene.applied(&session);
    assert_eq!(scene.tree(), expected(after));
}

#[test]
fn files_and_directories_come_and_go() {
    check(
        &[
            ("a", "1"),
            ("gone/x/y", "2"),
            ("gone/z", "3"),
            ("empty/", ""),
        ],
        |session| {
            session.write("a", b"11")?;
            session.mkdir("new/deep")?;
            session.write("new/deep/file", b"4")?;
            session.symlink("deep/file", "new/link")?;
            session.remove_all("gone")?;
            session.remove("empty")
        },
        &[
            ("a", "11"),
            ("new/deep/file", "4"),
            ("new/link", "-> deep/file"),
        ],
    );
}

#[test]
fn two_names_are_swapped() {
    check(
        &[("a", "1"), ("b", "2")],
        |session| {
            session.rename("a", "t")?;
            session.rename("b", "a")?;
            session.rename("t", "b")
        },
        &[("a", "2"), ("b", "1")],
    );
}

#[test]
fn three_names_are_rotated_and_one_changes() {
    check(
        &[("a", "1"), ("b", "2"), ("c", "3")],
        |session| {
            session.rename("a", "t")?;
            session.rename("c", "a")?;
            session.rename("b", "c")?;
            session.rename("t", "b")?;
            session.append("b", b"!")
        },
        &[("a", "3"), ("b", "1!"), ("c", "2")],
    );
}

#[test]
fn a_directory_takes_the_place_of_a_removed_one() {
    check(
        &[("old/x", "1"), ("old/y", "2"), ("new/x", "3")],
        |session| {
            session.remove_all("old")?;
            session.rename("new", "old")
        },
        &[("old/x", "3")],
    );
}

#[test]
fn a_directory_moves_into_a_new_one_and_changes_there() {
    check(
        &[("d/x", "1"), ("d/y", "2"), ("d/z", "3")],
        |session| {
            session.mkdir("new/deep")?;
            session.rename("d", "new/deep/d")?;
            session.write("new/deep/d/x", b"11")?;
            session.remove("new/deep/d/y")?;
            session.write("new/deep/d/w", b"4")
        },
        &[
            ("new/deep/d/x", "11"),
            ("new/deep/d/z", "3"),
            ("new/deep/d/w", "4"),
        ],
    );
}

#[test]
fn a_child_moves_out_of_a_removed_directory() {
    check(
        &[("d/keep/x", "1"), ("d/y", "2")],
        |session| {
            session.rename("d/keep", "kept")?;
            session.remove_all("d")
        },
        &[("kept/x", "1")],
    );
}

#[test]
fn a_parent_and_its_child_change_places() {
    check(
        &[("a/b/x", "1"), ("a/y", "2")],
        |session| {
            session.rename("a/b", "t")?;
            session.rename("a", "t/a")?;
            session.rename("t", "b")
        },
        &[("b/x", "1"), ("b/a/y", "2")],
    );
}

#[test]
fn a_name_changes_its_kind() {
    check(
        &[("f", "1"), ("d/x", "2"), ("l", "-> f")],
        |session| {
            session.remove("f")?;
            session.mkdir("f")?;
            session.write("f/x", b"3")?;
            session.remove_all("d")?;
            session.write("d", b"4")?;
            session.remove("l")?;
            session.write("l", b"5")
        },
        &[("f/x", "3"), ("d", "4"), ("l", "5")],
    );
}

#[test]
fn a_file_is_saved_by_renaming_another_over_it() {
    check(
        &[("doc", "1"), ("same", "2")],
        |session| {
            for (name, content) in [("doc", "one"), ("same", "2")] {
                session.write("tmp", content.as_bytes())?;
                session.rename("tmp", name)?;
            }
            Ok(())
        },
        &[("doc", "one"), ("same", "2")],
    );
}

#[test]
fn a_directory_is_removed_and_built_again() {
    check(
        &[("out/a", "1"), ("out/b/c", "2"), ("out/old", "3")],
        |session| {
            session.remove_all("out")?;
            session.mkdir("out/b")?;
            session.write("out/a", b"1")?;
            session.write("out/b/c", b"22")?;
            session.write("out/new", b"4")
        },
        &[("out/a", "1"), ("out/b/c", "22"), ("out/new", "4")],
    );
}

#[test]
fn what_stays_the_same_is_not_lost_with_its_directory() {
    check(
        &[("a/f", "1"), ("z/g", "2")],
        |session| {
            session.remove_all("a")?;
            session.rename("z", "a")?;
            session.write("a/f", b"1")
        },
        &[("a/f", "1"), ("a/g", "2")],
    );
}

#[test]
fn two_names_of_one_file_land_as_two_files() {
    let scene = Scene::new(&[("a", "1")]);
    let session = scene.begin();
    let root = session.root().expect("a root");
    root.link_at(false, "a", &root, "b").expect("links");
    session.append("b", b"!").expect("writes");
    scene.applied(&session);
    assert_eq!(scene.tree(), expected(&[("a", "1!"), ("b", "1!")]));
    let ino = |path| scene.folder.metadata(path).expect(path).ino();
    assert_ne!(ino("a"), ino("b"));
}

#[test]
fn a_twin_outside_keeps_its_bytes() {
    let scene = Scene::new(&[("a", "1"), ("b", "2")]);
    let outside = Scene::new(&[]);
    for name in ["a", "b"] {
        scene
            .folder
            .hard_link(name, &outside.folder, name)
            .expect("a twin");
    }
    let session = scene.begin();
    session.append("a", b"!").expect("writes");
    session.rename("b", "c").expect("renames");
    session.append("c", b"!").expect("writes");
    scene.applied(&session);
    assert_eq!(scene.tree(), expected(&[("a", "1!"), ("c", "2!")]));
    assert_eq!(outside.tree(), expected(&[("a", "1"), ("b", "2")]));
}

#[test]
fn permissions_and_times_that_were_set_are_kept() {
    let scene = Scene::new(&[("run", "1"), ("own", "2"), ("m", "3")]);
    let chmod = |path, mode| {
        let permissions = cap_std::fs::Permissions::from_mode(mode);
        scene
            .folder
            .set_permissions(path, permissions)
            .expect("chmod");
    };
    chmod("run", 0o775);
    chmod("own", 0o4600);
    let session = scene.begin();
    session.append("run", b"!").expect("writes");
    session.append("own", b"!").expect("writes");
    let time = Timestamp {
        seconds: 1_000_000_000,
        nanoseconds: 5,
    };
    let root = session.root().expect("a root");
    root.set_times_at("m", false, NewTime::Keep, NewTime::At(time))
        .expect("a time");
    session.rename("m", "n").expect("renames");
    scene.applied(&session);
    let metadata = |path| scene.folder.metadata(path).expect(path);
    assert_eq!(metadata("run").mode() & 0o7777, 0o775);
    assert_eq!(metadata("own").mode() & 0o7777, 0o600);
    assert_eq!(
        (metadata("n").mtime(), metadata("n").mtime_nsec()),
        (1_000_000_000, 5)
    );
    assert_eq!(scene.text("n"), "3");
}

#[test]
fn a_large_hole_stays_a_hole() {
    let scene = Scene::new(&[]);
    let session = scene.begin();
    session.write("sparse", b"begin").expect("writes");
    session
        .write_range("sparse", 40 << 20, b"end")
        .expect("writes");
    session.write("zeros", b"").expect("writes");
    session.truncate("zeros", 30 << 20).expect("grows");
    scene.applied(&session);
    let metadata = |path| scene.folder.metadata(path).expect(path);
    assert_eq!(metadata("sparse").len(), (40 << 20) + 3);
    assert_eq!(metadata("zeros").len(), 30 << 20);
    assert!(metadata("sparse").blocks() * 512 < 4 << 20);
    assert_eq!(metadata("zeros").blocks(), 0);
    let bytes = scene.folder.read("sparse").expect("reads");
    assert!(bytes.starts_with(b"begin\0") && bytes.ends_with(b"\0end"));
}
