//! Prints for ever, without looking at what becomes of it.

use std::io::Write;

fn main() {
    let line = [b'x'; 4096];
    loop {
        let _printed = std::io::stdout().write_all(&line);
    }
}
