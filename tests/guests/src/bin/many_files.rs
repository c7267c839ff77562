//! Makes two thousand files, changes, moves and removes some, and finds the rest.

use std::fs;

use session_fs_test_guests::names;

fn main() {
    for directory in 0..20 {
        fs::create_dir(format!("{directory:02}")).expect("made");
        for file in 0..100 {
            fs::write(
                format!("{directory:02}/{file:02}"),
                format!("{directory} {file}"),
            )
            .expect("written");
        }
    }
    for directory in (0..20).step_by(2) {
        for file in (0..100).step_by(2) {
            fs::remove_file(format!("{directory:02}/{file:02}")).expect("removed");
        }
        fs::rename(format!("{directory:02}"), format!("moved-{directory:02}")).expect("renamed");
    }
    let mut bytes_count = 0;
    let mut files_count = 0;
    for directory in names("/") {
        for file in names(&directory) {
            let content = fs::read_to_string(format!("{directory}/{file}")).expect("read");
            let number: u32 = directory
                .trim_start_matches("moved-")
                .parse()
                .expect("a number");
            let file: u32 = file.parse().expect("a number");
            assert_eq!(content, format!("{number} {file}"));
            bytes_count += content.len();
            files_count += 1;
        }
    }
    println!("{files_count} files of {bytes_count} bytes");
}
