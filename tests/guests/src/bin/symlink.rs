//! Makes links, follows them and is refused absolute ones.

use std::fs;

use session_fs_test_guests::{errno, refused, symlink};

fn main() {
    symlink("given.txt", "link").expect("linked");
    assert_eq!(
        fs::read_link("link").expect("read").to_str(),
        Some("given.txt")
    );
    assert_eq!(fs::read("link").expect("followed"), b"given\n");
    fs::write("link", "through").expect("written");
    assert_eq!(fs::read("given.txt").expect("read"), b"through");
    assert!(
        fs::symlink_metadata("link")
            .expect("described")
            .is_symlink()
    );

    fs::create_dir("directory").expect("made");
    symlink("directory", "door").expect("linked");
    fs::write("door/inside", "x").expect("written");
    assert_eq!(fs::read("directory/inside").expect("read"), b"x");
    symlink("../given.txt", "directory/up").expect("linked");
    assert_eq!(fs::read("door/up").expect("followed"), b"through");

    symlink("absent", "dangling").expect("linked");
    refused(fs::read("dangling"), errno::NOENT);
    symlink("round", "round").expect("linked");
    refused(fs::read("round"), errno::LOOP);
    refused(symlink("x", "link"), errno::EXIST);
    refused(fs::read_link("given.txt"), errno::INVAL);

    fs::rename("link", "renamed").expect("the link itself is renamed");
    fs::remove_file("door").expect("the link itself is removed");
    assert!(fs::metadata("directory").expect("described").is_dir());

    refused(symlink("/given.txt", "absolute"), errno::PERM);
}
