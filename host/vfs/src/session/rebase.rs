//! Moving an open session onto the present state of what it began from.

use std::sync::Arc;

use super::{Session, Status};
use crate::base::Base;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::inode::Ino;
use crate::merge::{Conflict, ConflictPolicy, Outcome, Snapshot, carry_open, replay};
use crate::observer::{Operation, OperationKind};
use crate::path::VPath;
use crate::reads::Reads;
use crate::tree::Tree;

/// What came of a rebase.
#[must_use = "a rebase that conflicted has changed nothing"]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebased {
    /// Why the session is as it was; empty when it was moved.
    pub conflicts: Vec<Conflict>,
    /// Files whose content was merged by lines.
    pub merged: Vec<VPath>,
    /// Paths whose change was dropped, as [`ConflictPolicy::Theirs`] asks.
    pub dropped: Vec<VPath>,
}

impl Session {
    /// Moves the session onto the present state of a base: its changes are repeated there, and what
    /// the base has already is no change of the session any more. All of it or nothing.
    ///
    /// What the session has seen is forgotten, and so are its savepoints. Descriptors stay valid as
    /// long as their object is there; others answer `BadDescriptor` or `Stale`. Contents that the
    /// session kept of the old base are read from the old one.
    ///
    /// # Errors
    ///
    /// `Closed`; `Invalid` for a nested session, which [`Session::rebase_onto_parent`] moves;
    /// `Denied` for a read-only one; `Quota`. The session is as it was then.
    pub fn rebase(&self, base: Arc<dyn Base>, policy: ConflictPolicy) -> Result<Rebased> {
        if self.parent().is_some() {
            return Err(Error::invalid(
                "a nested session is rebased onto its parent, not onto a base",
            ));
        }
        self.move_noted(policy, || {
            let core = Core::new(Tree::default(), Tree::default(), Reads::default());
            Ok((core, base))
        })
    }

    /// Moves a nested session onto the present state of the session that it is nested in.
    ///
    /// # Errors
    ///
    /// `Invalid` when it is not nested; and as [`Session::rebase`].
    pub fn rebase_onto_parent(&self, policy: ConflictPolicy) -> Result<Rebased> {
        let Some(parent) = self.parent().cloned() else {
            return Err(Error::invalid("the session is not nested in another"));
        };
        self.move_noted(policy, || {
            parent.with(|core, world| {
                let tree = core.tree.clone();
                let core = Core::new(tree.clone(), tree, core.reads.share_nested());
                Ok((core, world.base.get()))
            })
        })
    }

    fn move_noted(
        &self,
        policy: ConflictPolicy,
        onto: impl FnOnce() -> Result<(Core, Arc<dyn Base>)>,
    ) -> Result<Rebased> {
        self.noted(Operation::new(OperationKind::Rebase), |_| {
            self.move_onto(policy, onto)
        })
    }

    /// Repeats the changes on the state that `onto` gives, and takes that in the place of its own.
    fn move_onto(
        &self,
        policy: ConflictPolicy,
        onto: impl FnOnce() -> Result<(Core, Arc<dyn Base>)>,
    ) -> Result<Rebased> {
        // Sealed, so that nobody writes meanwhile; dropped, it is open again.
        let sealed = self.seal()?;
        let (mut fresh, base) = onto()?;
        let world = self.world().over(base.clone());
        let mut ours = Snapshot::of(self);
        let now = self.now();
        let set = sealed.change_set();
        let outcome = replay(&mut fresh, &world, &mut ours, set, policy, now)?;
        if outcome.conflicts.is_empty() {
            let renumbered = carry_open(&mut fresh, &world, &mut ours, self.open_objects())?;
            fresh.make_room(&world)?;
            self.swap(fresh, base, &renumbered);
        }
        drop(sealed);
        let Outcome {
            conflicts,
            merged,
            dropped,
        } = outcome;
        Ok(Rebased {
            conflicts,
            merged,
            dropped,
        })
    }

    /// Objects that handles are open on, but for the root.
    fn open_objects(&self) -> Vec<Ino> {
        self.with_any_status(|core, _| {
            let open = core.opens.keys().copied();
            open.filter(|ino| *ino != Ino::ROOT).collect()
        })
    }

    fn swap(&self, fresh: Core, base: Arc<dyn Base>, renumbered: &[(Ino, Ino)]) {
        self.with_any_status(|core, world| {
            debug_assert_eq!(core.status, Status::Settling, "nobody wrote meanwhile");
            world.base.set(base);
            core.start = fresh.start;
            core.tree = fresh.tree;
            core.reads = fresh.reads;
            core.savepoints.clear();
            core.renumber_open(renumbered);
        });
    }
}
