//! Goes on with files that have lost their names.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, Write};

use session_fs_test_guests::names;

fn main() {
    for path in ["given.txt", "made.txt"] {
        if path == "made.txt" {
            fs::write(path, "given\n").expect("written");
        }
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).open(path).expect("opened");
        fs::remove_file(path).expect("removed");
        fs::write(path, "another").expect("written");

        let mut text = String::new();
        file.read_to_string(&mut text).expect("read");
        assert_eq!(text, "given\n");
        file.write_all(b"more").expect("written");
        file.set_len(8).expect("cut");
        file.rewind().expect("rewound");
        text.clear();
        file.read_to_string(&mut text).expect("read");
        assert_eq!(text, "given\nmo");
        assert_eq!(file.metadata().expect("described").len(), 8);
        assert_eq!(fs::read(path).expect("read"), b"another");
        fs::remove_file(path).expect("removed");
    }

    fs::create_dir_all("a/b").expect("made");
    let mut file = fs::File::create("a/b/c").expect("created");
    fs::rename("a", "z").expect("renamed");
    file.write_all(b"found again").expect("written");
    assert_eq!(fs::read("z/b/c").expect("read"), b"found again");
    assert_eq!(names("/"), ["z"]);
}
