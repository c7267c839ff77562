//! `Objects`: contents under the names of their digests, as `objects/<2 hex>/<62 hex>`.
//!
//! **Invariant:** no byte of an object is handed out before all of them were found to have the
//! digest that was asked for. What history keeps gets here by rename, without a copy.

mod placing;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(crate) use tests::adopt;

pub(crate) use placing::Placing;

use std::io;
use std::sync::Arc;

use store::digest::Hasher;
use store::disk::{Dir, File, FileKind};
use vfs::{Digest, Name};

/// The folder of the store that holds the objects.
pub(crate) const OBJECTS_NAME: &str = "objects";
/// Objects in one of the 256 folders, so that a listing has an end.
const SHARD_ENTRIES_MAX: usize = 1 << 20;
/// Bytes read at once: memory for a file of any size.
const STEP_BYTES: usize = 256 << 10;
const SMALL_STEP_BYTES: usize = 4 << 10;
/// How often a file that is being written to is hashed again before that is an error.
const ADOPT_ATTEMPTS_MAX: u32 = 3;
/// Ends the name of a file of the store that is being written.
pub(crate) const UNFINISHED_SUFFIX: &str = ".new";
/// Only the owner's programs have business here.
const FOLDER_MODE: u32 = 0o700;

/// The objects of one store.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    /// Absent where it is missing and nothing may be written.
    dir: Option<Arc<dyn Dir>>,
}

/// Why an object cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ObjectError {
    /// There is none.
    #[error("object {digest} is not in the store; it was dropped or lost")]
    Missing {
        /// The digest that was asked for.
        digest: Digest,
    },
    /// Its bytes are others than were kept.
    #[error(
        "object {digest} is damaged: its bytes have digest {found}; let doctor look at the store"
    )]
    Damaged {
        /// The digest that was asked for.
        digest: Digest,
        /// The digest of what is there.
        found: Digest,
    },
    /// It is larger than the caller takes.
    #[error("object {digest} has {size} bytes, over the limit of {bytes_max}")]
    TooLarge {
        /// The digest that was asked for.
        digest: Digest,
        /// Bytes of the object.
        size: u64,
        /// Bytes that the caller takes.
        bytes_max: u64,
    },
    /// The system failed.
    #[error("object {digest} cannot be read")]
    Io {
        /// The digest that was asked for.
        digest: Digest,
        /// The system's own error.
        source: Arc<io::Error>,
    },
}

/// What a scan of the folder meets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Scanned {
    /// An object, with its size in bytes.
    Object(Digest, u64),
    /// Something else, by its path below the store.
    Stray(String),
}

impl Objects {
    /// Opens the folder, and makes it when it is missing.
    pub(crate) fn open(store: &Arc<dyn Dir>) -> io::Result<Self> {
        let dir = open_or_make(&**store, &name(OBJECTS_NAME))?;
        Ok(Self { dir: Some(dir) })
    }

    /// Opens the folder to be read; where it is missing there are no objects, and no folder is made.
    pub(crate) fn find(store: &Arc<dyn Dir>) -> io::Result<Self> {
        let dir = open_if_there(&**store, &name(OBJECTS_NAME))?;
        Ok(Self { dir })
    }

    /// The digest and the size in bytes of a file that nobody writes to meanwhile.
    ///
    /// # Errors
    ///
    /// `ResourceBusy` when somebody does all the time.
    pub(crate) fn hash(&self, from: &dyn Dir, from_name: &Name) -> io::Result<(Digest, u64)> {
        hash_still(&*from.open(from_name)?, from_name)
    }

