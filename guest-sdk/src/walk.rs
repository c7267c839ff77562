//! `Walk`: an iterator over everything below a directory.
//!
//! It lists by pages and keeps one page per level, so that a tree of any size is walked in little
//! memory. It never follows a symbolic link, so it ends.

use crate::{DirEntry, Error, Kind, Result, Session};
use std::collections::BTreeSet;

/// Everything below a directory: a directory first, then what is in it, by the byte order of the
/// names. Links are told and not followed.
///
/// An error is told in the place of the directory it came from, and the walk goes on after it.
/// What is changed in a directory while it is being walked may be met or not.
#[derive(Debug)]
pub struct Walk<'a> {
    session: &'a Session,
    levels: Vec<Level>,
    depth_max: usize,
    names_skipped: BTreeSet<String>,
}

/// One name that a walk has met.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WalkEntry {
    /// The path, from the session's root.
    pub path: String,
    /// What stands there; a link is not followed.
    pub kind: Kind,
    /// Levels below the directory walked; 1 for what is directly in it.
    pub depth: usize,
}

/// A directory on the way down.
#[derive(Debug)]
struct Level {
    path: String,
    page: std::vec::IntoIter<DirEntry>,
    after: Option<String>,
    complete: bool,
}

impl<'a> Walk<'a> {
    /// Entries of one page; the host may make it fewer.
    pub(crate) const PAGE_ENTRIES_MAX: u32 = 1024;

    /// Levels that are walked unless said otherwise: as deep as a path may be.
    pub const DEPTH_MAX: usize = 64;

    pub(crate) fn new(session: &'a Session, path: &str) -> Result<Self> {
        if session.stat(path)?.kind != Kind::Directory {
            return Err(Error::NotADirectory {
                path: path.to_owned(),
            });
        }
        let top = Level::new(path.trim_matches('/').to_owned());
        let names_skipped = BTreeSet::new();
        Ok(Self {
            session,
            levels: vec![top],
            depth_max: Self::DEPTH_MAX,
            names_skipped,
        })
    }

    /// Leaves out everything of these names, with all that is below.
    #[must_use]
    pub fn skip_names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.names_skipped.extend(names.into_iter().map(Into::into));
        self
    }

    /// Goes down at most this many levels; 1 is the directory's own entries.
    #[must_use]
    pub fn depth_max(mut self, depth: usize) -> Self {
        self.depth_max = depth.min(Self::DEPTH_MAX);
        self
    }

    /// The paths of the regular files only.
    pub fn files(self) -> impl Iterator<Item = Result<String>> + use<'a> {
        self.filter_map(|entry| match entry {
            Ok(entry) => (entry.kind == Kind::File).then_some(Ok(entry.path)),
            Err(error) => Some(Err(error)),
        })
    }

    /// Makes an entry of a name in the innermost directory, and goes into it if it is one.
    fn enter(&mut self, parent: &str, entry: &DirEntry) -> WalkEntry {
        let depth = self.levels.len();
        let path = match parent {
            "" => entry.name.clone(),
            parent => format!("{parent}/{}", entry.name),
        };
        if entry.kind == Kind::Directory && depth < self.depth_max {
            self.levels.push(Level::new(path.clone()));
        }
        WalkEntry {
            path,
            kind: entry.kind,
            depth,
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<WalkEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.depth_max == 0 {
            return None;
        }
        loop {
            let level = self.levels.last_mut()?;
            match level.next(self.session) {
                None => drop(self.levels.pop()),
                Some(Err(error)) => return Some(Err(error)),
                Some(Ok(entry)) if self.names_skipped.contains(&entry.name) => {}
                Some(Ok(entry)) => {
                    let parent = level.path.clone();
                    return Some(Ok(self.enter(&parent, &entry)));
                }
            }
        }
    }
}

impl Level {
    fn new(path: String) -> Self {
        Self {
            path,
            page: Vec::new().into_iter(),
            after: None,
            complete: false,
        }
    }

    /// The next name, from this page or another; after an error the level is at its end.
    fn next(&mut self, session: &Session) -> Option<Result<DirEntry>> {
        loop {
            if let Some(entry) = self.page.next() {
                return Some(Ok(entry));
            }
            if self.complete {
                return None;
            }
            let page =
                session
                    .raw()
                    .list(&self.path, self.after.as_deref(), Walk::PAGE_ENTRIES_MAX);
            match page {
                Ok((entries, next)) => {
                    self.page = entries.into_iter();
                    self.complete = next.is_none();
                    self.after = next;
                }
                Err(error) => {
                    self.complete = true;
                    return Some(Err(error));
                }
            }
        }
    }
}
