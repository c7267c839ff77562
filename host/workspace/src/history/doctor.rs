//! `doctor`: checks everything that history stands on, and mends what can be mended without losing a
//! byte of anybody's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;

use store::disk::FileKind;
use vfs::{Digest, Name};

use super::catalog::Entry;
use super::error::{HistoryError, Result};
use super::index::{self, Index};
use super::retention::objects_of;
use super::shelf::{CHANGES_NAME, Shelf, is_damage};
use super::{Catalog, History};
use crate::change::{ChangeFile, ChangeId};
use crate::directory::SPARE_PREFIX;
use crate::objects::{OBJECTS_NAME, ObjectError, Scanned, UNFINISHED_SUFFIX};

/// The file of the store that says which store it is.
const IDENTITY_NAME: &str = "store";
/// The folder in which commits put things down and take things out.
const STAGING_NAME: &str = "staging";
/// Entries of one folder of the store that are looked at.
const FOLDER_ENTRIES_MAX: usize = 1 << 20;
/// Permissions that others than the owner may not have on the store.
const OTHERS_MODE: u32 = 0o077;

/// What the doctor found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order of looking.
    pub findings: Vec<Finding>,
    /// Change files that are sound.
    pub changes_count: usize,
    /// Objects that are sound.
    pub objects_count: usize,
    /// Bytes of sound objects.
    pub objects_bytes: u64,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// Where, below the store.
    pub place: String,
    /// What is wrong, in words.
    pub detail: String,
}

/// What kind of thing is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// The file that says which store it is, is missing or no file.
    Identity,
    /// Others than the owner may enter the store.
    Permissions,
    /// A change file cannot be read as what it was.
    DamagedChange,
    /// Two changes made the same generation.
    DuplicateGeneration,
    /// A change between two others is missing.
    MissingGeneration,
    /// A change names another one before it than is there.
    BrokenChain,
    /// An object that a change needs is not there.
    MissingObject,
    /// An object has other bytes than were kept.
    DamagedObject,
    /// An object that no change needs.
    OrphanObject,
    /// A file among changes or objects that is neither.
    Stray,
    /// Something that a commit left in staging.
    Leftover,
    /// The index does not say what the change files say.
    Index,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is lost; it takes room.
    Notice,
    /// Nothing is lost yet.
    Warning,
    /// Some of history is lost.
    Error,
}

impl FindingKind {
    /// How bad it is.
    pub fn severity(self) -> Severity {
        match self {
            Self::OrphanObject | Self::Stray | Self::Leftover => Severity::Notice,
            Self::Permissions | Self::Index | Self::MissingGeneration => Severity::Warning,
            Self::Identity
            | Self::DamagedChange
            | Self::DuplicateGeneration
            | Self::BrokenChain
            | Self::MissingObject
            | Self::DamagedObject => Severity::Error,
        }
    }

    /// Whether [`History::repair`] mends it.
    pub fn is_repairable(self) -> bool {
        matches!(
            self,
            Self::DamagedChange | Self::OrphanObject | Self::Leftover | Self::Index
        )
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Identity => "restore the store from a backup, or begin a new one",
            Self::Permissions => "take the rights of others away from the store's folder",
            Self::DamagedChange => "restore the file from a backup, or repair: it is set aside",
            Self::DuplicateGeneration => "set one of the two files aside by hand",
            Self::MissingGeneration => {
                "nothing when older changes are pinned; else restore it: history before is not followed"
            }
            Self::BrokenChain => "restore the change that it names from a backup",
            Self::MissingObject | Self::DamagedObject => {
                "restore the object from a backup; that version cannot be brought back otherwise"
            }
            Self::OrphanObject | Self::Leftover => "repair, or gc: it is removed",
            Self::Stray => "look at it, and remove it by hand",
            Self::Index => "repair: it is made again",
        }
    }
}

/// What the change files say.
#[derive(Default)]
struct Census {
    entries: Vec<Entry>,
    by_generation: BTreeMap<u64, (ChangeId, Option<ChangeId>)>,
    needed: BTreeMap<Digest, ChangeId>,
    is_whole: bool,
}

impl History {
    /// Looks at everything and changes nothing. `is_live` tells whether a live session needs an object.
    ///
    /// The caller has the writer's turn and has recovered what was not finished; otherwise what a
    /// commit is working with is reported as left over.
    ///
    /// # Errors
    ///
    /// `Io` when something cannot be looked at; whatever is wrong with what was looked at is a finding.
    pub fn doctor(&self, is_live: &dyn Fn(&Digest) -> bool) -> Result<Report> {
        let mut report = Report::default();
        self.check_folder(&mut report)?;
        let census = self.check_changes(&mut report)?;
        check_chain(&census, &mut report);
        self.check_objects(&census, is_live, &mut report)?;
        self.check_staging(&mut report)?;
        self.check_index(&census, &mut report)?;
        Ok(report)
    }

