//! A run without a guest: what the host functions work on, to call them directly.

use std::sync::Arc;

use vfs::Session;
use wasmtime::component::ResourceTable;

use super::TestAuthority;
use crate::host::{RunState, View};
use crate::session::BegunSessions;

/// A run without a guest.
pub(crate) struct Run {
    pub(crate) table: ResourceTable,
    pub(crate) state: RunState,
    pub(crate) authority: Arc<TestAuthority>,
}

impl Run {
    pub(crate) fn new() -> Self {
        let authority = TestAuthority::new();
        let state = RunState {
            session: crate::tests::session("own"),
            authority: authority.clone(),
            begun: BegunSessions::new(authority.clone(), 2),
            events: Arc::default(),
        };
        Self {
            table: ResourceTable::new(),
            state,
            authority,
        }
    }

    pub(crate) fn view(&mut self) -> View<'_> {
        View {
            table: &mut self.table,
            run: &mut self.state,
        }
    }

    pub(crate) fn begun(&self, index: usize) -> Session {
        self.authority.begun.lock()[index].clone()
    }
}
