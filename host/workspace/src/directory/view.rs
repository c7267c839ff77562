//! The view of one generation: the directory as it was when a session began, as far as commits are
//! concerned. What a newer commit of this process replaced, removed or moved is looked up where that
//! commit put it. What others write to the directory is not held back.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use store::disk::{File, FileKind, Fingerprint};
use vfs::{
    Base, BaseEntry, BaseFile, BaseStat, BaseVersion, DirectoryBase, Error, Kind, Name, Result,
    Timestamp, VPath,
};

use super::engine::Engine;
use super::fingerprint::is_same_renamed;
use super::plan::departure_index;
use super::timeline::{Kept, Moment, Reader, Unreadable};
use crate::change::{Version, is_made_anew};

/// One generation of a directory base.
#[derive(Debug)]
pub(crate) struct View {
    engine: Arc<Engine>,
    base: Arc<DirectoryBase>,
    reader: Reader,
}

/// Where something is that stood at a path in the view's generation.
enum Place {
    /// In the directory, at this path.
    Tree(VPath),
    /// Replaced or removed by this transaction, which has what it was.
    Before {
        moment: Arc<Moment>,
        stood: VPath,
        version: Version,
        seen: Option<Fingerprint>,
    },
    /// It was not there.
    Nowhere,
}

/// What was found of a path.
struct Found {
    place: Place,
    /// The last transaction that had to do with it.
    generation: u64,
    /// What it was before transactions gave it other names, which moves its `ctime`.
    was: Option<Fingerprint>,
}

impl View {
    /// What is committed by now.
    pub(crate) fn new(engine: &Arc<Engine>) -> Arc<Self> {
        Arc::new(Self {
            engine: engine.clone(),
            base: engine.base().clone(),
            reader: engine.timeline().reader(),
        })
    }

    /// The generation.
    pub(crate) fn generation(&self) -> u64 {
        self.reader.generation
    }

    fn next(
        &self,
        generation: u64,
        path: &VPath,
        inside: bool,
    ) -> Result<Option<(u64, Arc<Moment>)>> {
        let seen = self.generation();
        let next = self.engine.timeline().next(seen, generation, path, inside);
        next.map_err(|why| match why {
            Unreadable::Broken => {
                let cause = "the base needs recovery: open it again";
                Error::io(path, std::io::Error::other(cause))
            }
            Unreadable::Busy(waited_ms) => {
                let cause = format!(
                    "a commit is on its way into the directory here for over {waited_ms} ms; try again when that has ended"
                );
                Error::io(path, std::io::Error::new(std::io::ErrorKind::TimedOut, cause))
            }
            Unreadable::Forgotten => Error::Stale {
                path: path.to_string(),
            },
        })
    }

    /// Where something is that stood at a path.
    fn find(&self, path: &VPath) -> Result<Found> {
        let (mut at, mut generation, mut was) = (path.clone(), self.generation(), None);
        while let Some((sequence, moment)) = self.next(generation, &at, false)? {
            generation = sequence;
            match step(&moment, &at) {
                Place::Tree(next) => {
                    was = was.or_else(|| moved_itself(&moment, &at));
                    at = next;
                }
                place => {
                    return Ok(Found {
                        place: place.before_it_moved(was.as_ref()),
                        generation,
                        was,
                    });
                }
            }
        }
        Ok(Found {
            place: Place::Tree(at),
            generation,
            was,
        })
    }

    /// Answers from the directory or from what commits kept, and again when a commit came between.
    fn answer<T>(
        &self,
        path: &VPath,
        tree: impl Fn(&VPath, Option<&Fingerprint>) -> Result<T>,
        other: impl Fn(&Place) -> Result<T>,
    ) -> Result<T> {
        loop {
            let aborts_count = self.engine.timeline().aborts_count();
            let found = self.find(path)?;
            let Place::Tree(at) = &found.place else {
                return other(&found.place);
            };
            let answer = tree(at, found.was.as_ref());
            if self.is_still(found.generation, at, aborts_count)? {
                return answer;
            }
        }
    }

