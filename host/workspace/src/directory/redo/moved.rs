//! What was carried along by a directory that the transaction moved.
//!
//! The disk may have kept the move of the directory and lost what was to leave it first: that is
//! looked for where the directory is by now.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, Fingerprint};
use vfs::{Name, VPath};

use super::slots::ENDINGS;
use super::{Redo, object};
use crate::directory::apply::{Halt, failed};
use crate::directory::fingerprint::is_absence;
use crate::directory::folder;
use crate::directory::plan::{Step, departure_index};

/// What stands at the path of a step, with its directory and its name there.
pub(super) type Standing<'s> = (Arc<dyn Dir>, &'s Name, Fingerprint);

impl Redo<'_, '_> {
    /// Finds what departs where a directory above it has been moved to: the disk may have kept a later
    /// step and lost an earlier one. Directories that were removed are back where they stood.
    pub(super) fn carried_away<'s>(
        &self,
        step: &Step<'s>,
        seen: Option<&Fingerprint>,
    ) -> Result<Option<Standing<'s>>, Halt> {
        let Some((parent, name)) = step.path.split() else {
            return Ok(None);
        };
        let dir = self.directory_that_stood_at(&VPath::from_names(parent.to_vec()));
        let found = dir.and_then(|dir| match dir {
            None => Ok(None),
            Some(dir) => dir.stat(name).map(|now| Some((dir, name, now))),
        });
        match found {
            Err(error) if is_absence(&error) => Ok(None),
            found => {
                let found = found.map_err(|error| failed(step, error))?;
                let is_it =
                    |now: &Fingerprint| seen.is_some_and(|seen| object(seen) == object(now));
                Ok(found.filter(|(_, _, now)| is_it(now)))
            }
        }
    }

    /// The directory that stood at a path before the transaction, wherever it is by now.
    fn directory_that_stood_at(&self, path: &VPath) -> io::Result<Option<Arc<dyn Dir>>> {
        let transaction = self.applier.transaction;
        let Some((parent, name)) = path.split() else {
            return Ok(Some(self.applier.root.clone()));
        };
        let departure = departure_index(&transaction.change, path);
        let seen = departure.and_then(|index| Some((index, transaction.departures[index]?)));
        if let Some((index, seen)) = seen {
            let slot = transaction.out_slot(index);
            let slots = ENDINGS
                .iter()
                .map(|end| folder::name(&format!("{slot}{end}")));
            let mut places: Vec<_> = slots
                .map(|slot| self.applier.mover.staging.walk(&[slot]))
                .collect();
            let target = transaction.change.departures[index].moved_to.as_ref();
            places.extend(target.map(|target| self.applier.root.walk(target.components())));
            for place in places {
                match place {
                    Err(error) if is_absence(&error) => {}
                    place => {
                        let place = place?;
                        if object(&place.stat_self()?) == object(&seen) {
                            return Ok(Some(place));
                        }
                    }
                }
            }
        }
        let parent = self.directory_that_stood_at(&VPath::from_names(parent.to_vec()))?;
        match parent.map(|parent| parent.walk(std::slice::from_ref(name))) {
            Some(Err(error)) if is_absence(&error) => Ok(None),
            found => found.transpose(),
        }
    }
}
