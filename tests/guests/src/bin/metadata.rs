//! Asks what things are, with and without following links.

use std::fs::{self, File};
use std::time::{Duration, UNIX_EPOCH};

use session_fs_test_guests::{errno, refused};

fn main() {
    let file = fs::metadata("given.txt").expect("described");
    assert!(file.is_file() && !file.is_dir() && file.len() == 6);
    assert!(fs::metadata("/").expect("described").is_dir());
    assert!(fs::metadata(".").expect("described").is_dir());
    assert!(fs::metadata("sub/..").expect("described").is_dir());

    let link = fs::symlink_metadata("link").expect("described");
    assert!(link.is_symlink() && link.len() == "given.txt".len() as u64);
    assert!(fs::metadata("link").expect("described").is_file());
    refused(fs::metadata("dangling"), errno::NOENT);
    assert!(
        fs::symlink_metadata("dangling")
            .expect("described")
            .is_symlink()
    );
    assert!(!fs::exists("dangling").expect("told") && fs::exists("link").expect("told"));

    // What was made has the session's time, which stands still.
    fs::write("new", "x").expect("written");
    let made = fs::metadata("new")
        .expect("described")
        .modified()
        .expect("known");
    assert_eq!(made, UNIX_EPOCH + Duration::new(1_800_000_000, 250_000_000));
    let opened = File::open("new")
        .expect("opened")
        .metadata()
        .expect("described");
    assert_eq!((opened.len(), opened.modified().expect("known")), (1, made));
    refused(fs::metadata("given.txt/below"), errno::NOTDIR);
    refused(fs::metadata("absent"), errno::NOENT);
}