    /// What the directory has at a path now, as it was before it had another name.
    fn describe_now(&self, at: &VPath, was: Option<&Fingerprint>) -> Result<Option<BaseStat>> {
        let now = self.base.describe(at)?;
        Ok(now.map(|now| as_it_was(now, was)))
    }

    /// The version by which the directory knows what a session knows by an older one.
    fn known_now(
        &self,
        at: &VPath,
        was: Option<&Fingerprint>,
        expected: &BaseStat,
    ) -> Result<BaseStat> {
        if was.is_none_or(|was| expected.version != BaseVersion::Host(*was)) {
            return Ok(*expected);
        }
        let now = self.base.describe(at)?;
        let same = now.filter(|now| as_it_was(*now, was).version == expected.version);
        same.ok_or_else(|| Error::Stale {
            path: at.to_string(),
        })
    }

    /// Whether nothing has come to a path or above since a generation, nor gone again.
    fn is_still(&self, generation: u64, path: &VPath, aborts_count: u64) -> Result<bool> {
        let next = self.next(generation, path, false)?;
        Ok(next.is_none() && self.engine.timeline().aborts_count() == aborts_count)
    }

    fn open_now(&self, path: &VPath, expected: &BaseStat) -> Result<Arc<dyn BaseFile>> {
        self.answer(
            path,
            |at, was| self.base.open(at, &self.known_now(at, was, expected)?),
            |place| self.open_before(place, path, expected),
        )
    }

    /// Opens a version that a commit replaced or removed.
    fn open_before(
        &self,
        place: &Place,
        path: &VPath,
        expected: &BaseStat,
    ) -> Result<Arc<dyn BaseFile>> {
        let stale = || Error::Stale {
            path: path.to_string(),
        };
        let Place::Before {
            moment,
            stood,
            seen: Some(seen),
            ..
        } = place
        else {
            return Err(stale());
        };
        if expected.version != BaseVersion::Host(*seen) {
            return Err(stale());
        }
        // It moves from its slot to the objects once, at a checkpoint: here, or in another process,
        // which had the turn since and tells nobody.
        for _ in 0..2 {
            let opened = match moment.kept(stood).ok_or_else(stale)? {
                Kept::Slot(slot, taken) => {
                    self.engine.open_slot(&slot).map(|file| (file, Some(taken)))
                }
                Kept::Object(digest) => self.engine.open_object(&digest).map(|file| (file, None)),
            };
            match opened {
                Ok((file, version)) => {
                    let path = path.clone();
                    return Ok(Arc::new(KeptFile {
                        file,
                        version,
                        path,
                    }));
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    let object = self.engine.kept_object(&moment.change, stood);
                    if let Some(digest) = object.map_err(|error| Error::io(path, error))? {
                        moment.keep(stood, digest);
                    }
                }
                Err(error) => return Err(Error::io(path, error)),
            }
        }
        Err(stale())
    }
}

impl Base for View {
    fn name(&self) -> &str {
        self.base.name()
    }

    fn describe(&self, path: &VPath) -> Result<Option<BaseStat>> {
        self.answer(
            path,
            |at, was| self.describe_now(at, was),
            |place| match place {
                Place::Before { version, seen, .. } => Ok(seen.map(|seen| stat(version, seen))),
                _ => Ok(None),
            },
        )
    }

    fn list(&self, path: &VPath, entries_max: usize) -> Result<Arc<[BaseEntry]>> {
        loop {
            if let Some(listed) = self.try_list(path, entries_max)? {
                return Ok(listed);
            }
        }
    }

    fn open(&self, path: &VPath, expected: &BaseStat) -> Result<Arc<dyn BaseFile>> {
        let file = self.open_now(path, expected)?;
        Ok(Arc::new(ViewFile {
            view: self.again(),
            file: Mutex::new(file),
            path: path.clone(),
            expected: *expected,
        }))
    }

    fn read_link(&self, path: &VPath, expected: &BaseStat) -> Result<Arc<str>> {
        self.answer(
            path,
            |at, was| {
                let expected = self.known_now(at, was, expected)?;
                self.base.read_link(at, &expected)
            },
            |place| match place {
                Place::Before {
                    version: Version::Symlink { target },
                    ..
                } => Ok(target.as_str().into()),
                _ => Err(Error::Stale {
                    path: path.to_string(),
                }),
            },
        )
    }
}

