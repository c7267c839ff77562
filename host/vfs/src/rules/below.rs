//! Whether a whole tree may be changed, as moving or removing it does.

use smallvec::SmallVec;

use super::{PathRules, Right, Standing};
use crate::core::Core;
use crate::error::{DenialReason, Error, Result};
use crate::inode::Ino;
use crate::path::VPath;
use crate::reads::World;
use crate::session::Budget;
use crate::{Kind, Name};

type Standings = SmallVec<[Standing; 2]>;

impl Core {
    /// Refuses to move a directory unless all below it may be written, by the name that it has and
    /// the one that it is to get. So nothing is moved to where more is allowed.
    ///
    /// Costs nothing where a glob covers the whole directory, both here and there: then what has to
    /// be named moves along, as it is. Else everything below is looked at.
    ///
    /// # Errors
    ///
    /// `Denied`; `Quota` over `Limits::visited_max` objects.
    pub(crate) fn check_moved(
        &mut self,
        world: &World,
        dir: Ino,
        names: [(Ino, &Name); 2],
        text: &str,
    ) -> Result<()> {
        let at_once = !world.rules.names_something();
        self.check_below(world, dir, &names, (text, at_once))
    }

    /// Refuses to remove a directory unless all below it may be written.
    ///
    /// # Errors
    ///
    /// As [`Core::check_moved`].
    pub(crate) fn check_removed(
        &mut self,
        world: &World,
        dir: Ino,
        name: (Ino, &Name),
        text: &str,
    ) -> Result<()> {
        self.check_below(world, dir, &[name], (text, false))
    }

    fn check_below(
        &mut self,
        world: &World,
        dir: Ino,
        names: &[(Ino, &Name)],
        (text, at_once): (&str, bool),
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
            if at_once && at.iter().all(|at| world.rules.covers(at)) {
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
        grant: Some(format!("write={}/**", PathRules::glob_of(dir))),
    }
}
