//! Unified diffs between two moments of a base: of one file, or of everything that changed.

use std::collections::BTreeSet;

use vfs::{DiffFile, Kind, VPath, unified_diff};

use super::error::{HistoryError, Result};
use super::lineage::{State, VersionKind};
use super::present::Present;
use super::versions::VersionSelector;
use super::{Catalog, History};
use crate::change::Version;
use crate::objects::ObjectError;

/// One side of a comparison.
struct DiffSide {
    path: VPath,
    kind: Kind,
    executable: bool,
    bytes: Option<Vec<u8>>,
}

impl History {
    /// Shows how one version of the file at `path` differs from another. A content that is not kept is
    /// named but not shown.
    ///
    /// # Errors
    ///
    /// As [`History::read_version`]; `Limit` over `diff_bytes_max`.
    pub fn diff(
        &self,
        path: &VPath,
        older: &VersionSelector,
        newer: &VersionSelector,
    ) -> Result<String> {
        let (older, newer) = (self.moment(older)?, self.moment(newer)?);
        let lineage = self.lineage(path, u64::MAX)?;
        let mut present = Present::new(self, path);
        let mut side = |(generation, found_by)| {
            let (at, state) = self.state(&lineage, path, generation, found_by)?;
            self.side(at, state, &mut present)
        };
        let (before, after) = (side(older)?, side(newer)?);
        let text = compared(before.as_ref(), after.as_ref());
        self.check_size(&text)?;
        Ok(text)
    }

    /// Shows everything that changed between two moments, path by path, backwards when the first is
    /// the later one. Of a directory that moved only the names are shown.
    ///
    /// # Errors
    ///
    /// `UnknownChange` for a generation that is yet to come;
    /// `UnknownVersion` when a change between the two is not kept; `Limit` over `diff_bytes_max` or
    /// over `versions_max` paths; and as [`History::versions`].
    pub fn diff_all(&self, older: &VersionSelector, newer: &VersionSelector) -> Result<String> {
        let ((older, _), (newer, _)) = (self.moment(older)?, self.moment(newer)?);
        let (horizon, newest) = self.generations().unwrap_or_default();
        let (first, last) = (older.min(newer), older.max(newer));
        if last > newest {
            let id = last.to_string();
            return Err(HistoryError::UnknownChange { id });
        }
        let paths = self.touched_between(first, last)?;
        let mut shown = BTreeSet::new();
        let mut text = String::new();
        for path in &paths {
            if first + 1 < horizon {
                let when = format!("between generations {first} and {last}");
                let path = path.clone();
                return Err(HistoryError::UnknownVersion { path, when });
            }
            let lineage = self.lineage(path, last + 1)?;
            let is_elsewhere = |kind: &VersionKind| matches!(kind, VersionKind::MovedAway { .. });
            if lineage
                .steps
                .first()
                .is_some_and(|step| is_elsewhere(&step.kind))
            {
                continue;
            }
            let mut present = Present::new(self, path);
            let mut side = |generation| {
                let stretch = &lineage.stretches[lineage.at(generation)];
                self.side(&stretch.path, &stretch.begin, &mut present)
            };
            let (before, after) = (side(older)?, side(newer)?);
            let places = |side: &Option<DiffSide>| side.as_ref().map(|side| side.path.clone());
            if shown.insert((places(&before), places(&after))) {
                text.push_str(&compared(before.as_ref(), after.as_ref()));
                self.check_size(&text)?;
            }
        }
        Ok(text)
    }

    /// Every path that a change after `older` and up to `newer` named.
    fn touched_between(&self, older: u64, newer: u64) -> Result<BTreeSet<VPath>> {
        let limit = self.limits.versions_max;
        let mut paths = BTreeSet::new();
        for member in self.ask(Catalog::chain)? {
            if member.generation <= older || member.generation > newer {
                continue;
            }
            let (file, _) = self.shelf.read(&member.id)?;
            paths.extend(file.change.departures.into_iter().map(|gone| gone.path));
            paths.extend(file.change.arrivals.into_iter().map(|come| come.path));
            paths.extend(file.change.updates.into_iter().map(|update| update.path));
            if paths.len() > limit {
                let (which, limit) = ("diff-paths", limit as u64);
                return Err(HistoryError::Limit { which, limit });
            }
        }
        Ok(paths)
    }

    fn side(
        &self,
        path: &VPath,
        state: &State,
        present: &mut Present<'_>,
    ) -> Result<Option<DiffSide>> {
        let State::Is(version) = state else {
            return Ok(None);
        };
        let (executable, bytes) = match version {
            Version::Directory => (false, None),
            Version::Symlink { target } => (false, Some(target.clone().into_bytes())),
            Version::File {
                size,
                digest,
                executable,
                ..
            } => {
                let bytes = self.bytes(path, *digest, *size, present);
                (*executable, kept(bytes)?)
            }
        };
        Ok(Some(DiffSide {
            path: path.clone(),
            kind: version.kind(),
            executable,
            bytes,
        }))
    }

    fn check_size(&self, text: &str) -> Result<()> {
        let limit = self.limits.diff_bytes_max;
        if text.len() <= limit {
            return Ok(());
        }
        let (which, limit) = ("diff-bytes", limit as u64);
        Err(HistoryError::Limit { which, limit })
    }
}

/// `None` for bytes that are not kept, or too many to be shown.
fn kept(bytes: Result<Vec<u8>>) -> Result<Option<Vec<u8>>> {
    match bytes {
        Ok(bytes) => Ok(Some(bytes)),
        Err(
            HistoryError::NotKept { .. }
            | HistoryError::Limit { .. }
            | HistoryError::Object(ObjectError::TooLarge { .. }),
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

fn compared(before: Option<&DiffSide>, after: Option<&DiffSide>) -> String {
    // A directory that came or went is seen by the files in it.
    let is_seen = |side: Option<&DiffSide>| side.is_none_or(|side| side.kind != Kind::Directory);
    let moved = before
        .zip(after)
        .is_some_and(|(was, is)| was.path != is.path);
    if !(moved || is_seen(before) && is_seen(after)) {
        return String::new();
    }
    unified_diff(before.map(DiffSide::as_file), after.map(DiffSide::as_file))
}

impl DiffSide {
    fn as_file(&self) -> DiffFile<'_> {
        DiffFile {
            path: &self.path,
            kind: self.kind,
            executable: self.executable,
            bytes: self.bytes.as_deref(),
        }
    }
}