impl View {
    /// The same view, for a file that is held open.
    fn again(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            base: self.base.clone(),
            reader: self.reader.again(),
        }
    }

    /// The entries that a directory had: those it has, less what came since, and what went since.
    /// `None` when it was moved or replaced meanwhile; what came to it and went is accounted for.
    fn try_list(&self, path: &VPath, entries_max: usize) -> Result<Option<Arc<[BaseEntry]>>> {
        let timeline = self.engine.timeline();
        let aborts_count = timeline.aborts_count();
        // Each transaction that had to do with the directory, and where it was before.
        let mut stages: Vec<(VPath, Arc<Moment>)> = Vec::new();
        let (mut at, mut generation) = (Some(path.clone()), self.generation());
        while let Some(dir) = at.clone()
            && let Some((sequence, moment)) = self.next(generation, &dir, true)?
        {
            generation = sequence;
            at = match step(&moment, &dir) {
                Place::Tree(next) => Some(next),
                _ => None,
            };
            stages.push((dir, moment));
        }
        let mut entries = BTreeMap::new();
        if let Some(dir) = &at {
            let listed = self.base.list(dir, entries_max);
            let meanwhile = timeline.inside(generation, dir);
            if !self.is_still(generation, dir, aborts_count)? {
                return Ok(None);
            }
            stages.extend(meanwhile.into_iter().map(|moment| (dir.clone(), moment)));
            if stages.is_empty() {
                return listed.map(Some);
            }
            entries.extend(listed?.iter().map(|entry| (entry.name.clone(), entry.kind)));
        }
        Ok(Some(entries_before(entries, at, stages)))
    }
}

/// The entries that a directory had before these transactions, from those that it has now, where it
/// is now. Whether what they did can be seen in it yet makes no difference.
fn entries_before(
    mut entries: BTreeMap<Name, Kind>,
    now: Option<VPath>,
    stages: Vec<(VPath, Arc<Moment>)>,
) -> Arc<[BaseEntry]> {
    let mut after = now;
    for (before, moment) in stages.into_iter().rev() {
        if let Some(after) = &after {
            let arrivals = moment.change.arrivals.iter();
            for name in arrivals.filter_map(|come| child(after, &come.path)) {
                entries.remove(name);
            }
        }
        for departure in &moment.change.departures {
            if let Some(name) = child(&before, &departure.path) {
                entries.insert(name.clone(), departure.before.kind());
            }
        }
        after = Some(before);
    }
    let entries = entries.into_iter();
    let entries = entries.map(|(name, kind)| BaseEntry { name, kind });
    entries.collect()
}

/// Where something is after a transaction that stood at a path before it.
fn step(moment: &Arc<Moment>, path: &VPath) -> Place {
    let change = &moment.change;
    let updated = change
        .updates
        .iter()
        .position(|update| update.source == *path);
    if let Some(index) = updated {
        return Place::Before {
            moment: moment.clone(),
            stood: path.clone(),
            version: change.updates[index].before.clone(),
            seen: moment.updates[index],
        };
    }
    let above = || std::iter::successors(Some(path.clone()), VPath::parent);
    for (depth, dir) in above().enumerate() {
        if let Ok(index) = change
            .departures
            .binary_search_by(|gone| gone.path.cmp(&dir))
        {
            return departed(moment, path, index, depth);
        }
    }
    // What arrived below a directory that departed is in another one, which has its name now.
    let arrived = |dir: &VPath| {
        change
            .arrivals
            .binary_search_by(|come| come.path.cmp(dir))
            .is_ok()
    };
    match above().any(|dir| arrived(&dir)) {
        true => Place::Nowhere,
        false => Place::Tree(path.clone()),
    }
}

/// Where something went that departed, or that was so many levels below what departed.
fn departed(moment: &Arc<Moment>, path: &VPath, index: usize, depth: usize) -> Place {
    let change = &moment.change;
    let departure = &change.departures[index];
    let suffix = &path.components()[path.components().len() - depth..];
    match &departure.moved_to {
        Some(target) if depth > 0 || !is_replaced(change, target) => {
            let moved = target.components().iter().chain(suffix).cloned();
            Place::Tree(VPath::from_names(moved.collect()))
        }
        _ if depth > 0 => Place::Nowhere,
        _ => Place::Before {
            moment: moment.clone(),
            stood: path.clone(),
            version: departure.before.clone(),
            seen: moment.departures[index],
        },
    }
}

