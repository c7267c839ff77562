//! The `session-fs` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    session_fs_cli::main()
}
