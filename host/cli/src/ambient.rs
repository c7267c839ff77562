//! What the operator names on the command line, opened with the operator's own authority.
//!
//! The only file that uses it. Links are followed here, as anywhere in a shell; from here on only
//! handles go further, and no name from a guest ever comes back.

use std::fs::DirBuilder;
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File};
use runtime::LoadError;
use store::disk::RealDir;
use workspace::Locator;

use crate::args::CacheArgs;
use crate::exit::{Code, Failure};
use crate::system;

/// The path of a base, to look there again when something is committed to it.
#[derive(Debug)]
pub(crate) struct Place(PathBuf);

impl Locator for Place {
    fn locate(&self) -> io::Result<Arc<dyn store::disk::Dir>> {
        open_dir(&self.0)
    }
}

/// Opens the directory that a session starts from, and tells its `file://` name.
pub(crate) fn open_base(path: &Path) -> Result<(Dir, String, Place), Failure> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Failure::io("cannot open the base", path, &error))?;
    let dir = Dir::open_ambient_dir(&absolute, ambient_authority());
    // A handle says nothing yet of the right to read; the first listing would be too late.
    let dir = dir.and_then(|dir| dir.entries().map(|_| dir));
    let dir = dir.map_err(|error| base_failure(path, &error))?;
    Ok((
        dir,
        format!("file://{}", absolute.display()),
        Place(absolute),
    ))
}

/// Reads a component of at most `bytes_max` bytes.
pub(crate) fn read_component(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let failure = |error: io::Error| Failure::io("cannot read the agent", path, &error);
    let file = File::open_ambient(path, ambient_authority()).map_err(failure)?;
    let metadata = file.metadata().map_err(failure)?;
    if metadata.is_dir() {
        let message = format!(
            "cannot run '{}': a directory, not a component",
            path.display()
        );
        return Err(
            Failure::new(Code::Failed, message).hint("name the .wasm file that cargo built")
        );
    }
    let too_large = |bytes| {
        Failure::load(
            path,
            &LoadError::TooLarge {
                bytes,
                limit: bytes_max,
            },
        )
    };
    if metadata.len() > bytes_max {
        return Err(too_large(metadata.len()));
    }
    let mut bytes = Vec::new();
    // What a pipe or a growing file holds is known only when it is read.
    file.take(bytes_max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failure)?;
    if bytes.len() as u64 > bytes_max {
        return Err(too_large(bytes.len() as u64));
    }
    if bytes.is_empty() {
        let message = format!("cannot run '{}': the file is empty", path.display());
        return Err(Failure::new(Code::Failed, message).hint("was the build interrupted?"));
    }
    Ok(bytes)
}

/// Reads a text of at most `bytes_max` bytes; `None` when there is no such file.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> Result<Option<String>, Failure> {
    let failure = |error: io::Error| Failure::io("cannot read", path, &error);
    let file = match File::open_ambient(path, ambient_authority()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(failure)?,
    };
    let mut text = String::new();
    file.take(bytes_max.saturating_add(1))
        .read_to_string(&mut text)
        .map_err(failure)?;
    if text.len() as u64 > bytes_max {
        let message = format!("'{}' has more than {bytes_max} bytes", path.display());
        return Err(Failure::new(Code::Limit, message));
    }
    Ok(Some(text))
}

/// The directory of compiled components, made when missing.
///
/// `None` when there is to be none. One that was not asked for and cannot be used is left out.
pub(crate) fn open_cache(args: &CacheArgs) -> Result<Option<Dir>, Failure> {
    if args.no_cache {
        return Ok(None);
    }
    if let Some(path) = &args.cache_dir {
        let dir = open_private(path)
            .map_err(|error| Failure::io("cannot use the cache directory", path, &error))?;
        return Ok(Some(dir));
    }
    let Some(path) = user_cache() else {
        return Ok(None);
    };
    match open_private(&path) {
        Ok(dir) => Ok(Some(dir)),
        Err(error) => {
            tracing::info!(path = %path.display(), %error, "no cache of compiled components");
            Ok(None)
        }
    }
}

/// Which start of the machine this is; `None` where the kernel does not tell.
pub(crate) fn boot() -> Option<[u8; 16]> {
    const TEXT_BYTES_MAX: u64 = 64;
    let file = File::open_ambient("/proc/sys/kernel/random/boot_id", ambient_authority());
    let mut text = String::new();
    file.ok()?
        .take(TEXT_BYTES_MAX)
        .read_to_string(&mut text)
        .ok()?;
    let id = uuid::Uuid::parse_str(text.trim()).ok()?;
    Some(*id.as_bytes())
}

fn user_cache() -> Option<PathBuf> {
    let base = system::absolute_path("XDG_CACHE_HOME")
        .or_else(|| system::absolute_path("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("session-fs"))
}

/// The directory that the user's own records are kept in, made when missing; `None` where there is
/// no place for it or it cannot be used.
pub(crate) fn open_state() -> Option<Dir> {
    let state = system::absolute_path("XDG_STATE_HOME")
        .or_else(|| system::absolute_path("HOME").map(|home| home.join(".local/state")))?;
    let path = state.join("session-fs");
    match open_private(&path) {
        Ok(dir) => Some(dir),
        Err(error) => {
            tracing::info!(path = %path.display(), %error, "no record of the bases in use");
            None
        }
    }
}

/// A directory without links on the way to it, so that it has one name.
#[expect(
    clippy::disallowed_methods,
    reason = "the operator's own path, before it is opened"
)]
pub(crate) fn canonical(path: &Path) -> io::Result<PathBuf> {
    std::fs::canonicalize(path)
}

/// Opens a directory of the operator's as the store's files are reached.
pub(crate) fn open_dir(path: &Path) -> io::Result<Arc<dyn store::disk::Dir>> {
    RealDir::open(Dir::open_ambient_dir(path, ambient_authority())?)
}

/// Opens a directory; one that is missing is made, for this user alone.
fn open_private(path: &Path) -> io::Result<Dir> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    Dir::open_ambient_dir(path, ambient_authority())
}

fn base_failure(path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::new(Code::NotFound, format!("there is no base '{shown}'"))
                .hint("--base names the directory to work on")
        }
        io::ErrorKind::NotADirectory => Failure::new(
            Code::Failed,
            format!("the base '{shown}' is not a directory"),
        )
        .hint("--base names the directory to work on"),
        io::ErrorKind::PermissionDenied => {
            Failure::new(Code::Denied, format!("the base '{shown}' is not readable"))
        }
        _ => Failure::io("cannot open the base", path, error),
    }
}
