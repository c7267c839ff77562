//! A loaded component: what world it is of, what it needs, linked and ready to be run many times.

use std::fmt;
use std::sync::Arc;

use vfs::Digest;
use wasmtime::component::{Component, Linker};
use wasmtime_wasi::p2::bindings::CommandPre;

use crate::bindings::agent::AgentPre;
use crate::host::Host;

/// The export that makes a component an agent.
const AGENT_EXPORT: &str = "run";

/// The export that makes a component a command, in any version 0.2.x.
const COMMAND_EXPORT: &str = "wasi:cli/run@0.2.";

/// Which of the two worlds a component is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AgentKind {
    /// World `session-fs:host/agent`: exports `run(task)`.
    Agent,
    /// World `wasi:cli/command`: an ordinary program, whose session is `/`.
    Command,
}

/// What a component imports, exports and needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// Its world; `None` when it is of neither.
    pub kind: Option<AgentKind>,
    /// Whether it is a core module of WASI preview 1, which is wrapped into a component.
    pub is_wrapped: bool,
    /// BLAKE3 of the component.
    pub digest: Digest,
    /// Names of the imports, sorted.
    pub imports: Vec<String>,
    /// Names of the exports, sorted.
    pub exports: Vec<String>,
    /// Number of linear memories; `None` when only an instantiation can tell.
    pub memories_count: Option<u32>,
    /// Bytes that its largest memory has from the start.
    pub memory_bytes_min: Option<u64>,
    /// Number of tables.
    pub tables_count: Option<u32>,
}

/// Why a component cannot be run here.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is over the limit of the runtime.
    #[error("the component has {bytes} bytes and at most {limit} are allowed")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// It does not begin as WebAssembly does.
    #[error("not WebAssembly; build the agent with --target wasm32-wasip2")]
    NotWasm,
    /// It is a core module that cannot be wrapped as a command of WASI preview 1.
    #[error(
        "a core WebAssembly module that is no command of WASI preview 1 ({detail}); build the agent \
         with --target wasm32-wasip2, or a program that exports '_start' and imports \
         'wasi_snapshot_preview1' and nothing else"
    )]
    CoreModule {
        /// What is wrong with it.
        detail: String,
    },
    /// It does not validate, uses something that is switched off, or needs more memories, tables or
    /// instances than one run has.
    #[error("not a valid component: {detail}")]
    Invalid {
        /// What is wrong with it.
        detail: String,
    },
    /// It is of another world.
    #[error(
        "neither an agent (export 'run' of session-fs:host/agent) nor a command (export \
         'wasi:cli/run@0.2.x'); it exports {}", Listed(.exports)
    )]
    UnknownWorld {
        /// What it exports instead.
        exports: Vec<String>,
    },
    /// It is of the right world, but an import or the type of an export does not fit.
    #[error("the component does not fit the host: {detail}")]
    Mismatch {
        /// The import or export and what is wrong with it.
        detail: String,
    },
}

/// A component ready to be run. Cloning is cheap.
#[derive(Clone)]
pub struct Agent(Arc<Loaded>);

struct Loaded {
    inspection: Inspection,
    kind: AgentKind,
    linked: Linked,
}

pub(crate) enum Linked {
    Agent(AgentPre<Host>),
    Command(CommandPre<Host>),
}

impl Agent {
    /// Finds out the world of a component and links it.
    pub(crate) fn link(
        component: &Component,
        linker: &Linker<Host>,
        inspection: Inspection,
    ) -> Result<Self, LoadError> {
        let Some(kind) = inspection.kind else {
            return Err(LoadError::UnknownWorld {
                exports: inspection.exports,
            });
        };
        let linked = match kind {
            AgentKind::Agent => linker
                .instantiate_pre(component)
                .and_then(AgentPre::new)
                .map(Linked::Agent),
            AgentKind::Command => linker
                .instantiate_pre(component)
                .and_then(CommandPre::new)
                .map(Linked::Command),
        };
        let linked = linked.map_err(|error| LoadError::Mismatch {
            detail: format!("{error:#}"),
        })?;
        Ok(Self(Arc::new(Loaded {
            inspection,
            kind,
            linked,
        })))
    }

    /// Which world it is of.
    pub fn kind(&self) -> AgentKind {
        self.0.kind
    }

    /// BLAKE3 of the component.
    pub fn digest(&self) -> Digest {
        self.0.inspection.digest
    }

    /// What it imports, exports and needs.
    pub fn inspection(&self) -> &Inspection {
        &self.0.inspection
    }

    pub(crate) fn linked(&self) -> &Linked {
        &self.0.linked
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Agent").field(&self.0.inspection).finish()
    }
}

/// Tells what a component is without linking it.
pub(crate) fn inspect(component: &Component, digest: Digest, is_wrapped: bool) -> Inspection {
    let engine = component.engine();
    let ty = component.component_type();
    let mut imports: Vec<String> = ty
        .imports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    let mut exports: Vec<String> = ty
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    imports.sort_unstable();
    exports.sort_unstable();
    let needs = component.resources_required();
    Inspection {
        kind: kind_of(&exports),
        is_wrapped,
        digest,
        imports,
        exports,
        memories_count: needs.as_ref().map(|needs| needs.num_memories),
        memory_bytes_min: needs.as_ref().map(|needs| {
            needs
                .max_initial_memory_size
                .unwrap_or(0)
                .saturating_mul(64 << 10)
        }),
        tables_count: needs.map(|needs| needs.num_tables),
    }
}

fn kind_of(exports: &[String]) -> Option<AgentKind> {
    if exports.iter().any(|name| name == AGENT_EXPORT) {
        Some(AgentKind::Agent)
    } else if exports.iter().any(|name| name.starts_with(COMMAND_EXPORT)) {
        Some(AgentKind::Command)
    } else {
        None
    }
}

struct Listed<'a>(&'a [String]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        f.write_str(&self.0.join(", "))
    }
}
