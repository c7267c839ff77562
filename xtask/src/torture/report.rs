//! `Report`: one row for each run, and the table of them as `docs/reliability.md` has it.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

/// What came of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// What was run, and where.
    pub(super) name: String,
    pub(super) outcome: Outcome,
}

/// Whether a run took place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did.
    Ran {
        count: u64,
        failures: u64,
        seconds: u64,
        /// The seeds, as `first..next`.
        seeds: String,
    },
    /// It ended without saying what it did.
    Broken(String),
    /// It cannot take place here.
    Skipped(String),
}

/// All rows so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Adds a row.
    pub(super) fn add(&mut self, name: &str, outcome: Outcome) {
        let name = name.to_owned();
        self.rows.push(Row { name, outcome });
    }

    /// Runs a program to its end, shows what it prints, and adds what its last line says.
    pub(super) fn run(&mut self, name: &str, command: &mut Command) {
        println!("\n=== {name}");
        let outcome = told(command);
        let outcome = outcome.unwrap_or_else(|error| Outcome::Broken(format!("{error:#}")));
        self.add(name, outcome);
    }

    /// Runs something of our own that counts what it did and what failed of that.
    pub(super) fn act(&mut self, name: &str, act: impl FnOnce() -> Result<(u64, u64)>) {
        println!("\n=== {name}");
        let started = Instant::now();
        let outcome = match act() {
            Ok((count, failures)) => Outcome::Ran {
                count,
                failures,
                seconds: started.elapsed().as_secs(),
                seeds: String::new(),
            },
            Err(error) => Outcome::Broken(format!("{error:#}")),
        };
        self.add(name, outcome);
    }

    /// Fails when a run did.
    pub(super) fn verdict(&self) -> Result<()> {
        let failed = self.rows.iter().filter(|row| row.has_failed());
        let names: Vec<&str> = failed.map(|row| row.name.as_str()).collect();
        ensure!(names.is_empty(), "failures in: {}", names.join(", "));
        Ok(())
    }
}

impl Row {
    fn has_failed(&self) -> bool {
        match &self.outcome {
            Outcome::Ran { failures, .. } => *failures > 0,
            Outcome::Broken(_) => true,
            Outcome::Skipped(_) => false,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| run | count | failures | seconds | seeds |")?;
        writeln!(f, "| --- | --- | --- | --- | --- |")?;
        for Row { name, outcome } in &self.rows {
            match outcome {
                Outcome::Ran {
                    count,
                    failures,
                    seconds,
                    seeds,
                } => {
                    let count = grouped(*count);
                    writeln!(f, "| {name} | {count} | {failures} | {seconds} | {seeds} |")?;
                }
                Outcome::Broken(why) => writeln!(f, "| {name} | BROKEN: {why} | | | |")?,
                Outcome::Skipped(why) => writeln!(f, "| {name} | SKIPPED: {why} | | | |")?,
            }
        }
        Ok(())
    }
}

/// Runs a program and reads its last line.
fn told(command: &mut Command) -> Result<Outcome> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot be started")?;
    let output = child.stdout.take().context("has no output")?;
    let mut last = None;
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        last = parse(&line).or(last);
    }
    let status = child.wait()?;
    last.with_context(|| format!("said nothing of what it did: {status}"))
}

/// Reads `RESULT <run> <count> <failures> <seconds> <seeds>`.
fn parse(line: &str) -> Option<Outcome> {
    let words: Vec<&str> = line.strip_prefix("RESULT ")?.split(' ').collect();
    let [_, count, failures, seconds, seeds] = words.as_slice() else {
        return None;
    };
    Some(Outcome::Ran {
        count: count.parse().ok()?,
        failures: failures.parse().ok()?,
        seconds: seconds.parse().ok()?,
        seeds: (*seeds).to_owned(),
    })
}

/// A number with commas between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_read_and_everything_else_is_not() {
        let ran = |count, failures| Outcome::Ran {
            count,
            failures,
            seconds: 3,
            seeds: "5..9".to_owned(),
        };
        assert_eq!(parse("RESULT crash 1000 1 3 5..9"), Some(ran(1_000, 1)));
        for line in [
            "crash: 1000 after 20 s, 0 failures, seed 7",
            "RESULT crash 1000 1 3",
            "RESULT crash many 1 3 5..9",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_failure_anywhere_fails_the_whole_and_a_run_that_is_skipped_does_not() {
        let mut report = Report::default();
        report.add("here", Outcome::Skipped("no tool".to_owned()));
        report.act("first", || Ok((1_234_567, 0)));
        report.verdict().expect("nothing has failed");
        report.act("second", || Ok((20, 1)));
        report.run("third", &mut Command::new("/dev/null"));
        let error = report.verdict().expect_err("two have failed");
        assert_eq!(error.to_string(), "failures in: second, third");
        let table = report.to_string();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines[2], "| here | SKIPPED: no tool | | | |");
        assert!(
            lines[3].starts_with("| first | 1,234,567 | 0 | "),
            "{table}"
        );
        assert!(lines[5].starts_with("| third | BROKEN: "), "{table}");
    }
}
