//! What a command came to, in every form that it may be printed in.

use serde::Serialize;

use super::json;
use crate::exit::{Code, Failure};
use crate::report::Refusal;

/// An answer that is not printed yet.
pub(crate) struct Answer {
    /// What the process ends with.
    pub(crate) code: Code,
    pub(super) text: Text,
    /// Said to a person beside it, on stderr.
    pub(super) note: String,
    pub(super) form: Form,
}

/// What a person sees on stdout.
pub(super) enum Text {
    Styled(String),
    /// A unified diff: as it is, unless somebody looks at it.
    Diff(String),
}

/// What a program reads on stdout.
pub(super) enum Form {
    /// One document: over several lines, and on one.
    Object { pretty: String, line: String },
    /// Documents, each on a line.
    Listing(Vec<String>),
    /// Nothing more: the command has printed it already.
    Printed,
}

impl Answer {
    /// One document.
    pub(crate) fn object(text: impl Into<String>, document: &impl Serialize) -> Self {
        let (pretty, line) = (json::object(document), json::line(document));
        Self {
            code: Code::Ok,
            text: Text::Styled(text.into()),
            note: String::new(),
            form: Form::Object { pretty, line },
        }
    }

    /// Documents of one kind: an array, or one per line.
    pub(crate) fn listing<D: Serialize>(text: impl Into<String>, documents: &[D]) -> Self {
        let lines = documents.iter().map(json::line).collect();
        Self {
            code: Code::Ok,
            text: Text::Styled(text.into()),
            note: String::new(),
            form: Form::Listing(lines),
        }
    }

    /// A unified diff; a program gets the document.
    pub(crate) fn diff(diff: String, document: &impl Serialize) -> Self {
        Self {
            text: Text::Diff(diff),
            ..Self::object("", document)
        }
    }

    /// Nothing to say, but the document for a program.
    pub(crate) fn quiet(document: &impl Serialize) -> Self {
        Self::object("", document)
    }

    /// Nothing more: all of it was printed on the way.
    pub(crate) fn printed() -> Self {
        Self {
            code: Code::Ok,
            text: Text::Styled(String::new()),
            note: String::new(),
            form: Form::Printed,
        }
    }

    /// The same, with the diff that is in it as what a person sees.
    pub(crate) fn with_diff(self, diff: String) -> Self {
        Self {
            text: Text::Diff(diff),
            ..self
        }
    }

    /// The same, ending the process with another code.
    pub(crate) fn code(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// The same, with something more for a person beside it.
    pub(crate) fn note(self, note: impl AsRef<str>) -> Self {
        Self {
            note: self.note + note.as_ref(),
            ..self
        }
    }
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        let (code, note) = (
            failure.code,
            super::table::problem(&failure.message, failure.hint.as_deref()),
        );
        let document = Refusal::from(failure);
        // On one line in every format, as a refusal always was.
        let line = json::line(&document);
        Self {
            code,
            text: Text::Styled(String::new()),
            note,
            form: Form::Object {
                pretty: line.clone(),
                line,
            },
        }
    }
}
