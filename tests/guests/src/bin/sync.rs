//! Syncs: nothing to wait for in a session, and no error either.

use std::fs::{self, File};
use std::io::Write;

fn main() {
    let mut file = File::create("a").expect("created");
    file.write_all(b"content").expect("written");
    file.sync_data().expect("synced");
    file.sync_all().expect("synced");
    File::open("a")
        .expect("opened")
        .sync_all()
        .expect("synced without the right to write");
    file.flush().expect("flushed");
    assert_eq!(fs::read("a").expect("read"), b"content");
}
