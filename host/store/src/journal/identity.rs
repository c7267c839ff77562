//! `StoreIdentity`: whose journal this is, and the keyed digests that only this store can make.

use std::fmt;

use super::frame::Salt;
use crate::Hasher;

/// What tells one store from another: all its files carry the id and are sealed with the key.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreIdentity {
    /// Name of the store, not secret.
    pub id: [u8; 16],
    /// Key of its seals. Whoever has it can write records that this program believes.
    pub key: [u8; 32],
}

impl StoreIdentity {
    /// The keyed digest of `bytes`.
    pub(super) fn keyed(&self, bytes: &[u8]) -> [u8; 32] {
        let mut hasher = Hasher::keyed(&self.key);
        hasher.update(bytes);
        *hasher.finish().as_bytes()
    }

    /// The salt of an epoch of this store's journal.
    pub(super) fn salt(&self, epoch: u64) -> Salt {
        let mut bytes = b"SFJEPOCH".to_vec();
        bytes.extend(self.id);
        bytes.extend(epoch.to_le_bytes());
        *self
            .keyed(&bytes)
            .first_chunk()
            .expect("32 bytes begin with 16")
    }
}

impl fmt::Debug for StoreIdentity {
    /// Leaves the key out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreIdentity")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
