//! Removes files and directories, and is told when it uses the wrong call.

use std::fs;

use session_fs_test_guests::{errno, names, refused};

fn main() {
    fs::remove_file("given/a.txt").expect("removed");
    refused(fs::remove_file("given/a.txt"), errno::NOENT);
    refused(fs::remove_dir("given"), errno::NOTEMPTY);
    assert!(fs::remove_file("given").is_err(), "a directory is no file");
    refused(fs::remove_dir("given/b.txt"), errno::NOTDIR);
    fs::remove_file("given/b.txt").expect("removed");
    fs::remove_dir("given").expect("removed");
    refused(fs::read_dir("given"), errno::NOENT);

    // A name that was the base's can be used again, also for something else.
    fs::write("given", "a file now").expect("written");
    assert!(fs::metadata("given").expect("described").is_file());
    fs::remove_file("given").expect("removed");
    fs::create_dir("given").expect("made");
    assert_eq!(names("given"), [""; 0]);
    assert!(fs::remove_dir("/").is_err(), "the root stays");
    assert_eq!(names("/"), ["given", "kept.txt"]);
}
