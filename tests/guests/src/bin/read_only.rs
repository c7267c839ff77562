//! Tries every way to change something in a session that may only be read.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::time::UNIX_EPOCH;

use session_fs_test_guests::{errno::ROFS, names, refused, symlink};

fn main() {
    for bits in 0..64_u32 {
        let is = |bit: u32| bits & 1 << bit != 0;
        for path in ["given.txt", "new.txt"] {
            let mut options = OpenOptions::new();
            options.read(is(0)).write(is(1)).append(is(2));
            options.truncate(is(3)).create(is(4)).create_new(is(5));
            match options.open(path) {
                Ok(file) => {
                    assert!(bits == 1 && path == "given.txt", "{options:?} of {path}");
                    assert!(file.set_len(0).is_err());
                    assert!(
                        file.set_times(FileTimes::new().set_modified(UNIX_EPOCH))
                            .is_err()
                    );
                }
                Err(error) => println!("{bits:06b} {path} {:?}", error.kind()),
            }
        }
    }
    refused(File::create("given.txt"), ROFS);
    refused(File::create("new.txt"), ROFS);
    refused(fs::create_dir("new"), ROFS);
    refused(fs::remove_file("given.txt"), ROFS);
    refused(fs::remove_dir("directory"), ROFS);
    refused(fs::rename("given.txt", "directory/moved"), ROFS);
    refused(fs::hard_link("given.txt", "directory/twin"), ROFS);
    refused(symlink("given.txt", "link"), ROFS);
    assert!(fs::remove_dir_all("directory").is_err());
    assert_eq!(fs::read("given.txt").expect("read"), b"given\n");
    assert_eq!(names("/"), ["directory", "given.txt"]);
}
