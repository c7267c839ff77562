//! `Lineage`: what became of one path, change by change, following renames backwards.
//!
//! A path has a state between two changes that touched it. What is known of a state comes from the
//! change before it, which left it, and from the one after it, which found it; the two differ when
//! somebody wrote outside any session.

use vfs::{Digest, VPath};

use crate::change::{Arrival, Change, ChangeFile, ChangeId, Departure, Version};

/// What a change did to a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionKind {
    /// Something stands there that did not.
    Created,
    /// Another object stands there.
    Replaced,
    /// The file has other content, another mode or another time.
    Modified,
    /// It came from another path, perhaps with other content.
    Renamed {
        /// Where it stood before.
        from: VPath,
    },
    /// Nothing stands there any more.
    Removed,
    /// It went to another path.
    MovedAway {
        /// Where it went.
        to: VPath,
    },
    /// Not by a change: what a later change found there, written outside any session.
    Outside,
    /// Not by a change: what stood there before the oldest change that is kept.
    Original,
}

/// One change to one path.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) generation: u64,
    pub(super) change: ChangeId,
    pub(super) kind: VersionKind,
    /// The path before the change.
    pub(super) source: VPath,
    after: State,
    before: State,
    /// Whether what came is surely what went: it was only moved.
    carried: bool,
}

/// What is known to stand at a path at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing.
    Absent,
    /// Perhaps something: it was not named.
    Unknown,
    /// This.
    Is(Version),
}

/// A stretch of time between two steps: as it began and as it ended.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) path: VPath,
    pub(super) begin: State,
    pub(super) end: State,
}

/// The steps of a path, newest first; stretch `i` follows step `i`, and the last precedes them all.
#[derive(Clone, Debug)]
pub(super) struct Lineage {
    pub(super) steps: Vec<Step>,
    pub(super) stretches: Vec<Stretch>,
}

impl Lineage {
    /// Puts together what the steps of `path`, newest first, know of each other. `present` is what is
    /// known to stand there after the newest step.
    pub(super) fn new(path: &VPath, steps: Vec<Step>, present: &State) -> Self {
        let mut stretches = Vec::with_capacity(steps.len() + 1);
        for index in 0..=steps.len() {
            let later = index.checked_sub(1).map(|later| &steps[later]);
            let earlier = steps.get(index);
            stretches.push(Stretch {
                path: later.map_or(path, |step| &step.source).clone(),
                begin: earlier.map_or(State::Unknown, |step| step.after.clone()),
                end: later.map_or_else(|| present.clone(), |step| step.before.clone()),
            });
        }
        let mut lineage = Self { steps, stretches };
        lineage.spread();
        lineage
    }

    /// Lets every moment learn from those that surely saw the same.
    fn spread(&mut self) {
        let last = self.steps.len();
        for index in (0..=last).rev() {
            let begin = self.stretches[index].begin.clone();
            self.stretches[index].end.learn(&begin);
            if let Some(later) = index
                .checked_sub(1)
                .filter(|later| self.steps[*later].carried)
            {
                let end = self.stretches[index].end.clone();
                self.stretches[later].begin.learn(&end);
            }
        }
        for index in 0..=last {
            let end = self.stretches[index].end.clone();
            self.stretches[index].begin.learn(&end);
            if index < last && self.steps[index].carried {
                let begin = self.stretches[index].begin.clone();
                self.stretches[index + 1].end.learn(&begin);
            }
        }
    }

    /// Whether a step carried along a directory in which, as far as is known, nothing stood there.
    pub(super) fn is_idle(&self, index: usize) -> bool {
        let nothing = |state: &State| !matches!(state, State::Is(_));
        self.steps[index].before == State::Unknown
            && nothing(&self.stretches[index + 1].end)
            && nothing(&self.stretches[index].begin)
    }

    /// The stretch in which generation `generation` of the base was the newest.
    pub(super) fn at(&self, generation: u64) -> usize {
        let steps = self.steps.iter();
        steps
            .take_while(|step| step.generation > generation)
            .count()
    }
}

impl State {
    /// Takes over what another moment knows when nothing speaks against it.
    fn learn(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Unknown, other) => *self = other.clone(),
            (Self::Is(version), Self::Is(known)) => version.learn(known),
            _ => {}
        }
    }

    /// The digest of the file, where it is known.
    pub(super) fn digest(&self) -> Option<Digest> {
        match self {
            Self::Is(Version::File { digest, .. }) => *digest,
            _ => None,
        }
    }

    /// Whether the two surely differ in more than what one does not know.
    pub(super) fn differs(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => false,
            (Self::Is(one), Self::Is(two)) => one.differs(two),
            (one, two) => one != two,
        }
    }
}

impl Version {
    fn learn(&mut self, known: &Self) {
        let Self::File { size, digest, .. } = self else {
            return;
        };
        if let Self::File {
            size: known_size,
            digest: known_digest,
            ..
        } = known
            && size == known_size
            && digest.is_none()
        {
            *digest = *known_digest;
        }
    }

    fn differs(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::File {
                    size,
                    digest,
                    executable,
                    ..
                },
                Self::File {
                    size: other_size,
                    digest: other_digest,
                    executable: other_executable,
                    ..
                },
            ) => {
                let digests = digest.zip(*other_digest);
                size != other_size
                    || executable != other_executable
                    || digests.is_some_and(|(one, two)| one != two)
            }
            (one, two) => one != two,
        }
    }
}

