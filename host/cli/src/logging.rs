//! The log of the host itself, on stderr: for a person on a terminal, as JSON elsewhere.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::exit::{Code, Failure};
use crate::system;

/// Starts the log. `SESSION_FS_LOG` wins over `-v`.
pub(crate) fn start(verbose: u8) -> Result<(), Failure> {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = system::variable("SESSION_FS_LOG");
    let filter = EnvFilter::try_new(filter.as_deref().unwrap_or(level)).map_err(|error| {
        Failure::new(
            Code::Failed,
            format!("SESSION_FS_LOG is not a filter: {error}"),
        )
        .hint("write it like info or session_fs_runtime=debug")
    })?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    if io::stderr().is_terminal() {
        log.with_target(false).init();
    } else {
        log.json().init();
    }
    Ok(())
}
