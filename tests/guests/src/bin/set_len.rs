//! Makes files shorter and longer; what is new reads as zeros.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};

use session_fs_test_guests::{errno, refused};

fn main() {
    fs::write("a", "0123456789").expect("written");
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).open("a").expect("opened");
    file.set_len(4).expect("cut");
    file.set_len(6).expect("grown");
    assert_eq!(fs::read("a").expect("read"), b"0123\0\0");
    assert_eq!(file.metadata().expect("described").len(), 6);

    file.seek(SeekFrom::Start(5)).expect("sought");
    file.set_len(0).expect("cut");
    assert_eq!(file.read(&mut [0; 4]).expect("past the end"), 0);
    file.write_all(b"x").expect("written");
    assert_eq!(
        fs::read("a").expect("read"),
        b"\0\0\0\0\0x",
        "the position stayed"
    );

    // A hole costs nothing: this is more than the session may hold in memory.
    file.set_len(4 << 30).expect("grown");
    assert_eq!(file.metadata().expect("described").len(), 4 << 30);
    let mut end = [1; 16];
    file.seek(SeekFrom::End(-16)).expect("sought");
    file.read_exact(&mut end).expect("read");
    assert_eq!(end, [0; 16]);
    file.set_len(6).expect("cut");

    assert!(
        File::open("a").expect("opened").set_len(0).is_err(),
        "it may only read"
    );
    refused(file.set_len(1 << 62), errno::FBIG);
    assert_eq!(fs::read("a").expect("read").len(), 6);
}
