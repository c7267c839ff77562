//! `SearchQuery` and the iterator over what it finds; pages are fetched as they are needed.

use crate::{Result, Session};

/// What to search for.
///
/// ```
/// use session_fs_sdk::SearchQuery;
///
/// let query = SearchQuery::lines(r"\bTODO\b").within("src/**/*.rs").ignore_case();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use]
pub struct SearchQuery {
    pub(crate) glob: Option<String>,
    pub(crate) pattern: Option<String>,
    pub(crate) ignore_case: bool,
}

impl SearchQuery {
    /// Matches of one page; the host may make it fewer.
    pub(crate) const PAGE_MATCHES_MAX: u32 = 1024;

    /// Searches for lines that match a regular expression.
    pub fn lines(pattern: impl Into<String>) -> Self {
        Self {
            pattern: Some(pattern.into()),
            ..Self::default()
        }
    }

    /// Searches for paths that match a glob, such as `src/**/*.rs`.
    ///
    /// A component that begins with `.` is matched only by name.
    pub fn paths(glob: impl Into<String>) -> Self {
        Self {
            glob: Some(glob.into()),
            ..Self::default()
        }
    }

    /// Looks only at paths that match a glob.
    pub fn within(mut self, glob: impl Into<String>) -> Self {
        self.glob = Some(glob.into());
        self
    }

    /// Ignores case in lines and paths.
    pub fn ignore_case(mut self) -> Self {
        self.ignore_case = true;
        self
    }
}

/// A pattern for lines, in all files.
impl From<&str> for SearchQuery {
    fn from(pattern: &str) -> Self {
        Self::lines(pattern)
    }
}

/// One line that matched, or one path where the query has no pattern for lines.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SearchMatch {
    /// The file, from the session's root.
    pub path: String,
    /// The line's number from 1; 0 where the query has no pattern.
    pub line: u64,
    /// The line without its end, at most 4096 bytes; empty where the query has no pattern.
    pub text: String,
}

/// The matches of a search, sorted by path and line; it ends after the first error.
#[derive(Debug)]
pub struct Search<'a> {
    session: &'a Session,
    query: SearchQuery,
    page: std::vec::IntoIter<SearchMatch>,
    after: Option<String>,
    complete: bool,
}

impl<'a> Search<'a> {
    pub(crate) fn new(session: &'a Session, query: SearchQuery) -> Self {
        Self {
            session,
            query,
            page: Vec::new().into_iter(),
            after: None,
            complete: false,
        }
    }

    fn fetch(&mut self) -> Result<()> {
        self.complete = true;
        let (matches, next) = self
            .session
            .raw()
            .search(&self.query, self.after.as_deref())?;
        self.complete = next.is_none();
        self.page = matches.into_iter();
        self.after = next;
        Ok(())
    }
}

impl Iterator for Search<'_> {
    type Item = Result<SearchMatch>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.page.next() {
                return Some(Ok(found));
            }
            if self.complete {
                return None;
            }
            if let Err(error) = self.fetch() {
                return Some(Err(error));
            }
        }
    }
}
