//! `BeginOptions`: what a new session is for.

/// How to begin a session.
///
/// A text stands for the options with that purpose: `session.begin_nested("second attempt")`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BeginOptions {
    /// What the session is for, in a person's words.
    pub purpose: Option<String>,
    /// Free pairs of name and value: at most 16, of at most 256 bytes each.
    pub labels: Vec<(String, String)>,
}

impl BeginOptions {
    /// Makes options by the purpose.
    pub fn new(purpose: impl Into<String>) -> Self {
        Self {
            purpose: Some(purpose.into()),
            labels: Vec::new(),
        }
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }
}

impl From<&str> for BeginOptions {
    fn from(purpose: &str) -> Self {
        Self::new(purpose)
    }
}

impl From<String> for BeginOptions {
    fn from(purpose: String) -> Self {
        Self::new(purpose)
    }
}
