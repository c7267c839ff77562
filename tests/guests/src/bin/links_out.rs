//! Meets links of the base that lead out: each can be seen, none can be followed.

use std::fs::{self, File, OpenOptions};

use session_fs_test_guests::{errno::PERM, names, refused};

fn main() {
    let links = ["absolute", "evil", "file", "sub/up", "top", "trailing"];
    for link in links {
        // What an absolute one says of the host is not told.
        let target = fs::read_link(link).map_err(|error| error.kind());
        println!("{link} -> {target:?}");
        assert!(fs::symlink_metadata(link).expect("seen").is_symlink());
        for path in [
            link.to_owned(),
            format!("{link}/"),
            format!("{link}//"),
            format!("{link}/."),
        ] {
            refused(File::open(&path), PERM);
            refused(fs::read_dir(&path), PERM);
            refused(fs::metadata(&path), PERM);
            refused(OpenOptions::new().append(true).open(&path), PERM);
        }
        for below in [
            format!("{link}/canary.txt"),
            format!("{link}//x"),
            format!("{link}/../x"),
        ] {
            refused(File::open(&below), PERM);
            refused(File::create(&below), PERM);
            refused(fs::create_dir(&below), PERM);
            refused(fs::remove_file(&below), PERM);
            refused(fs::remove_dir(&below), PERM);
            refused(fs::rename(&below, "stolen"), PERM);
            refused(fs::rename("mine", &below), PERM);
            refused(fs::hard_link(&below, "stolen"), PERM);
            refused(fs::hard_link("mine", &below), PERM);
        }
        refused(File::create(link), PERM);
        refused(File::options().write(true).truncate(true).open(link), PERM);
        assert!(
            File::options()
                .write(true)
                .create_new(true)
                .open(link)
                .is_err()
        );
        assert!(fs::create_dir(format!("{link}/")).is_err());
        assert!(fs::remove_dir(format!("{link}/")).is_err());
        assert!(fs::remove_file(format!("{link}/")).is_err());
        assert!(fs::rename(format!("{link}/"), "stolen").is_err());
        assert!(fs::rename("mine", format!("{link}/")).is_err());
        // Whether this makes a name for the link or is refused, the target stays out of reach.
        if fs::hard_link(link, "twin").is_ok() {
            refused(fs::read("twin"), PERM);
            fs::remove_file("twin").expect("removed");
        }
    }
    assert_eq!(
        names("/"),
        ["absolute", "evil", "file", "mine", "sub", "top", "trailing"]
    );
    // A link may be moved, and to where it would lead somewhere inside; it then leads there.
    fs::create_dir_all("deep/er").expect("made");
    fs::rename("top", "deep/er/top").expect("renamed");
    assert!(fs::read("deep/er/top/canary.txt").is_err());
}
