//! Every way to open a file: what each may do, what it creates and what it refuses.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};

use session_fs_test_guests::{errno, refused};

fn main() {
    fs::write("old", "old content").expect("written");

    refused(File::open("absent"), errno::NOENT);
    refused(File::open("old").expect("opened").write(b"x"), errno::BADF);
    let mut write_only = OpenOptions::new().write(true).open("old").expect("opened");
    refused(write_only.read(&mut [0; 4]), errno::BADF);
    write_only.write_all(b"new").expect("written");
    assert_eq!(
        fs::read("old").expect("read"),
        b"new content",
        "writing does not truncate"
    );

    refused(OpenOptions::new().write(true).open("absent"), errno::NOENT);
    refused(
        OpenOptions::new().write(true).create_new(true).open("old"),
        errno::EXIST,
    );
    let new = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open("new")
        .expect("created");
    assert_eq!(new.metadata().expect("described").len(), 0);

    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut both = options.open("old").expect("opened");
    let mut text = String::new();
    both.read_to_string(&mut text).expect("read");
    assert_eq!(text, "new content");

    OpenOptions::new()
        .write(true)
        .truncate(true)
        .open("old")
        .expect("truncated");
    assert_eq!(fs::read("old").expect("read"), b"");
    File::create("old")
        .expect("created over")
        .write_all(b"2")
        .expect("written");
    assert_eq!(fs::read("old").expect("read"), b"2");

    fs::create_dir("directory").expect("made");
    refused(
        OpenOptions::new().write(true).open("directory"),
        errno::ISDIR,
    );
    refused(File::create("directory"), errno::ISDIR);
    refused(
        File::open("directory").expect("opened").read(&mut [0; 4]),
        errno::ISDIR,
    );
    refused(File::open("old/below"), errno::NOTDIR);
    refused(File::open("old/"), errno::NOTDIR);
    refused(File::create("directory/absent/file"), errno::NOENT);
}
