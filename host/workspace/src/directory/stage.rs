//! Writing every new content into the staging folder, so that a full disk, a quota or a missing
//! permission is found before anything is visible.

use std::sync::Arc;

use store::digest::Hasher;
use store::disk::File;
use vfs::{Arrival, Digest, Error, Kind, Name, Result, Sealed, Side, VPath};

use super::fingerprint::host_version;
use super::plan::{Made, departure_at};
use super::staging::{Staging, slot};
use super::validate::is_new_directory;
use crate::change::Collector;

/// Permissions of a new file, less the umask.
const FILE_MODE: u32 = 0o644;
const EXECUTABLE_MODE: u32 = 0o755;

/// Writes contents of one session.
pub(super) struct Stager<'a> {
    pub(super) sealed: &'a Sealed,
    pub(super) staging: &'a Staging,
    pub(super) collector: Collector<'a>,
}

impl Stager<'_> {
    /// Stages the arrivals that are not just moved; one item for each arrival.
    pub(super) fn arrivals(&mut self) -> Result<Vec<Option<Made>>> {
        let set = self.sealed.change_set();
        let numbered = set.arrivals.iter().enumerate();
        numbered
            .map(|(index, arrival)| self.arrival(index, arrival))
            .collect()
    }

    /// Stages the new content of every file that changed where it stands.
    pub(super) fn updates(&mut self) -> Result<Vec<Made>> {
        let set = self.sealed.change_set();
        let numbered = set.updates.iter().enumerate();
        let staged = numbered.map(|(index, update)| {
            let slot = slot("update-", index);
            self.file(&update.path, slot, &update.after, Some(&update.before))
        });
        staged.collect()
    }

    fn arrival(&mut self, index: usize, arrival: &Arrival) -> Result<Option<Made>> {
        let (path, after) = (&arrival.path, &arrival.after);
        let rewritten = arrival.changed || after.modified.is_some();
        let moved_as_it_is =
            arrival.moved_from.is_some() && !(rewritten && after.kind == Kind::File);
        if moved_as_it_is || is_new_directory(arrival) {
            return Ok(None);
        }
        let slot = slot("new-", index);
        if after.kind == Kind::Symlink {
            return self.link(path, slot, after).map(Some);
        }
        let set = self.sealed.change_set();
        let source = arrival
            .moved_from
            .as_ref()
            .map(|source| departure_at(set, source).1);
        self.file(path, slot, after, source.map(|departure| &departure.before))
            .map(Some)
    }

    fn link(&self, path: &VPath, slot: Name, after: &Side) -> Result<Made> {
        let target = after.target.as_deref().unwrap_or_default();
        let dir = self.staging.dir();
        let made = dir.symlink(target, &slot).and_then(|()| dir.stat(&slot));
        let fingerprint = made.map_err(|error| Error::io(path, error))?;
        Ok(Made { slot, fingerprint })
    }

    /// Writes one file; one that replaces another keeps its permissions.
    fn file(
        &mut self,
        path: &VPath,
        slot: Name,
        after: &Side,
        before: Option<&Side>,
    ) -> Result<Made> {
        let fail = |error| Error::io(path, error);
        let kept = before.and_then(|before| host_version(before.seen.as_ref()));
        let mode = match kept {
            Some(kept) => replaced_mode(kept.mode, after.executable),
            None if after.executable => EXECUTABLE_MODE,
            None => FILE_MODE,
        };
        let file = self.staging.dir().create(&slot, mode).map_err(fail)?;
        let digest = self.copy(path, &file, after)?;
        self.collector.know(path, digest);
        if kept.is_some() {
            file.set_mode(mode).map_err(fail)?;
        }
        if let Some(modified) = after.modified {
            file.set_mtime(modified.as_nanoseconds()).map_err(fail)?;
        }
        let fingerprint = file.stat().map_err(fail)?;
        Ok(Made { slot, fingerprint })
    }

    /// Copies a content from the session; long runs of zeros stay holes.
    fn copy(&self, path: &VPath, file: &Arc<dyn File>, after: &Side) -> Result<Digest> {
        let (mut hasher, mut offset, mut hole) = (Hasher::new(), 0, false);
        self.sealed.read(after, &mut |bytes| {
            hasher.update(bytes);
            hole = bytes.iter().all(|byte| *byte == 0);
            if !hole {
                file.write_at(bytes, offset)
                    .map_err(|error| Error::io(path, error))?;
            }
            offset += bytes.len() as u64;
            Ok(())
        })?;
        debug_assert_eq!(offset, after.size, "a content is as long as it says");
        if hole {
            file.set_len(offset)
                .map_err(|error| Error::io(path, error))?;
        }
        Ok(hasher.finish())
    }
}

/// The permissions of a file that replaces another: the same, and executable as the session says.
fn replaced_mode(mode: u32, executable: bool) -> u32 {
    let mode = mode & 0o777;
    match (executable, mode & 0o111 != 0) {
        (true, false) => mode | (mode & 0o444) >> 2,
        (false, true) => mode & !0o111,
        _ => mode,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_keeps_its_permissions() {
        let cases = [
            (0o644, false, 0o644),
            (0o644, true, 0o755),
            (0o640, true, 0o750),
            (0o775, true, 0o775),
            (0o775, false, 0o664),
            (0o700, true, 0o700),
            (0o4755, true, 0o755),
        ];
        for (mode, executable, expected) in cases {
            assert_eq!(
                replaced_mode(mode, executable),
                expected,
                "{mode:o} {executable}"
            );
        }
    }
}
