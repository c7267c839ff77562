//! The versions of one file over time, and the content of each.

use std::fmt;
use std::str::FromStr;

use vfs::{Digest, VPath};

use super::error::{HistoryError, Result};
use super::lineage::{Lineage, State, Step, VersionKind};
use super::present::Present;
use super::{History, PREFIX_DIGITS_MIN};
use crate::change::{ChangeId, Version};

/// Digits of a generation; whatever is longer is a change id.
const GENERATION_DIGITS_MAX: usize = 10;

/// Which version of a path is meant: `12`, `3f9a1c`, or `3f9a1c^` or `12^` for what stood there before
/// that change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionSelector {
    /// As it stood when the base had this generation.
    Generation(u64),
    /// As this change left it: an id or the beginning of one.
    After(String),
    /// As this change found it: an id, the beginning of one, or the generation that it made.
    Before(String),
}

/// The versions of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// Newest first.
    pub versions: Vec<FileVersion>,
    /// The oldest generation that is known about; versions before it were dropped, if there were any.
    pub horizon: u64,
}

/// One version of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileVersion {
    /// The generation that the change made; for `Outside` and `Original`, of the change that found it.
    pub generation: u64,
    /// The change that left it so; for `Outside` and `Original`, the one that found it.
    pub change: ChangeId,
    /// What was done to it.
    pub kind: VersionKind,
    /// Where it stood.
    pub path: VPath,
    /// What stood there; `None` when nothing did.
    pub version: Option<Version>,
    /// Where its content is; `None` when nothing stood there, and for a directory.
    pub availability: Option<Availability>,
}

/// Where the content of a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Kept as an object.
    Object,
    /// It is what stands in the tree now, perhaps at the path that it went to.
    Current,
    /// In the change itself: the target of a link.
    Recorded,
    /// Not kept any more.
    Gone,
    /// Nobody had to read it, so that its digest is not known: it was only moved until now.
    Undigested,
}

/// The content of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionContent {
    /// A file.
    File {
        /// Where it stood.
        path: VPath,
        /// Its bytes, verified.
        bytes: Vec<u8>,
        /// Whether it could be executed.
        executable: bool,
    },
    /// A symbolic link.
    Symlink {
        /// Where it stood.
        path: VPath,
        /// Where it led.
        target: String,
    },
}

impl History {
    /// Lists every version of the file at `path` that is known, newest first, following renames
    /// backwards. What was removed is looked for under the name that it had.
    ///
    /// # Errors
    ///
    /// `Damaged`, `Misnamed`: a change that cannot be read could be one of its versions. `Limit` over
    /// `versions_max`; `Io`.
    pub fn versions(&self, path: &VPath) -> Result<Versions> {
        let lineage = self.lineage(path, u64::MAX)?;
        let mut present = Present::new(self, path);
        let mut versions = Vec::new();
        for (index, stretch) in lineage.stretches.iter().enumerate() {
            let later = index.checked_sub(1).map(|later| &lineage.steps[later]);
            let earlier = lineage.steps.get(index);
            let outside = later.filter(|_| match earlier {
                Some(_) => stretch.begin.differs(&stretch.end),
                None => matches!(stretch.end, State::Is(_)),
            });
            if let Some(finder) = outside {
                let kind = match earlier {
                    Some(_) => VersionKind::Outside,
                    None => VersionKind::Original,
                };
                versions.push(self.version(
                    finder,
                    kind,
                    (&stretch.path, finder.generation - 1),
                    &stretch.end,
                    &mut present,
                )?);
            }
            if let Some(step) = earlier.filter(|_| !lineage.is_idle(index)) {
                let kind = step.kind.clone();
                versions.push(self.version(
                    step,
                    kind,
                    (&stretch.path, step.generation),
                    &stretch.begin,
                    &mut present,
                )?);
            }
        }
        let (horizon, _) = self.generations().unwrap_or_default();
        Ok(Versions { versions, horizon })
    }

    /// Reads one version of the file that stands, or stood last, at `path`.
    ///
    /// # Errors
    ///
    /// `UnknownChange`, `AmbiguousChange`, `BadVersion` for the selector; `UnknownVersion`, `Absent`,
    /// `NotKept`, `IsADirectory`; `Object` when its bytes are not what was kept; and as
    /// [`History::versions`].
    pub fn read_version(&self, path: &VPath, selector: &VersionSelector) -> Result<VersionContent> {
        let (generation, found_by) = self.moment(selector)?;
        let lineage = self.lineage(path, u64::MAX)?;
        let (at, state) = self.state(&lineage, path, generation, found_by)?;
        let mut present = Present::new(self, path);
        self.content((at, generation), state, &mut present)
    }

