//! Bringing back what was: one version of a file, or the inverse of a whole change, into a session.
//!
//! **Invariant:** a session in which something stands in the way is left as it was. What reaches the
//! base is decided when the session is committed, as with any other.

use std::collections::BTreeMap;

use vfs::{
    Conflict, ConflictReason, ConflictSide, Digest, Kind, Session, TextMerge, VPath, merge_text,
};

use super::History;
use super::error::{HistoryError, Result};
use super::lineage::departure;
use super::present::Present;
use super::versions::{VersionContent, VersionSelector};
use crate::change::{Arrival, ChangeFile, ChangeId, Departure, Preimage, Version};

/// Merges two texts that came from one: the base, ours and theirs; `None` when they do not merge.
pub type Merge<'a> = &'a dyn Fn(&[u8], &[u8], &[u8]) -> Option<Vec<u8>>;

/// What came of an undo.
#[must_use = "an undo that conflicted has changed nothing"]
#[derive(Clone, Debug)]
pub enum UndoOutcome {
    /// The session has the inverse of the change; it is to be committed.
    Prepared(ChangeId),
    /// What stands there is not what the change left. These are all the paths, in their order, and the
    /// session is as it was. `before` is what the change left, `ours` what the undo would put there.
    Conflicted(Vec<Conflict>),
}

impl History {
    /// Writes a version of the file at `path` into a session, at `path`, with the directories it needs.
    ///
    /// # Errors
    ///
    /// As [`History::read_version`], and those of the session: `IsADirectory` when a directory stands
    /// there. The session is as it was then.
    pub fn restore(
        &self,
        path: &VPath,
        selector: &VersionSelector,
        session: &Session,
    ) -> Result<VersionContent> {
        let content = self.read_version(path, selector)?;
        let savepoint = format!("before restore {path}@{selector}");
        attempt(session, &savepoint, || {
            if let Some(parent) = path.parent() {
                session.mkdir(&parent.to_string())?;
            }
            put_content(session, &path.to_string(), &content)?;
            Ok(true)
        })?;
        Ok(content)
    }

    /// Applies the inverse of a change to an open session that was begun over the base's present
    /// state. Texts that were changed again since are merged by `merge`.
    ///
    /// # Errors
    ///
    /// `UnknownChange`, `AmbiguousChange`, `Damaged`; `NotKept` for a content that is needed and was
    /// dropped or lost; `Session`. The session is as it was then.
    pub fn undo(&self, id: &str, session: &Session, merge: Merge<'_>) -> Result<UndoOutcome> {
        let (id, file) = self.show(id)?;
        let mut undo = Undo {
            history: self,
            file: &file,
            session,
            merge,
            conflicts: BTreeMap::new(),
            held: BTreeMap::new(),
        };
        let savepoint = format!("before undo {id}");
        attempt(session, &savepoint, || {
            undo.contents()?;
            undo.take_away()?;
            undo.put_back()?;
            Ok(undo.conflicts.is_empty())
        })?;
        if undo.conflicts.is_empty() {
            return Ok(UndoOutcome::Prepared(id));
        }
        Ok(UndoOutcome::Conflicted(
            undo.conflicts.into_values().collect(),
        ))
    }
}

/// One undo under way.
struct Undo<'a> {
    history: &'a History,
    file: &'a ChangeFile,
    session: &'a Session,
    merge: Merge<'a>,
    conflicts: BTreeMap<VPath, Conflict>,
    /// Where what has to move back is held meanwhile, by where it goes.
    held: BTreeMap<VPath, String>,
}

