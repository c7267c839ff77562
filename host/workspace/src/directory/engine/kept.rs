//! What a base keeps of the past for its sessions, where that is, and what others are told of it.

use std::io;
use std::sync::Arc;

use store::disk::File;
use vfs::{Digest, Name, VPath};

use super::Engine;
use crate::change::Change;
use crate::directory::lease::Lease;
use crate::directory::store::Store;
use crate::error::Result;

impl Engine {
    /// Sees to it that no other process drops what sessions of this one may ask for, now that there
    /// is going to be a generation after theirs.
    pub(in crate::directory) fn hold_lease(&self, store: &Store) -> Result<()> {
        let generation = self.timeline.oldest();
        let mut lease = self.lease.lock();
        let held = match &mut *lease {
            Some(lease) => lease.renew(generation),
            none => Lease::make(&store.folder.dir, generation).map(|made| *none = Some(made)),
        };
        held.map_err(|error| error.at(&self.name))
    }

    /// The oldest generation that open sessions of other processes may need; asked by whoever has
    /// the turn.
    pub(crate) fn leased_generation(&self) -> Result<Option<u64>> {
        let fail = |error| self.io(".session-fs/leases", error);
        let store = self.present_store().map_err(fail)?;
        let own = self.lease.lock();
        Lease::oldest(&*store.folder.dir, own.as_ref()).map_err(fail)
    }

    /// Opens what is in a slot.
    pub(in crate::directory) fn open_slot(&self, slot: &Name) -> io::Result<Arc<dyn File>> {
        self.present_store()?.folder.staging.open(slot)
    }

    /// Opens an object after all of it was verified.
    pub(in crate::directory) fn open_object(&self, digest: &Digest) -> io::Result<Arc<dyn File>> {
        let store = self.present_store()?;
        store.folder.objects.open_verified(digest)
    }

    /// The object that became of what a change replaced or removed at a path; `None` when none did.
    pub(in crate::directory) fn kept_object(
        &self,
        change: &Change,
        path: &VPath,
    ) -> io::Result<Option<Digest>> {
        let store = self.present_store()?;
        let kept = store.folder.preimage(&change.id(), path);
        kept.map_err(io::Error::other)
    }

    pub(super) fn present_store(&self) -> io::Result<Arc<Store>> {
        let store = self.state.lock().store.clone();
        store.ok_or_else(|| io::Error::other("the store is not open; open the base again"))
    }
}
