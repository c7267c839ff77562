//! Reads its input to the end and prints what it read, to both outputs.

use std::io::{Read, Write};

fn main() {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .expect("input is text");
    for line in text.lines() {
        println!("out {line}");
        eprintln!("err {line}");
    }
    let mut stdout = std::io::stdout();
    stdout.write_all(b"without an end").expect("printed");
    stdout.flush().expect("flushed");
}