impl Undo<'_> {
    /// Puts back the contents of files that are still there, where they stand now.
    fn contents(&mut self) -> Result<()> {
        let file = self.file;
        for update in &file.change.updates {
            self.content_back(&update.path, &update.source, &update.before, &update.after)?;
        }
        for come in &file.change.arrivals {
            let Some(from) = &come.moved_from else {
                continue;
            };
            let gone = departure(&file.change, from);
            let has_new_content = matches!(
                come.after,
                Version::File {
                    digest: Some(_),
                    ..
                }
            );
            if let Some(gone) = gone.filter(|_| has_new_content) {
                self.content_back(&come.path, from, &gone.before, &come.after)?;
            }
        }
        Ok(())
    }

    fn content_back(
        &mut self,
        path: &VPath,
        source: &VPath,
        before: &Version,
        after: &Version,
    ) -> Result<()> {
        let text = path.to_string();
        let sides = (Some(after), Some(before));
        let Some(present) = self.present(path)? else {
            self.conflict(path, sides, None, ConflictReason::RemovedThere);
            return Ok(());
        };
        if present.kind != Some(Kind::File) {
            self.conflict(path, sides, Some(present), ConflictReason::Kind);
            return Ok(());
        }
        let preimage = self.preimage(source, before)?;
        let left = digest_of(after);
        let now = self.session.read(&text)?;
        let old = self.kept(path, &preimage)?;
        if left == Some(Digest::of(&now)) {
            self.session.write(&text, &old)?;
            self.session.set_executable(&text, preimage.executable)?;
            return Ok(());
        }
        let left = match left {
            Some(left) => self.left(path, left, after)?,
            None => None,
        };
        let Some(left) = left else {
            self.conflict(path, sides, Some(present), ConflictReason::Unreadable);
            return Ok(());
        };
        match (self.merge)(&left, &old, &now) {
            Some(merged) => Ok(self.session.write(&text, &merged)?),
            None => {
                let reason = match merge_text(&left, &old, &now) {
                    TextMerge::NotText => ConflictReason::Binary,
                    _ => ConflictReason::Content,
                };
                self.conflict(path, sides, Some(present), reason);
                Ok(())
            }
        }
    }

    /// Takes away everything that arrived, what is deepest first.
    fn take_away(&mut self) -> Result<()> {
        let file = self.file;
        for (index, come) in file.change.arrivals.iter().enumerate().rev() {
            let text = come.path.to_string();
            let Some(present) = self.present(&come.path)? else {
                let ours = come.moved_from.as_ref().map(|_| &come.after);
                let sides = (Some(&come.after), ours);
                self.conflict(&come.path, sides, None, ConflictReason::RemovedThere);
                continue;
            };
            let kind = present.kind;
            let sides = (Some(&come.after), None);
            if !self.is_as_left(come, kind)? {
                let reason = match kind == Some(come.after.kind()) {
                    true => ConflictReason::RemovedHere,
                    false => ConflictReason::Kind,
                };
                self.conflict(&come.path, sides, Some(present), reason);
            }
            match &come.moved_from {
                Some(from) => {
                    let place = self.free_place(index)?;
                    self.session.rename(&text, &place)?;
                    self.held.insert(from.clone(), place);
                }
                None => match self.session.remove(&text) {
                    Err(vfs::Error::NotEmpty { .. }) => {
                        let reason = ConflictReason::NotEmpty;
                        self.conflict(&come.path, sides, Some(present), reason);
                        // It is taken back anyway; what is above must not conflict for this.
                        self.session.remove_all(&text)?;
                    }
                    removed => removed?,
                },
            }
        }
        Ok(())
    }

    /// Puts back everything that departed, what is highest first.
    fn put_back(&mut self) -> Result<()> {
        let file = self.file;
        for gone in &file.change.departures {
            let present = self.present(&gone.path)?;
            let both_directories = gone.moved_to.is_none()
                && gone.before == Version::Directory
                && present.is_some_and(|side| side.kind == Some(Kind::Directory));
            if both_directories {
                continue;
            }
            let sides = (None, Some(&gone.before));
            if present.is_some() {
                self.conflict(&gone.path, sides, present, ConflictReason::BothCreated);
                // Taken back anyway, as above.
                self.session.remove_all(&gone.path.to_string())?;
            }
            if !self.has_parent(&gone.path)? {
                self.conflict(&gone.path, sides, None, ConflictReason::RemovedThere);
                continue;
            }
            self.put_one_back(gone)?;
        }
        Ok(())
    }

    fn put_one_back(&mut self, gone: &Departure) -> Result<()> {
        let text = gone.path.to_string();
        if gone.moved_to.is_some() {
            // What is not held was not found, and is a conflict already.
            if let Some(place) = self.held.remove(&gone.path) {
                self.session.rename(&place, &text)?;
            }
            return Ok(());
        }
        match &gone.before {
            Version::Directory => Ok(self.session.mkdir(&text)?),
            Version::Symlink { target } => Ok(self.session.symlink(target, &text)?),
            Version::File { .. } => {
                let preimage = self.preimage(&gone.path, &gone.before)?;
                let content = VersionContent::File {
                    path: gone.path.clone(),
                    bytes: self.kept(&gone.path, &preimage)?,
                    executable: preimage.executable,
                };
                put_content(self.session, &text, &content)
            }
        }
    }

    /// Whether an arrival is still what the change left there.
    fn is_as_left(&self, come: &Arrival, kind: Option<Kind>) -> Result<bool> {
        let text = come.path.to_string();
        if kind != Some(come.after.kind()) {
            return Ok(false);
        }
        // What moved goes back as it is; its content was looked at before, where it had changed.
        if come.moved_from.is_some() {
            return Ok(true);
        }
        Ok(match &come.after {
            Version::Directory => true,
            Version::Symlink { target } => self.session.read_link(&text)? == *target,
            Version::File { size, digest, .. } => {
                let is_sized = self.session.stat_link(&text)?.size == *size;
                is_sized && *digest == Some(Digest::of(&self.session.read(&text)?))
            }
        })
    }

    /// What stands at a path of the session now; no link is followed, not even on the way.
    fn present(&self, path: &VPath) -> Result<Option<ConflictSide>> {
        let names = path.components();
        for len in 1..names.len() {
            let above = VPath::from_names(names[..len].to_vec());
            match self.session.stat_link(&above.to_string()) {
                Ok(stat) if stat.kind == Kind::Directory => {}
                Ok(_) | Err(vfs::Error::NotFound { .. }) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        match self.session.stat_link(&path.to_string()) {
            Ok(stat) => Ok(Some(ConflictSide {
                kind: Some(stat.kind),
                size: stat.size,
            })),
            Err(vfs::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn has_parent(&self, path: &VPath) -> Result<bool> {
        let Some(parent) = path.parent().filter(|parent| !parent.is_root()) else {
            return Ok(true);
        };
        let found = self.present(&parent)?;
        Ok(found.is_some_and(|side| side.kind == Some(Kind::Directory)))
    }

    fn preimage(&self, path: &VPath, before: &Version) -> Result<Preimage> {
        let preimages = &self.file.preimages;
        let found = preimages.binary_search_by(|item| item.path.cmp(path));
        found
            .map(|at| preimages[at].clone())
            .map_err(|_| HistoryError::NotKept {
                path: path.clone(),
                digest: digest_of(before),
            })
    }

    fn kept(&self, path: &VPath, preimage: &Preimage) -> Result<Vec<u8>> {
        let mut present = Present::new(self.history, path);
        let stood = (path, self.file.generation - 1);
        self.history
            .bytes(stood, Some(preimage.digest), preimage.size, &mut present)
    }

    /// What the change left at a path, when a later change kept it.
    fn left(&self, path: &VPath, digest: Digest, after: &Version) -> Result<Option<Vec<u8>>> {
        let size = match after {
            Version::File { size, .. } => *size,
            Version::Directory | Version::Symlink { .. } => 0,
        };
        let mut present = Present::new(self.history, path);
        let stood = (path, self.file.generation);
        let bytes = self.history.bytes(stood, Some(digest), size, &mut present);
        match bytes {
            Err(HistoryError::NotKept { .. }) => Ok(None),
            bytes => bytes.map(Some),
        }
    }

    /// A name at the root that nothing has.
    fn free_place(&self, index: usize) -> Result<String> {
        let mut attempt = 0_u64;
        loop {
            let place = format!(".undo-{index}-{attempt}");
            match self.session.stat_link(&place) {
                Err(vfs::Error::NotFound { .. }) => return Ok(place),
                found => found?,
            };
            attempt += 1;
        }
    }

    fn conflict(
        &mut self,
        path: &VPath,
        (before, ours): (Option<&Version>, Option<&Version>),
        theirs: Option<ConflictSide>,
        reason: ConflictReason,
    ) {
        self.conflicts
            .entry(path.clone())
            .or_insert_with(|| Conflict {
                path: path.clone(),
                before: before.map(side),
                ours: ours.map(side),
                theirs,
                reason,
            });
    }
}

/// Runs what changes a session; whatever it did is taken back when it fails or says `false`.
fn attempt(session: &Session, savepoint: &str, act: impl FnOnce() -> Result<bool>) -> Result<()> {
    session.savepoint(savepoint)?;
    match act() {
        Ok(true) => Ok(()),
        Ok(false) => Ok(session.restore(savepoint)?),
        Err(error) => {
            session.restore(savepoint)?;
            Err(error)
        }
    }
}

/// Puts a file or link where nothing, a file or a link stands.
fn put_content(session: &Session, path: &str, content: &VersionContent) -> Result<()> {
    let kind = match session.stat_link(path) {
        Ok(stat) => Some(stat.kind),
        Err(vfs::Error::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    match content {
        VersionContent::File {
            bytes, executable, ..
        } => {
            if kind == Some(Kind::Symlink) {
                session.remove(path)?;
            }
            session.write(path, bytes)?;
            session.set_executable(path, *executable)?;
        }
        VersionContent::Symlink { target, .. } => {
            match kind {
                Some(Kind::Directory) => {
                    let path = path.to_owned();
                    return Err(vfs::Error::IsADirectory { path }.into());
                }
                Some(_) => session.remove(path)?,
                None => {}
            }
            session.symlink(target, path)?;
        }
    }
    Ok(())
}

fn digest_of(version: &Version) -> Option<Digest> {
    match version {
        Version::File { digest, .. } => *digest,
        Version::Directory | Version::Symlink { .. } => None,
    }
}

fn side(version: &Version) -> ConflictSide {
    let size = match version {
        Version::Directory => 0,
        Version::File { size, .. } => *size,
        Version::Symlink { target } => target.len() as u64,
    };
    ConflictSide {
        kind: Some(version.kind()),
        size,
    }
}
