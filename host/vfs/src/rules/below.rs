//! Whether a whole tree may be changed, as moving or removing it does.

use smallvec::SmallVec;

use super::{Right, Standing, glob_of};
use crate::core::Core;
use crate::error::{DenialReason, Error, Result};
use crate::inode::Ino;
use crate::path::VPath;
use crate::reads::World;
use crate::session::Budget;
use crate::{Kind, Name};

type Standings = SmallVec<[Standing; 2]>;

impl Core {
    /// Refuses to move or remove a directory unless all below it may be written, by each of the
    /// names that it has or is to get. So nothing is moved to where more is allowed.
    ///
    /// Costs nothing where a glob covers the whole directory; else everything below is looked at.
    ///
    /// # Errors
    ///
    /// `Denied`; `Quota` over `Limits::visited_max` objects.
    pub(crate) fn check_below(
        &mut self,
        world: &World,
        dir: Ino,
        names: &[(Ino, &Name)],
        text: &str,
    ) -> Result<()> {
        if world.rules.is_everything() {
            return Ok(());
        }
        let paths: Vec<VPath> = names
            .iter()
            .filter_map(|(parent, name)| Some(self.view(world).path(*parent)?.join(name)))
            .collect();
        let at: Standings = paths
            .iter()
            .map(|path| world.rules.standing(path))
            .collect();
        let mut budget = Budget::new(world);
        let mut pending = vec![(dir, at)];
        while let Some((dir, at)) = pending.pop() {
            if at.iter().all(|at| world.rules.covers(at)) {
                continue;
            }
            for entry in self.view(world).entries(dir)? {
                budget.take()?;
                let below: Standings = at
                    .iter()
                    .map(|at| world.rules.step(at, &entry.name))
                    .collect();
                let refused = |at: &Standing| !world.rules.allows(at, Right::Write);
                if let Some(index) = below.iter().position(refused) {
                    return Err(not_below(text, &paths[index]));
                }
                if entry.kind == Kind::Directory
                    && let Some((ino, _)) = self.view(world).child(dir, &entry.name)?
                {
                    pending.push((ino, below));
                }
            }
        }
        Ok(())
    }
}

/// What it is that may not be written is not told: its name may be one that is not shown.
fn not_below(text: &str, dir: &VPath) -> Error {
    Error::Denied {
        path: Some(text.to_owned()),
        reason: DenialReason::Capability,
        detail: "something below it may not be written".to_owned(),
        grant: Some(format!("write={}/**", glob_of(dir))),
    }
}
