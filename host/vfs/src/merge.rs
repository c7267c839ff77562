//! Applying what a session changed to another state: to the session it is nested in, or to the
//! present state of its base.
//!
//! **Invariant:** nothing that the other side changed is lost without the policy asking for it, and
//! a path that both changed alike is no conflict. All of it is applied, or nothing.

mod alike;
mod carry;
mod contents;
mod force;
mod join;
mod lines;
mod read_moved;
mod replay;
mod script;
mod slide;
mod text;

pub use text::{Hunk, MERGE_BYTES_MAX, MERGE_LINES_MAX, TextMerge, merge_text};

pub(crate) use self::carry::carry_open;
pub(crate) use self::replay::{Outcome, Snapshot, replay};
use crate::Kind;
use crate::change::Side;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::path::VPath;
use crate::reads::World;
use crate::session::Sealed;
use crate::time::Timestamp;

/// A path where the base moved under a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The path.
    pub path: VPath,
    /// What the session saw when it began; `None` when nothing stood there.
    pub before: Option<ConflictSide>,
    /// What the session would put there.
    pub ours: Option<ConflictSide>,
    /// What stands there now.
    pub theirs: Option<ConflictSide>,
    /// Why the two cannot be joined.
    pub reason: ConflictReason,
}

/// Why two changes of one path cannot be joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictReason {
    /// Both changed the content, or what the session saw of it is no longer there.
    Content,
    /// Both changed the content, and it is not text that could be merged by lines.
    Binary,
    /// Both put something there, and not the same.
    BothCreated,
    /// The session removed what the base changed.
    RemovedHere,
    /// The base removed what the session changed, or the directory that it is in.
    RemovedThere,
    /// One side has a directory there, or a link, and the other something else.
    Kind,
    /// The two differ in whether the file may be executed.
    Mode,
    /// The base moved what the session moved elsewhere, removed or changed.
    Moved,
    /// The session removed a directory in which the base has something new.
    NotEmpty,
    /// A content that the merge needs is gone from the base.
    Unreadable,
    /// The session only read it; asked for by [`Isolation::Serializable`].
    ReadMoved,
}

/// What to do at a path that both sides changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConflictPolicy {
    /// Apply nothing and tell of every such path.
    #[default]
    Fail,
    /// Join the two where that is clean: texts by lines, a content with a mode or a rename.
    Merge,
    /// The session's version is taken, whole.
    Ours,
    /// The session's change of the path is dropped.
    Theirs,
}

/// What a session may have read without a change of it by others being a conflict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// Anything: only what the session changed is checked.
    #[default]
    Snapshot,
    /// Nothing: what it read, listed or looked for in vain must still be so.
    Serializable,
}

/// How to merge a nested session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MergeOptions {
    /// What to do at a path that both sides changed.
    pub policy: ConflictPolicy,
    /// What the session may have read.
    pub isolation: Isolation,
}

/// What stands at a path on one side of a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConflictSide {
    /// What it is; `None` for what no session may hold, such as a device or a socket.
    pub kind: Option<Kind>,
    /// Bytes of content.
    pub size: u64,
}

/// What came of a commit into a parent session.
#[must_use]
#[derive(Debug)]
pub enum Merged {
    /// The parent has the changes. The session is closed, or open again when only a part of it was
    /// selected.
    Applied {
        /// Files whose content was merged by lines.
        merged: Vec<VPath>,
        /// Paths whose change was dropped, as [`ConflictPolicy::Theirs`] asks.
        dropped: Vec<VPath>,
    },
    /// The parent is as it was, and the session is open again.
    Conflicted(Vec<Conflict>),
}

impl ConflictReason {
    /// The word for it in JSON, WIT and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Binary => "binary",
            Self::BothCreated => "both-created",
            Self::RemovedHere => "removed-here",
            Self::RemovedThere => "removed-there",
            Self::Kind => "kind",
            Self::Mode => "mode",
            Self::Moved => "moved",
            Self::NotEmpty => "not-empty",
            Self::Unreadable => "unreadable",
            Self::ReadMoved => "read-moved",
        }
    }
}

impl From<&Side> for ConflictSide {
    fn from(side: &Side) -> Self {
        Self {
            kind: Some(side.kind),
            size: side.size,
        }
    }
}

impl Sealed {
    /// Applies the session, or what was [selected](Sealed::select) of it, to the session it is
    /// nested in: all of it or nothing.
    ///
    /// # Errors
    ///
    /// `Closed` when the parent is not open; `Invalid` when there is none; `Quota` when the parent
    /// cannot hold the changes; `Stale` when the two saw different versions of the base. The
    /// session is open again then.
    pub fn merge_into_parent(self, change: &str, options: &MergeOptions) -> Result<Merged> {
        let Some(parent) = self.session().parent().cloned() else {
            return Err(Error::invalid("the session is not nested in another"));
        };
        let mut ours = Snapshot::of(self.session());
        let outcome = parent.change(None, |core, world, now| {
            self.merge_onto((core, world), &mut ours, options, now)
        });
        parent.note_merge(self.session().id(), &outcome);
        let outcome = outcome?;
        if !outcome.conflicts.is_empty() {
            return Ok(Merged::Conflicted(outcome.conflicts));
        }
        if self.is_part() {
            self.finish_part(change);
        } else {
            self.finish(change);
        }
        Ok(Merged::Applied {
            merged: outcome.merged,
            dropped: outcome.dropped,
        })
    }

    /// Tells what [`Sealed::merge_into_parent`] would come to now; neither session is changed, and
    /// no observer is told.
    ///
    /// # Errors
    ///
    /// As `merge_into_parent`.
    pub fn preview_merge(&self, options: &MergeOptions) -> Result<Merged> {
        let Some(parent) = self.session().parent() else {
            return Err(Error::invalid("the session is not nested in another"));
        };
        let mut ours = Snapshot::of(self.session());
        let outcome = parent.change(None, |core, world, now| {
            let (start, tree) = (core.start.clone(), core.tree.clone());
            let mut scratch = Core::new(start, tree, core.reads.share());
            self.merge_onto((&mut scratch, world), &mut ours, options, now)
        })?;
        if !outcome.conflicts.is_empty() {
            return Ok(Merged::Conflicted(outcome.conflicts));
        }
        Ok(Merged::Applied {
            merged: outcome.merged,
            dropped: outcome.dropped,
        })
    }

    /// Applies the changes to a state of the parent, which is as it was when there are conflicts.
    fn merge_onto(
        &self,
        (core, world): (&mut Core, &World),
        ours: &mut Snapshot,
        options: &MergeOptions,
        now: Timestamp,
    ) -> Result<Outcome> {
        let moved = match options.isolation {
            Isolation::Serializable => read_moved::conflicts(core, world, ours, self)?,
            Isolation::Snapshot => Vec::new(),
        };
        if !moved.is_empty() {
            return Ok(Outcome::conflicted(moved));
        }
        let reads = core.reads.share();
        core.reads.absorb(world, &ours.reads)?;
        let outcome = if core.tree.same(&ours.start) && !self.is_part() {
            core.tree = ours.tree.clone();
            Ok(Outcome::default())
        } else {
            replay(core, world, ours, self.change_set(), options.policy, now)
        };
        if !matches!(&outcome, Ok(outcome) if outcome.conflicts.is_empty()) {
            core.reads = reads;
        }
        outcome
    }
}
