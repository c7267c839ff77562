//! Reaches for other programs and for threads.

use std::process::Command;

fn main() {
    println!(
        "process {:?}",
        Command::new("sh")
            .spawn()
            .map(|_| ())
            .expect_err("refused")
            .kind()
    );
    let thread = std::thread::Builder::new().spawn(|| ());
    println!(
        "thread {:?}",
        thread.map(|_| ()).expect_err("refused").kind()
    );
    println!(
        "program {:?}",
        std::env::current_exe().expect_err("refused").kind()
    );
}
