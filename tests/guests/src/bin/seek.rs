//! Seeks from all three origins, before the start and past the end.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};

use session_fs_test_guests::{errno, refused};

fn main() {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    let mut file = options.open("a").expect("created");
    file.write_all(b"0123456789").expect("written");
    assert_eq!(file.stream_position().expect("told"), 10);

    let mut read_at = |origin: SeekFrom| {
        file.seek(origin).expect("sought");
        let mut byte = [0];
        file.read_exact(&mut byte)
            .map(|()| char::from(byte[0]))
            .ok()
    };
    assert_eq!(read_at(SeekFrom::Start(3)), Some('3'));
    assert_eq!(read_at(SeekFrom::Current(2)), Some('6'));
    assert_eq!(read_at(SeekFrom::Current(-3)), Some('4'));
    assert_eq!(read_at(SeekFrom::End(-1)), Some('9'));
    assert_eq!(read_at(SeekFrom::End(0)), None);
    assert_eq!(read_at(SeekFrom::Start(100)), None);

    refused(file.seek(SeekFrom::Current(-1000)), errno::INVAL);
    refused(file.seek(SeekFrom::End(-11)), errno::INVAL);

    file.seek(SeekFrom::Start(12)).expect("sought");
    file.write_all(b"x").expect("written");
    assert_eq!(fs::read("a").expect("read"), b"0123456789\0\0x");
    file.rewind().expect("rewound");
    file.write_all(b"AB").expect("written");
    assert_eq!(fs::read("a").expect("read"), b"AB23456789\0\0x");
}
