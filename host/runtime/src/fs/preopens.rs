//! `wasi:filesystem/preopens`: exactly one directory, `/`, the root of the run's session.

use vfs::Descriptor;
use wasmtime::component::Resource;

use crate::bindings::filesystem::wasi::filesystem::preopens::Host;
use crate::host::View;

/// Where the run's session is mounted for a guest.
pub(crate) const MOUNT: &str = "/";

impl Host for View<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let root = self.run.session.root().map_err(wasmtime::Error::new)?;
        Ok(vec![(self.table.push(root)?, MOUNT.to_owned())])
    }
}
