//! Savepoints, rollback, and what happens when a handle closes.

use super::{Session, Status};
use crate::content::Pieces;
use crate::core::Marked;
use crate::error::{Error, Result};
use crate::inode::{Body, Ino};
use crate::lookup::Content;
use crate::observer::{Operation, OperationKind};
use crate::reads::{Reads, World};
use crate::time::Timestamp;
use crate::tree::Tree;

/// Files up to this size are reduced to their hunks when their last writer closes; the pristine
/// version is held in memory while that is done.
const COMPACT_BYTES_MAX: u64 = 8 << 20;
/// Bytes of a savepoint's name.
pub(crate) const SAVEPOINT_NAME_BYTES_MAX: usize = 256;

/// A state that a session can return to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Savepoint {
    /// Its name.
    pub name: String,
    /// When it was made, or moved last.
    pub made_at: Timestamp,
}

impl Session {
    /// Marks the present state by a name, in O(1); an earlier mark of the name is moved.
    ///
    /// # Errors
    ///
    /// `Quota` at `Limits::savepoints_max`; `Invalid` for a name that is empty or over 256 bytes.
    pub fn savepoint(&self, name: &str) -> Result<()> {
        let call = Operation::new(OperationKind::Savepoint).to(name);
        self.noted(call, |_| self.mark(name))
    }

    fn mark(&self, name: &str) -> Result<()> {
        if name.is_empty() || name.len() > SAVEPOINT_NAME_BYTES_MAX {
            return Err(Error::invalid("a savepoint's name has 1 to 256 bytes"));
        }
        let made_at = self.now();
        self.with(|core, world| {
            core.savepoints.retain(|other| other.name != name);
            let (used, limit) = (core.savepoints.len(), world.limits.savepoints_max);
            if used >= limit {
                let (used, limit) = (used as u64, limit as u64);
                return Err(Error::Quota {
                    which: "savepoints",
                    used,
                    limit,
                });
            }
            core.savepoints.push(Marked {
                name: name.to_owned(),
                made_at,
                tree: core.tree.clone(),
            });
            Ok(())
        })
    }

    /// The savepoints that the session can return to, the oldest first.
    ///
    /// # Errors
    ///
    /// `Closed` when the session is not open.
    pub fn savepoints(&self) -> Result<Vec<Savepoint>> {
        self.with(|core, _| {
            let marks = core.savepoints.iter().map(|marked| Savepoint {
                name: marked.name.clone(),
                made_at: marked.made_at,
            });
            Ok(marks.collect())
        })
    }

    /// Returns to a savepoint; it stays, later ones are forgotten.
    ///
    /// A handle on something that did not exist at the savepoint answers `BadDescriptor` from now
    /// on.
    ///
    /// # Errors
    ///
    /// `NoSuchSavepoint`.
    pub fn restore(&self, name: &str) -> Result<()> {
        let call = Operation::new(OperationKind::Restore).to(name);
        self.noted(call, |_| self.go_back(name))
    }

    fn go_back(&self, name: &str) -> Result<()> {
        self.change(None, |core, _, _| {
            let found = core.savepoints.iter().position(|other| other.name == name);
            let index = found.ok_or_else(|| Error::NoSuchSavepoint {
                name: name.to_owned(),
            })?;
            core.tree = core.savepoints[index].tree.clone();
            core.savepoints.truncate(index + 1);
            Ok(())
        })
    }

    /// Throws away what the session changed and closes it; its memory is given back at once. One
    /// whose parent has ended can be rolled back too.
    ///
    /// # Errors
    ///
    /// `Closed` when the session is not open.
    pub fn rollback(&self) -> Result<()> {
        self.noted(Operation::new(OperationKind::Rollback), |_| {
            self.with_any_status(|core, _| {
                if core.status != Status::Open {
                    return Err(Error::Closed {
                        session: self.id().to_owned(),
                        status: core.status.clone(),
                    });
                }
                self.end(core, Status::RolledBack);
                Ok(())
            })
        })
    }

    /// Reduces a rewritten base file to the hunks that differ from its pristine version.
    ///
    /// Only memory is at stake: whatever goes wrong leaves the content as it was.
    pub(crate) fn compact(&self, ino: Ino) {
        let Some((content, pristine_len)) = self.rewritten(ino) else {
            return;
        };
        let pristine = Content {
            pieces: Pieces::pristine(pristine_len),
            ..content.clone()
        };
        let Ok(bytes) = self.read_content(&pristine, &mut None, 0, pristine_len) else {
            return;
        };
        let meter = &self.world().contents;
        let Ok(compacted) = content.pieces.compact_against(meter, &bytes) else {
            return;
        };
        self.with_any_status(|core, world| {
            let held = core.tree.get_mut(ino, &world.meter);
            if let Ok(Some(inode)) = held
                && let Body::File(file) = &mut inode.body
                && file.pieces.same(&content.pieces)
            {
                file.pieces = compacted;
            }
        });
    }

    /// The content of a base file of which nothing is kept, when it is worth reducing.
    fn rewritten(&self, ino: Ino) -> Option<(Content, u64)> {
        self.with_any_status(|core, world| {
            let file = core.tree.get(ino)?.as_file()?;
            let origin = file.origin.as_ref()?;
            let small = file.pieces.len().max(origin.stat.size) <= COMPACT_BYTES_MAX;
            let all_new = file.pieces.data_bytes() == file.pieces.len();
            if !small || !all_new || file.pieces.len() == 0 || origin.stat.size == 0 {
                return None;
            }
            let pristine_len = origin.stat.size;
            // What the engine reads for itself, nobody has read.
            let touched = core.reads.take_touched();
            let content = core.view(world).content(ino);
            core.reads.put_touched(touched);
            Some((content.ok().flatten()?, pristine_len))
        })
    }
}

impl crate::core::Core {
    /// Drops every state but what open handles need to fail politely.
    pub(crate) fn discard(&mut self, world: &World) {
        self.tree = Tree::default();
        self.start = Tree::default();
        self.savepoints.clear();
        self.saving = None;
        self.reads = Reads::default();
        world.family.leave(&world.meter, &world.home);
    }
}
