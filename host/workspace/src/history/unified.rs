//! Unified diffs between two moments of a base: of one file, or of everything that changed.

use std::collections::{BTreeMap, BTreeSet};

use vfs::{DiffFile, Kind, VPath, unified_diff};

use super::error::{HistoryError, Result};
use super::lineage::{Lineage, State, Step, VersionKind, arrival, found, place_after};
use super::present::Present;
use super::versions::VersionSelector;
use super::{Catalog, History};
use crate::change::{Change, Departure, Version};
use crate::objects::ObjectError;

/// One side of a comparison.
struct DiffSide {
    path: VPath,
    kind: Kind,
    executable: bool,
    bytes: Option<Vec<u8>>,
}

/// Something as it was before and after.
type Part = (Option<DiffSide>, Option<DiffSide>);

/// What some changes did.
#[derive(Debug, Default)]
struct Touched {
    /// What they named and is there in the end, by where it stands then.
    paths: BTreeSet<VPath>,
    /// What stood in the beginning and was removed, by where it stood then.
    destroyed: BTreeMap<VPath, State>,
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
            self.side((at, generation), state, &mut present)
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
    /// `UnknownVersion` or `UnknownChange` when a change between the two is not kept; `Limit` over
    /// `diff_bytes_max` or over `versions_max` paths; and as [`History::versions`].
    pub fn diff_all(&self, older: &VersionSelector, newer: &VersionSelector) -> Result<String> {
        let ((older, _), (newer, _)) = (self.moment(older)?, self.moment(newer)?);
        let (horizon, newest) = self.generations().unwrap_or_default();
        let (first, last) = (older.min(newer), older.max(newer));
        if last > newest {
            let id = last.to_string();
            return Err(HistoryError::UnknownChange { id });
        }
        let touched = self.touched_between(first, last)?;
        if first < last && first + 1 < horizon {
            return Err(unknown_between(&touched, (first, last), horizon));
        }
        let mut text = String::new();
        for (before, after) in self.parts(&touched, first, last)? {
            let (before, after) = match older <= newer {
                true => (before, after),
                false => (after, before),
            };
            text.push_str(&compared(before.as_ref(), after.as_ref()));
            self.check_size(&text)?;
        }
        Ok(text)
    }

    /// What became of everything that was touched, in the order of the paths; of two things that had
    /// the same path the one that was destroyed comes first.
    fn parts(&self, touched: &Touched, first: u64, last: u64) -> Result<Vec<Part>> {
        let mut parts: BTreeMap<(&VPath, bool), Part> = BTreeMap::new();
        let mut went_on = BTreeSet::new();
        for path in &touched.paths {
            let lineage = self.lineage(path, last + 1)?;
            let mut present = Present::new(self, path);
            let stretch = &lineage.stretches[lineage.at(last)];
            let Some(after) = self.side((&stretch.path, last), &stretch.begin, &mut present)?
            else {
                continue;
            };
            let before = match origin(&lineage, first) {
                Some((path, state)) => self.side((path, first), state, &mut present)?,
                None => None,
            };
            went_on.extend(before.as_ref().map(|before| before.path.clone()));
            parts.insert((path, true), (before, Some(after)));
        }
        for (path, state) in &touched.destroyed {
            if went_on.contains(path) {
                continue;
            }
            let before = self.side((path, first), state, &mut Present::new(self, path))?;
            parts.insert((path, false), (before, None));
        }
        Ok(parts.into_values().collect())
    }

    /// What the changes after generation `first` and up to `last` did.
    fn touched_between(&self, first: u64, last: u64) -> Result<Touched> {
        let limit = self.limits.versions_max;
        let mut touched = Touched::default();
        for member in self.ask(Catalog::chain)? {
            if member.generation <= first || member.generation > last {
                continue;
            }
            let (file, _) = self.shelf.read(&member.id)?;
            for gone in destroyed(&file.change) {
                let before = found(&file, &gone.path, &gone.before);
                let lineage = self.lineage_to(&gone.path, member.generation, &before)?;
                if let Some((path, state @ State::Is(_))) = origin(&lineage, first) {
                    touched.destroyed.insert(path.clone(), state.clone());
                }
            }
            let paths = &mut touched.paths;
            *paths = paths
                .iter()
                .filter_map(|at| place_after(&file.change, at))
                .collect();
            paths.extend(file.change.arrivals.into_iter().map(|come| come.path));
            paths.extend(file.change.updates.into_iter().map(|update| update.path));
            if paths.len() > limit {
                let (which, limit) = ("diff-paths", limit as u64);
                return Err(HistoryError::Limit { which, limit });
            }
        }
        Ok(touched)
    }

    fn side(
        &self,
        (path, generation): (&VPath, u64),
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
                let bytes = self.bytes((path, generation), *digest, *size, present);
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

/// Why there is no diff of a time of which changes are not kept.
fn unknown_between(touched: &Touched, (first, last): (u64, u64), horizon: u64) -> HistoryError {
    let mut changed = touched.paths.iter().chain(touched.destroyed.keys());
    match changed.next() {
        Some(path) => HistoryError::UnknownVersion {
            path: path.clone(),
            when: format!("between generations {first} and {last}"),
        },
        // Those that are kept undid each other, which says nothing of the others.
        None => HistoryError::UnknownChange {
            id: last.min(horizon - 1).to_string(),
        },
    }
}

/// Where something stood at a generation, and how; `None` when what stood there was another thing that
/// went elsewhere.
fn origin(lineage: &Lineage, generation: u64) -> Option<(&VPath, &State)> {
    let index = lineage.at(generation);
    let went = |step: &Step| matches!(step.kind, VersionKind::MovedAway { .. });
    let stretch = &lineage.stretches[index];
    let is_same = !lineage.steps[..index].iter().any(went);
    is_same.then_some((&stretch.path, &stretch.begin))
}

/// What a change put an end to: what it removed, and what something that moved took the place of.
/// What was replaced where it stood goes on as the same file.
fn destroyed(change: &Change) -> impl Iterator<Item = &Departure> {
    let gone = change.departures.iter();
    gone.filter(|gone| {
        let come = arrival(change, &gone.path);
        gone.moved_to.is_none() && come.is_none_or(|come| come.moved_from.is_some())
    })
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
    let moved = before
        .zip(after)
        .is_some_and(|(was, is)| was.path != is.path);
    // A directory that came or went is seen by the files in it.
    let is_seen = |side: &&DiffSide| moved || side.kind != Kind::Directory;
    let (before, after) = (before.filter(is_seen), after.filter(is_seen));
    if before.is_none() && after.is_none() {
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
