//! A process that commits is killed again and again, at random moments and before named calls, on a
//! real file system: what it acknowledged is there, and the tree is whole.
//!
//! The process is this very program: `kill commit <folder> <call>`. It ends by itself before that
//! call, or is killed.
#![expect(
    dead_code,
    reason = "the modules belong to the tests, which use all of them"
)]

#[path = "it"]
mod it {
    pub(crate) mod acting;
    pub(crate) mod scene;
}
mod kill {
    pub(crate) mod child;
    pub(crate) mod numbered;
    pub(crate) mod often;
}

use cap_std::ambient_authority;
use it::{acting, scene};

/// Kills that are enough to meet every moment of a commit.
const KILLS: u64 = 200;
const NAME: &str = "a_killed_process_loses_nothing";

#[expect(clippy::print_stdout, reason = "a test program tells its runner")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        arguments if kill::child::run(arguments) => {}
        arguments if arguments.contains(&"--list") => {
            if !arguments.contains(&"--ignored") {
                println!("{NAME}: test");
            }
        }
        arguments if arguments.contains(&"--ignored") => {}
        arguments => {
            let is_filter = |argument: &&&str| !argument.starts_with('-');
            if arguments
                .iter()
                .find(is_filter)
                .is_none_or(|filter| NAME.contains(*filter))
            {
                let folder = cap_tempfile::TempDir::new(ambient_authority()).expect("a folder");
                let commits = kill::often::kill_often(&folder, KILLS, KILLS);
                assert!(commits > KILLS / 4, "only {commits} commits");
                println!("test {NAME} ... ok");
            }
        }
    }
}
