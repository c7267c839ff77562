//! Streams a file of 8 MiB, changes a byte of it and copies it.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};

const WORDS: u32 = 2 << 20;

fn main() {
    let mut writer = BufWriter::new(File::create("large").expect("created"));
    for word in 0..WORDS {
        writer.write_all(&word.to_le_bytes()).expect("written");
    }
    writer.into_inner().expect("flushed");
    check("large", None);

    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .open("large")
        .expect("opened");
    file.seek(SeekFrom::Start(4 << 20)).expect("sought");
    file.write_all(&[0xAA]).expect("written");
    check("large", Some(1 << 20));

    assert_eq!(fs::copy("large", "copy").expect("copied"), 8 << 20);
    check("copy", Some(1 << 20));
    let whole = fs::read("copy").expect("read");
    fs::write("again", &whole).expect("written in one call");
    assert_eq!(fs::read("again").expect("read"), whole);
}

fn check(path: &str, changed: Option<u32>) {
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path).expect("opened"));
    for word in 0..WORDS {
        let mut bytes = [0; 4];
        reader.read_exact(&mut bytes).expect("read");
        let expected = if changed == Some(word) {
            word & !0xFF | 0xAA
        } else {
            word
        };
        assert_eq!(u32::from_le_bytes(bytes), expected, "word {word} of {path}");
    }
    assert_eq!(reader.read(&mut [0]).expect("at the end"), 0);
}
