//! Puts a line in front of every file of a folder, says so, and ends.
//!
//! Where nobody takes what it says it waits there, with all its edits in its session.

use std::fs;

fn main() {
    let folder = std::env::args().nth(1).expect("a folder");
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("a folder that is there") {
        let path = format!("{folder}/{}", entry.expect("read").file_name().display());
        let content = fs::read(&path).expect("a file");
        fs::write(&path, [b"edited\n", content.as_slice()].concat()).expect("written");
        count += 1;
    }
    println!("{count} files edited");
}
