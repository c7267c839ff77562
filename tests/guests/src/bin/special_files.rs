//! Meets a pipe of the host: it is not there, and opening it does not wait for a writer.

use std::fs::{self, File};

use session_fs_test_guests::{errno::NOENT, names, refused};

fn main() {
    assert_eq!(names("/"), ["given.txt"]);
    refused(File::open("pipe"), NOENT);
    refused(fs::metadata("pipe"), NOENT);
    refused(fs::remove_file("pipe"), NOENT);
    assert_eq!(fs::read("given.txt").expect("read"), b"given\n");
}