    /// Reads a whole object of at most `bytes_max` bytes.
    ///
    /// # Errors
    ///
    /// As [`ObjectError`] says.
    pub(crate) fn read(&self, digest: &Digest, bytes_max: u64) -> Result<Vec<u8>, ObjectError> {
        let file = self.open_object(digest)?;
        let size = file.stat().map_err(|e| failed(digest, e))?.size;
        let too_large = |size| ObjectError::TooLarge {
            digest: *digest,
            size,
            bytes_max,
        };
        if size > bytes_max {
            return Err(too_large(size));
        }
        let mut bytes = Vec::new();
        let (found, size) = each_step(&*file, size, &mut |step| {
            // It may have grown since it was measured.
            if bytes.len() as u64 + step.len() as u64 > bytes_max {
                return Err(too_large(bytes_max.saturating_add(1)));
            }
            bytes.extend_from_slice(step);
            Ok(())
        })
        .map_err(|error| error.resolve(digest))?;
        debug_assert_eq!(size, bytes.len() as u64);
        check(digest, found)?;
        Ok(bytes)
    }

    /// Reads all of an object and compares its digest. Returns its size in bytes.
    ///
    /// # Errors
    ///
    /// As [`ObjectError`] says.
    pub(crate) fn verify(&self, digest: &Digest) -> Result<u64, ObjectError> {
        let file = self.open_object(digest)?;
        let hashed = file.stat().and_then(|now| hash(&*file, now.size));
        let (found, size) = hashed.map_err(|error| failed(digest, error))?;
        check(digest, found)?;
        Ok(size)
    }

    /// Opens an object after all of it was verified.
    ///
    /// # Errors
    ///
    /// `NotFound`, `InvalidData` for a damaged one, and those of the system.
    pub(crate) fn open_verified(&self, digest: &Digest) -> io::Result<Arc<dyn File>> {
        match self.verify(digest) {
            Err(ObjectError::Missing { .. }) => Err(io::ErrorKind::NotFound.into()),
            Err(error @ ObjectError::Damaged { .. }) => {
                Err(io::Error::new(io::ErrorKind::InvalidData, error))
            }
            Err(error) => Err(io::Error::other(error)),
            Ok(_) => self.open_object(digest).map_err(io::Error::other),
        }
    }

