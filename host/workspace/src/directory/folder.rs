//! The store of a directory base: the folder `.session-fs` and what is where in it.
//!
//! **Invariant:** a store exists from the moment on that its identity file has its name; whatever
//! stands there before that is an unfinished creation and is made anew.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, FileKind, RenameMode};
use store::journal::StoreIdentity;
use vfs::reserved::STORE_NAME;
use vfs::{Digest, Name, VPath};

use crate::change::{ChangeFile, ChangeId};
use crate::error::StoreError;
use crate::ids::IdSource;
use crate::objects::Objects;

/// Permissions of the store's own folders and files.
const FOLDER_MODE: u32 = 0o700;
pub(crate) const FILE_MODE: u32 = 0o600;

const MAGIC: [u8; 8] = *b"SFSTORE\0";
const VERSION: u16 = 1;
const IDENTITY_BYTES: usize = 8 + 2 + 16 + 32 + 32;

/// The folder of what may still be written to.
pub(super) const LINGERING_NAME: &str = "lingering";

/// Entries of a folder of the store that are looked at in one go.
pub(crate) const ENTRIES_MAX: usize = 10_000_000;

/// Bytes of a change file that is read for a session; a longer one is none of ours.
const CHANGE_FILE_BYTES_MAX: usize = 128 << 20;

/// Names that are tried for what is set aside.
const FREE_NAMES_MAX: u32 = 1_000;

/// The folders of one store.
#[derive(Debug)]
pub(crate) struct StoreFolder {
    pub(crate) dir: Arc<dyn Dir>,
    pub(crate) staging: Arc<dyn Dir>,
    /// What may still be written to by who has it open.
    pub(crate) lingering: Arc<dyn Dir>,
    pub(crate) changes: Arc<dyn Dir>,
    pub(crate) objects: Objects,
    pub(crate) identity: StoreIdentity,
}

/// The folder of a store and which store it is, before anything else of it is looked at.
pub(super) type Identified = (Arc<dyn Dir>, StoreIdentity);

impl StoreFolder {
    /// Opens the store below a base's root; `None` when there is none.
    pub(crate) fn find(root: &Arc<dyn Dir>) -> Result<Option<Self>, StoreError> {
        match Self::identify(root)? {
            Some((dir, identity)) => Self::with(dir, identity).map(Some),
            None => Ok(None),
        }
    }

    /// Finds the folder of the store below a base's root and which store it is, and writes nothing.
    pub(super) fn identify(root: &Arc<dyn Dir>) -> Result<Option<Identified>, StoreError> {
        let dir = match root.walk(&[name(STORE_NAME)]) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            dir => dir.map_err(|error| StoreError::io(STORE_NAME, error))?,
        };
        let Some(bytes) = read_small(&*dir, "store", IDENTITY_BYTES)? else {
            return match is_used(&*dir)? {
                false => Ok(None),
                true => Err(StoreError::Damaged {
                    what: "store".to_owned(),
                    detail: "it is missing, and the folder holds what a store has kept".to_owned(),
                }),
            };
        };
        let identity = decode(&bytes)?;
        Ok(Some((dir, identity)))
    }

    /// Makes the folders of a store; [`StoreFolder::seal`] is what makes it exist.
    pub(crate) fn prepare(root: &Arc<dyn Dir>, ids: &dyn IdSource) -> Result<Self, StoreError> {
        let dir = ensure(root, STORE_NAME)?;
        for stale in [
            "store.new",
            "journal",
            "journal2",
            "applied",
            "head",
            "reserve",
        ] {
            remove(&*dir, stale)?;
        }
        let mut identity = StoreIdentity {
            id: [0; 16],
            key: ids.secret(),
        };
        identity.id.copy_from_slice(&ids.secret()[..16]);
        if let Some(ignore) = create(&*dir, ".gitignore")? {
            let written = ignore.write_at(b"*\n", 0);
            written.map_err(|error| StoreError::io(".gitignore", error))?;
        }
        Self::with(dir, identity)
    }

    /// Gives the identity its name, after everything else of the store is on the disk.
    pub(crate) fn seal(&self, root: &Arc<dyn Dir>) -> Result<(), StoreError> {
        replace_small(&self.dir, "store", &encode(&self.identity))?;
        root.sync().map_err(|error| StoreError::io(".", error))
    }

    fn with(dir: Arc<dyn Dir>, identity: StoreIdentity) -> Result<Self, StoreError> {
        let objects = Objects::open(&dir).map_err(|error| StoreError::io("objects", error))?;
        Ok(Self {
            staging: ensure(&dir, "staging")?,
            lingering: ensure(&dir, LINGERING_NAME)?,
            changes: ensure(&dir, "changes")?,
            objects,
            identity,
            dir,
        })
    }

    /// Moves what is in a slot to `conflicts/<transaction>/`, where it lasts. Returns where it is
    /// below the base's root: what has its name there already stays.
    pub(crate) fn set_aside(&self, transaction: u64, slot: &Name) -> io::Result<String> {
        self.set_aside_from(&*self.staging, slot, transaction, slot)
    }

    /// The same for what is elsewhere in the store under another name.
    pub(super) fn set_aside_from(
        &self,
        from: &dyn Dir,
        from_name: &Name,
        transaction: u64,
        slot: &Name,
    ) -> io::Result<String> {
        let fail = |error: StoreError| io::Error::other(error);
        let conflicts = ensure(&self.dir, "conflicts").map_err(fail)?;
        let own = ensure(&conflicts, &format!("{transaction:016x}")).map_err(fail)?;
        let kept = rename_to_free(from, from_name, &*own, slot)?;
        Ok(format!("{STORE_NAME}/conflicts/{transaction:016x}/{kept}"))
    }

    /// What the change file of a change says that became of what stood at a path.
    pub(super) fn preimage(
        &self,
        change: &ChangeId,
        path: &VPath,
    ) -> Result<Option<Digest>, StoreError> {
        let bytes = read_small(&*self.changes, &change.to_string(), CHANGE_FILE_BYTES_MAX)?;
        let file = bytes.and_then(|bytes| ChangeFile::decode(&bytes).ok());
        let mut preimages = file.into_iter().flat_map(|file| file.preimages);
        let found = preimages.find(|preimage| preimage.path == *path);
        Ok(found.map(|preimage| preimage.digest))
    }

    /// Removes a slot and, when it is a directory, everything in it.
    pub(crate) fn clear(&self, slot: &Name) -> io::Result<()> {
        remove_tree(&*self.staging, slot)
    }
}

