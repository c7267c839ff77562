//! The runtime: one engine, one linker, the door in front of them. Loads components and runs them.

use vfs::Digest;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::admission::Admission;
use crate::agent::{self, Agent, Inspection, LoadError};
use crate::cache::{CacheError, ComponentCache};
use crate::engine::{self, Allocation};
use crate::host::Host;
use crate::link;
use crate::preview1;
use crate::slices::Slices;
use crate::ticker::Ticker;

/// What all WebAssembly begins with.
const WASM: &[u8] = b"\0asm";

/// How to set up a runtime.
#[derive(Debug)]
pub struct RuntimeOptions {
    /// Runs at once; each has its place reserved from the start.
    pub instances_max: u32,
    /// Runs that may wait for a place; further ones are refused.
    pub waiting_max: usize,
    /// Bytes that one linear memory may have; no run is given more.
    pub memory_bytes_max: u64,
    /// Bytes of a component that is loaded; compiling takes time and memory in proportion.
    pub component_bytes_max: u64,
    /// Where compiled components are kept: a directory of mode 0700 that the operator owns.
    pub cache: Option<cap_std::fs::Dir>,
    /// Bytes that are kept there; compiled code is some ten times its component. What was not used for
    /// longest goes first.
    pub cache_bytes_max: u64,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self {
            instances_max: 128,
            waiting_max: 4_096,
            memory_bytes_max: 1 << 30,
            component_bytes_max: 128 << 20,
            cache: None,
            cache_bytes_max: 2 << 30,
        }
    }
}

/// Why a runtime cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The engine refused its configuration or found no memory.
    #[error("the WebAssembly engine cannot be set up: {0:#}")]
    Engine(wasmtime::Error),
    /// The thread that interrupts guests was not started.
    #[error("the thread that interrupts guests cannot be started")]
    Ticker(#[source] std::io::Error),
    /// The cache directory is not usable.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Runs agents. Shared by reference; all methods may be called from any thread.
pub struct Runtime {
    pub(crate) engine: Engine,
    pub(crate) admission: Admission,
    pub(crate) memory_bytes_max: u64,
    pub(crate) slices: Slices,
    linker: Linker<Host>,
    cache: Option<ComponentCache>,
    component_bytes_max: u64,
    allocation: Allocation,
    _ticker: Ticker,
}

impl Runtime {
    /// Sets up the engine and starts the thread that interrupts guests.
    pub fn new(options: RuntimeOptions) -> Result<Self, RuntimeError> {
        let memory_bytes_max = usize::try_from(options.memory_bytes_max).unwrap_or(usize::MAX);
        let cache = options
            .cache
            .map(|directory| ComponentCache::open(directory, options.cache_bytes_max));
        let (engine, allocation) =
            engine::build(options.instances_max, memory_bytes_max).map_err(RuntimeError::Engine)?;
        Ok(Self {
            linker: link::linker(&engine).map_err(RuntimeError::Engine)?,
            admission: Admission::new(options.instances_max, options.waiting_max),
            memory_bytes_max: options.memory_bytes_max,
            slices: Slices::new(),
            cache: cache.transpose()?,
            component_bytes_max: options.component_bytes_max,
            allocation,
            _ticker: Ticker::start(engine.clone()).map_err(RuntimeError::Ticker)?,
            engine,
        })
    }

    /// Compiles a component, or takes it from the cache, and links it. A core module of WASI preview 1
    /// is wrapped into a command first.
    ///
    /// Blocks for as long as compiling takes: milliseconds to seconds.
    pub fn load(&self, bytes: &[u8]) -> Result<Agent, LoadError> {
        let (component, inspection) = self.component(bytes)?;
        // Now rather than in the first run, which would pay for it.
        component
            .initialize_copy_on_write_image()
            .map_err(|error| invalid(&error))?;
        Agent::link(&component, &self.linker, inspection)
    }

    /// Tells what a component is, also one of another world that cannot be loaded.
    pub fn inspect(&self, bytes: &[u8]) -> Result<Inspection, LoadError> {
        Ok(self.component(bytes)?.1)
    }

    /// How instances get their memory on this machine.
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }

    fn component(&self, bytes: &[u8]) -> Result<(Component, Inspection), LoadError> {
        check_form(bytes, self.component_bytes_max)?;
        // Of what was given: that is the name by which a person knows it.
        let digest = Digest::of(bytes);
        let is_wrapped = preview1::is_core_module(bytes);
        let inspected = |component: Component| {
            let inspection = agent::inspect(&component, digest, is_wrapped);
            (component, inspection)
        };
        if let Some(component) = self.cached(digest) {
            return Ok(inspected(component));
        }
        let bytes = preview1::component(&self.engine, bytes)?;
        let component =
            Component::from_binary(&self.engine, &bytes).map_err(|error| invalid(&error))?;
        if let Some(cache) = &self.cache {
            cache.keep(&self.engine, digest, &component);
        }
        Ok(inspected(component))
    }

    fn cached(&self, digest: Digest) -> Option<Component> {
        self.cache.as_ref()?.load(&self.engine, digest)
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("allocation", &self.allocation)
            .finish_non_exhaustive()
    }
}

fn check_form(bytes: &[u8], limit: u64) -> Result<(), LoadError> {
    let size = bytes.len() as u64;
    if size > limit {
        return Err(LoadError::TooLarge { bytes: size, limit });
    }
    if !bytes.starts_with(WASM) {
        return Err(LoadError::NotWasm);
    }
    Ok(())
}

fn invalid(error: &wasmtime::Error) -> LoadError {
    LoadError::Invalid {
        detail: format!("{error:#}"),
    }
}
