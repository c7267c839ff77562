//! From a path to (directory handle, one name), keeping the handle of the last directory.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, Fingerprint};
use vfs::{Name, VPath};

use super::fingerprint::is_absence;

/// Walks below one root.
#[derive(Debug)]
pub(super) struct Walker {
    root: Arc<dyn Dir>,
    last: Option<(Vec<Name>, Arc<dyn Dir>)>,
}

impl Walker {
    pub(super) fn new(root: &Arc<dyn Dir>) -> Self {
        Self {
            root: root.clone(),
            last: None,
        }
    }

    /// The directory that a path is in, and its name there.
    ///
    /// # Errors
    ///
    /// Those of the walk; `InvalidInput` for the root.
    pub(super) fn place<'p>(&mut self, path: &'p VPath) -> io::Result<(Arc<dyn Dir>, &'p Name)> {
        let (parent, name) = path.split().ok_or(io::ErrorKind::InvalidInput)?;
        if parent.is_empty() {
            return Ok((self.root.clone(), name));
        }
        if let Some((path, dir)) = &self.last
            && path == parent
        {
            return Ok((dir.clone(), name));
        }
        let dir = self.root.walk(parent)?;
        self.last = Some((parent.to_vec(), dir.clone()));
        Ok((dir, name))
    }

    /// Forgets the handle: the path that it was found by may lead elsewhere now.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    /// Describes what stands at a path; `None` when nothing does.
    pub(super) fn probe(&mut self, path: &VPath) -> io::Result<Option<Fingerprint>> {
        let found = match path.is_root() {
            true => self.root.stat_self(),
            false => self.place(path).and_then(|(dir, name)| dir.stat(name)),
        };
        match found {
            Err(error) if is_absence(&error) => Ok(None),
            found => found.map(Some),
        }
    }

    /// As [`Walker::probe`], with what keeps the object from being moved away.
    pub(super) fn probe_movable(
        &mut self,
        path: &VPath,
    ) -> io::Result<(Option<Fingerprint>, Option<io::Error>)> {
        let found = self
            .place(path)
            .and_then(|(dir, name)| dir.stat_movable(name));
        match found {
            Ok(found) => Ok((Some(found), None)),
            Err(error) if is_absence(&error) => Ok((None, None)),
            // It may well be there, and no conflict.
            Err(error) => self.probe(path).map(|found| (found, Some(error))),
        }
    }

    /// Opens the directory at a path.
    pub(super) fn directory(&mut self, path: &VPath) -> io::Result<Arc<dyn Dir>> {
        self.root.walk(path.components())
    }
}
