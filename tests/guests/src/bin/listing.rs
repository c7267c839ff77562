//! Prints every path that it can see, a directory with a `/` at its end.

fn main() {
    list("/");
}

fn list(directory: &str) {
    for name in session_fs_test_guests::names(directory) {
        let path = format!("{directory}{name}");
        if std::fs::symlink_metadata(&path)
            .expect("it was listed")
            .is_dir()
        {
            println!("{path}/");
            list(&format!("{path}/"));
        } else {
            println!("{path}");
        }
    }
}