    /// Mends what a report says can be mended: makes the index again, removes orphans and leftovers,
    /// and sets damaged change files aside under another name. Never touches `conflicts/`.
    ///
    /// The caller has had the writer's turn since before the report was made.
    ///
    /// # Errors
    ///
    /// `Io`; a part may be mended then.
    pub fn repair(&self, report: &Report) -> Result<()> {
        for finding in &report.findings {
            let place = finding.place.as_str();
            let below = |folder: &str| place.strip_prefix(folder)?.strip_prefix('/');
            let done = match finding.kind {
                FindingKind::DamagedChange => {
                    below(CHANGES_NAME).map_or(Ok(()), |file_name| self.shelf.set_aside(file_name))
                }
                FindingKind::OrphanObject => below(OBJECTS_NAME)
                    .and_then(|text| text.replace('/', "").parse().ok())
                    .map_or(Ok(()), |digest| self.objects.remove(&digest)),
                FindingKind::Leftover => self.remove_leftover(place),
                _ => Ok(()),
            };
            done.map_err(|e| HistoryError::io(place, e))?;
        }
        self.rebuild_index()
    }

    /// Deletes the index and makes it again from the change files.
    fn rebuild_index(&self) -> Result<()> {
        let failed = |e| HistoryError::io(index::INDEX_NAME, e);
        let mut known = self.known.lock();
        // Closes the old file before it is deleted.
        known.catalog = Catalog::Memory(Vec::new());
        index::remove(&*self.store).map_err(failed)?;
        if let Some(index) = Index::open(&self.store).map_err(failed)? {
            known.catalog = Catalog::Indexed(index);
        }
        drop(known);
        self.refresh()
    }

    fn check_folder(&self, report: &mut Report) -> Result<()> {
        let found = self.store.stat_self();
        let mode = found.map_err(|e| HistoryError::io(".", e))?.mode;
        if mode & OTHERS_MODE != 0 {
            let detail = format!("the folder has mode {mode:o}");
            report.add(FindingKind::Permissions, ".", detail);
        }
        let detail = match self.store.stat(&name(IDENTITY_NAME)) {
            Ok(found) if found.kind == FileKind::File => return Ok(()),
            Ok(_) => "it is not a file",
            Err(error) if error.kind() == io::ErrorKind::NotFound => "it is missing",
            Err(error) => return Err(HistoryError::io(IDENTITY_NAME, error)),
        };
        report.add(FindingKind::Identity, IDENTITY_NAME, detail);
        Ok(())
    }

    fn check_changes(&self, report: &mut Report) -> Result<Census> {
        let shelved = self.shelf.list()?;
        let mut census = Census {
            is_whole: true,
            ..Census::default()
        };
        for stray in shelved
            .strays
            .iter()
            .filter(|stray| !Shelf::is_set_aside(stray))
        {
            report.stray(format!("{CHANGES_NAME}/{stray}"));
        }
        for id in shelved.ids {
            let place = format!("{CHANGES_NAME}/{id}");
            match self.shelf.read(&id) {
                Ok((file, _)) => {
                    report.changes_count += 1;
                    census.take(id, &file, report);
                }
                Err(error) if is_damage(&error) => {
                    census.is_whole = false;
                    report.add(FindingKind::DamagedChange, place, error);
                }
                Err(error) => return Err(error),
            }
        }
        census
            .entries
            .sort_by_key(|entry| (entry.generation, entry.id));
        Ok(census)
    }

    fn check_objects(
        &self,
        census: &Census,
        is_live: &dyn Fn(&Digest) -> bool,
        report: &mut Report,
    ) -> Result<()> {
        let mut found = BTreeSet::new();
        let mut strays = Vec::new();
        let scanned = self.objects.scan(&mut |scanned| match scanned {
            Scanned::Object(digest, _) => drop(found.insert(digest)),
            Scanned::Stray(place) => strays.push(place),
        });
        scanned.map_err(|e| HistoryError::io(OBJECTS_NAME, e))?;
        for place in strays {
            report.stray(place);
        }
        for (digest, id) in &census.needed {
            if !found.contains(digest) {
                let detail = format!("change {id} needs it");
                report.add(FindingKind::MissingObject, place_of(digest), detail);
            }
        }
        for digest in &found {
            match self.objects.verify(digest) {
                Ok(size) => {
                    report.objects_count += 1;
                    report.objects_bytes += size;
                }
                Err(error @ ObjectError::Io { .. }) => return Err(error.into()),
                Err(error) => report.add(FindingKind::DamagedObject, place_of(digest), error),
            }
            // A change that cannot be read may need it.
            if census.is_whole && !census.needed.contains_key(digest) && !is_live(digest) {
                let detail = "no change needs it";
                report.add(FindingKind::OrphanObject, place_of(digest), detail);
            }
        }
        Ok(())
    }

