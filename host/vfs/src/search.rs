//! Searching a session's tree: paths by a glob, lines by a regular expression.

use globset::{GlobBuilder, GlobMatcher};
use regex::bytes::{Regex, RegexBuilder};

use crate::diff::is_binary;
use crate::error::{Error, Result};
use crate::inode::Ino;
use crate::lookup::Content;
use crate::observer::{Operation, OperationKind};
use crate::path::{PATH_DEPTH_MAX, VPath};
use crate::session::{Budget, Session};
use crate::{Kind, Name};

/// Bytes of a compiled pattern, so that a guest cannot make the host build a huge automaton.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Bytes of a glob or pattern as written.
const QUERY_BYTES_MAX: usize = 4 << 10;
/// Bytes of a line that a match shows.
const LINE_BYTES_MAX: usize = 4 << 10;
/// Files over this size are not searched for lines.
const SEARCHED_BYTES_MAX: u64 = 16 << 20;

/// What to search for.
#[derive(Clone, Debug, Default)]
pub struct SearchQuery {
    /// Paths to look at, such as `src/**/*.rs`; all when absent. `*` does not cross `/`, and a
    /// component that begins with `.` is matched only by a glob that names the dot.
    pub glob: Option<String>,
    /// A regular expression that a line must match; only paths are reported when absent.
    pub pattern: Option<String>,
    /// Whether case is ignored.
    pub ignore_case: bool,
    /// Matches to return at most; `Limits::page_entries_max` is the cap, and the value for 0.
    pub matches_max: usize,
    /// The `next` of an earlier page of the same query.
    pub after: Option<String>,
}

/// One page of what a search found, in the order of paths and lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPage {
    /// What was found.
    pub matches: Vec<SearchMatch>,
    /// Pass this as `after` to go on; `None` when the search is complete.
    pub next: Option<String>,
}

/// One line that matched, or one path where the query has no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchMatch {
    /// The file.
    pub path: VPath,
    /// The line's number from 1; 0 where the query has no pattern.
    pub line: u64,
    /// The line without its end, at most 4096 bytes.
    pub text: String,
}

impl Session {
    /// Searches the files of the tree; links are not followed and binary files have no lines.
    ///
    /// What is deeper than [`PATH_DEPTH_MAX`](crate::path::PATH_DEPTH_MAX) is not looked at.
    ///
    /// # Errors
    ///
    /// `Invalid` for a glob, pattern or cursor that cannot be used; `Quota` over
    /// `Limits::visited_max` objects.
    pub fn search(&self, query: &SearchQuery) -> Result<SearchPage> {
        let mut call = Operation::new(OperationKind::Search);
        call.path = query.glob.as_deref();
        self.noted(call, |_| self.find(query))
    }

    fn find(&self, query: &SearchQuery) -> Result<SearchPage> {
        let most = self.limits().page_entries_max;
        let matches_max = if query.matches_max == 0 {
            most
        } else {
            query.matches_max.min(most)
        };
        let mut search = Search {
            session: self,
            glob: query
                .glob
                .as_deref()
                .map(|glob| compile_glob(glob, query))
                .transpose()?,
            hidden: query.glob.as_deref().is_some_and(names_hidden),
            pattern: query
                .pattern
                .as_deref()
                .map(|text| compile(text, query))
                .transpose()?,
            after: query.after.as_deref().map(Cursor::parse).transpose()?,
            budget: Budget::new(self.world()),
            matches_max,
            page: SearchPage::default(),
        };
        search.directory(Ino::ROOT, &VPath::root())?;
        Ok(search.page)
    }
}

/// Where a page ended: after this line of this file.
#[derive(Debug, PartialEq, Eq)]
struct Cursor {
    path: VPath,
    line: u64,
}

/// A search under way.
struct Search<'a> {
    session: &'a Session,
    glob: Option<GlobMatcher>,
    hidden: bool,
    pattern: Option<Regex>,
    after: Option<Cursor>,
    budget: Budget,
    matches_max: usize,
    page: SearchPage,
}

