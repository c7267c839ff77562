//! Compiled components on disk, so that a component is compiled once per machine and version.
//!
//! Compiled code is run as it is, so whoever can write here owns the host. The directory is the
//! operator's: of mode 0700 and owned by the user of this process, or it is refused. A file is used
//! only if the digest in front of the code is that of the code.
//!
//! At most so many bytes are kept: of those that were not used for longest the oldest go first.
//!
//! | bytes | what |
//! | --- | --- |
//! | 0..16 | [`MAGIC`] |
//! | 16..48 | BLAKE3 of the rest |
//! | 48.. | what wasmtime serialized |

use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use store::disk::{Dir, FileKind, RealDir, RenameMode};
use vfs::{Digest, Name};
use wasmtime::Engine;
use wasmtime::component::Component;

/// First bytes of a file; the number is that of this format.
const MAGIC: &[u8; 16] = b"session-fs cwasm";

const HEADER_BYTES: usize = MAGIC.len() + 32;

/// Bytes of a file that are read; compiled code is some ten times its component.
const FILE_BYTES_MAX: u64 = 2 << 30;

/// Files of a cache that are looked at; with more of them it is emptied by hand.
const FILES_MAX: usize = 100_000;

/// A directory of compiled components. Failing to use it costs time and nothing else.
#[derive(Debug)]
pub(crate) struct ComponentCache {
    directory: Arc<dyn Dir>,
    bytes_max: u64,
    attempts_count: AtomicU64,
}