    fn check_staging(&self, report: &mut Report) -> Result<()> {
        let failed = |e| HistoryError::io(STAGING_NAME, e);
        let staging = match self.store.walk(&[name(STAGING_NAME)]) {
            Ok(staging) => staging,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        for item in staging.list(FOLDER_ENTRIES_MAX).map_err(failed)?.items {
            if item.name.starts_with(SPARE_PREFIX) {
                continue;
            }
            let place = format!("{STAGING_NAME}/{}", item.name);
            report.add(FindingKind::Leftover, place, "no commit is under way");
        }
        Ok(())
    }

    fn check_index(&self, census: &Census, report: &mut Report) -> Result<()> {
        let mut known = self.known.lock();
        if let Catalog::Indexed(index) = &known.catalog {
            let is_sound = index.check().unwrap_or(false);
            if !is_sound {
                report.add(FindingKind::Index, index::INDEX_NAME, "the file is damaged");
                return Ok(());
            }
        }
        // Whatever came or went since it was opened is no fault of the index.
        let refreshed = self.refresh_known(&mut known)?;
        let entries = refreshed.and_then(|()| known.catalog.entries());
        match entries {
            Ok(entries) if entries == census.entries => {}
            Ok(_) => {
                let detail = "it does not say what the change files say";
                report.add(FindingKind::Index, index::INDEX_NAME, detail);
            }
            Err(error) => report.add(FindingKind::Index, index::INDEX_NAME, error),
        }
        Ok(())
    }

    /// Removes what stands at a place and all below it, however deep; no link is followed.
    fn remove_leftover(&self, place: &str) -> io::Result<()> {
        let names: Result<Vec<Name>, _> = place.split('/').map(Name::new).collect();
        let names = names.map_err(io::Error::other)?;
        // A folder comes a second time when it is empty.
        let mut pending = vec![names];
        while let Some(path) = pending.pop() {
            let (last, above) = path
                .split_last()
                .expect("only paths with a name are put there");
            let dir = self.store.walk(above)?;
            if dir.stat(last)?.kind != FileKind::Directory {
                dir.unlink(last)?;
                continue;
            }
            let inside = self.store.walk(&path)?.list(FOLDER_ENTRIES_MAX)?.items;
            if inside.is_empty() {
                dir.rmdir(last)?;
                continue;
            }
            let below: Vec<Vec<Name>> = inside
                .into_iter()
                .map(|item| [path.as_slice(), &[item.name]].concat())
                .collect();
            pending.push(path);
            pending.extend(below);
        }
        Ok(())
    }
}

impl Census {
    fn take(&mut self, id: ChangeId, file: &ChangeFile, report: &mut Report) {
        let generation = file.generation;
        if let Some((other, _)) = self.by_generation.get(&generation) {
            let detail = format!("change {other} made generation {generation} too");
            let place = format!("{CHANGES_NAME}/{id}");
            report.add(FindingKind::DuplicateGeneration, place, detail);
        }
        self.by_generation.insert(generation, (id, file.previous));
        self.entries.push(Entry::of(id, file));
        for digest in objects_of(file) {
            self.needed.insert(digest, id);
        }
    }
}

impl Report {
    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// Reports a file among changes or objects that is neither.
    fn stray(&mut self, place: String) {
        match place.ends_with(UNFINISHED_SUFFIX) {
            true => self.add(
                FindingKind::Leftover,
                place,
                "it was not written to its end",
            ),
            false => self.add(FindingKind::Stray, place, "it is named as nothing here is"),
        }
    }

    fn add(&mut self, kind: FindingKind, place: impl Into<String>, detail: impl fmt::Display) {
        self.findings.push(Finding {
            kind,
            place: place.into(),
            detail: detail.to_string(),
        });
    }
}

/// Compares every change with the one before it.
fn check_chain(census: &Census, report: &mut Report) {
    let generations = census.by_generation.iter();
    for ((before, (before_id, _)), (after, (id, previous))) in
        generations.clone().zip(generations.skip(1))
    {
        let place = format!("{CHANGES_NAME}/{id}");
        if *previous == Some(*before_id) {
            continue;
        }
        if before + 1 < *after {
            let detail = format!("a change between generations {before} and {after} is missing");
            report.add(FindingKind::MissingGeneration, place, detail);
        } else {
            let detail = format!("it does not follow change {before_id}, which made {before}");
            report.add(FindingKind::BrokenChain, place, detail);
        }
    }
}

fn place_of(digest: &Digest) -> String {
    let text = digest.to_string();
    let (shard, object) = text.split_at(2);
    format!("{OBJECTS_NAME}/{shard}/{object}")
}

fn name(text: &str) -> Name {
    Name::new(text).expect("fixed words are names")
}
