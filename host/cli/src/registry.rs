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
    /// Which directory that was: a disk that is not mounted leaves another one in its place.
    #[serde(default)]
    dev: Option<u64>,
    #[serde(default)]
    ino: Option<u64>,
}

/// A recorded directory whose sessions cannot be seen now.
#[derive(Debug)]
pub(crate) struct Away {
    pub(crate) base: PathBuf,
    pub(crate) error: io::Error,
}

/// What a directory has of sessions.
enum Sessions {
    Ids(Vec<SessionId>),
    /// There is none in a directory that is there.
    None,
    /// It cannot be looked at just now: removed, not mounted, not readable.
    Unknown(io::Error),
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
        if read(dir, &name).is_some_and(|record| record.is_of(base)) {
            return;
        }
        let (dev, ino) = identity(base).unzip();
        let record = Record {
            base: base.to_owned(),
            dev,
            ino,
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
                Some(record) if file_name(&record.base) == name => bases.push(record.base),
                // Torn or foreign: it says nothing.
                _ => drop(dir.remove_file(&name)),
            }
        }
        bases.sort();
        bases
    }

    /// Removes the record of a directory; tells whether there was one.
    pub(crate) fn forget(&self, base: &Path) -> bool {
        let base = std::path::absolute(base).unwrap_or_else(|_| base.to_owned());
        let dir = self.bases.as_ref();
        dir.is_some_and(|dir| dir.remove_file(file_name(&base)).is_ok())
    }

    /// Whether what stands at a recorded path is the directory that was recorded.
    fn is_same(&self, base: &Path) -> bool {
        let record = self
            .bases
            .as_ref()
            .and_then(|dir| read(dir, &file_name(base)));
        record.is_none_or(|record| record.is_of(base))
    }

    /// Finds the one session whose id is, or begins with, `name`: over `base`, or wherever it is.
    pub(crate) fn find(&self, name: &str, base: Option<&Path>) -> Result<Found, Failure> {
        let wanted = SessionId::new(name).map_err(|error| Failure::durable(&error))?;
        let (mut found, away) = match base {
            Some(base) => self.look(&wanted, &[ambient::canonical(base).unwrap_or(base.into())]),
            None => self.look(&wanted, &self.bases()),
        };
        if found.is_empty() && base.is_none() {
            found = self.look(&wanted, &nearby()).0;
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
            (None, _) => Err(Failure::no_session(name, &away)),
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

    /// The sessions of these directories whose ids begin so, and the directories that cannot be
    /// looked at. Brings the record up to date.
    fn look(&self, wanted: &SessionId, bases: &[PathBuf]) -> (BTreeSet<Found>, Vec<Away>) {
        let mut found = BTreeSet::new();
        let mut away = Vec::new();
        for base in bases {
            let ids = match sessions(base) {
                Sessions::Ids(ids) => ids,
                Sessions::None if self.is_same(base) => {
                    self.forget(base);
                    continue;
                }
                Sessions::None => {
                    let error = io::Error::other("another directory is there now");
                    away.push(Away {
                        base: base.clone(),
                        error,
                    });
                    continue;
                }
                Sessions::Unknown(error) => {
                    away.push(Away {
                        base: base.clone(),
                        error,
                    });
                    continue;
                }
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
        (found, away)
    }
}

impl Record {
    /// Whether this is of the directory that has the path now, as far as is known.
    fn is_of(&self, base: &Path) -> bool {
        self.dev
            .zip(self.ino)
            .is_none_or(|own| identity(base) == Some(own))
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
        Err(error) if error.kind() == io::ErrorKind::NotFound && identity(base).is_some() => {
            Sessions::None
        }
        Err(error) => {
            tracing::info!(base = %base.display(), %error, "the base cannot be looked at");
            Sessions::Unknown(error)
        }
    }
}

/// Which directory has a path; `None` when there is none that can be looked at.
fn identity(base: &Path) -> Option<(u64, u64)> {
    let stat = ambient::open_dir(base)
        .and_then(|dir| dir.stat_self())
        .ok()?;
    Some((stat.dev, stat.ino))
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

fn read(dir: &Dir, name: &str) -> Option<Record> {
    let mut text = String::new();
    let file = dir.open(name).ok()?;
    file.take(RECORD_BYTES_MAX).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
