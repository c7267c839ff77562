//! The name that belongs to session-fs itself and that no session sees or makes.

use crate::Name;
use crate::path::VPath;

/// The folder at the root of a directory base where session-fs keeps its own state.
pub const STORE_NAME: &str = ".session-fs";

/// Whether the path is the store or below it.
pub(crate) fn is_store(path: &VPath) -> bool {
    path.components().first().is_some_and(is_store_name)
}

/// Whether some file system would take the name for the store's.
///
/// Compared without case and without the trailing dots and spaces that Windows drops, so that a
/// tree stays safe when it is moved there.
pub(crate) fn is_store_name(name: &Name) -> bool {
    name.trim_end_matches(['.', ' '])
        .eq_ignore_ascii_case(STORE_NAME)
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
        ] {
            assert!(is_store_name(&Name::new(name).expect("valid")), "{name:?}");
        }
        for name in ["session-fs", ".session-fs2", "..session-fs"] {
            assert!(!is_store_name(&Name::new(name).expect("valid")), "{name:?}");
        }
    }
}