impl Search<'_> {
    fn is_full(&self) -> bool {
        self.page.next.is_some()
    }

    fn directory(&mut self, dir: Ino, path: &VPath) -> Result<()> {
        let entries = self
            .session
            .with(|core, world| core.view(world).shown(dir))?;
        for entry in entries {
            if self.is_full() {
                break;
            }
            self.budget.take()?;
            if entry.name.starts_with('.') && !self.hidden {
                continue;
            }
            let path = path.join(&entry.name);
            match entry.kind {
                Kind::Directory => self.below(dir, &entry.name, &path)?,
                Kind::File => self.file(dir, &entry.name, path)?,
                Kind::Symlink => {}
            }
        }
        Ok(())
    }

    fn below(&mut self, dir: Ino, name: &Name, path: &VPath) -> Result<()> {
        let passed = |cursor: &Cursor| *path < cursor.path && !cursor.path.starts_with(path);
        // What is deeper has no path that a session takes, and may be deeper than a stack.
        let too_deep = path.components().len() >= PATH_DEPTH_MAX;
        if too_deep || self.after.as_ref().is_some_and(passed) {
            return Ok(());
        }
        let child = self
            .session
            .with(|core, world| core.view(world).child(dir, name))?;
        child.map_or(Ok(()), |(ino, _)| self.directory(ino, path))
    }

    fn file(&mut self, dir: Ino, name: &Name, path: VPath) -> Result<()> {
        let start = match &self.after {
            Some(cursor) if path < cursor.path => return Ok(()),
            Some(cursor) if path == cursor.path && self.pattern.is_none() => return Ok(()),
            Some(cursor) if path == cursor.path => cursor.line,
            _ => 0,
        };
        if self
            .glob
            .as_ref()
            .is_some_and(|glob| !glob.is_match(path.to_string()))
        {
            return Ok(());
        }
        let Some(pattern) = self.pattern.clone() else {
            self.report(path, 0, String::new());
            return Ok(());
        };
        let Some(bytes) = self.text(dir, name)? else {
            return Ok(());
        };
        for (index, line) in (1..).zip(lines(&bytes)) {
            if index > start && pattern.is_match(line) {
                let shown = &line[..line.len().min(LINE_BYTES_MAX)];
                self.report(
                    path.clone(),
                    index,
                    String::from_utf8_lossy(shown).into_owned(),
                );
            }
            if self.is_full() {
                break;
            }
        }
        Ok(())
    }

    /// The bytes of a file that has lines.
    fn text(&self, dir: Ino, name: &Name) -> Result<Option<Vec<u8>>> {
        let content: Option<Content> = self.session.with(|core, world| {
            let mut view = core.view(world);
            match view.child(dir, name)? {
                Some((ino, Kind::File)) if view.node(ino)?.size() <= SEARCHED_BYTES_MAX => {
                    view.content(ino)
                }
                _ => Ok(None),
            }
        })?;
        let Some(content) = content else {
            return Ok(None);
        };
        let size = content.pieces.len();
        let bytes = self.session.read_content(&content, &mut None, 0, size)?;
        Ok(Some(bytes).filter(|bytes| !is_binary(bytes)))
    }

    /// Adds a match, or marks the page as full where the last one ended.
    fn report(&mut self, path: VPath, line: u64, text: String) {
        if self.page.matches.len() == self.matches_max {
            let last = self.page.matches.last();
            self.page.next = last.map(|last| format!("{}:{}", last.line, last.path));
            return;
        }
        self.page.matches.push(SearchMatch { path, line, text });
    }
}

impl Cursor {
    fn parse(text: &str) -> Result<Self> {
        let bad = || Error::invalid("the search cursor is not one that an earlier page returned");
        let (line, path) = text.split_once(':').ok_or_else(bad)?;
        Ok(Self {
            path: VPath::parse(path)?,
            line: line.parse().map_err(|_| bad())?,
        })
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let whole = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let none = bytes.is_empty();
    let lines = whole.split(|byte| *byte == b'\n').skip(usize::from(none));
    lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn names_hidden(glob: &str) -> bool {
    let mut before = '/';
    glob.chars().any(|character| {
        let starts = matches!(before, '/' | '{' | ',');
        before = character;
        starts && character == '.'
    })
}

fn compile(pattern: &str, query: &SearchQuery) -> Result<Regex> {
    check_length(pattern)?;
    RegexBuilder::new(pattern)
        .case_insensitive(query.ignore_case)
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|error| Error::invalid(format!("the pattern cannot be used: {error}")))
}

fn compile_glob(glob: &str, query: &SearchQuery) -> Result<GlobMatcher> {
    check_length(glob)?;
    GlobBuilder::new(glob)
        .literal_separator(true)
        .case_insensitive(query.ignore_case)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| Error::invalid(format!("the glob cannot be used: {error}")))
}

fn check_length(text: &str) -> Result<()> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(Error::invalid(format!(
            "a query has at most {QUERY_BYTES_MAX} bytes"
        )));
    }
    Ok(())
}
