//! The name that belongs to session-fs itself and that no session sees or makes.

use crate::Name;
use crate::path::VPath;

/// The folder at the root of a directory base where session-fs keeps its own state.
pub const STORE_NAME: &str = ".session-fs";

/// Whether the path is the store or below it.
pub(crate) fn is_store(path: &VPath) -> bool {
    path.components().first().is_some_and(is_store_name)
}

/// Whether some file system would take the name for the store's, so that a tree stays safe when it
/// is moved there: without case, ignorable characters, trailing dots and spaces, or a stream's name.
pub(crate) fn is_store_name(name: &Name) -> bool {
    let stem = name.split(':').next().unwrap_or(name);
    let mut folded = String::with_capacity(stem.len());
    for character in stem.chars().filter(|character| !is_ignorable(*character)) {
        match character {
            '\u{17f}' => folded.push('s'),
            '\u{df}' | '\u{1e9e}' => folded.push_str("ss"),
            '\u{fb01}' => folded.push_str("fi"),
            // The full-width forms stand in the order of ASCII.
            '\u{ff01}'..='\u{ff5e}' => {
                let ascii = u32::from(character) - 0xff01 + u32::from('!');
                folded.extend(char::from_u32(ascii));
            }
            _ => folded.push(character),
        }
    }
    folded
        .trim_end_matches(['.', ' '])
        .eq_ignore_ascii_case(STORE_NAME)
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
}
