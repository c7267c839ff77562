//! The unified diff of a session, in the form that `git apply` and `patch` take.

use std::fmt::Write;

use similar::TextDiff;

use crate::Kind;
use crate::change::{ChangeSet, Side};
use crate::error::{Error, Result};
use crate::path::VPath;
use crate::session::Session;

/// Lines shown around a change.
const CONTEXT_LINES: usize = 3;
/// Files over this size are only named: comparing them line by line would hold both in memory.
const TEXT_BYTES_MAX: u64 = 8 << 20;
/// Bytes at the start of a file in which a NUL marks it as binary, as git has it.
const BINARY_PROBE_BYTES: usize = 8_000;

impl Session {
    /// Shows what the session changed since it began as a unified diff.
    ///
    /// Binary files and files over 8 MiB are named but not shown.
    ///
    /// # Errors
    ///
    /// `Quota` over `Limits::diff_bytes_max`; `Stale` when a base file that changed was changed
    /// outside as well.
    pub fn diff(&self) -> Result<String> {
        let set = self.present_change_set()?;
        let mut text = String::new();
        for row in rows(&set) {
            self.diff_one(&mut text, &row)?;
            let limit = self.limits().diff_bytes_max;
            if text.len() > limit {
                let used = text.len() as u64;
                return Err(Error::Quota {
                    which: "diff-bytes",
                    used,
                    limit: limit as u64,
                });
            }
        }
        Ok(text)
    }

    fn diff_one(&self, text: &mut String, row: &Row<'_>) -> Result<()> {
        let (old, new) = (row.source, row.path);
        let directory = |side: Option<&Side>| side.is_none_or(|side| side.kind == Kind::Directory);
        if directory(row.before) && directory(row.after) && row.source == row.path {
            return Ok(());
        }
        put(text, format_args!("diff --git a/{old} b/{new}\n"));
        match (row.before, row.after) {
            (None, Some(after)) => put(text, format_args!("new file mode {}\n", mode(after))),
            (Some(before), None) => {
                put(text, format_args!("deleted file mode {}\n", mode(before)));
            }
            (Some(before), Some(after)) if mode(before) != mode(after) => {
                put(
                    text,
                    format_args!("old mode {}\nnew mode {}\n", mode(before), mode(after)),
                );
            }
            _ => {}
        }
        if old != new {
            put(text, format_args!("rename from {old}\nrename to {new}\n"));
        }
        if !row.changed {
            return Ok(());
        }
        let before = self.diff_text(row.before)?;
        let after = self.diff_text(row.after)?;
        match (before, after) {
            (Some(before), Some(after)) => hunks(text, row, &before, &after),
            _ => put(
                text,
                format_args!("Binary files a/{old} and b/{new} differ\n"),
            ),
        }
        Ok(())
    }

    /// The text of one side; `None` when it is not text, or too large to show.
    fn diff_text(&self, side: Option<&Side>) -> Result<Option<Vec<u8>>> {
        let Some(side) = side else {
            return Ok(Some(Vec::new()));
        };
        if let Some(target) = &side.target {
            return Ok(Some(target.as_bytes().to_vec()));
        }
        if side.kind == Kind::Directory || side.size > TEXT_BYTES_MAX {
            return Ok((side.kind == Kind::Directory).then(Vec::new));
        }
        let bytes = self.read_side(side, 0, side.size)?;
        Ok(Some(bytes).filter(|bytes| !is_binary(bytes)))
    }
}

/// Whether git would take the bytes for binary.
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    memchr::memchr(0, &bytes[..bytes.len().min(BINARY_PROBE_BYTES)]).is_some()
}

/// One object to show.
struct Row<'a> {
    source: &'a VPath,
    path: &'a VPath,
    before: Option<&'a Side>,
    after: Option<&'a Side>,
    changed: bool,
}

fn rows(set: &ChangeSet) -> Vec<Row<'_>> {
    let departure = |path| {
        set.departures
            .binary_search_by(|gone| gone.path.cmp(path))
            .ok()
    };
    let arrival = |path| {
        set.arrivals
            .binary_search_by(|come| come.path.cmp(path))
            .ok()
    };
    let mut rows = Vec::new();
    for gone in set.departures.iter().filter(|gone| gone.moved_to.is_none()) {
        let replaced = arrival(&gone.path).is_some_and(|i| set.arrivals[i].moved_from.is_none());
        if !replaced {
            let (source, before) = (&gone.path, Some(&gone.before));
            rows.push(Row {
                source,
                path: source,
                before,
                after: None,
                changed: true,
            });
        }
    }
    for come in &set.arrivals {
        let source = come.moved_from.as_ref().unwrap_or(&come.path);
        let before = departure(source).map(|index| &set.departures[index]);
        let before = before.filter(|gone| come.moved_from.is_some() || gone.moved_to.is_none());
        let changed = come.changed || come.moved_from.is_none();
        let before = before.map(|gone| &gone.before);
        rows.push(Row {
            source,
            path: &come.path,
            before,
            after: Some(&come.after),
            changed,
        });
    }
    for update in set.updates.iter().filter(|update| update.changed) {
        // A file in a renamed directory is shown where it stands now.
        let (before, after) = (Some(&update.before), Some(&update.after));
        rows.push(Row {
            source: &update.path,
            path: &update.path,
            before,
            after,
            changed: true,
        });
    }
    rows.sort_by(|a, b| (a.path, a.after.is_some()).cmp(&(b.path, b.after.is_some())));
    rows
}

fn hunks(text: &mut String, row: &Row<'_>, before: &[u8], after: &[u8]) {
    if before == after {
        return;
    }
    let header = |side: Option<&Side>, prefix: &str, path: &VPath| match side {
        Some(_) => format!("{prefix}/{path}"),
        None => "/dev/null".to_owned(),
    };
    let old = header(row.before, "a", row.source);
    let new = header(row.after, "b", row.path);
    let (before, after) = (
        String::from_utf8_lossy(before),
        String::from_utf8_lossy(after),
    );
    let diff = TextDiff::from_lines(before.as_ref(), after.as_ref());
    let shown = diff
        .unified_diff()
        .context_radius(CONTEXT_LINES)
        .header(&old, &new)
        .to_string();
    text.push_str(&shown);
}

fn mode(side: &Side) -> &'static str {
    match side.kind {
        Kind::Directory => "040000",
        Kind::Symlink => "120000",
        Kind::File if side.executable => "100755",
        Kind::File => "100644",
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _: std::fmt::Result = text.write_fmt(line);
}
