//! Paths: the canonical `VPath` of a tree, and the `Route` that a guest asks to walk.
//!
//! Both are vectors of components, parsed once. Nothing here ever becomes a host path string.

use std::fmt;

use smallvec::SmallVec;

use crate::error::{Error, PathFault, Result};
use crate::{Name, NameError};

/// Bytes of a path as a guest may write it (Linux `PATH_MAX` without its NUL).
pub const PATH_BYTES_MAX: usize = 4095;
/// Components of a path, so that no tree can be made that others cannot walk.
pub const PATH_DEPTH_MAX: usize = 64;
/// Symbolic links followed in one resolution (Linux `MAXSYMLINKS`).
pub const SYMLINK_HOPS_MAX: usize = 40;
/// Bytes of a symbolic link's target.
pub const SYMLINK_TARGET_BYTES_MAX: usize = 4095;

/// A canonical path: the names from the root of a tree, without `.`, `..` or links.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VPath(Vec<Name>);

impl VPath {
    /// The root of the tree.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Parses a path; a leading `/`, empty components and `.` are ignored and `..` is refused.
    pub fn parse(text: &str) -> Result<Self> {
        let route = Route::parse(text)?;
        let names = route.steps.into_iter().filter_map(|step| match step {
            Step::Down(name) => Some(Ok(name)),
            Step::Up => Some(Err(Error::outside(text))),
            Step::Here => None,
        });
        names.collect::<Result<_>>().map(Self)
    }

    /// A path from names that are already checked.
    pub fn from_names(names: Vec<Name>) -> Self {
        Self(names)
    }

    /// This path and one name below it.
    #[must_use]
    pub fn join(&self, name: &Name) -> Self {
        let mut names = Vec::with_capacity(self.0.len() + 1);
        names.extend_from_slice(&self.0);
        names.push(name.clone());
        Self(names)
    }

    /// The directory that the path is in; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        self.split().map(|(parent, _)| Self(parent.to_vec()))
    }

    /// The names of the parent and the last name; `None` for the root.
    pub fn split(&self) -> Option<(&[Name], &Name)> {
        self.0.split_last().map(|(name, parent)| (parent, name))
    }

    /// The last name; `None` for the root.
    pub fn name(&self) -> Option<&Name> {
        self.0.last()
    }

    /// The names from the root on.
    pub fn components(&self) -> &[Name] {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this path is `ancestor` or below it.
    pub fn starts_with(&self, ancestor: &Self) -> bool {
        self.0.starts_with(&ancestor.0)
    }

    /// The path that takes the place of this one when `source` becomes `target`.
    #[must_use]
    pub fn rebase(&self, source: &Self, target: &Self) -> Option<Self> {
        let rest = self.0.strip_prefix(source.0.as_slice())?;
        Some(Self(target.0.iter().chain(rest).cloned().collect()))
    }
}

impl fmt::Display for VPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        for (index, name) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// One step of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To the entry of this name.
    Down(Name),
    /// To the parent directory.
    Up,
    /// To where the walk is: what a path that ends in `/.` adds, so that what is before is walked
    /// into and not taken by its name.
    Here,
}

/// What a guest asked to walk: steps that may go up and through links.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// In the order of walking.
    pub(crate) steps: SmallVec<[Step; 8]>,
    /// Whether it began with `/`.
    pub(crate) absolute: bool,
    /// Whether it ended with `/` or `/.`, so that a directory is meant.
    pub(crate) directory: bool,
}

impl Route {
    /// Parses what a guest wrote.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if text.len() > PATH_BYTES_MAX {
            return Err(fault(text, PathFault::TooLong));
        }
        if text.contains('\0') {
            return Err(fault(text, PathFault::Nul));
        }
        let mut steps = SmallVec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => steps.push(Step::Up),
                _ => steps.push(Step::Down(
                    Name::new(part).map_err(|e| name_fault(text, &e))?,
                )),
            }
            if steps.len() > PATH_DEPTH_MAX {
                return Err(fault(text, PathFault::TooDeep));
            }
        }
        let last = text.rsplit('/').next().unwrap_or(text);
        let directory = !text.is_empty() && matches!(last, "" | "." | "..");
        if last == "." && matches!(steps.last(), Some(Step::Down(_))) {
            steps.push(Step::Here);
        }
        Ok(Self {
            steps,
            absolute: text.starts_with('/'),
            directory,
        })
    }
}

fn name_fault(path: &str, error: &NameError) -> Error {
    let reason = match error {
        NameError::TooLong { .. } => PathFault::NameTooLong,
        NameError::Nul => PathFault::Nul,
        _ => PathFault::Empty,
    };
    fault(path, reason)
}

fn fault(path: &str, reason: PathFault) -> Error {
    const SHOWN_BYTES_MAX: usize = 256;
    let shown = if path.len() > SHOWN_BYTES_MAX {
        let end = path.floor_char_boundary(SHOWN_BYTES_MAX);
        format!("{}…", &path[..end])
    } else {
        path.replace('\0', "\u{2400}")
    };
    Error::InvalidPath {
        path: shown,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Result<&str, &str>) {
        let found = VPath::parse(input)
            .map(|path| path.to_string())
            .map_err(|e| e.to_string());
        match expected {
            Ok(path) => assert_eq!(found.as_deref(), Ok(path), "{input:?}"),
            Err(part) => {
                let text = found.expect_err(input);
                assert!(text.contains(part), "{input:?}: {text}");
            }
        }
    }

    #[test]
    fn canonical_paths() {
        check("", Ok("."));
        check("/", Ok("."));
        check("a/b", Ok("a/b"));
        check("/a//./b/", Ok("a/b"));
        check("..a/...", Ok("..a/..."));
        check("../ab/x", Err("leads out"));
        check("a/../b", Err("leads out"));
        check("a\0b", Err("NUL"));
        check(&"n".repeat(256), Err("255 bytes"));
        check(&"n/".repeat(65), Err("64 components"));
        check(&"n/".repeat(3000), Err("4095 bytes"));
    }

    #[test]
    fn a_route_keeps_what_a_directory_is_meant_by() {
        for (text, directory) in [("a", false), ("a/", true), ("a/.", true), ("a/..", true)] {
            assert_eq!(
                Route::parse(text).expect("valid").directory,
                directory,
                "{text}"
            );
        }
    }

    #[test]
    fn rebase_moves_what_is_below() {
        let path = |text| VPath::parse(text).expect("valid");
        assert_eq!(
            path("a/b/c").rebase(&path("a/b"), &path("z")),
            Some(path("z/c"))
        );
        assert_eq!(
            path("ab/c").rebase(&path("a"), &path("z")),
            None,
            "names, not prefixes"
        );
    }
}
