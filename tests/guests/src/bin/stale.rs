//! Reads half of a file of the base, tells the host, which changes it, and reads the rest.

use std::fs::File;
use std::io::Read;

fn main() {
    let mut file = File::open("large.txt").expect("opened");
    let mut half = vec![0; 3 << 19];
    file.read_exact(&mut half).expect("read");
    println!("now");
    let mut rest = Vec::new();
    let read = file.read_to_end(&mut rest);
    half.append(&mut rest);
    assert!(
        half.iter().all(|byte| *byte == b'a'),
        "old and new bytes are mixed"
    );
    println!(
        "{:?} {}",
        read.map_err(|error| error.raw_os_error()),
        half.len()
    );
    let again = std::fs::read("large.txt").map_err(|error| error.raw_os_error());
    println!(
        "{:?}",
        again.map(|bytes| bytes.iter().all(|byte| *byte == b'a'))
    );
}
