//! Gives files second names; they are one file until the last is gone.

use std::fs;

use session_fs_test_guests::{errno, names, refused};

fn main() {
    fs::hard_link("given.txt", "twin").expect("linked");
    fs::write("twin", "changed").expect("written");
    assert_eq!(fs::read("given.txt").expect("read"), b"changed");
    fs::remove_file("given.txt").expect("removed");
    assert_eq!(fs::read("twin").expect("read"), b"changed");

    fs::create_dir("directory").expect("made");
    refused(fs::hard_link("directory", "other"), errno::PERM);
    refused(fs::hard_link("twin", "directory"), errno::EXIST);
    refused(fs::hard_link("absent", "other"), errno::NOENT);
    fs::hard_link("twin", "directory/third").expect("linked");
    fs::rename("twin", "directory/third").expect("two names of one file: nothing happens");
    assert_eq!(names("/"), ["directory", "twin"]);
}
