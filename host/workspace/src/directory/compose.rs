//! Composing the transaction of a sealed session: every content is read once, digested, and put into
//! the record, or into a staged file when it is large.

use std::io;
use std::sync::Arc;

use store::digest::Hasher;
use store::disk::{Dir, File, FileKind, Fingerprint};
use vfs::{
    Arrival, BaseStat, BaseVersion, ChangeSet, Digest, Error, Kind, Name, Result, Sealed, Side,
    Timestamp, VPath,
};

use super::transaction::{Content, Contents, Draft, Mode, Transaction};
use crate::change::{Collector, is_made};
use crate::registry::Origin;
use crate::workspace::Workspace;

/// Permissions of a new file, less the umask.
pub(super) const FILE_MODE: u32 = 0o644;
const EXECUTABLE_MODE: u32 = 0o755;
/// A content up to this size is in the record.
pub(super) const INLINE_BYTES_MAX: u64 = 1 << 20;
/// About what a record says of one object beside its path, and of the change as a whole.
const OBJECT_BYTES: usize = 256;
const CHANGE_BYTES: usize = 1_024;

/// A composition under way.
pub(super) struct Composer<'a> {
    pub(super) sealed: &'a Sealed,
    pub(super) staging: &'a Arc<dyn Dir>,
    /// What all contents in the record may have together; the rest is staged.
    pub(super) inline_bytes_max: u64,
    collector: Collector<'a>,
    draft: Draft,
    staged: Vec<(Name, Arc<dyn File>)>,
}

impl<'a> Composer<'a> {
    pub(super) fn new(
        id: u64,
        sealed: &'a Sealed,
        staging: &'a Arc<dyn Dir>,
        inline_bytes_max: u64,
    ) -> Self {
        let draft = Draft {
            id,
            contents: contents(sealed.change_set(), inline_bytes_max),
            ..Draft::default()
        };
        Self {
            sealed,
            staging,
            inline_bytes_max,
            collector: Collector::new(sealed),
            draft,
            staged: Vec::new(),
        }
    }

    /// Composes it. On an error nothing that was staged is left.
    pub(super) fn compose(
        mut self,
        workspace: &Workspace,
        origin: &Origin,
        message: Option<String>,
    ) -> Result<Transaction> {
        let composed = self.contents().and_then(|()| {
            let now = workspace.options.clock.now();
            self.collector.describe(origin, None, message, now)
        });
        match composed {
            Ok(change) => Ok(Transaction::seal(self.draft, change)),
            Err(error) => {
                for (slot, _) in &self.staged {
                    // Whatever stays behind is removed by the next opening of the store.
                    drop(self.staging.unlink(slot));
                }
                Err(error)
            }
        }
    }

    fn contents(&mut self) -> Result<()> {
        let set = self.sealed.change_set();
        let versions = set
            .departures
            .iter()
            .map(|gone| host_version(gone.before.seen.as_ref()));
        self.draft.departures = versions.collect();
        for (index, arrival) in set.arrivals.iter().enumerate() {
            let slot = format!("{}n{index}", super::transaction::slot_prefix(self.draft.id));
            let content = self.arrival(arrival, &slot)?;
            self.draft.arrivals.push(content);
        }
        for (index, update) in set.updates.iter().enumerate() {
            let slot = format!("{}u{index}", super::transaction::slot_prefix(self.draft.id));
            let content = self.file(&update.path, &slot, &update.after, Some(&update.before))?;
            let seen = host_version(update.before.seen.as_ref());
            self.draft.updates.push((seen, content));
        }
        self.flush()
    }

    fn arrival(&mut self, arrival: &Arrival, slot: &str) -> Result<Content> {
        if arrival.after.kind != Kind::File || !is_made(arrival) {
            return Ok(Content::Nothing);
        }
        let set = self.sealed.change_set();
        let source = arrival.moved_from.as_ref().and_then(|source| {
            let found = set
                .departures
                .binary_search_by(|gone| gone.path.cmp(source));
            found.ok().map(|index| &set.departures[index].before)
        });
        self.file(&arrival.path, slot, &arrival.after, source)
    }

    /// Takes one content in; a file that replaces another keeps its permissions.
    fn file(
        &mut self,
        path: &VPath,
        slot: &str,
        after: &Side,
        before: Option<&Side>,
    ) -> Result<Content> {
        let kept = before.and_then(|before| host_version(before.seen.as_ref()));
        let mode = mode(kept.as_ref(), after.executable);
        let room = self
            .inline_bytes_max
            .saturating_sub(self.draft.contents.len() as u64);
        let (content, digest) = if after.size <= INLINE_BYTES_MAX.min(room) {
            let start = self.draft.contents.len();
            let digest = self.inline(after)?;
            let range = start..self.draft.contents.len();
            (Content::Inline { mode, range }, digest)
        } else {
            let digest = self.stage(path, slot, after, mode)?;
            (Content::Staged { mode }, digest)
        };
        self.collector.know(path, digest);
        Ok(content)
    }

