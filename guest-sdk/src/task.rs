//! `Task`: what an agent is asked to do. The host makes one per run, a unit test its own.

use crate::{Error, Result};

/// What is to be done, as the person or program who asked has put it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Task {
    /// The task's identity, as the supervisor named it.
    pub id: String,
    /// What to do, in a person's words; may be empty.
    pub instructions: String,
    /// Positional arguments.
    pub arguments: Vec<String>,
    /// Named parameters, in the order given.
    pub parameters: Vec<(String, String)>,
}

impl Task {
    /// Makes a task by its instructions, for a unit test.
    pub fn new(instructions: impl Into<String>) -> Self {
        Self {
            id: "test".to_owned(),
            instructions: instructions.into(),
            ..Self::default()
        }
    }

    /// Adds a positional argument.
    #[must_use]
    pub fn with_argument(mut self, value: impl Into<String>) -> Self {
        self.arguments.push(value.into());
        self
    }

    /// Adds a named parameter.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// The value of a parameter; the last one where it was given twice.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let given = self.parameters.iter().rev().find(|(key, _)| key == name);
        given.map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that the agent cannot do without.
    ///
    /// # Errors
    /// [`Error::Invalid`], naming the parameter, when it was not given.
    pub fn required(&self, name: &str) -> Result<&str> {
        self.parameter(name)
            .ok_or_else(|| Error::Invalid(format!("parameter `{name}` is missing: give {name}=…")))
    }

    /// The value of a positional argument, counted from 0.
    pub fn argument(&self, index: usize) -> Option<&str> {
        self.arguments.get(index).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_of_a_parameter_counts() {
        let task = Task::new("x")
            .with_parameter("from", "a")
            .with_parameter("from", "b");
        assert_eq!(task.parameter("from"), Some("b"));
    }

    #[test]
    fn a_missing_parameter_is_named() {
        let error = Task::new("x")
            .required("from")
            .expect_err("it was not given");
        assert!(error.to_string().contains("`from`"), "{error}");
    }
}
