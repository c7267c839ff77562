//! `cargo xtask setup`: the standard library of wasm32-wasip2 for the active toolchain.
//!
//! There are two ways, tried in this order: rustup, and the sources in a Debian suite. A way counts
//! as done only when a program that uses the library has been compiled and linked with it. Every
//! command that builds a guest calls `ensure` first, which costs a few file lookups when all is there.

mod debian;
mod packages;
mod toolchain;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::guests::TARGET;
use crate::workbench::Workbench;
pub(crate) use toolchain::Toolchain;

/// How long `rustup target add` may take; it fetches about 25 MB.
const RUSTUP_TIME_MAX: Duration = Duration::from_secs(180);

/// What `cargo xtask setup` is given.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Install again in this one way, even when nothing is missing
    #[arg(long)]
    from: Option<Way>,
    /// The toolchain directory to install into, instead of the active one (with --from debian)
    #[arg(long, value_name = "DIR", requires = "from")]
    sysroot: Option<PathBuf>,
}

/// A way to get the standard library.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Way {
    /// `rustup target add`
    Rustup,
    /// Build it from the rust-src and wasi-libc packages of a Debian mirror
    Debian,
}

/// Installs what is missing, or what `--from` asks for, and says what it found.
pub(crate) fn run(bench: &Workbench, options: &Options) -> Result<()> {
    let toolchain = Toolchain::find(bench, options.sysroot.clone())?;
    match options.from {
        Some(Way::Rustup) if options.sysroot.is_some() => {
            bail!("--sysroot goes with --from debian: rustup knows only its own toolchains")
        }
        Some(way) => way.install(bench, &toolchain)?,
        None => install_missing(bench, &toolchain)?,
    }
    println!("{TARGET}: ready in {}", toolchain.sysroot().display());
    Ok(())
}

/// Installs the target when it is missing; silent when it is there.
pub(crate) fn ensure(bench: &Workbench) -> Result<()> {
    install_missing(bench, &Toolchain::find(bench, None)?)
}

fn install_missing(bench: &Workbench, toolchain: &Toolchain) -> Result<()> {
    if toolchain.has_target() {
        return Ok(());
    }
    println!(
        "{TARGET} is missing for rustc {}; installing it",
        toolchain.version()
    );
    let mut failures = Vec::new();
    for way in [Way::Rustup, Way::Debian] {
        match way.install(bench, toolchain) {
            Ok(()) => return Ok(()),
            Err(error) => {
                println!(
                    "{} did not work; see below if nothing else does",
                    way.title()
                );
                failures.push((way, format!("{error:#}")));
            }
        }
    }
    bail!(advice(toolchain, &failures))
}

impl Way {
    fn title(self) -> &'static str {
        match self {
            Self::Rustup => "rustup target add",
            Self::Debian => "the rust-src and wasi-libc packages of a Debian mirror",
        }
    }

    fn install(self, bench: &Workbench, toolchain: &Toolchain) -> Result<()> {
        println!("trying {}", self.title());
        match self {
            Self::Rustup => {
                let mut command = bench.tool("rustup");
                bench.capture(command.args(["target", "add", TARGET]), RUSTUP_TIME_MAX)?;
            }
            Self::Debian => debian::install(bench, toolchain)?,
        }
        toolchain
            .probe(bench)
            .context("installed, but a program does not build with it")
    }
}

/// The one message for a machine where no way works: what was tried, what it said, what to do.
fn advice(toolchain: &Toolchain, failures: &[(Way, String)]) -> String {
    let mut text = format!(
        "the standard library of {TARGET} for rustc {} could not be installed",
        toolchain.version()
    );
    for (way, printed) in failures {
        text.push_str(&format!("\n\ntried {}:\n", way.title()));
        for line in printed.lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text.push_str(&format!(
        "\nTo do it by hand, one of:\n\
         - where rustup's server can be reached: rustup target add {TARGET}\n\
         - where a Debian mirror can be reached: add a suite that has rust-src {version} to apt's\n  \
           sources, then run: cargo xtask setup --from debian\n\
         - copy lib/rustlib/{TARGET} from the same toolchain on another machine into\n  \
           {sysroot}/lib/rustlib/",
        version = toolchain.version(),
        sysroot = toolchain.sysroot().display(),
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_names_both_ways_and_what_each_printed() {
        let toolchain = Toolchain::made_up("1.95.0", "/opt/rust");
        let failures = [
            (Way::Rustup, "no server\nreally".to_owned()),
            (Way::Debian, "no suite".to_owned()),
        ];
        let text = advice(&toolchain, &failures);
        for part in [
            "rustup target add",
            "Debian",
            "    no server\n    really\n",
            "no suite",
            "/opt/rust",
        ] {
            assert!(text.contains(part), "{part:?} is missing in:\n{text}");
        }
    }
}
