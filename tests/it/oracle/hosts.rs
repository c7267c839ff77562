//! The two hosts of a program: this one, and wasmtime's own file system over a directory.

use std::sync::{Arc, OnceLock};

use runtime::Agent;
use tokio::runtime::Runtime as Tokio;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Engine, Store};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::support::{Ground, Plan, Ran, Scene, bytes, load, runtime};

const OUTPUT_BYTES_MAX: usize = 1 << 20;

struct Host {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new(&Config::new()).expect("an engine"))
}

/// A guest that is compiled and linked for both hosts.
pub(super) struct Guest {
    name: &'static str,
    agent: Arc<Agent>,
    command: CommandPre<Host>,
}

impl Guest {
    pub(super) fn new(name: &'static str) -> Self {
        let component = Component::from_binary(engine(), &bytes(name)).expect("a component");
        let mut linker = Linker::new(engine());
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("linked");
        let command = linker.instantiate_pre(&component).and_then(CommandPre::new);
        Self {
            name,
            agent: Arc::new(load(runtime(), name)),
            command: command.expect("a command"),
        }
    }

    /// Runs it over the scene's directory itself and returns what it printed.
    pub(super) fn on_the_oracle(
        &self,
        tokio: &Tokio,
        scene: &Scene,
        permissions: FsPerms,
        args: &[&str],
    ) -> String {
        let stdout = MemoryOutputPipe::new(OUTPUT_BYTES_MAX);
        let stderr = MemoryOutputPipe::new(OUTPUT_BYTES_MAX);
        let mut wasi = WasiCtxBuilder::new();
        wasi.arg("guest")
            .args(args)
            .stdout(stdout.clone())
            .stderr(stderr.clone())
            .allow_blocking_current_thread(true);
        wasi.preopened_dir(scene.path(), "/", permissions)
            .expect("the scene is there");
        let host = Host {
            wasi: wasi.build(),
            table: ResourceTable::new(),
        };
        let mut store = Store::new(engine(), host);
        let result = tokio.block_on(async {
            let command = self.command.instantiate_async(&mut store).await?;
            command.wasi_cli_run().call_run(&mut store).await
        });
        let text = |pipe: &MemoryOutputPipe| String::from_utf8_lossy(&pipe.contents()).into_owned();
        assert!(
            matches!(result, Ok(Ok(()))),
            "{result:?}\n{}\n{}",
            text(&stdout),
            text(&stderr)
        );
        text(&stdout)
    }

    /// Runs it in a session.
    pub(super) fn on_a_session(
        &self,
        tokio: &Tokio,
        plan: &Plan,
        ground: Ground,
        scene: &Scene,
    ) -> Ran {
        let session = plan.session(ground, scene);
        let ran = tokio.block_on(plan.start(runtime(), &self.agent, session));
        ran.assert_success();
        ran
    }

    /// A run of it, not yet begun.
    pub(super) fn plan(&self) -> Plan {
        Plan::new(self.name)
    }
}

pub(super) fn tokio() -> Tokio {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    tokio.expect("tokio starts")
}
