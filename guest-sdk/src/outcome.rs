//! `Outcome`: what an agent reports when it has succeeded.

/// What an agent reports when it has succeeded.
///
/// ```
/// use session_fs_sdk::Outcome;
///
/// let outcome = Outcome::new("renamed 3 names").detail("files", 2).report("# Renamed\n");
/// assert_eq!(outcome.details, [("files".to_owned(), "2".to_owned())]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// One line for a person.
    pub summary: String,
    /// Figures and names for a program, in the order given.
    pub details: Vec<(String, String)>,
    /// A longer text, such as a report in Markdown.
    pub report: Option<String>,
}

impl Outcome {
    /// Makes an outcome by its one line for a person.
    pub fn new(summary: impl Into<String>) -> Self {
        Self {
            summary: summary.into(),
            ..Self::default()
        }
    }

    /// Adds a figure or name for a program.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a caller gives figures, not references"
    )]
    #[must_use]
    pub fn detail(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.details.push((name.into(), value.to_string()));
        self
    }

    /// Sets the longer text.
    #[must_use]
    pub fn report(mut self, text: impl Into<String>) -> Self {
        self.report = Some(text.into());
        self
    }
}
