//! Looks for the folder that belongs to the host, and tries to make, fill and replace it.

use std::fs::{self, File};

use session_fs_test_guests::{names, symlink};

fn main() {
    assert_eq!(names("/"), ["given.txt"], "it is not listed");
    for store in [
        ".session-fs",
        ".SESSION-FS",
        ".session-fs.",
        ".Session-Fs . ",
    ] {
        for path in [
            store.to_owned(),
            format!("{store}/journal"),
            format!("./{store}/"),
        ] {
            assert!(File::open(&path).is_err(), "{path}");
            assert!(fs::metadata(&path).is_err(), "{path}");
            assert!(fs::read_dir(&path).is_err(), "{path}");
            assert!(fs::write(&path, "x").is_err(), "{path}");
            assert!(fs::create_dir(&path).is_err(), "{path}");
            assert!(fs::create_dir_all(&path).is_err(), "{path}");
            assert!(fs::rename("given.txt", &path).is_err(), "{path}");
            assert!(fs::hard_link("given.txt", &path).is_err(), "{path}");
            assert!(fs::remove_file(&path).is_err(), "{path}");
            assert!(fs::remove_dir_all(&path).is_err(), "{path}");
        }
        assert!(symlink("given.txt", store).is_err(), "{store}");
    }
    // Nor by way of a link or a directory of another name.
    if symlink(".session-fs", "door").is_ok() {
        assert!(fs::read_dir("door").is_err());
        assert!(fs::write("door/journal", "x").is_err());
        fs::remove_file("door").expect("removed");
    }
    assert_eq!(names("/"), ["given.txt"]);
}
