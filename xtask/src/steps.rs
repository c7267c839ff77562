//! `Steps`: a named sequence of commands, each printed with how long it took.
//!
//! The first failure stops the sequence and its name is part of the error. Used by `ci` and `lint`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// What has been done so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// Runs one step; its name and duration are printed, its failure carries the name.
    pub(crate) fn step(&mut self, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("\n=== {name}");
        let started = Instant::now();
        let result = work();
        let took = started.elapsed();
        let verdict = if result.is_ok() { "ok" } else { "FAILED" };
        println!("=== {name}: {verdict} in {}", seconds(took));
        result.with_context(|| format!("step `{name}` failed after {}", seconds(took)))?;
        self.done.push((name.to_owned(), took));
        Ok(())
    }

    /// Prints one line per step and the total.
    pub(crate) fn report(&self) {
        println!();
        for (name, took) in &self.done {
            println!("{:>10}  {name}", seconds(*took));
        }
        let total = self.done.iter().map(|(_, took)| *took).sum();
        println!("{:>10}  all {} steps ok", seconds(total), self.done.len());
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_is_named_and_not_counted() {
        let mut steps = Steps::default();
        steps
            .step("first", || Ok(()))
            .expect("the first step does nothing");
        let error = steps
            .step("second", || anyhow::bail!("why"))
            .expect_err("must be passed on");
        assert!(
            format!("{error:#}").starts_with("step `second` failed after"),
            "{error:#}"
        );
        assert!(format!("{error:#}").ends_with("why"), "{error:#}");
        assert_eq!(steps.done.len(), 1);
    }
}
