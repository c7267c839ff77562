//! Names files of every host by absolute paths: `/` is the session, so nothing is there.

use std::fs::{self, File};

use session_fs_test_guests::{errno::NOENT, refused};

fn main() {
    for path in [
        "/etc/passwd",
        "/proc/self/environ",
        "/dev/null",
        "//etc//passwd",
        "/tmp/x",
    ] {
        refused(File::open(path), NOENT);
        refused(File::create(path), NOENT);
        refused(fs::metadata(path), NOENT);
    }
    // One argument is where the base really is.
    for path in std::env::args().skip(1) {
        refused(fs::read_dir(path), NOENT);
    }
    fs::create_dir("/etc").expect("a directory of its own");
    fs::write("/etc/passwd", "nobody").expect("written");
    assert_eq!(fs::read("etc/passwd").expect("read"), b"nobody");
}
