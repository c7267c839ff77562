//! `cargo xtask programs`: one small program in several languages, each made with that language's own
//! published tools, and run by the real `session-fs` binary over a tree.
//!
//! What cannot be made on this machine is listed at the end with the reason. Programs of the cargo
//! registry are no matter of this command: the tests build and run them.

mod inventory;
mod languages;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::demo;
use crate::workbench::Workbench;
use inventory::Inventory;
use languages::Language;

/// What `cargo xtask programs` is given.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Only languages whose name contains this
    filter: Option<String>,

    /// Fail when one of them cannot be made here
    #[arg(long)]
    all: bool,
}

/// What came of a language.
pub(crate) enum Made {
    /// The program.
    Program(PathBuf),
    /// The tools are not here and cannot be had.
    Missing(String),
}

/// Makes and runs the program in each language. One that runs badly is an error.
pub(crate) fn run(bench: &Workbench, options: &Options) -> Result<()> {
    let session_fs = demo::build_session_fs(bench)?;
    let inventory = Inventory { bench, session_fs };
    let filter = options.filter.as_deref().unwrap_or_default();
    let wanted = |language: &&Language| language.name.contains(filter);
    let (mut lines, mut missing) = (Vec::new(), Vec::new());
    for language in languages::ALL.iter().filter(wanted) {
        println!("--- {}", language.name);
        let made = (language.make)(bench).with_context(|| format!("making {}", language.name))?;
        match made {
            Made::Program(program) => {
                inventory
                    .check(&program, language)
                    .with_context(|| format!("running {}", language.name))?;
                lines.push(format!("ran      {}", language.name));
            }
            Made::Missing(reason) => {
                lines.push(format!("NOT RUN  {}: {reason}", language.name));
                missing.push(language.name);
            }
        }
    }
    println!();
    for line in lines {
        println!("{line}");
    }
    ensure!(
        missing.is_empty() || !options.all,
        "not made: {}",
        missing.join(", ")
    );
    Ok(())
}
