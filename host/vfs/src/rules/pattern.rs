//! One glob over paths, matched component by component.
//!
//! A set of positions in the pattern stands for a directory, so that walking on costs one step, and
//! tells whether anything below can still match without looking at what is there.

use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};

use crate::Name;
use crate::error::{Error, Result};

/// Bytes of a glob as written.
const GLOB_BYTES_MAX: usize = 4095;
/// Components of a glob: one bit each, and one for the end.
const GLOB_PARTS_MAX: usize = 63;

/// Positions in a pattern: bit `i` is set when its first `i` parts match what was walked.
pub(super) type Positions = u64;

/// A glob such as `src/**/*.rs`.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    /// As it was written.
    glob: Arc<str>,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    /// `**`: any number of components, none too.
    Deep,
    /// A component without wildcards.
    Exact(String),
    /// A component with wildcards.
    Wild(GlobMatcher),
}

impl Pattern {
    /// Parses a glob.
    ///
    /// # Errors
    ///
    /// `Invalid` for one that is empty, too long, absolute or that goes up, that ends with `/`, or
    /// whose braces or brackets are open across a `/`.
    pub(super) fn parse(glob: &str) -> Result<Self> {
        let refuse = |why: &str| Error::invalid(format!("the glob '{glob}' cannot be used: {why}"));
        if glob.len() > GLOB_BYTES_MAX {
            let shown = &glob[..glob.floor_char_boundary(64)];
            let detail = format!("the glob '{shown}…' is longer than {GLOB_BYTES_MAX} bytes");
            return Err(Error::invalid(detail));
        }
        if glob.starts_with('/') {
            return Err(refuse("it is absolute; write it from the base's root"));
        }
        let mut parts = Vec::new();
        for part in glob.split('/') {
            let part = match part {
                "" => return Err(refuse("a component is empty; 'src/**' is all below src")),
                "." | ".." => return Err(refuse("'.' and '..' name nothing in it")),
                "**" if matches!(parts.last(), Some(Part::Deep)) => continue,
                "**" => Part::Deep,
                _ if part.contains("**") => {
                    return Err(refuse("'**' stands for whole components only"));
                }
                _ if is_exact(part) => Part::Exact(part.to_owned()),
                _ => Part::Wild(wild(part).map_err(|error| refuse(&error.kind().to_string()))?),
            };
            parts.push(part);
        }
        if parts.len() > GLOB_PARTS_MAX {
            return Err(refuse("it has more than 63 components"));
        }
        let glob = Arc::from(glob);
        Ok(Self { glob, parts })
    }

    /// The glob as it was written.
    pub(super) fn glob(&self) -> &str {
        &self.glob
    }

    /// Where a walk begins.
    pub(super) fn start(&self) -> Positions {
        self.widened(1)
    }

    /// Where it is after one more component.
    pub(super) fn step(&self, at: Positions, name: &Name) -> Positions {
        self.stepped(at, name, true)
    }

    /// The same after a component that only a glob that spells it out matches.
    pub(super) fn step_by_name(&self, at: Positions, name: &Name) -> Positions {
        self.stepped(at, name, false)
    }

    /// Whether it spells out a component of which `is` holds.
    pub(super) fn names(&self, is: impl Fn(&str) -> bool) -> bool {
        let named = |part: &Part| matches!(part, Part::Exact(text) if is(text));
        self.parts.iter().any(named)
    }

    fn stepped(&self, at: Positions, name: &Name, wildcards: bool) -> Positions {
        let mut next = 0;
        for (index, part) in self.parts.iter().enumerate() {
            if at & (1 << index) == 0 {
                continue;
            }
            match part {
                Part::Exact(text) if text == name.as_str() => next |= 1 << (index + 1),
                Part::Deep if wildcards => next |= 1 << index,
                Part::Wild(glob) if wildcards && glob.is_match(name.as_str()) => {
                    next |= 1 << (index + 1);
                }
                _ => {}
            }
        }
        self.widened(next)
    }

    /// Whether what was walked matches.
    pub(super) fn matches(&self, at: Positions) -> bool {
        at & (1 << self.parts.len()) != 0
    }

    /// Whether what was walked matches and so does everything below.
    pub(super) fn covers(&self, at: Positions) -> bool {
        matches!(self.parts.last(), Some(Part::Deep)) && at & (1 << (self.parts.len() - 1)) != 0
    }

    /// Adds the positions that are reached without a component.
    fn widened(&self, mut at: Positions) -> Positions {
        for (index, part) in self.parts.iter().enumerate() {
            if matches!(part, Part::Deep) && at & (1 << index) != 0 {
                at |= 1 << (index + 1);
            }
        }
        at
    }
}

/// The glob that matches this text and nothing else.
pub(super) fn literal(text: &str) -> String {
    let mut glob = String::with_capacity(text.len());
    for character in text.chars() {
        if is_special(character) {
            glob.push('\\');
        }
        glob.push(character);
    }
    glob
}

/// The text that a glob of [`literal`] matches; `None` for a glob with wildcards.
pub(super) fn unescaped(glob: &str) -> Option<String> {
    let mut text = String::with_capacity(glob.len());
    let mut characters = glob.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next()?),
            character if is_special(character) => return None,
            character => text.push(character),
        }
    }
    Some(text)
}

fn is_special(character: char) -> bool {
    matches!(character, '*' | '?' | '[' | ']' | '{' | '}' | '\\')
}

fn is_exact(part: &str) -> bool {
    !part.contains(is_special)
}

fn wild(part: &str) -> std::result::Result<GlobMatcher, globset::Error> {
    let glob = GlobBuilder::new(part)
        .literal_separator(true)
        .backslash_escape(true)
        .build()?;
    Ok(glob.compile_matcher())
}
