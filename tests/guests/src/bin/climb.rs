//! Climbs out with `..` in every call that takes a path, from the root and from below.

use std::fs::{self, File, OpenOptions};

use session_fs_test_guests::{errno::PERM, refused, symlink};

fn main() {
    fs::create_dir_all("a/b").expect("made");
    fs::write("mine", "x").expect("written");
    symlink("a/b", "door").expect("linked");
    for out in [
        "../canary.txt",
        "../../canary.txt",
        "a/../../canary.txt",
        "a/b/../../../canary.txt",
        "door/../../../canary.txt",
        "./a/./../../canary.txt",
        "..//canary.txt",
    ] {
        println!("{out}");
        refused(File::open(out), PERM);
        refused(File::create(out), PERM);
        refused(OpenOptions::new().append(true).open(out), PERM);
        refused(fs::metadata(out), PERM);
        refused(fs::symlink_metadata(out), PERM);
        refused(fs::read_link(out), PERM);
        refused(fs::read_dir(out), PERM);
        refused(fs::create_dir(out), PERM);
        refused(fs::remove_file(out), PERM);
        refused(fs::remove_dir(out), PERM);
        refused(fs::rename(out, "stolen"), PERM);
        refused(fs::rename("mine", out), PERM);
        refused(fs::hard_link(out, "stolen"), PERM);
        refused(fs::hard_link("mine", out), PERM);
        refused(symlink("mine", out), PERM);
        refused(symlink(out, "stolen"), PERM);
    }
    refused(symlink("../../etc", "a/out"), PERM);
    for up in ["..", "../", "a/../..", "../."] {
        println!("{up}");
        refused(fs::read_dir(up), PERM);
        refused(fs::metadata(up), PERM);
        assert!(fs::remove_dir(up).is_err());
        assert!(fs::rename(up, "stolen").is_err());
    }
    assert_eq!(fs::read("a/b/../../mine").expect("inside it is fine"), b"x");
}
