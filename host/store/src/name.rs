//! `Name`: one component of a path, checked once.
//!
//! Holding a `Name` proves that it names an entry *of* a directory, never a way out of it: it has no
//! separator, no NUL and is neither `.` nor `..`. Everything that reaches the kernel is a `Name`.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use compact_str::CompactString;

/// One path component: 1 to [`Name::BYTES_MAX`] bytes of UTF-8 without `/` or NUL, not `.` or `..`.
///
/// Names are ordered by their bytes. Reserved names such as `.git` are a matter of policy, decided
/// where a change is committed, not here.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(CompactString);

/// Says why a text is not a [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a name must not be empty")]
    Empty,
    /// The text is longer than a directory entry may be.
    #[error("a name has at most {} bytes, this one has {bytes}", Name::BYTES_MAX)]
    TooLong {
        /// Length of the text that was given.
        bytes: usize,
    },
    /// The text contains the separator.
    #[error("a name must not contain \"/\"")]
    Slash,
    /// The text contains a NUL byte.
    #[error("a name must not contain a NUL byte")]
    Nul,
    /// The text is `.` or `..`.
    #[error("a name must not be \".\" or \"..\"")]
    Dots,
}

impl Name {
    /// Longest name in bytes, which is also what Linux file systems take.
    pub const BYTES_MAX: usize = 255;

    /// Checks `text` and takes it as a name.
    ///
    /// # Errors
    ///
    /// The first rule of [`NameError`] that the text breaks.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(NameError::TooLong { bytes: text.len() });
        }
        if text.contains('/') {
            return Err(NameError::Slash);
        }
        if text.contains('\0') {
            return Err(NameError::Nul);
        }
        if matches!(text, "." | "..") {
            return Err(NameError::Dots);
        }
        Ok(Self(CompactString::new(text)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl TryFrom<&str> for Name {
    type Error = NameError;

    fn try_from(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn hostile_names() {
        let longest = "é".repeat(127) + "x";
        let too_long = "a".repeat(256);
        let cases: &[(&str, Result<(), NameError>)] = &[
            ("", Err(NameError::Empty)),
            (".", Err(NameError::Dots)),
            ("..", Err(NameError::Dots)),
            ("/", Err(NameError::Slash)),
            ("a/", Err(NameError::Slash)),
            ("/etc", Err(NameError::Slash)),
            ("../ab/x", Err(NameError::Slash)),
            ("a/../../x", Err(NameError::Slash)),
            ("\0", Err(NameError::Nul)),
            ("a\0b", Err(NameError::Nul)),
            ("..\0", Err(NameError::Nul)),
            (&too_long, Err(NameError::TooLong { bytes: 256 })),
            (&longest, Ok(())),
            ("...", Ok(())),
            (".. ", Ok(())),
            ("..\\x", Ok(())),
            ("C:", Ok(())),
            (".git", Ok(())),
            ("\u{202e}txt", Ok(())),
            ("new\nline", Ok(())),
            ("-rf", Ok(())),
        ];
        for (text, expected) in cases {
            assert_eq!(Name::new(text).map(drop), *expected, "{text:?}");
        }
    }

    #[test]
    fn a_map_by_name_is_asked_by_text() {
        let map = BTreeMap::from([(Name::new("b").expect("valid"), 1)]);
        assert_eq!(map.get("b"), Some(&1));
        assert_eq!(map.get("a"), None);
    }

    proptest! {
        #[test]
        fn a_name_is_its_text_and_orders_by_bytes(a in "\\PC{0,40}", b in "\\PC{0,40}") {
            if let (Ok(left), Ok(right)) = (Name::new(&a), Name::new(&b)) {
                prop_assert_eq!(left.as_str(), &a);
                prop_assert_eq!(left.cmp(&right), a.as_bytes().cmp(b.as_bytes()));
            }
        }
    }
}
