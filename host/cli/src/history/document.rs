//! Changes and versions of the history, as documents.

use std::collections::BTreeMap;

use serde::Serialize;
use workspace::ChangeId;
use workspace::change::{Change, ChangeFile, Version};
use workspace::history::{Availability, Entry as LogEntry, FileVersion, VersionKind};

use crate::output::Section;
use crate::report::{DisplacedFile, Entry};
use crate::units;

/// A change in a list.
#[derive(Debug, Serialize)]
pub(super) struct LoggedChange {
    pub(super) id: String,
    pub(super) generation: u64,
    pub(super) session: String,
    pub(super) agent: Option<String>,
    pub(super) committed_at: String,
    pub(super) message: Option<String>,
    pub(super) paths: Vec<String>,
}

/// All of a change.
#[derive(Debug, Serialize)]
pub(super) struct ChangeDocument {
    pub(super) id: String,
    pub(super) generation: u64,
    pub(super) previous: Option<String>,
    pub(super) base: String,
    pub(super) base_generation: u64,
    pub(super) session: String,
    /// Whether the session went on with a rest.
    pub(super) is_part: bool,
    pub(super) purpose: Option<String>,
    pub(super) agent: Option<String>,
    pub(super) task: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) message: Option<String>,
    pub(super) begun_at: String,
    pub(super) committed_at: String,
    pub(super) entries: Vec<Entry>,
    pub(super) displaced: Vec<DisplacedFile>,
}

/// One version of a file.
#[derive(Debug, Serialize)]
pub(super) struct VersionDocument {
    /// What selects it, after the path and `@`.
    pub(super) version: String,
    pub(super) generation: u64,
    pub(super) change: String,
    pub(super) change_kind: &'static str,
    pub(super) path: String,
    /// Where it was before, or went.
    pub(super) other_path: Option<String>,
    pub(super) kind: Option<&'static str>,
    pub(super) size: Option<u64>,
    pub(super) digest: Option<String>,
    /// Where its content is.
    pub(super) content: Option<&'static str>,
}

impl From<&LogEntry> for LoggedChange {
    fn from(entry: &LogEntry) -> Self {
        let paths = entry.touched.iter();
        Self {
            id: entry.id.to_string(),
            generation: entry.generation,
            session: entry.session.clone(),
            agent: entry.agent.clone(),
            committed_at: units::time(entry.committed_at),
            message: entry.message.clone(),
            paths: paths.map(|touched| touched.path.to_string()).collect(),
        }
    }
}

/// The session of a change, for a person.
fn part_of(session: &str, is_part: bool) -> String {
    match is_part {
        true => format!("{session}, a part of it"),
        false => session.to_owned(),
    }
}

impl ChangeDocument {
    pub(super) fn new(id: &ChangeId, file: &ChangeFile) -> Self {
        let change = &file.change;
        let metadata = &change.metadata;
        Self {
            id: id.to_string(),
            generation: file.generation,
            previous: file.previous.map(|id| id.to_string()),
            base: change.base.clone(),
            base_generation: change.base_generation,
            session: change.session.clone(),
            is_part: change.is_part,
            purpose: metadata.purpose.clone(),
            agent: metadata.agent.clone(),
            task: metadata.task_id.clone(),
            labels: metadata.labels.iter().cloned().collect(),
            message: change.message.clone(),
            begun_at: units::time(metadata.created_at),
            committed_at: units::time(change.committed_at),
            entries: entries(change),
            displaced: file.displaced.iter().map(DisplacedFile::from).collect(),
        }
    }

    /// The same for a person, without the paths and without what is not there.
    pub(super) fn section(&self) -> Section {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let rows = [
            ("generation", self.generation.to_string()),
            ("committed", self.committed_at.clone()),
            ("message", text(&self.message)),
            ("session", part_of(&self.session, self.is_part)),
            ("purpose", text(&self.purpose)),
            ("agent", text(&self.agent)),
            ("task", text(&self.task)),
            ("base", self.base.clone()),
            ("previous", text(&self.previous)),
        ];
        let rows = rows.into_iter().filter(|(_, value)| !value.is_empty());
        let rows = rows.map(|(name, value)| (name.to_owned(), value));
        let displaced = self.displaced.iter();
        let displaced = displaced.map(|file| {
            (
                "kept".to_owned(),
                format!("{} of '{}'", file.kept, file.path),
            )
        });
        Section {
            title: self.id.clone(),
            rows: rows.chain(displaced).collect(),
        }
    }
}

/// What a change did, path by path: what left a place and what came to one is one line.
fn entries(change: &Change) -> Vec<Entry> {
    let size = |version: &Version| match version {
        Version::File { size, .. } => Some(*size),
        Version::Directory | Version::Symlink { .. } => None,
    };
    let entry = |path: &vfs::VPath, what: &'static str, version: &Version| Entry {
        path: path.to_string(),
        change: what,
        kind: version.kind().as_str(),
        renamed_from: None,
        size_before: None,
        size_after: None,
        runs_on_open: supervisor::runs_on_open(path),
    };
    let mut found = BTreeMap::new();
    for gone in change.departures.iter().filter(|it| it.moved_to.is_none()) {
        let entry = entry(&gone.path, "removed", &gone.before);
        let size_before = size(&gone.before);
        found.insert(
            &gone.path,
            Entry {
                size_before,
                ..entry
            },
        );
    }
    for new in &change.arrivals {
        let from = new.moved_from.as_ref();
        let what = match (from, found.get(&new.path)) {
            (Some(_), _) => "renamed",
            (None, Some(_)) => "modified",
            (None, None) => "created",
        };
        let size_before = found.get(&new.path).and_then(|entry| entry.size_before);
        let entry = Entry {
            renamed_from: from.map(ToString::to_string),
            size_before,
            size_after: size(&new.after),
            ..entry(&new.path, what, &new.after)
        };
        found.insert(&new.path, entry);
    }
    for update in &change.updates {
        let entry = Entry {
            size_before: size(&update.before),
            size_after: size(&update.after),
            ..entry(&update.path, "modified", &update.after)
        };
        found.insert(&update.path, entry);
    }
    found.into_values().collect()
}

impl From<&FileVersion> for VersionDocument {
    fn from(version: &FileVersion) -> Self {
        let (change_kind, other) = match &version.kind {
            VersionKind::Created => ("created", None),
            VersionKind::Replaced => ("replaced", None),
            VersionKind::Modified => ("modified", None),
            VersionKind::Renamed { from } => ("renamed", Some(from)),
            VersionKind::Removed => ("removed", None),
            VersionKind::MovedAway { to } => ("moved-away", Some(to)),
            VersionKind::Outside => ("outside", None),
            VersionKind::Original => ("original", None),
        };
        let (size, digest) = match &version.version {
            Some(Version::File { size, digest, .. }) => (Some(*size), *digest),
            _ => (None, None),
        };
        let content = version.availability.map(|availability| match availability {
            Availability::Object => "kept",
            Availability::Current => "current",
            Availability::Recorded => "recorded",
            Availability::Gone => "gone",
            Availability::Undigested => "unknown",
        });
        Self {
            version: version.selector().to_string(),
            generation: version.generation,
            change: version.change.to_string(),
            change_kind,
            path: version.path.to_string(),
            other_path: other.map(ToString::to_string),
            kind: version.version.as_ref().map(|it| it.kind().as_str()),
            size,
            digest: digest.map(|digest| digest.to_string()),
            content,
        }
    }
}
