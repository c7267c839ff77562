//! What the store of one run holds, and the view of it that host functions get.
//!
//! One store per run, dropped after it: nothing of a run reaches the next one.

use std::sync::Arc;

use vfs::Session;
use wasmtime::component::{HasData, Resource, ResourceTable, ResourceTableError};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::authority::SessionAuthority;
use crate::events::EventLog;
use crate::limits::Limiter;
use crate::session::BegunSessions;

/// The data of one store.
pub(crate) struct Host {
    pub(crate) table: ResourceTable,
    pub(crate) wasi: WasiCtx,
    pub(crate) limiter: Limiter,
    pub(crate) run: RunState,
}

/// What the session-fs and file interfaces of one run work on.
pub(crate) struct RunState {
    pub(crate) session: Session,
    pub(crate) authority: Arc<dyn SessionAuthority>,
    pub(crate) begun: BegunSessions,
    pub(crate) events: Arc<EventLog>,
}

/// What one host function works on.
pub(crate) struct View<'a> {
    pub(crate) table: &'a mut ResourceTable,
    pub(crate) run: &'a mut RunState,
}

/// Names [`View`] to the linker.
pub(crate) struct HasView;

impl HasData for HasView {
    type Data<'a> = View<'a>;
}

/// Names the resource table to the linker, for `wasi:io`.
pub(crate) struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

impl Host {
    pub(crate) fn view(&mut self) -> View<'_> {
        View {
            table: &mut self.table,
            run: &mut self.run,
        }
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl View<'_> {
    /// Hands a resource to the guest. A full table is a limit that the guest can live with.
    pub(crate) fn push<T: Send + 'static>(&mut self, resource: T) -> vfs::Result<Resource<T>> {
        let limit = self.table.max_capacity() as u64;
        self.table.push(resource).map_err(|error| match error {
            ResourceTableError::Full => vfs::Error::Quota {
                which: "handles-max",
                used: limit,
                limit,
            },
            error => vfs::Error::Invalid {
                detail: error.to_string(),
            },
        })
    }
}
