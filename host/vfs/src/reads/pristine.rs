//! Saved pristine contents: what base files held before the session first changed them, for when
//! somebody writes over the base.

use super::{Reads, World};
use crate::content::Pieces;
use crate::error::{Error, Result};
use crate::inode::{Ino, Origin};

/// A larger file is not saved: its kept pieces are read from the base alone.
pub(crate) const PRISTINE_BYTES_MAX: u64 = 8 << 20;

/// The whole content of one version of a base file; two are equal when they are the very same.
#[derive(Clone, Debug)]
pub(crate) struct Pristine(pub(crate) Pieces);

impl PartialEq for Pristine {
    fn eq(&self, other: &Self) -> bool {
        self.0.same(&other.0)
    }
}

impl Pristine {
    /// Fills `buffer` from `offset` on; tells whether there was as much.
    pub(crate) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<bool> {
        let no_base = &mut |_: u64, _: &mut [u8]| Err(Error::BadDescriptor);
        Ok(self.0.read_at(buffer, offset, no_base)? == buffer.len())
    }
}

impl Reads {
    /// The saved content of a base file.
    pub(crate) fn pristine(&self, ino: Ino) -> Option<&Pristine> {
        self.pristine.get(&ino)
    }

    /// Saves the content that a file's kept pieces come from, once.
    ///
    /// A base file that changed already is left out: whoever commits finds that as a conflict.
    ///
    /// # Errors
    ///
    /// `Quota`, and `Io` from the base or the spill; nothing is saved then.
    pub(crate) fn save_pristine(&mut self, world: &World, origin: &Origin) -> Result<()> {
        let size = origin.stat.size;
        let saved = self.pristine.contains_key(&origin.ino);
        if saved || size == 0 || size > PRISTINE_BYTES_MAX {
            return Ok(());
        }
        match read_pristine(world, origin) {
            Ok(pieces) => {
                self.pristine.insert(origin.ino, Pristine(pieces));
                Ok(())
            }
            Err(Error::Stale { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn read_pristine(world: &World, origin: &Origin) -> Result<Pieces> {
    let path = world.family.base_path(origin.ino);
    let file = world.base.get().open(&path, &origin.stat)?;
    let spill = world.spill.as_ref();
    Pieces::stored(
        &world.contents,
        spill,
        origin.stat.size,
        &mut |at, buffer| {
            if file.read_at(buffer, at)? < buffer.len() {
                return Err(world.stale(origin.ino));
            }
            Ok(())
        },
    )
}
