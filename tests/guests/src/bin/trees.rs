//! Makes and removes whole trees with `create_dir_all` and `remove_dir_all`.

use std::fs;

use session_fs_test_guests::{errno, names, refused};

fn main() {
    fs::create_dir_all("a/b/c/d/e").expect("made");
    fs::create_dir_all("a/b/c/d/e").expect("there already");
    refused(fs::create_dir("a"), errno::EXIST);
    refused(fs::create_dir("x/y"), errno::NOENT);
    for directory in 0..10 {
        fs::create_dir_all(format!("tree/{directory}/sub")).expect("made");
        for file in 0..10 {
            fs::write(format!("tree/{directory}/sub/{file}"), [file]).expect("written");
        }
    }
    fs::write("file", "x").expect("written");
    assert!(fs::create_dir_all("file/below").is_err());

    fs::remove_dir_all("tree").expect("removed");
    fs::remove_dir_all("a").expect("removed");
    fs::remove_dir_all("given").expect("what the base has is removed too");
    refused(fs::remove_dir_all("given"), errno::NOENT);
    assert_eq!(names("/"), ["file"]);

    // A link is removed, not what it leads to.
    fs::create_dir_all("kept/inside").expect("made");
    fs::create_dir("doomed").expect("made");
    session_fs_test_guests::symlink("../kept", "doomed/link").expect("linked");
    fs::remove_dir_all("doomed").expect("removed");
    assert_eq!(names("kept"), ["inside"]);
}
