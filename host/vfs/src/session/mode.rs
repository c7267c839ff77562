//! Whether a file may be executed: for whoever puts back what was, not for guests.

use super::Session;
use crate::error::Result;

impl Session {
    /// Makes a file executable, or not; follows links. No face of a session offers it to a guest.
    ///
    /// # Errors
    ///
    /// `NotFound`, `IsADirectory`, and `Quota` when there is no memory to keep it.
    pub fn set_executable(&self, path: &str, executable: bool) -> Result<()> {
        self.change(Some(path), |core, world, now| {
            let ino = core.existing_file(world, path)?;
            if core.view(world).node(ino)?.executable() == executable {
                return Ok(());
            }
            core.change_file(world, ino, now, |file| {
                file.executable = executable;
                Ok(())
            })
        })
    }
}