/// Why a directory is not taken as a cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Others could write to it.
    #[error("the cache directory has mode {mode:o}; make it 0700, compiled code is run as it is")]
    Open {
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to somebody else.
    #[error("the cache directory belongs to user {owner} and this process is user {user}")]
    Foreign {
        /// Its owner.
        owner: u32,
        /// The user of this process.
        user: u32,
    },
    /// The system failed.
    #[error("the cache directory cannot be used")]
    Io(#[from] io::Error),
}

impl ComponentCache {
    /// Takes a directory of the operator, to keep at most so many bytes in it.
    pub(crate) fn open(directory: cap_std::fs::Dir, bytes_max: u64) -> Result<Self, CacheError> {
        let stat = rustix::fs::fstat(&directory).map_err(io::Error::from)?;
        let (mode, owner) = (stat.st_mode & 0o7777, stat.st_uid);
        let user = rustix::process::geteuid().as_raw();
        if owner != user {
            return Err(CacheError::Foreign { owner, user });
        }
        if mode & 0o077 != 0 {
            return Err(CacheError::Open { mode });
        }
        Ok(Self {
            directory: RealDir::open(directory)?,
            bytes_max,
            attempts_count: AtomicU64::new(0),
        })
    }

    /// The compiled form of a component, if it was kept by this version of the engine.
    pub(crate) fn load(&self, engine: &Engine, digest: Digest) -> Option<Component> {
        let name = name(engine, digest);
        let code = match self.read(&name) {
            Ok(Some(code)) => code,
            Ok(None) => return None,
            Err(error) => {
                tracing::warn!(%name, %error, "compiled component not readable; compiling again");
                return None;
            }
        };
        match deserialize(engine, &code) {
            Ok(component) => {
                self.note_use(&name);
                Some(component)
            }
            Err(error) => {
                tracing::warn!(%name, %error, "compiled component not usable; compiling again");
                None
            }
        }
    }

    /// Keeps the compiled form of a component.
    pub(crate) fn keep(&self, engine: &Engine, digest: Digest, component: &Component) {
        let name = name(engine, digest);
        let kept = component
            .serialize()
            .map_err(io::Error::other)
            .and_then(|code| self.write(&name, &code));
        match kept {
            Ok(()) => self.make_room(&name),
            Err(error) => tracing::warn!(%name, %error, "compiled component not kept"),
        }
    }

    /// Has the file's time say that it was used now: the system's clock sets it with a write.
    fn note_use(&self, name: &Name) {
        let file = self.directory.open_writable(name);
        if let Err(error) = file.and_then(|file| file.write_at(MAGIC, 0)) {
            tracing::info!(%name, %error, "use of a compiled component not noted");
        }
    }

    /// Removes what was not used for longest, until no more is kept than may be; never `newest`.
    fn make_room(&self, newest: &Name) {
        if let Err(error) = self.try_make_room(newest) {
            tracing::warn!(%error, "the cache of compiled components may be over its limit");
        }
    }

    fn try_make_room(&self, newest: &Name) -> io::Result<()> {
        let mut files = Vec::new();
        for item in self.directory.list(FILES_MAX)?.items {
            match self.directory.stat(&item.name) {
                Ok(stat) if stat.kind == FileKind::File => {
                    files.push((stat.mtime_ns, stat.size, item.name));
                }
                // Somebody's directory, or another process has removed it.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        files.sort_unstable();
        let mut bytes: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, name) in files {
            if bytes <= self.bytes_max {
                break;
            }
            if name == *newest {
                continue;
            }
            match self.directory.unlink(&name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => bytes = bytes.saturating_sub(size),
            }
        }
        Ok(())
    }

    fn read(&self, name: &Name) -> io::Result<Option<Vec<u8>>> {
        let file = match self.directory.open(name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let stat = file.stat()?;
        if stat.size > FILE_BYTES_MAX || stat.mode & 0o022 != 0 {
            return Err(io::Error::other("not a file of this cache"));
        }
        let mut bytes = vec![0; usize::try_from(stat.size).map_err(io::Error::other)?];
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read_at(&mut bytes[filled..], filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        checked(bytes).map(Some)
    }

    /// Written aside and renamed: a reader sees nothing or the whole file.
    fn write(&self, name: &Name, code: &[u8]) -> io::Result<()> {
        let attempt = self.attempts_count.fetch_add(1, Ordering::Relaxed);
        let aside = format!("{}.{}.{attempt}", &name[..16], std::process::id());
        let aside = Name::new(&aside).map_err(io::Error::other)?;
        if let Err(error) = self.directory.unlink(&aside)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let file = self.directory.create(&aside, 0o600)?;
        let written = file
            .write_at(&header(code), 0)
            .and_then(|()| file.write_at(code, HEADER_BYTES as u64))
            .and_then(|()| {
                self.directory
                    .rename(&aside, &*self.directory, name, RenameMode::Replace)
            });
        if written.is_err() {
            // What is left over is found by no one; the first failure is the one to report.
            let _removed = self.directory.unlink(&aside);
        }
        written
    }
}

/// Tells one engine and component from every other.
fn name(engine: &Engine, digest: Digest) -> Name {
    let mut hasher = NameHasher(blake3::Hasher::new());
    hasher.write(digest.as_bytes());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let name = format!("{}.cwasm", hasher.0.finalize().to_hex());
    Name::new(&name).expect("hexadecimal digits and a suffix are a name")
}

fn header(code: &[u8]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..MAGIC.len()].copy_from_slice(MAGIC);
    header[MAGIC.len()..].copy_from_slice(blake3::hash(code).as_bytes());
    header
}

fn checked(mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if bytes.len() < HEADER_BYTES {
        return Err(io::Error::other("too short"));
    }
    let code = bytes.split_off(HEADER_BYTES);
    if bytes != header(&code) {
        return Err(io::Error::other("its digest is not that of its content"));
    }
    Ok(code)
}

#[expect(
    unsafe_code,
    reason = "the code was written by this cache and its digest was checked"
)]
fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `code` is what `Component::serialize` gave: it was read from a directory that only
    // the user of this process can write to, and the digest in front of it is that of its content.
    unsafe { Component::deserialize(engine, code) }
}

/// Feeds wasmtime's compatibility hash into BLAKE3, which is the same in every version of Rust.
struct NameHasher(blake3::Hasher);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
