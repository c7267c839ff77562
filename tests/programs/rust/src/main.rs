//! The inventory of a folder, in Rust for WASI preview 1: see docs/programs.md.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> io::Result<ExitCode> {
    let mut lines = Vec::new();
    for entry in fs::read_dir("/notes")? {
        let entry = entry?;
        lines.push((entry.file_name(), entry.metadata()?.len()));
    }
    lines.sort();
    let mut list = String::new();
    for (name, bytes) in &lines {
        writeln!(list, "{}: {bytes} bytes", name.display()).map_err(io::Error::other)?;
    }
    fs::create_dir("/out")?;
    fs::write("/out/list.part", list)?;
    fs::rename("/out/list.part", "/out/list.txt")?;
    fs::remove_file("/old.txt")?;
    assert!(fs::write("/../beside.txt", "").is_err(), "it is outside");

    let whom = env::args().nth(1).unwrap_or_else(|| "nobody".to_owned());
    println!("{} notes for {whom}", lines.len());
    Ok(ExitCode::from(if whom == "fail" { 3 } else { 0 }))
}