    /// The state that a moment means, and where the file stood then.
    pub(super) fn state<'a>(
        &self,
        lineage: &'a Lineage,
        path: &VPath,
        generation: u64,
        found_by: Option<u64>,
    ) -> Result<(&'a VPath, &'a State)> {
        let unknown = || HistoryError::UnknownVersion {
            path: path.clone(),
            when: in_words(generation),
        };
        let known = self.generations().filter(|(horizon, newest)| {
            generation.saturating_add(1) >= *horizon && generation <= *newest
        });
        known.ok_or_else(unknown)?;
        let index = lineage.at(generation);
        let stretch = &lineage.stretches[index];
        let later = index.checked_sub(1).map(|later| &lineage.steps[later]);
        let found = found_by.is_some() && later.map(|step| step.generation) == found_by;
        let state = if found { &stretch.end } else { &stretch.begin };
        match state {
            State::Unknown => Err(unknown()),
            // Nothing is known of a path that no change touched.
            State::Is(_) | State::Absent if lineage.steps.is_empty() => Err(unknown()),
            state => Ok((&stretch.path, state)),
        }
    }

    /// The generation that a selector means, and the change that found it when it means that.
    pub(super) fn moment(&self, selector: &VersionSelector) -> Result<(u64, Option<u64>)> {
        match selector {
            // Digits alone may begin an id too, but no generation is so young.
            VersionSelector::Generation(generation) if self.is_ahead(*generation) => {
                match self.find(&generation.to_string()) {
                    Ok(id) => Ok((self.shelf.read(&id)?.0.generation, None)),
                    Err(HistoryError::UnknownChange { .. }) => Ok((*generation, None)),
                    Err(error) => Err(error),
                }
            }
            VersionSelector::Generation(generation) => Ok((*generation, None)),
            VersionSelector::After(id) => Ok((self.show(id)?.1.generation, None)),
            VersionSelector::Before(id) => {
                let generation = self.show(id)?.1.generation;
                Ok((generation - 1, Some(generation)))
            }
        }
    }

    fn is_ahead(&self, generation: u64) -> bool {
        self.generations()
            .is_none_or(|(_, newest)| generation > newest)
    }

    /// What the changes below generation `below` did to a path.
    pub(super) fn lineage(&self, path: &VPath, below: u64) -> Result<Lineage> {
        let present = match below {
            u64::MAX => self.present_state(path)?,
            _ => State::Unknown,
        };
        self.lineage_to(path, below, &present)
    }

    /// The same of what is known to have stood there in the end.
    pub(super) fn lineage_to(&self, path: &VPath, below: u64, present: &State) -> Result<Lineage> {
        self.require_sound()?;
        let (horizon, _) = self.generations().unwrap_or_default();
        let mut steps: Vec<Step> = Vec::new();
        let (mut at, mut bound) = (path.clone(), below);
        while let Some((generation, id)) = self.ask(|catalog| catalog.touching(&at, bound))? {
            if generation < horizon {
                break;
            }
            bound = generation;
            let (file, _) = self.shelf.read(&id)?;
            let Some(step) = Step::of(id, &file, &at) else {
                continue;
            };
            at = step.source.clone();
            steps.push(step);
            if steps.len() > self.limits.versions_max {
                let (which, limit) = ("versions", self.limits.versions_max as u64);
                return Err(HistoryError::Limit { which, limit });
            }
        }
        Ok(Lineage::new(path, steps, present))
    }

    fn version(
        &self,
        step: &Step,
        kind: VersionKind,
        stood: (&VPath, u64),
        state: &State,
        present: &mut Present<'_>,
    ) -> Result<FileVersion> {
        let version = match state {
            State::Is(version) => Some(version.clone()),
            State::Absent | State::Unknown => None,
        };
        let availability = match &version {
            Some(version) => self.availability(stood, version, present)?,
            None => None,
        };
        Ok(FileVersion {
            generation: step.generation,
            change: step.change,
            kind,
            path: stood.0.clone(),
            version,
            availability,
        })
    }

    fn availability(
        &self,
        stood: (&VPath, u64),
        version: &Version,
        present: &mut Present<'_>,
    ) -> Result<Option<Availability>> {
        Ok(match version {
            Version::Directory => None,
            Version::Symlink { .. } => Some(Availability::Recorded),
            Version::File { digest: None, .. } => Some(Availability::Undigested),
            Version::File {
                digest: Some(digest),
                size,
                ..
            } => {
                let contained = self.objects.contains(digest);
                let contained = contained.map_err(|e| HistoryError::io(digest, e))?;
                Some(match contained {
                    true => Availability::Object,
                    false if present.is(digest, *size)? => Availability::Current,
                    false if present.is_elsewhere(stood, digest, *size)? => Availability::Current,
                    false => Availability::Gone,
                })
            }
        })
    }

    pub(super) fn content(
        &self,
        stood: (&VPath, u64),
        state: &State,
        present: &mut Present<'_>,
    ) -> Result<VersionContent> {
        let path = stood.0.clone();
        let version = match state {
            State::Is(version) => version,
            State::Absent | State::Unknown => {
                let when = "at that time".to_owned();
                return Err(HistoryError::Absent { path, when });
            }
        };
        match version {
            Version::Directory => Err(HistoryError::IsADirectory { path }),
            Version::Symlink { target } => Ok(VersionContent::Symlink {
                path,
                target: target.clone(),
            }),
            Version::File {
                digest,
                size,
                executable,
                ..
            } => Ok(VersionContent::File {
                bytes: self.bytes(stood, *digest, *size, present)?,
                path,
                executable: *executable,
            }),
        }
    }

    /// The bytes of a digest that stood at a path in a generation: of an object, or of what stands in
    /// the tree.
    pub(super) fn bytes(
        &self,
        stood: (&VPath, u64),
        digest: Option<Digest>,
        size: u64,
        present: &mut Present<'_>,
    ) -> Result<Vec<u8>> {
        let not_kept = || HistoryError::NotKept {
            path: stood.0.clone(),
            digest,
        };
        let wanted = digest.ok_or_else(not_kept)?;
        let contained = self.objects.contains(&wanted);
        if contained.map_err(|e| HistoryError::io(wanted, e))? {
            return Ok(self.objects.read(&wanted, self.limits.content_bytes_max)?);
        }
        if let Some(bytes) = present.read(&wanted, size)? {
            return Ok(bytes);
        }
        let elsewhere = present.read_elsewhere(stood, &wanted, size)?;
        elsewhere.ok_or_else(not_kept)
    }
}

