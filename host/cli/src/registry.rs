//! Which directories have sessions, so that a session is found by its id from anywhere.
//!
//! A record of the user's own under the XDG state folder: one small file per directory, replaced
//! whole, so that concurrent commands need no lock. It is only a hint: the stores themselves say
//! what there is, and what was lost is found again from the current directory upwards.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};
use store::{Digest, Name};
use vfs::reserved::STORE_NAME;
use workspace::durable::{PREFIX_BYTES_MIN, SessionId};

use crate::ambient;
use crate::exit::{Code, Failure};
use crate::system;

const BASES_NAME: &str = "bases";
const SESSIONS_NAME: &str = "sessions";
/// Bytes of a record that are read: a path and little more.
const RECORD_BYTES_MAX: u64 = 64 << 10;
/// Sessions of one directory that are looked through.
const SESSIONS_MAX: usize = 1_000_000;
/// Sessions that an ambiguous prefix names.
const CANDIDATES_MAX: usize = 10;

/// The record; nothing where there is no place for it.
pub(crate) struct Registry {
    bases: Option<Dir>,
}

/// Where a session is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    pub(crate) id: SessionId,
    pub(crate) base: PathBuf,
}

/// What one file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    base: PathBuf,
}

/// What a directory has of sessions.
enum Sessions {
    Ids(Vec<SessionId>),
    /// There is none, or no such directory.
    None,
    /// It cannot be looked at just now.
    Unknown,
}

/// Whether anything was ever kept of a directory.
pub(crate) fn has_store(path: &Path) -> bool {
    open_store(path, &[]).is_ok()
}

impl Registry {
    /// The record of this user.
    pub(crate) fn open() -> Self {
        let bases = ambient::open_state().and_then(|state| {
            state.create_dir_all(BASES_NAME).ok()?;
            state.open_dir(BASES_NAME).ok()
        });
        Self { bases }
    }

    /// Notes that a directory has sessions. That it cannot be noted is no failure: from the
    /// directory itself they are found without.
    pub(crate) fn note(&self, base: &Path) {
        let Some(dir) = &self.bases else { return };
        let name = file_name(base);
        if read(dir, &name).is_some() {
            return;
        }
        let record = Record {
            base: base.to_owned(),
        };
        let Ok(text) = serde_json::to_vec(&record) else {
            tracing::info!(base = %base.display(), "a path that is not UTF-8 is not recorded");
            return;
        };
        let fresh = format!("{name}.{}", system::process_id());
        let written = dir
            .write(&fresh, text)
            .and_then(|()| dir.rename(&fresh, dir, &name));
        if let Err(error) = written {
            tracing::info!(base = %base.display(), %error, "the base is not recorded");
        }
    }

    /// The directories that are recorded, sorted. What is no record any more is removed.
    pub(crate) fn bases(&self) -> Vec<PathBuf> {
        let Some(dir) = &self.bases else {
            return Vec::new();
        };
        let entries = dir.entries().into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut bases = Vec::new();
        for name in names.filter(|name| name.ends_with(".json")) {
            match read(dir, &name) {
                Some(base) if file_name(&base) == name => bases.push(base),
                // Torn or foreign: it says nothing.
                _ => drop(dir.remove_file(&name)),
            }
        }
        bases.sort();
        bases
    }

    fn forget(&self, base: &Path) {
        if let Some(dir) = &self.bases {
            drop(dir.remove_file(file_name(base)));
        }
    }

