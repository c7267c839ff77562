//! How a program is made in each language: which tools, in which version, and from where.
//!
//! Tools are installed below the target directory by the package manager of the language, and stay
//! there. That they cannot be installed is no error; that they do not make the program is.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::Made;
use crate::workbench::Workbench;

/// How long a package manager may take.
const INSTALL_TIME_MAX: Duration = Duration::from_secs(600);

/// How long a compiler may take.
const MAKE_TIME_MAX: Duration = Duration::from_secs(600);

const COMPONENTIZE_PY: &str = "componentize-py==0.25.1";
const COMPONENTIZE_JS: &str = "@bytecodealliance/componentize-js@0.23.0";
const ZIG: &str = "ziglang==0.15.2";

/// The world of agents.
const WORLD: &str = "session-fs:host/agent";

/// One language.
pub(super) struct Language {
    /// The language, and what its program is.
    pub(super) name: &'static str,
    /// Makes the program.
    pub(super) make: fn(&Workbench) -> Result<Made>,
    /// Whether the program tries to reach the network, and has to be denied.
    pub(super) tries_network: bool,
}

/// All of them, the cheapest first.
pub(super) const ALL: [Language; 4] = [
    Language {
        name: "rust, a module of WASI preview 1",
        make: rust,
        tries_network: false,
    },
    Language {
        name: "python, an agent made by componentize-py",
        make: python,
        tries_network: true,
    },
    Language {
        name: "javascript, an agent made by componentize-js",
        make: javascript,
        tries_network: true,
    },
    Language {
        name: "c, a module of WASI preview 1 made by zig cc",
        make: c,
        tries_network: false,
    },
];

fn rust(bench: &Workbench) -> Result<Made> {
    const TARGET: &str = "wasm32-wasip1";
    let mut rustup = bench.tool("rustup");
    let added = bench.capture(rustup.args(["target", "add", TARGET]), INSTALL_TIME_MAX);
    let mut libdir = bench.rustc();
    libdir.args(["--print", "target-libdir", "--target", TARGET]);
    let libdir = PathBuf::from(bench.capture(&mut libdir, MAKE_TIME_MAX)?.trim());
    if !libdir.is_dir() {
        let why = added
            .err()
            .map_or_else(String::new, |error| error.to_string());
        return Ok(missing(&format!("no standard library of {TARGET}; {why}")));
    }
    let target_dir = bench.scratch("programs/rust")?;
    let mut cargo = bench.cargo();
    cargo.args(["build", "--locked", "--release", "--target", TARGET]);
    cargo
        .arg("--manifest-path")
        .arg(source(bench, "rust/Cargo.toml"));
    bench.capture(cargo.arg("--target-dir").arg(&target_dir), MAKE_TIME_MAX)?;
    let program = target_dir.join(TARGET).join("release/inventory.wasm");
    ensure!(program.is_file(), "it left no {}", program.display());
    Ok(Made::Program(program))
}

fn python(bench: &Workbench) -> Result<Made> {
    let tools = match python_tools(bench, COMPONENTIZE_PY)? {
        Ok(tools) => tools,
        Err(reason) => return Ok(missing(&reason)),
    };
    let mut componentize = bench.tool(tools.join("bin/componentize-py"));
    componentize.arg("--wit-path").arg(bench.root().join("wit"));
    componentize.args(["--world", WORLD, "componentize", "inventory"]);
    componentize.arg("--python-path").arg(source(bench, ""));
    componentize.env("PYTHONDONTWRITEBYTECODE", "1");
    make(bench, &mut componentize, "python", "--output")
}

fn javascript(bench: &Workbench) -> Result<Made> {
    let tools = bench.scratch("programs/npm")?;
    let mut npm = bench.tool("npm");
    npm.args([
        "install",
        "--no-audit",
        "--no-fund",
        "--no-save",
        "--prefix",
    ]);
    npm.arg(&tools).arg(COMPONENTIZE_JS);
    if let Err(error) = bench.capture(&mut npm, INSTALL_TIME_MAX) {
        return Ok(missing(&error.to_string()));
    }
    let mut componentize = bench.tool(tools.join("node_modules/.bin/componentize-js"));
    componentize.arg("--wit").arg(bench.root().join("wit"));
    componentize.args(["--world-name", "agent"]);
    componentize.arg(source(bench, "inventory.js"));
    make(bench, &mut componentize, "javascript", "--out")
}

fn c(bench: &Workbench) -> Result<Made> {
    let tools = match python_tools(bench, ZIG)? {
        Ok(tools) => tools,
        Err(reason) => return Ok(missing(&reason)),
    };
    let mut zig = bench.tool(tools.join("bin/python"));
    zig.args(["-m", "ziglang", "cc", "--target=wasm32-wasi", "-O1"]);
    let cache = bench.scratch("programs/zig")?;
    zig.env("ZIG_GLOBAL_CACHE_DIR", &cache)
        .env("ZIG_LOCAL_CACHE_DIR", &cache);
    make(bench, zig.arg(source(bench, "inventory.c")), "c", "-o")
}

/// Runs a compiler that is told where to put the program.
fn make(bench: &Workbench, compiler: &mut Command, name: &str, option: &str) -> Result<Made> {
    let program = bench.scratch("programs")?.join(format!("{name}.wasm"));
    bench.capture(compiler.arg(option).arg(&program), MAKE_TIME_MAX)?;
    ensure!(program.is_file(), "it left no {}", program.display());
    Ok(Made::Program(program))
}

/// An environment of Python with this package in it; or the reason why there is none.
fn python_tools(bench: &Workbench, package: &str) -> Result<Result<PathBuf, String>> {
    let tools = bench.scratch("programs")?.join("python");
    let mut environment = bench.tool("python3");
    environment.args(["-m", "venv"]).arg(&tools);
    let mut pip = bench.tool(tools.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", package]);
    for command in [&mut environment, &mut pip] {
        if let Err(error) = bench.capture(command, INSTALL_TIME_MAX) {
            return Ok(Err(error.to_string()));
        }
    }
    Ok(Ok(tools))
}

fn source(bench: &Workbench, file: &str) -> PathBuf {
    bench.root().join("tests/programs").join(file)
}

/// The reason in one line.
fn missing(reason: &str) -> Made {
    Made::Missing(reason.lines().collect::<Vec<_>>().join("; "))
}

#[test]
fn a_reason_of_many_lines_is_one() {
    let Made::Missing(reason) = missing("`npm install` failed: 1\nno network") else {
        panic!("it is missing");
    };
    assert_eq!(reason, "`npm install` failed: 1; no network");
}
