//! Renames files and directories, over what may be replaced and what may not.

use std::fs;
use std::io::Read;

use session_fs_test_guests::{errno, names, refused};

fn main() {
    // What the base has moves as well as what was made, with all that is below.
    fs::rename("given", "moved").expect("renamed");
    assert_eq!(names("moved/sub"), ["deep.txt"]);
    assert_eq!(fs::read("moved/sub/deep.txt").expect("read"), b"deep\n");
    refused(fs::read("given/sub/deep.txt"), errno::NOENT);

    fs::write("a", "a").expect("written");
    fs::write("b", "b").expect("written");
    let mut open = fs::File::open("b").expect("opened");
    fs::rename("a", "b").expect("renamed over");
    assert_eq!(fs::read("b").expect("read"), b"a");
    let mut text = String::new();
    open.read_to_string(&mut text).expect("read");
    assert_eq!(text, "b", "a handle is of the file, not of its name");
    fs::rename("b", "b").expect("renamed to itself");

    fs::create_dir("full").expect("made");
    fs::write("full/x", "x").expect("written");
    fs::create_dir("empty").expect("made");
    refused(fs::rename("empty", "full"), errno::NOTEMPTY);
    refused(fs::rename("b", "full"), errno::ISDIR);
    refused(fs::rename("full", "b"), errno::NOTDIR);
    refused(fs::rename("full", "full/inside"), errno::INVAL);
    refused(fs::rename("absent", "c"), errno::NOENT);
    refused(fs::rename("b", "absent/c"), errno::NOENT);
    fs::rename("full", "empty").expect("renamed over an empty one");
    assert_eq!(names("empty"), ["x"]);

    // A swap by way of a third name, and back into what was left.
    fs::rename("empty", "third").expect("renamed");
    fs::rename("moved", "given").expect("renamed");
    assert_eq!(names("/"), ["b", "given", "third"]);
}
