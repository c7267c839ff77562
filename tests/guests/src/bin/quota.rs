//! Writes until the session is full, frees some of it and can write again.

use std::fs::{self, File, OpenOptions};
use std::io::Write;

use session_fs_test_guests::errno;

fn main() {
    let chunk = vec![0xA5_u8; 1 << 20];
    let mut file = File::create("a").expect("created");
    let mut written = 0;
    let refusal = loop {
        match file.write_all(&chunk) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1000, "never refused");
    };
    // libc says so of every stream that fails; the report of the run has the true cause.
    assert_eq!(refusal.raw_os_error(), Some(errno::IO), "{refusal:?}");
    drop(file);
    println!("{written} MiB");
    fs::write("another", "a small one fits").unwrap_or_else(|error| println!("{error}"));
    let file = OpenOptions::new().write(true).open("a").expect("opened");
    file.set_len(1 << 20).expect("cut");
    drop(file);
    fs::write("b", &chunk).expect("there is room again");
}