impl Step {
    /// What a change did to what stands at `path` after it; `None` when it did nothing to it.
    pub(super) fn of(id: ChangeId, file: &ChangeFile, path: &VPath) -> Option<Self> {
        let change = &file.change;
        let step = |kind, source: &VPath, after, before, carried| Self {
            generation: file.generation,
            change: id,
            kind,
            source: source.clone(),
            after,
            before,
            carried,
        };
        if let Some(come) = arrival(change, path) {
            let after = State::Is(come.after.clone());
            let Some(from) = &come.moved_from else {
                let gone = departure(change, path);
                let before = gone.map_or(State::Absent, |gone| found(file, path, &gone.before));
                let kind = gone.map_or(VersionKind::Created, |_| VersionKind::Replaced);
                return Some(step(kind, path, after, before, false));
            };
            let gone = departure(change, from);
            let before = gone.map_or(State::Unknown, |gone| found(file, from, &gone.before));
            let carried = after.digest().is_none();
            let kind = VersionKind::Renamed { from: from.clone() };
            return Some(step(kind, from, after, before, carried));
        }
        if let Some(update) = change.updates.iter().find(|update| update.path == *path) {
            let after = State::Is(update.after.clone());
            let before = found(file, &update.source, &update.before);
            return Some(step(
                VersionKind::Modified,
                &update.source,
                after,
                before,
                false,
            ));
        }
        if let Some(from) = carried_from(change, path) {
            let kind = VersionKind::Renamed { from: from.clone() };
            return Some(step(kind, &from, State::Unknown, State::Unknown, true));
        }
        if let Some(gone) = departure(change, path) {
            let kind = match &gone.moved_to {
                Some(to) => VersionKind::MovedAway { to: to.clone() },
                None => VersionKind::Removed,
            };
            let before = found(file, path, &gone.before);
            return Some(step(kind, path, State::Absent, before, false));
        }
        let to = carried_to(change, path)?;
        let kind = VersionKind::MovedAway { to };
        Some(step(kind, path, State::Absent, State::Unknown, false))
    }
}

/// A version that the change met, with the digest of what it kept of it.
pub(super) fn found(file: &ChangeFile, path: &VPath, before: &Version) -> State {
    let at = file.preimages.binary_search_by(|item| item.path.cmp(path));
    let mut version = before.clone();
    if let (
        Ok(at),
        Version::File {
            size,
            digest,
            executable,
            ..
        },
    ) = (at, &mut version)
    {
        let preimage = &file.preimages[at];
        *size = preimage.size;
        *digest = Some(preimage.digest);
        *executable = preimage.executable;
    }
    State::Is(version)
}

pub(super) fn departure<'a>(change: &'a Change, path: &VPath) -> Option<&'a Departure> {
    let found = change
        .departures
        .binary_search_by(|gone| gone.path.cmp(path));
    found.ok().map(|at| &change.departures[at])
}

pub(super) fn arrival<'a>(change: &'a Change, path: &VPath) -> Option<&'a Arrival> {
    let found = change.arrivals.binary_search_by(|come| come.path.cmp(path));
    found.ok().map(|at| &change.arrivals[at])
}

/// Where what stands at `path` after the change stood before it, when a directory above it moved.
fn carried_from(change: &Change, path: &VPath) -> Option<VPath> {
    let (above, come) = ancestors(path).find_map(|above| {
        let come = arrival(change, &above)?;
        Some((above, come))
    })?;
    let from = path.rebase(&above, come.moved_from.as_ref()?)?;
    // It did not come along when it left its place for another reason.
    let stayed = departure(change, &from).is_none();
    (stayed && carried_to(change, &from).as_ref() == Some(path)).then_some(from)
}

/// Where what stood at `path` before the change stands after it, when a directory above it moved.
fn carried_to(change: &Change, path: &VPath) -> Option<VPath> {
    let (above, gone) = ancestors(path).find_map(|above| {
        let gone = departure(change, &above)?;
        Some((above, gone))
    })?;
    path.rebase(&above, gone.moved_to.as_ref()?)
}

/// Where what stood at a path before a change stands after it; `None` when it was removed.
pub(super) fn place_after(change: &Change, path: &VPath) -> Option<VPath> {
    match departure(change, path) {
        Some(gone) => gone.moved_to.clone(),
        None => Some(carried_to(change, path).unwrap_or_else(|| path.clone())),
    }
}

/// Where a content stands after a change that stood at a path before it; `None` when it was removed or
/// replaced.
pub(super) fn content_after(change: &Change, path: &VPath, content: &Digest) -> Option<VPath> {
    let mut updates = change.updates.iter();
    let (at, after) = match updates.find(|update| update.source == *path) {
        Some(update) => (update.path.clone(), Some(&update.after)),
        None => {
            let at = place_after(change, path)?;
            let come = arrival(change, &at);
            (at, come.map(|come| &come.after))
        }
    };
    let is_same = |after: &Version| match after {
        Version::File { digest, .. } => digest.is_none_or(|digest| digest == *content),
        Version::Directory | Version::Symlink { .. } => false,
    };
    after.is_none_or(is_same).then_some(at)
}

/// The directories above a path, nearest first.
fn ancestors(path: &VPath) -> impl Iterator<Item = VPath> {
    std::iter::successors(path.parent(), VPath::parent)
}