/// What a transaction moved from a path, as it was: not what only a directory took along.
fn moved_itself(moment: &Moment, path: &VPath) -> Option<Fingerprint> {
    let index = departure_index(&moment.change, path)?;
    moment.departures[index]
}

/// A description of what has another name since, but for the change of the name.
fn as_it_was(now: BaseStat, was: Option<&Fingerprint>) -> BaseStat {
    match (now.version, was) {
        (BaseVersion::Host(found), Some(was)) if is_same_renamed(was, &found) => BaseStat {
            changed: Timestamp::from_nanoseconds(was.ctime_ns),
            version: BaseVersion::Host(*was),
            ..now
        },
        _ => now,
    }
}

impl Place {
    /// The same, of what had another name before.
    fn before_it_moved(self, was: Option<&Fingerprint>) -> Self {
        match (self, was) {
            (
                Self::Before {
                    moment,
                    stood,
                    version,
                    seen: Some(seen),
                },
                Some(was),
            ) if is_same_renamed(was, &seen) => Self::Before {
                moment,
                stood,
                version,
                seen: Some(*was),
            },
            (place, _) => place,
        }
    }
}

/// Whether what moved to a path has a new content there.
fn is_replaced(change: &crate::change::Change, target: &VPath) -> bool {
    let found = change
        .arrivals
        .binary_search_by(|come| come.path.cmp(target));
    found.is_ok_and(|index| is_made_anew(&change.arrivals[index]))
}

/// The name of a path in a directory, when it is in that one.
fn child<'a>(dir: &VPath, path: &'a VPath) -> Option<&'a Name> {
    let (parent, name) = path.split()?;
    (parent == dir.components()).then_some(name)
}

fn stat(version: &Version, seen: Fingerprint) -> BaseStat {
    let kind = version.kind();
    BaseStat {
        kind,
        size: match kind {
            Kind::Directory => 0,
            Kind::File | Kind::Symlink => seen.size,
        },
        executable: seen.mode & 0o111 != 0,
        modified: Timestamp::from_nanoseconds(seen.mtime_ns),
        changed: Timestamp::from_nanoseconds(seen.ctime_ns),
        version: BaseVersion::Host(seen),
    }
}

/// A file of a view, held open: when a commit replaces it, reading goes on with what was kept.
#[derive(Debug)]
struct ViewFile {
    view: View,
    file: Mutex<Arc<dyn BaseFile>>,
    path: VPath,
    expected: BaseStat,
}

impl BaseFile for ViewFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let file = self.file.lock().clone();
        match file.read_at(buffer, offset) {
            Err(Error::Stale { .. }) => {
                let file = self.view.open_now(&self.path, &self.expected)?;
                *self.file.lock() = file.clone();
                file.read_at(buffer, offset)
            }
            read => read,
        }
    }
}

/// A version that was kept, held open.
#[derive(Debug)]
struct KeptFile {
    file: Arc<dyn File>,
    /// What it has to be still; an object was verified when it was opened.
    version: Option<Fingerprint>,
    path: VPath,
}

impl BaseFile for KeptFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        let fail = |error| Error::io(&self.path, error);
        let mut filled = 0;
        while filled < buffer.len() {
            let at = offset.saturating_add(filled as u64);
            match self.file.read_at(&mut buffer[filled..], at).map_err(fail)? {
                0 => break,
                count => filled += count,
            }
        }
        let now = self.file.stat().map_err(fail)?;
        let same = |taken: &Fingerprint| {
            // Its name may have changed again when it became an object.
            (taken.ino, taken.size, taken.mtime_ns) == (now.ino, now.size, now.mtime_ns)
        };
        if now.kind != FileKind::File || !self.version.as_ref().is_none_or(same) {
            return Err(Error::Stale {
                path: self.path.to_string(),
            });
        }
        Ok(filled)
    }
}
