//! `SessionId`: the id of a durable session, which is also the name of its folder.

use std::fmt;

use store::Name;

use super::error::{DurableError, Result};

/// 1 to [`SessionId::BYTES_MAX`] lower-case letters, digits and hyphens, beginning with none of the
/// last. What else the folder of sessions holds therefore never looks like one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(Name);

/// Bytes of a prefix that is completed.
pub const PREFIX_BYTES_MIN: usize = 4;

impl SessionId {
    /// Longest id in bytes; the standard form of a UUID has 36.
    pub const BYTES_MAX: usize = 64;

    /// Checks a text and takes it as an id.
    ///
    /// # Errors
    ///
    /// `BadId`.
    pub fn new(text: &str) -> Result<Self> {
        let is_fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = text.len() <= Self::BYTES_MAX && !text.starts_with('-');
        let name = Name::new(text).ok();
        name.filter(|_| fits && text.bytes().all(is_fine))
            .map(Self)
            .ok_or_else(|| DurableError::BadId {
                id: text.chars().take(Self::BYTES_MAX).collect(),
            })
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The folder of the session.
    pub(super) fn folder(&self) -> &Name {
        &self.0
    }

    /// The folder of the session while it is made.
    pub(super) fn folder_new(&self) -> Name {
        self.with_suffix(SUFFIX_NEW)
    }

    /// The folder of the session while it is removed.
    pub(super) fn folder_gone(&self) -> Name {
        self.with_suffix(SUFFIX_GONE)
    }

    /// The session whose making or removing left a folder of this name.
    pub(super) fn of_leftover(name: &Name) -> Option<Self> {
        let id = name
            .strip_suffix(SUFFIX_NEW)
            .or_else(|| name.strip_suffix(SUFFIX_GONE))?;
        Self::new(id).ok()
    }

    fn with_suffix(&self, suffix: &str) -> Name {
        Name::new(&format!("{}{suffix}", self.0)).expect("an id is far below the longest name")
    }
}

const SUFFIX_NEW: &str = ".new";
const SUFFIX_GONE: &str = ".gone";

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_ids_name_a_folder() {
        let check = |text: &str, valid: bool| {
            assert_eq!(SessionId::new(text).is_ok(), valid, "{text:?}");
        };
        check("01890a5d-ac96-774b-bcce-b302099a8057", true);
        check("s1", true);
        check(&"a".repeat(64), true);
        check(&"a".repeat(65), false);
        for bad in [
            "", "-a", ".", "..", "a/b", "a.new", "A", "é", "a b", "a\0", "a\n",
        ] {
            check(bad, false);
        }
    }

    #[test]
    fn leftovers_are_told_from_sessions() {
        let id = SessionId::new("01890a5d").expect("valid");
        assert_eq!(SessionId::of_leftover(&id.folder_new()), Some(id.clone()));
        assert_eq!(SessionId::of_leftover(&id.folder_gone()), Some(id.clone()));
        assert_eq!(SessionId::of_leftover(id.folder()), None);
        let other = Name::new("..new").expect("a name");
        assert_eq!(SessionId::of_leftover(&other), None);
    }
}