    /// Finds the one session whose id is, or begins with, `name`: over `base`, or wherever it is.
    pub(crate) fn find(&self, name: &str, base: Option<&Path>) -> Result<Found, Failure> {
        let wanted = SessionId::new(name).map_err(|error| Failure::durable(&error))?;
        let mut found = match base {
            Some(base) => self.look(&wanted, &[ambient::canonical(base).unwrap_or(base.into())]),
            None => self.look(&wanted, &self.bases()),
        };
        if found.is_empty() && base.is_none() {
            found = self.look(&wanted, &nearby());
        }
        let exact: BTreeSet<Found> = found.iter().filter(|it| it.id == wanted).cloned().collect();
        if !exact.is_empty() {
            found = exact;
        } else if name.len() < PREFIX_BYTES_MIN {
            let message = format!(
                "'{name}' is too short for the beginning of a session's id; \
                give at least {PREFIX_BYTES_MIN} characters"
            );
            return Err(Failure::new(Code::Usage, message));
        }
        let mut all = found.into_iter();
        match (all.next(), all.next()) {
            (None, _) => Err(Failure::no_session(name)),
            (Some(only), None) => Ok(only),
            (Some(first), Some(second)) => {
                let all: Vec<Found> = [first, second].into_iter().chain(all).collect();
                Err(ambiguous(name, &all))
            }
        }
    }

    /// Finds directories with sessions from here upwards that are not recorded, and records them.
    pub(crate) fn heal(&self) {
        for base in nearby() {
            if matches!(sessions(&base), Sessions::Ids(_)) {
                self.note(&base);
            }
        }
    }

    /// The sessions of these directories whose ids begin so. Brings the record up to date.
    fn look(&self, wanted: &SessionId, bases: &[PathBuf]) -> BTreeSet<Found> {
        let mut found = BTreeSet::new();
        for base in bases {
            let ids = match sessions(base) {
                Sessions::Ids(ids) => ids,
                Sessions::None => {
                    self.forget(base);
                    continue;
                }
                Sessions::Unknown => continue,
            };
            let begin = ids.partition_point(|id| id < wanted);
            let matching = ids[begin..]
                .iter()
                .take_while(|id| id.as_str().starts_with(wanted.as_str()));
            let before = found.len();
            found.extend(matching.map(|id| Found {
                id: id.clone(),
                base: base.clone(),
            }));
            if found.len() > before {
                self.note(base);
            }
        }
        found
    }
}

/// The current directory and those above it.
fn nearby() -> Vec<PathBuf> {
    let here = system::current_dir().and_then(|dir| ambient::canonical(&dir).ok());
    here.iter()
        .flat_map(|dir| dir.ancestors())
        .map(Path::to_owned)
        .collect()
}

fn sessions(base: &Path) -> Sessions {
    let listing = open_store(base, &[SESSIONS_NAME]).and_then(|dir| dir.list(SESSIONS_MAX));
    match listing {
        Ok(listing) => {
            let names = listing.items.iter().map(|item| &item.name);
            let mut ids: Vec<_> = names.filter_map(|name| SessionId::new(name).ok()).collect();
            ids.sort_unstable();
            Sessions::Ids(ids)
        }
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Sessions::None,
            _ => {
                tracing::info!(base = %base.display(), %error, "the base cannot be looked at");
                Sessions::Unknown
            }
        },
    }
}

fn open_store(base: &Path, below: &[&str]) -> io::Result<std::sync::Arc<dyn store::disk::Dir>> {
    let names = std::iter::once(STORE_NAME).chain(below.iter().copied());
    let names: Result<Vec<Name>, _> = names.map(Name::new).collect();
    ambient::open_dir(base)?.walk(&names.map_err(io::Error::other)?)
}

fn ambiguous(name: &str, found: &[Found]) -> Failure {
    let count = found.len();
    let lines = found
        .iter()
        .take(CANDIDATES_MAX)
        .map(|found| format!("\n{}  {}", found.id, found.base.display()));
    let mut message = format!("'{name}' is the beginning of several sessions:");
    message.extend(lines);
    if count > CANDIDATES_MAX {
        message.push_str(&format!("\n… and {} more", count - CANDIDATES_MAX));
    }
    Failure::new(Code::Usage, message).hint("give more of the id, or name its directory by --base")
}

/// One name per directory, whatever characters its path has.
fn file_name(base: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    format!("{}.json", Digest::of(base.as_os_str().as_bytes()))
}

fn read(dir: &Dir, name: &str) -> Option<PathBuf> {
    let mut text = String::new();
    let file = dir.open(name).ok()?;
    file.take(RECORD_BYTES_MAX).read_to_string(&mut text).ok()?;
    let record: Record = serde_json::from_str(&text).ok()?;
    Some(record.base)
}