    /// Whether there is such an object; its bytes are not read.
    pub(crate) fn contains(&self, digest: &Digest) -> io::Result<bool> {
        let (shard_name, object_name) = names(digest);
        let found = self
            .shard(shard_name)
            .and_then(|shard| shard.stat(&object_name));
        match found {
            Ok(found) => Ok(found.kind == FileKind::File),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Tells every object with its size in bytes, in the order of the digests.
    pub(crate) fn list(&self, each: &mut dyn FnMut(Digest, u64)) -> io::Result<()> {
        self.scan(&mut |scanned| {
            if let Scanned::Object(digest, size) = scanned {
                each(digest, size);
            }
        })
    }

    /// Tells everything that is in the folder.
    pub(crate) fn scan(&self, each: &mut dyn FnMut(Scanned)) -> io::Result<()> {
        let Some(dir) = &self.dir else {
            return Ok(());
        };
        for item in dir.list(SHARD_ENTRIES_MAX)?.items {
            let is_shard = item.name.len() == 2 && item.kind == FileKind::Directory;
            if !is_shard {
                each(Scanned::Stray(format!("{OBJECTS_NAME}/{}", item.name)));
                continue;
            }
            let shard = dir.walk(std::slice::from_ref(&item.name))?;
            for object in shard.list(SHARD_ENTRIES_MAX)?.items {
                let digest = format!("{}{}", item.name, object.name).parse().ok();
                match digest.filter(|_| object.kind == FileKind::File) {
                    Some(digest) => {
                        each(Scanned::Object(digest, shard.stat(&object.name)?.size));
                    }
                    None => each(Scanned::Stray(format!(
                        "{OBJECTS_NAME}/{}/{}",
                        item.name, object.name
                    ))),
                }
            }
        }
        Ok(())
    }

    /// Removes an object; one that is not there is no error.
    pub(crate) fn remove(&self, digest: &Digest) -> io::Result<()> {
        let (shard_name, object_name) = names(digest);
        let removed = self
            .shard(shard_name)
            .and_then(|shard| shard.unlink(&object_name));
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn shard(&self, shard_name: Name) -> io::Result<Arc<dyn Dir>> {
        self.dir()?.walk(&[shard_name])
    }

    fn dir(&self) -> io::Result<&Arc<dyn Dir>> {
        self.dir
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn open_object(&self, digest: &Digest) -> Result<Arc<dyn File>, ObjectError> {
        let (shard_name, object_name) = names(digest);
        let opened = self
            .shard(shard_name)
            .and_then(|shard| shard.open(&object_name));
        opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ObjectError::Missing { digest: *digest },
            _ => failed(digest, error),
        })
    }
}

/// Why a pass over a file ended early.
enum StepError<E> {
    Read(io::Error),
    Sink(E),
}

impl StepError<ObjectError> {
    fn resolve(self, digest: &Digest) -> ObjectError {
        match self {
            Self::Read(error) => failed(digest, error),
            Self::Sink(error) => error,
        }
    }
}

impl StepError<io::Error> {
    fn into_io(self) -> io::Error {
        let (Self::Read(error) | Self::Sink(error)) = self;
        error
    }
}

/// Hands out a file of about this size step by step; returns the digest and the count of all bytes.
fn each_step<E>(
    file: &dyn File,
    size: u64,
    sink: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<(Digest, u64), StepError<E>> {
    let mut hasher = Hasher::new();
    // One byte more shows the end of a file that is as long as was said.
    let whole = usize::try_from(size)
        .unwrap_or(STEP_BYTES)
        .saturating_add(1);
    let mut buf = vec![0; whole.clamp(SMALL_STEP_BYTES, STEP_BYTES)];
    let mut offset = 0;
    loop {
        let len = file.read_at(&mut buf, offset).map_err(StepError::Read)?;
        if len == 0 {
            return Ok((hasher.finish(), offset));
        }
        hasher.update(&buf[..len]);
        sink(&buf[..len]).map_err(StepError::Sink)?;
        offset += len as u64;
    }
}

fn hash(file: &dyn File, size: u64) -> io::Result<(Digest, u64)> {
    each_step(file, size, &mut |_| Ok(())).map_err(StepError::into_io)
}

/// Hashes a file that nobody writes to meanwhile.
fn hash_still(file: &dyn File, file_name: &Name) -> io::Result<(Digest, u64)> {
    for _ in 0..ADOPT_ATTEMPTS_MAX {
        let before = file.stat()?;
        let hashed = hash(file, before.size)?;
        if file.stat()? == before {
            return Ok(hashed);
        }
    }
    let text = format!("'{file_name}' is written to while it is taken into history");
    Err(io::Error::new(io::ErrorKind::ResourceBusy, text))
}

fn check(digest: &Digest, found: Digest) -> Result<(), ObjectError> {
    if found == *digest {
        return Ok(());
    }
    Err(ObjectError::Damaged {
        digest: *digest,
        found,
    })
}

fn failed(digest: &Digest, error: io::Error) -> ObjectError {
    ObjectError::Io {
        digest: *digest,
        source: Arc::new(error),
    }
}

/// Opens a folder; `None` when it is missing.
pub(crate) fn open_if_there(dir: &dyn Dir, folder: &Name) -> io::Result<Option<Arc<dyn Dir>>> {
    match dir.walk(std::slice::from_ref(folder)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// Opens a folder, and makes it when it is missing.
pub(crate) fn open_or_make(dir: &dyn Dir, folder: &Name) -> io::Result<Arc<dyn Dir>> {
    if let Some(opened) = open_if_there(dir, folder)? {
        return Ok(opened);
    }
    match dir.mkdir(folder, FOLDER_MODE) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => dir.walk(std::slice::from_ref(folder)),
    }
}

/// The names of an object's folder and of the object in it.
fn names(digest: &Digest) -> (Name, Name) {
    let text = digest.to_string();
    let (shard, object) = text.split_at(2);
    (name(shard), name(object))
}

fn name(text: &str) -> Name {
    Name::new(text).expect("hexadecimal digits and fixed words are names")
}
