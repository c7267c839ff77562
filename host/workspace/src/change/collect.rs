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
        let departures = self.departures()?;
        let arrivals = self.arrivals(&departures)?;
        let session = self.sealed.session();
        Ok(Change {
            base: origin.base.name().to_owned(),
            base_generation: origin.generation,
            into_session,
            session: session.id().to_owned(),
            metadata: session.metadata().clone(),
            message,
            committed_at,
            departures,
            arrivals,
            updates: self.updates()?,
        })
    }

    fn departures(&self) -> vfs::Result<Vec<Departure>> {
        let set = &self.sealed.change_set().departures;
        let described = set.iter().map(|departure| {
            Ok(Departure {
                path: departure.path.clone(),
                before: self.version(&departure.before, None)?,
                moved_to: departure.moved_to.clone(),
            })
        });
        described.collect()
    }

    fn arrivals(&self, departures: &[Departure]) -> vfs::Result<Vec<Arrival>> {
        let set = &self.sealed.change_set().arrivals;
        let described = set.iter().map(|arrival| {
            let source = arrival.moved_from.as_ref().filter(|_| !arrival.changed);
            let known = source.and_then(|source| digest_at(departures, source));
            let known = known.or_else(|| self.after.get(&arrival.path).copied());
            Ok(Arrival {
                path: arrival.path.clone(),
                after: self.version(&arrival.after, known)?,
                moved_from: arrival.moved_from.clone(),
            })
        });
        described.collect()
    }

    fn updates(&self) -> vfs::Result<Vec<Update>> {
        let set = &self.sealed.change_set().updates;
        let described = set.iter().map(|update| {
            let known = self.after.get(&update.path).copied();
            Ok(Update {
                path: update.path.clone(),
                source: update.source.clone(),
                before: self.version(&update.before, None)?,
                after: self.version(&update.after, known)?,
            })
        });
        described.collect()
    }

    fn version(&self, side: &Side, known: Option<Digest>) -> vfs::Result<Version> {
        Ok(match side.kind {
            Kind::Directory => Version::Directory,
            Kind::File => Version::File {
                size: side.size,
                digest: known.map_or_else(|| self.digest(side), Ok)?,
                executable: side.executable,
                modified: side.modified,
            },
            Kind::Symlink => Version::Symlink {
                target: side.target.as_deref().unwrap_or_default().to_owned(),
            },
        })
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

fn digest_at(departures: &[Departure], path: &VPath) -> Option<Digest> {
    let index = departures
        .binary_search_by(|departure| departure.path.cmp(path))
        .ok()?;
    match departures[index].before {
        Version::File { digest, .. } => Some(digest),
        _ => None,
    }
}
