//! The unified diff of a session, in the form that `git apply` and `patch` take.

mod file;
mod hunks;
mod rows;

use std::fmt::Write;

pub use self::file::{DiffFile, unified_diff};

use self::file::Shown;
use self::rows::Row;
use crate::Kind;
use crate::change::Side;
use crate::error::{Error, Result};
use crate::observer::{Operation, OperationKind};
use crate::path::VPath;
use crate::session::{Sealed, Session};

/// Files over this size are only named: comparing them line by line would hold both in memory.
const TEXT_BYTES_MAX: u64 = 8 << 20;
/// Bytes at the start of a file in which a NUL marks it as binary, as git has it.
const BINARY_PROBE_BYTES: usize = 8_000;

impl Session {
    /// Shows what the session changed since it began as a unified diff.
    ///
    /// Files that are binary, not UTF-8 or over 8 MiB are named but not shown; directories appear
    /// only as the files in them, as git has it.
    ///
    /// # Errors
    ///
    /// `Quota` over `Limits::diff_bytes_max`; `Stale` when a base file that changed was changed
    /// outside as well.
    pub fn diff(&self) -> Result<String> {
        self.noted(Operation::new(OperationKind::Diff), |_| self.as_text())
    }

    fn as_text(&self) -> Result<String> {
        let set = self.present_change_set()?;
        let rows = self.with(|core, world| rows::rows(core, world, &set))?;
        self.rows_as_text(&rows)
    }

    fn rows_as_text(&self, rows: &[Row]) -> Result<String> {
        let mut text = String::new();
        for row in rows {
            self.diff_one(&mut text, row)?;
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

    fn diff_one(&self, text: &mut String, row: &Row) -> Result<()> {
        let read = |side: Option<&Side>| match side {
            Some(side) if row.changed => self.diff_text(side),
            _ => Ok(None),
        };
        let (before, after) = (read(row.before.as_ref())?, read(row.after.as_ref())?);
        let old = row.before.as_ref().map(|side| Shown {
            mode: mode(side),
            text: before.as_deref(),
        });
        let new = row.after.as_ref().map(|side| Shown {
            mode: mode(side),
            text: after.as_deref(),
        });
        let paths = (&row.source, &row.path);
        file::write(text, paths, (old, new), row.changed);
        Ok(())
    }

    /// The text of one side; `None` when it is not text, or too large to show.
    fn diff_text(&self, side: &Side) -> Result<Option<String>> {
        if let Some(target) = &side.target {
            return Ok(Some(target.as_ref().to_owned()));
        }
        if side.size > TEXT_BYTES_MAX {
            return Ok(None);
        }
        let bytes = self.read_side(side, 0, side.size)?;
        Ok(String::from_utf8(bytes)
            .ok()
            .filter(|text| !is_binary(text.as_bytes())))
    }
}

impl Sealed {
    /// Shows what is to be committed as a unified diff, in the form and with the errors of
    /// [`Session::diff`].
    ///
    /// # Errors
    ///
    /// As [`Session::diff`].
    pub fn diff(&self) -> Result<String> {
        let session = self.session();
        let rows =
            session.with_any_status(|core, world| rows::rows(core, world, self.change_set()))?;
        session.rows_as_text(&rows)
    }
}

/// Whether git would take the bytes for binary.
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    memchr::memchr(0, &bytes[..bytes.len().min(BINARY_PROBE_BYTES)]).is_some()
}

fn header(text: &mut String, mark: &str, name: Option<&str>) {
    let name = name.unwrap_or("/dev/null");
    // A name with a space would end there without a tab after it.
    let end = if name.contains(' ') { "\t" } else { "" };
    put(text, format_args!("{mark} {name}{end}\n"));
}

/// A path as git writes it: a name with a line break must not become a line of the diff.
fn quoted(prefix: &str, path: &VPath) -> String {
    let plain = format!("{prefix}{path}");
    let special = |c: char| c.is_ascii_control() || matches!(c, '"' | '\\');
    if !plain.contains(special) {
        return plain;
    }
    let mut shown = String::from("\"");
    for character in plain.chars() {
        match character {
            '"' | '\\' => shown.extend(['\\', character]),
            _ if special(character) => {
                put(&mut shown, format_args!("\\{:03o}", u32::from(character)));
            }
            _ => shown.push(character),
        }
    }
    shown.push('"');
    shown
}

fn mode(side: &Side) -> &'static str {
    mode_of(side.kind, side.executable)
}

fn mode_of(kind: Kind, executable: bool) -> &'static str {
    match kind {
        Kind::Directory => "040000",
        Kind::Symlink => "120000",
        Kind::File if executable => "100755",
        Kind::File => "100644",
    }
}

fn put(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _: std::fmt::Result = text.write_fmt(line);
}
