//! Reads and writes whole files, parts of files and past the end of files.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};

fn main() {
    assert_eq!(
        fs::read_to_string("given.txt").expect("read"),
        "given\nby the base\n"
    );
    fs::write("a", "0123456789").expect("written");

    let mut file = File::open("a").expect("opened");
    let mut part = [0; 4];
    file.read_exact(&mut part).expect("read");
    assert_eq!(&part, b"0123");
    assert_eq!(file.read(&mut []).expect("nothing asked for"), 0);
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).expect("read");
    assert_eq!(rest, b"456789");
    assert_eq!(file.read(&mut part).expect("at the end"), 0);
    assert_eq!(
        file.read_exact(&mut part).expect_err("at the end").kind(),
        ErrorKind::UnexpectedEof
    );

    // A reader at the end sees what is added later.
    let mut writer = fs::OpenOptions::new()
        .append(true)
        .open("a")
        .expect("opened");
    writer.write_all(b"ab").expect("added");
    assert_eq!(file.read(&mut part).expect("read"), 2);

    let mut file = File::create("parts").expect("created");
    for part in 0..1000_u32 {
        file.write_all(&part.to_le_bytes()).expect("written");
    }
    file.write_all(b"").expect("nothing written");
    let bytes = fs::read("parts").expect("read");
    assert!(
        bytes
            .chunks(4)
            .zip(0_u32..)
            .all(|(chunk, part)| chunk == part.to_le_bytes())
    );
    assert_eq!(bytes.len(), 4000);

    fs::write("given.txt", "replaced\n").expect("written");
    assert_eq!(fs::read("given.txt").expect("read"), b"replaced\n");
    fs::write("empty", "").expect("written");
    assert_eq!(fs::read("empty").expect("read"), b"");
}