impl FileVersion {
    /// What selects this version.
    pub fn selector(&self) -> VersionSelector {
        match self.kind {
            VersionKind::Outside | VersionKind::Original => {
                VersionSelector::Before(self.change.to_string())
            }
            _ => VersionSelector::Generation(self.generation),
        }
    }
}

impl FromStr for VersionSelector {
    type Err = HistoryError;

    /// Up to ten decimal digits are a generation, anything else is the beginning of a change id. A
    /// generation may have an `@` before it, and either a `^` behind it.
    fn from_str(text: &str) -> Result<Self> {
        let (id, is_before) = match text.strip_suffix('^') {
            Some(id) => (id, true),
            None => (text, false),
        };
        match generation_of(id) {
            Some(generation) if !is_before => return Ok(Self::Generation(generation)),
            Some(_) => {}
            None if is_id_prefix(id) => {}
            None => {
                let text = text.to_owned();
                return Err(HistoryError::BadVersion { text });
            }
        }
        let id = id.to_owned();
        Ok(if is_before {
            Self::Before(id)
        } else {
            Self::After(id)
        })
    }
}

/// The generation that a text means, if it can be one.
pub(super) fn generation_of(text: &str) -> Option<u64> {
    let text = text.strip_prefix('@').unwrap_or(text);
    let is_number = (1..=GENERATION_DIGITS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit());
    // No number is written with a zero before it, and an id may well begin with one.
    let is_padded = text.len() > 1 && text.starts_with('0');
    text.parse().ok().filter(|_| is_number && !is_padded)
}

/// Whether a text can be a change id or the beginning of one.
pub(super) fn is_id_prefix(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (PREFIX_DIGITS_MIN..=64).contains(&text.len()) && text.bytes().all(is_digit)
}

impl fmt::Display for VersionSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generation(generation) => write!(f, "{generation}"),
            Self::After(id) => f.write_str(id),
            Self::Before(id) => write!(f, "{id}^"),
        }
    }
}

fn in_words(generation: u64) -> String {
    format!("at generation {generation}")
}
