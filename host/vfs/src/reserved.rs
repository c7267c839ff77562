//! Names that are not like others: the store's own, which no session sees or makes, and those of
//! version control, which are changed only by who was granted them by name.
//!
//! A name is compared as the file systems do that fold names, so that a tree stays safe when it is
//! moved to one: without case, ignorable characters, trailing dots and spaces, or a stream's name.

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::Name;
use crate::path::VPath;

/// The folder at the root of a directory base where session-fs keeps its own state.
pub const STORE_NAME: &str = ".session-fs";

/// Folders of version control: what is in them is run by whoever works in the tree.
const VERSION_CONTROL: [&str; 6] = [".git", ".hg", ".jj", ".sl", ".svn", ".bzr"];

impl VPath {
    /// The path as file systems that fold names compare it, in lower case: without ignorable
    /// characters, streams, and trailing dots and spaces.
    #[must_use]
    pub fn folded(&self) -> Self {
        let fold = |name: &Name| Name::new(&folded(name).to_lowercase()).unwrap_or(name.clone());
        Self::from_names(self.components().iter().map(fold).collect())
    }
}

/// A name as file systems compare it that tell neither case nor normal forms apart: two names with the
/// same one cannot stand in one directory there.
pub fn portable(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let normalizer = const { ComposingNormalizerBorrowed::new_nfc() };
    case_folded(name, &normalizer)
}

/// Whether the path is the store or below it.
pub(crate) fn is_store(path: &VPath) -> bool {
    path.components().first().is_some_and(is_store_name)
}

/// Whether some file system would take the name for the store's.
pub(crate) fn is_store_name(name: &Name) -> bool {
    // Most names are neither hidden nor foreign, and this is asked for every one at the root.
    is_foldable(name) && folded(name).eq_ignore_ascii_case(STORE_NAME)
}

/// Whether some file system would take the name for that of a folder of version control.
pub(crate) fn is_version_control(name: &str) -> bool {
    if !is_foldable(name) {
        return false;
    }
    let folded = folded(name);
    VERSION_CONTROL.iter().any(|own| {
        folded.eq_ignore_ascii_case(own) || is_short_name(&folded, own.trim_start_matches('.'))
    })
}

/// Whether a name can stand for a hidden one: it is hidden itself, short for one, or not ASCII.
fn is_foldable(name: &str) -> bool {
    name.starts_with('.') || name.contains('~') || !name.is_ascii()
}

/// Whether it is a name such as `git~1`, which Windows gives `.git` too.
fn is_short_name(name: &str, stem: &str) -> bool {
    name.split_once('~').is_some_and(|(start, number)| {
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        start.eq_ignore_ascii_case(stem) && is_number && !number.is_empty()
    })
}

/// The name as those file systems compare it, apart from the case of ASCII.
fn folded(name: &str) -> Cow<'_, str> {
    if name.is_ascii() {
        return Cow::Borrowed(trimmed(name));
    }
    let normalizer = const { ComposingNormalizerBorrowed::new_nfkc() };
    Cow::Owned(trimmed(&case_folded(name, &normalizer)).to_owned())
}

/// In lower case and one normal form, without what is ignored.
fn case_folded(name: &str, normalizer: &ComposingNormalizerBorrowed<'_>) -> String {
    let seen: String = name.chars().filter(|it| !is_ignorable(*it)).collect();
    // Upper case first: that takes apart what has no single lower case, such as a sharp s.
    let upper = normalizer.normalize(&seen).to_uppercase();
    let lower = upper.to_lowercase();
    normalizer.normalize(&lower).into_owned()
}

/// Without the name of a stream, and trailing dots and spaces.
fn trimmed(name: &str) -> &str {
    let stem = name.split(':').next().unwrap_or(name);
    stem.trim_end_matches(['.', ' '])
}

/// Whether HFS+ or a case-folding directory of Linux compares names as if this were not there.
fn is_ignorable(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_store_is_the_store() {
        for name in [
            ".session-fs",
            ".SESSION-FS",
            ".session-fs.",
            ".Session-fs . ",
            ".session\u{200c}-fs",
            "\u{feff}.session-fs",
            ".session-fs::$INDEX_ALLOCATION",
            ".se\u{df}ion-fs",
            ".\u{17f}ession-f\u{17f}",
            "\u{ff0e}session-fs",
        ] {
            assert!(is_store_name(&Name::new(name).expect("valid")), "{name:?}");
        }
        for name in ["session-fs", ".session-fs2", "..session-fs"] {
            assert!(!is_store_name(&Name::new(name).expect("valid")), "{name:?}");
        }
    }

    #[test]
    fn every_spelling_of_a_folder_of_version_control_is_one() {
        for name in [
            ".git",
            ".GIT",
            ".Git. .",
            ".git::$INDEX_ALLOCATION",
            ".git:x",
            "git~1",
            "GIT~20",
            ".g\u{200c}it",
            ".gi\u{200d}t\u{feff}",
            "\u{2024}git",
            "\u{ff0e}\u{ff47}\u{ff49}\u{ff54}",
            ".g\u{2139}t",
            ".hg",
            ".\u{24bd}g",
            ".jj",
            ".\u{17f}l",
            ".\u{17f}vn ",
            "svn~1",
            ".bzr",
        ] {
            assert!(is_version_control(name), "{name:?}");
        }
        for name in [
            "git",
            ".gitignore",
            ".github",
            "..git",
            "git~",
            "git~x",
            "agit~1",
            ".git~",
            "a.git",
            "",
        ] {
            assert!(!is_version_control(name), "{name:?}");
        }
    }
}