/// Whether a folder holds what only a store that existed can have left: it is not made anew then.
/// Every store has `audit` from its first commit or session on.
fn is_used(dir: &dyn Dir) -> Result<bool, StoreError> {
    for kept in ["head", "audit", "conflicts", "index.db"] {
        match dir.stat(&name(kept)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => {
                return found
                    .map(|_| true)
                    .map_err(|error| StoreError::io(kept, error));
            }
        }
    }
    Ok(false)
}

/// A name of the store's own.
pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("the store's names are plain words and numbers")
}

/// Opens a folder, making it when it is not there.
pub(crate) fn ensure(dir: &Arc<dyn Dir>, folder: &str) -> Result<Arc<dyn Dir>, StoreError> {
    let folder = name(folder);
    let fail = |error| StoreError::io(&folder, error);
    match dir.walk(std::slice::from_ref(&folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened.map_err(fail),
    }
    match dir.mkdir(&folder, FOLDER_MODE) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(fail(error)),
        _ => {}
    }
    dir.walk(std::slice::from_ref(&folder)).map_err(fail)
}

fn create(dir: &dyn Dir, file: &str) -> Result<Option<Arc<dyn store::disk::File>>, StoreError> {
    match dir.create(&name(file), FILE_MODE) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        made => made.map(Some).map_err(|error| StoreError::io(file, error)),
    }
}

fn remove(dir: &dyn Dir, file: &str) -> Result<(), StoreError> {
    match dir.unlink(&name(file)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io(file, error)),
        _ => Ok(()),
    }
}

