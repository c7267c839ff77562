//! `cargo xtask fuzz`: looks for bytes that something reads in another way than it must.
//!
//! The targets are functions of `tests/fuzz`; here they are built with the compiler's coverage
//! counters and libFuzzer, and run one after the other. Takes a C++ compiler and no nightly toolchain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::setup::Toolchain;
use crate::workbench::Workbench;

/// What `cargo xtask fuzz` is given.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only the targets whose name contains one of these words
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Keeps some of what was found to reach new code in the repository's corpus
    #[arg(long)]
    keep: bool,
}

/// Coverage counters for libFuzzer, with the options of the stable compiler.
const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];
/// Bytes of an input at most: larger ones find nothing more, and find it later.
const INPUT_BYTES_MAX: u32 = 16 << 10;
/// Seconds after which one input is a hang.
const HANG_SECONDS: u32 = 20;
/// Memory of one run, in MiB.
const MEMORY_MIB_MAX: u32 = 2048;

/// Inputs of a target that are kept in the repository.
const KEPT_MAX: usize = 48;

/// One target and its folders.
struct Target<'a> {
    name: String,
    program: &'a Path,
    /// What is kept in the repository.
    kept: PathBuf,
    /// What this machine has found.
    found: PathBuf,
    failures: PathBuf,
}

/// Builds the program and runs every target for its time; all of them run, whatever came of one.
///
/// # Errors
///
/// The program does not build, or an input was found that a target does not stand.
pub(crate) fn run(bench: &Workbench, options: &Options) -> Result<()> {
    let program = build(bench)?;
    let targets = targets(bench, &program, &options.only)?;
    let mut failed = Vec::new();
    for target in &targets {
        println!("=== {} for {} s", target.name, options.seconds);
        if !target.run(options.seconds)? {
            failed.push(target.name.as_str());
        }
        if options.keep {
            target.keep()?;
        }
    }
    match failed.is_empty() {
        true => {
            println!("\n{} targets, nothing found", targets.len());
            Ok(())
        }
        false => bail!("found inputs that fail: {}", failed.join(", ")),
    }
}

fn build(bench: &Workbench) -> Result<PathBuf> {
    // A target triple keeps the counters out of build scripts and procedural macros.
    let toolchain = Toolchain::find(bench, None)?;
    let triple = toolchain.host();
    let folder = bench.target().join("fuzz");
    let mut cargo = bench.cargo();
    cargo
        .args(["build", "--profile", "fuzz", "-p", "session-fs-fuzz"])
        .args(["--bin", "fuzz", "--features", "libfuzzer"])
        .args(["--target", triple])
        .env("CARGO_TARGET_DIR", &folder)
        .env("CARGO_ENCODED_RUSTFLAGS", COVERAGE.join("\x1f"));
    bench.run(&mut cargo)?;
    Ok(folder.join(triple).join("fuzz/fuzz"))
}

/// The targets: the folders of the corpus, each of which has to be one.
fn targets<'a>(bench: &Workbench, program: &'a Path, only: &[String]) -> Result<Vec<Target<'a>>> {
    let corpus = bench.root().join("tests/fuzz/corpus");
    let mut names = Vec::new();
    for entry in fs::read_dir(&corpus).with_context(|| format!("{}", corpus.display()))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let is_asked = |name: &String| only.is_empty() || only.iter().any(|word| name.contains(word));
    names.retain(is_asked);
    ensure!(!names.is_empty(), "no target is named so");
    let folder = |kind: &str, name: &str| bench.target().join("fuzz").join(kind).join(name);
    let target = |name: String| Target {
        program,
        kept: corpus.join(&name),
        found: folder("found", &name),
        failures: folder("failures", &name),
        name,
    };
    Ok(names.into_iter().map(target).collect())
}

impl Target<'_> {
    /// Runs it; tells whether nothing was found.
    fn run(&self, seconds: u64) -> Result<bool> {
        self.plant()?;
        let mut command = self.command();
        command
            .arg(format!("-max_total_time={seconds}"))
            .args(["-print_final_stats=1", "-verbosity=1"])
            .args([&self.found, &self.kept]);
        let output = command.stdout(Stdio::inherit()).output()?;
        let told = String::from_utf8_lossy(&output.stderr);
        for line in report(&told) {
            println!("{line}");
        }
        if !output.status.success() {
            println!("{told}");
            println!("to repeat it: {} <the file named above>", self.shown());
        }
        Ok(output.status.success())
    }

    /// The seeds, as files that the program can begin with.
    fn plant(&self) -> Result<()> {
        for folder in [&self.found, &self.failures] {
            fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        }
        let mut command = Command::new(self.program);
        let planted = command
            .env("SESSION_FS_FUZZ", &self.name)
            .env("SESSION_FS_FUZZ_SEEDS", &self.found)
            .arg("-runs=0")
            .output()?;
        let told = String::from_utf8_lossy(&planted.stderr).into_owned();
        ensure!(planted.status.success(), "{}: {told}", self.name);
        Ok(())
    }

    /// Keeps some of the inputs that together reach all that was reached: small ones and large ones.
    fn keep(&self) -> Result<()> {
        let merged = self.found.with_extension("merged");
        if merged.exists() {
            fs::remove_dir_all(&merged)?;
        }
        fs::create_dir_all(&merged)?;
        let mut command = self.command();
        command.arg("-set_cover_merge=1");
        let told = command.args([&merged, &self.kept, &self.found]).output()?;
        let shown = String::from_utf8_lossy(&told.stderr).into_owned();
        ensure!(told.status.success(), "{}: {shown}", self.name);
        let mut inputs = Vec::new();
        for entry in fs::read_dir(&merged)? {
            let entry = entry?;
            inputs.push((entry.metadata()?.len(), entry.file_name()));
        }
        inputs.sort();
        fs::remove_dir_all(&self.kept)?;
        fs::create_dir_all(&self.kept)?;
        let step = inputs.len().div_ceil(KEPT_MAX).max(1);
        for (_, name) in inputs.iter().step_by(step) {
            fs::copy(merged.join(name), self.kept.join(name))?;
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command
            .env("SESSION_FS_FUZZ", &self.name)
            .arg(format!("-max_len={INPUT_BYTES_MAX}"))
            .arg(format!("-timeout={HANG_SECONDS}"))
            .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
            .arg(format!("-artifact_prefix={}/", self.failures.display()));
        command
    }

    fn shown(&self) -> String {
        format!("SESSION_FS_FUZZ={} {}", self.name, self.program.display())
    }
}

/// The lines of a run that say how far it came.
fn report(told: &str) -> Vec<&str> {
    let last = told.lines().rfind(|line| line.contains(" cov: "));
    let totals = ["number_of_executed_units", "new_units_added", "peak_rss_mb"];
    let is_total = |line: &&str| totals.iter().any(|total| line.contains(total));
    last.into_iter()
        .chain(told.lines().filter(is_total))
        .collect()
}

#[test]
fn a_report_is_the_last_line_of_coverage_and_the_totals() {
    let told = "INFO: x\n#2 INITED cov: 7 ft: 8\n#9 DONE cov: 12 ft: 20\n\
                stat::number_of_executed_units: 9\nstat::average_exec_per_sec: 1\n";
    let lines = [
        "#9 DONE cov: 12 ft: 20",
        "stat::number_of_executed_units: 9",
    ];
    assert_eq!(report(told), lines);
}
