//! Appends: each write goes to what is the end at that moment, whoever moved it.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};

fn main() {
    let open = || {
        OpenOptions::new()
            .append(true)
            .create(true)
            .open("log")
            .expect("opened")
    };
    let (mut first, mut second) = (open(), open());
    first.write_all(b"1").expect("written");
    second.write_all(b"2").expect("written");
    first.write_all(b"3").expect("written");
    first.seek(SeekFrom::Start(0)).expect("sought");
    first.write_all(b"4").expect("written");
    assert_eq!(fs::read("log").expect("read"), b"1234");

    first.set_len(1).expect("cut");
    second.write_all(b"5").expect("written");
    assert_eq!(fs::read("log").expect("read"), b"15");

    let mut given = OpenOptions::new()
        .append(true)
        .open("given.txt")
        .expect("opened");
    given.write_all(b"more\n").expect("written");
    assert_eq!(fs::read("given.txt").expect("read"), b"given\nmore\n");
}
