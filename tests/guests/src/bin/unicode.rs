//! Uses names of all kinds: what is UTF-8 comes back as it went in, and nothing else is taken.
#![expect(
    unsafe_code,
    reason = "a path that is not UTF-8 is made of bytes only so"
)]

use std::ffi::OsStr;
use std::fs;

use session_fs_test_guests::{errno, names, refused};

/// In the order of their bytes.
const NAMES: [&str; 9] = [
    " leading and trailing ",
    "-rf",
    "...",
    "a\\b",
    "a\u{308}",
    "new\nline",
    "\u{e4}",
    "日本語",
    "🦀",
];

fn main() {
    for name in NAMES {
        fs::write(name, name).expect("written");
    }
    assert_eq!(names("/"), NAMES);
    for name in NAMES {
        assert_eq!(fs::read_to_string(name).expect("read"), name);
    }
    let longest = "n".repeat(255);
    fs::write(&longest, "x").expect("written");
    fs::remove_file(&longest).expect("removed");
    refused(fs::write("n".repeat(256), "x"), errno::NAMETOOLONG);
    refused(fs::write("ä".repeat(128), "x"), errno::NAMETOOLONG);
    refused(fs::metadata("n/".repeat(2100)), errno::NAMETOOLONG);
    refused(fs::create_dir_all("d/".repeat(65)), errno::NAMETOOLONG);
    // SAFETY: only calls of the system see the bytes, and they take any.
    let latin = unsafe { OsStr::from_encoded_bytes_unchecked(b"latin-\xE4") };
    refused(fs::write(latin, "x"), errno::ILSEQ);
    assert!(fs::write("nul\0byte", "x").is_err());
}
