//! Ends as its first argument says, after it has written a file.

use std::process::{ExitCode, exit};

fn main() -> Result<ExitCode, String> {
    std::fs::write("written", "before the end").expect("written");
    let how = std::env::args().nth(1).expect("an argument");
    match how.split_once(' ') {
        Some(("exit", code)) => exit(code.parse().expect("a code")),
        Some(("return", code)) => Ok(ExitCode::from(code.parse::<u8>().expect("a code"))),
        Some(("error", text)) => Err(text.to_owned()),
        _ => panic!("{how}"),
    }
}
