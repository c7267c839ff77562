//! Opens files until it is refused, lets go of one and can open again.

use std::fs::{self, File};

use session_fs_test_guests::{errno, refused};

fn main() {
    fs::write("a", "x").expect("written");
    let mut files = Vec::new();
    let refusal = loop {
        match File::open("a") {
            Ok(file) => files.push(file),
            Err(error) => break error,
        }
        assert!(files.len() < 1_000_000, "never refused");
    };
    assert_eq!(refusal.raw_os_error(), Some(errno::DQUOT), "{refusal:?}");
    refused(File::open("a"), errno::DQUOT);
    println!("{} handles", files.len());
    files.truncate(files.len() - 10);
    fs::write("b", "there is room again").expect("written");
}
