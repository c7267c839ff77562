//! The `session-fs` binary again: cargo tells a test where a binary is only within one package.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
