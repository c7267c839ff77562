//! Writing down what a sealed session changed, with the digest of every content before and after.

use std::collections::HashMap;

use store::digest::Hasher;
use vfs::{Digest, Kind, Sealed, Side, Timestamp, VPath};

use super::{Arrival, Change, Departure, Update, Version};
use crate::registry::Origin;

/// A description under way. Contents that were read for another purpose need not be read again.
pub(crate) struct Collector<'a> {
    sealed: &'a Sealed,
    /// Digests of what will stand at a path, where they are known already.
    after: HashMap<VPath, Digest>,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(sealed: &'a Sealed) -> Self {
        Self {
            sealed,
            after: HashMap::new(),
        }
    }

    /// Tells the digest of what the session has at a path.
    pub(crate) fn know(&mut self, path: &VPath, digest: Digest) {
        self.after.insert(path.clone(), digest);
    }

    /// Describes the whole change.
    ///
    /// # Errors
    ///
    /// `Stale` when a file of the base is no longer what the session saw.
    pub(crate) fn describe(
        &self,
        origin: &Origin,
        into_session: Option<String>,
        message: Option<String>,
        committed_at: Timestamp,
    ) -> vfs::Result<Change> {
        let session = self.sealed.session();
        Ok(Change {
            base: origin.base.name().to_owned(),
            base_generation: origin.generation,
            into_session,
            session: session.id().to_owned(),
            is_part: self.sealed.is_part(),
            metadata: session.metadata().clone(),
            message,
            committed_at,
            departures: self.departures(),
            arrivals: self.arrivals()?,
            updates: self.updates()?,
        })
    }

    fn departures(&self) -> Vec<Departure> {
        let set = &self.sealed.change_set().departures;
        let described = set.iter().map(|departure| Departure {
            path: departure.path.clone(),
            before: seen_version(&departure.before),
            moved_to: departure.moved_to.clone(),
        });
        described.collect()
    }

    fn arrivals(&self) -> vfs::Result<Vec<Arrival>> {
        let set = &self.sealed.change_set().arrivals;
        let described = set.iter().map(|arrival| {
            let after = match is_made(arrival) {
                true => self.version(&arrival.path, &arrival.after)?,
                false => seen_version(&arrival.after),
            };
            Ok(Arrival {
                path: arrival.path.clone(),
                after,
                moved_from: arrival.moved_from.clone(),
            })
        });
        described.collect()
    }

    fn updates(&self) -> vfs::Result<Vec<Update>> {
        let set = &self.sealed.change_set().updates;
        let described = set.iter().map(|update| {
            Ok(Update {
                path: update.path.clone(),
                source: update.source.clone(),
                before: seen_version(&update.before),
                after: self.version(&update.path, &update.after)?,
            })
        });
        described.collect()
    }

    /// The version that the session puts at a path, with the digest of its content.
    fn version(&self, path: &VPath, side: &Side) -> vfs::Result<Version> {
        let known = self.after.get(path).copied();
        let digest = match side.kind {
            Kind::File => Some(known.map_or_else(|| self.digest(side), Ok)?),
            Kind::Directory | Kind::Symlink => None,
        };
        Ok(version(side, digest))
    }

    fn digest(&self, side: &Side) -> vfs::Result<Digest> {
        let mut hasher = Hasher::new();
        self.sealed.read(side, &mut |bytes| {
            hasher.update(bytes);
            Ok(())
        })?;
        Ok(hasher.finish())
    }
}

/// Whether a commit makes what arrives, content and all, and does not only move it.
pub(crate) fn is_made(arrival: &vfs::Arrival) -> bool {
    let rewritten = arrival.changed || arrival.after.modified.is_some();
    arrival.moved_from.is_none() || (rewritten && arrival.after.kind == Kind::File)
}

/// A version that is known by what a session saw of it: its content was not read for this.
fn seen_version(side: &Side) -> Version {
    version(side, None)
}

fn version(side: &Side, digest: Option<Digest>) -> Version {
    match side.kind {
        Kind::Directory => Version::Directory,
        Kind::File => Version::File {
            size: side.size,
            digest,
            executable: side.executable,
            modified: side.modified,
        },
        Kind::Symlink => Version::Symlink {
            target: side.target.as_deref().unwrap_or_default().to_owned(),
        },
    }
}