/// Moves an object to a folder under this name, or the next that is free; returns that.
fn rename_to_free(
    from: &dyn Dir,
    from_name: &Name,
    to: &dyn Dir,
    wanted: &Name,
) -> io::Result<Name> {
    for number in 1..=FREE_NAMES_MAX {
        let free = match number {
            1 => wanted.clone(),
            number => name(&format!("{wanted}.{number}")),
        };
        match rename_gently(from, from_name, to, &free) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            renamed => return renamed.map(|()| free),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Renames without replacing anything; a file system that does not know how is asked beforehand.
fn rename_gently(from: &dyn Dir, from_name: &Name, to: &dyn Dir, to_name: &Name) -> io::Result<()> {
    use io::ErrorKind::{AlreadyExists, InvalidInput, NotFound, Unsupported};
    match from.rename(from_name, to, to_name, RenameMode::NoReplace) {
        Err(error) if matches!(error.kind(), InvalidInput | Unsupported) => {}
        renamed => return renamed,
    }
    match to.stat(to_name) {
        Ok(_) => Err(AlreadyExists.into()),
        Err(error) if error.kind() == NotFound => {
            from.rename(from_name, to, to_name, RenameMode::Replace)
        }
        Err(error) => Err(error),
    }
}

/// Removes an object and, when it is a directory, everything in it.
pub(crate) fn remove_tree(dir: &dyn Dir, object: &Name) -> io::Result<()> {
    match dir.stat(object) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Ok(found) if found.kind == FileKind::Directory => {}
        found => return found.and_then(|_| dir.unlink(object)),
    }
    let inner = dir.walk(std::slice::from_ref(object))?;
    for item in inner.list(ENTRIES_MAX)?.items {
        remove_tree(&*inner, &item.name)?;
    }
    dir.rmdir(object)
}

/// Reads a small file of the store whole; `None` when it is not there.
pub(crate) fn read_small(
    dir: &dyn Dir,
    file: &str,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, StoreError> {
    let fail = |error| StoreError::io(file, error);
    let opened = match dir.open(&name(file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(fail)?,
    };
    let length = usize::try_from(opened.stat().map_err(fail)?.size).unwrap_or(usize::MAX);
    // One byte more than there may be tells a longer file.
    let mut bytes = vec![0; length.min(bytes_max) + 1];
    let mut filled = 0;
    while filled < bytes.len() {
        match opened
            .read_at(&mut bytes[filled..], filled as u64)
            .map_err(fail)?
        {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(Some(bytes))
}

/// Writes a small file beside the old one, flushes it and gives it the name.
pub(crate) fn replace_small(
    dir: &Arc<dyn Dir>,
    file: &str,
    bytes: &[u8],
) -> Result<(), StoreError> {
    let fail = |error| StoreError::io(file, error);
    let fresh = format!("{file}.new");
    remove(&**dir, &fresh)?;
    let made = dir.create(&name(&fresh), FILE_MODE).map_err(fail)?;
    made.write_at(bytes, 0).map_err(fail)?;
    made.sync_data().map_err(fail)?;
    dir.rename(&name(&fresh), &**dir, &name(file), RenameMode::Replace)
        .map_err(fail)?;
    dir.sync().map_err(fail)
}

fn encode(identity: &StoreIdentity) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(IDENTITY_BYTES);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(identity.id);
    bytes.extend(identity.key);
    let digest = Digest::of(&bytes);
    bytes.extend(digest.as_bytes());
    bytes
}

fn decode(bytes: &[u8]) -> Result<StoreIdentity, StoreError> {
    let damaged = |detail: &str| StoreError::Damaged {
        what: "store".to_owned(),
        detail: detail.to_owned(),
    };
    if bytes.get(..8) != Some(&MAGIC[..]) {
        return Err(damaged("it does not begin as an identity file does"));
    }
    let version = bytes.get(8..10).and_then(|part| part.try_into().ok());
    match version.map(u16::from_le_bytes) {
        Some(VERSION) => {}
        Some(found) if found > VERSION => {
            return Err(StoreError::Newer {
                what: "store".to_owned(),
                found,
                supported: VERSION,
            });
        }
        _ => return Err(damaged("its version is impossible")),
    }
    let (Some(body), Some(digest)) = (bytes.get(..IDENTITY_BYTES - 32), bytes.get(58..90)) else {
        return Err(damaged("it is too short"));
    };
    if bytes.len() != IDENTITY_BYTES || Digest::of(body).as_bytes() != digest {
        return Err(damaged("its checksum does not fit"));
    }
    let mut identity = StoreIdentity {
        id: [0; 16],
        key: [0; 32],
    };
    identity.id.copy_from_slice(&body[10..26]);
    identity.key.copy_from_slice(&body[26..58]);
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> StoreIdentity {
        StoreIdentity {
            id: [7; 16],
            key: [9; 32],
        }
    }

    #[test]
    fn an_identity_comes_back() {
        let decoded = decode(&encode(&identity())).expect("decodes");
        assert_eq!((decoded.id, decoded.key), ([7; 16], [9; 32]));
    }

    #[test]
    fn an_identity_that_was_touched_is_refused() {
        let bytes = encode(&identity());
        for at in 0..bytes.len() {
            let mut touched = bytes.clone();
            touched[at] ^= 1;
            assert!(decode(&touched).is_err(), "byte {at}");
            assert!(decode(&bytes[..at]).is_err(), "cut at {at}");
        }
        let mut newer = bytes;
        newer[8] = 2;
        let found = decode(&newer);
        assert!(
            matches!(found, Err(StoreError::Newer { found: 2, .. })),
            "{found:?}"
        );
    }
}
