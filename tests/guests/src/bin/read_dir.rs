//! Lists directories: what the base has and what was made, and what changes while it is listed.

use std::fs::{self, File};

use session_fs_test_guests::{errno, names, refused};

fn main() {
    assert_eq!(names("/"), ["given", "link", "top.txt"]);
    assert_eq!(names("given"), ["a.txt", "b.txt", "sub"]);

    File::create("given/c.txt").expect("created");
    fs::remove_file("given/a.txt").expect("removed");
    fs::rename("given/b.txt", "given/ä b.txt").expect("renamed");
    fs::create_dir("given/sub/new").expect("made");
    assert_eq!(names("given"), ["c.txt", "sub", "ä b.txt"]);
    assert_eq!(
        names("link"),
        names("given/sub"),
        "a link to a directory is followed"
    );

    for entry in fs::read_dir("/").expect("listed") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("known");
        match entry.file_name().to_str() {
            Some("given") => assert!(kind.is_dir()),
            Some("link") => assert!(kind.is_symlink()),
            Some("top.txt") => assert!(kind.is_file()),
            other => panic!("{other:?}"),
        }
    }

    // The listing is of the moment it was begun at.
    let before = fs::read_dir("given").expect("listed");
    File::create("given/later").expect("created");
    assert_eq!(before.count(), 3);

    for index in 0..500 {
        File::create(format!("given/sub/{index:03}")).expect("created");
    }
    assert_eq!(names("given/sub").len(), 502);
    refused(fs::read_dir("absent"), errno::NOENT);
    refused(fs::read_dir("top.txt"), errno::NOTDIR);
}