    fn inline(&mut self, after: &Side) -> Result<Digest> {
        let contents = &mut self.draft.contents;
        let start = contents.len();
        self.sealed.read(after, &mut |bytes| {
            contents.extend(bytes);
            Ok(())
        })?;
        let bytes = contents.since(start);
        match self.sealed.known_digest(after)? {
            Some(known) => {
                debug_assert_eq!(known, Digest::of(bytes), "findings are of these bytes");
                Ok(known)
            }
            None => Ok(Digest::of(bytes)),
        }
    }

    /// Writes a content into a staged file; long runs of zeros stay holes.
    fn stage(&mut self, path: &VPath, slot: &str, after: &Side, mode: Mode) -> Result<Digest> {
        let fail = |error| Error::io(path, error);
        let slot = super::folder::name(slot);
        let file = self.create(&slot, mode).map_err(fail)?;
        self.staged.push((slot, file.clone()));
        let (mut hasher, mut offset, mut hole) = (Hasher::new(), 0, false);
        self.sealed.read(after, &mut |bytes| {
            hasher.update(bytes);
            hole = bytes.iter().all(|byte| *byte == 0);
            if !hole {
                file.write_at(bytes, offset).map_err(fail)?;
            }
            offset += bytes.len() as u64;
            Ok(())
        })?;
        debug_assert_eq!(offset, after.size, "a content is as long as it says");
        if hole {
            file.set_len(offset).map_err(fail)?;
        }
        finish(&*file, mode, after.modified).map_err(fail)?;
        Ok(hasher.finish())
    }

    fn create(&self, slot: &Name, mode: Mode) -> io::Result<Arc<dyn File>> {
        match self.staging.create(slot, mode.bits) {
            // Of a process that was killed before its transaction of this number was recorded.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                super::folder::remove_tree(&**self.staging, slot)?;
                self.staging.create(slot, mode.bits)
            }
            created => created,
        }
    }

    /// Flushes what was staged: the record that is written next counts on it.
    fn flush(&self) -> Result<()> {
        let fail = |error: io::Error| Error::io(VPath::root(), error);
        for (_, file) in &self.staged {
            file.sync_data().map_err(fail)?;
        }
        if self.staged.is_empty() {
            return Ok(());
        }
        self.staging.sync().map_err(fail)
    }
}

/// Room for the contents that will be in the record, and for what it says of them.
fn contents(set: &ChangeSet, inline_bytes_max: u64) -> Contents {
    let gone = set.departures.iter().map(|gone| &gone.path);
    let come = set.arrivals.iter().map(|come| (&come.path, &come.after));
    let updated = set
        .updates
        .iter()
        .map(|update| (&update.path, &update.after));
    let (mut room_bytes, mut contents_bytes) = (CHANGE_BYTES, 0);
    let names_bytes = |path: &VPath| -> usize { path.components().iter().map(|n| n.len()).sum() };
    for path in gone {
        room_bytes += OBJECT_BYTES + names_bytes(path);
    }
    for (path, after) in come.chain(updated) {
        // An update is named by where it stands and by where it stood.
        room_bytes += OBJECT_BYTES + 2 * names_bytes(path);
        if after.kind == Kind::File && after.size <= INLINE_BYTES_MAX {
            contents_bytes += after.size;
        }
    }
    let contents_bytes = usize::try_from(contents_bytes.min(inline_bytes_max));
    Contents::with_room(room_bytes, contents_bytes.unwrap_or_default())
}

/// Gives a new file its permissions and time; its content is written.
pub(super) fn finish(file: &dyn File, mode: Mode, modified: Option<Timestamp>) -> io::Result<()> {
    if mode.exact {
        file.set_mode(mode.bits)?;
    }
    match modified {
        Some(modified) => file.set_mtime(modified.as_nanoseconds()),
        None => Ok(()),
    }
}

/// The host's version in what a session saw.
fn host_version(seen: Option<&BaseStat>) -> Option<Fingerprint> {
    match seen?.version {
        BaseVersion::Host(fingerprint) => Some(fingerprint),
        BaseVersion::Number(_) => None,
    }
}

fn mode(kept: Option<&Fingerprint>, executable: bool) -> Mode {
    let kept = kept.filter(|kept| kept.kind == FileKind::File);
    let bits = match kept {
        Some(kept) => replaced_mode(kept.mode, executable),
        None if executable => EXECUTABLE_MODE,
        None => FILE_MODE,
    };
    let exact = kept.is_some();
    Mode { bits, exact }
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
