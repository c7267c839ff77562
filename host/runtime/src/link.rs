//! The exact list of what a guest can import.
//!
//! wasmtime-wasi's own filesystem is NEVER added: the linker would serve guests that import an older
//! 0.2.x from the highest version registered, and that might be the host's real one. Of sockets, which
//! programs import without using them, everything is there but a way to come by one: creating them is
//! ours, and denied; so is sending a request of `wasi:http`. Every other package is not there.

use wasmtime::Engine;
use wasmtime::component::Linker;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::{cli, clocks, random, sockets};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView};
use wasmtime_wasi_io::bindings::wasi::io;

use crate::bindings::agent::Agent as AgentWorld;
use crate::bindings::filesystem::wasi::filesystem;
use crate::bindings::http::wasi::http;
use crate::bindings::sockets::wasi::sockets as denied;
use crate::host::{HasTable, HasView, Host};

/// Everything a guest can import.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    add_session(&mut linker)?;
    add_io(&mut linker)?;
    add_clocks_and_random(&mut linker)?;
    add_cli(&mut linker)?;
    add_sockets(&mut linker)?;
    add_http(&mut linker)?;
    Ok(linker)
}

fn add_session(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    AgentWorld::add_to_linker::<Host, HasView>(linker, Host::view)?;
    filesystem::types::add_to_linker::<Host, HasView>(linker, Host::view)?;
    filesystem::preopens::add_to_linker::<Host, HasView>(linker, Host::view)
}

fn add_io(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    io::error::add_to_linker::<Host, HasTable>(linker, |host| &mut host.table)?;
    io::poll::add_to_linker::<Host, HasTable>(linker, |host| &mut host.table)?;
    io::streams::add_to_linker::<Host, HasTable>(linker, |host| &mut host.table)
}

fn add_clocks_and_random(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    clocks::wall_clock::add_to_linker::<Host, WasiClocks>(linker, Host::clocks)?;
    clocks::monotonic_clock::add_to_linker::<Host, WasiClocks>(linker, Host::clocks)?;
    random::random::add_to_linker::<Host, WasiRandom>(linker, Host::random)?;
    random::insecure::add_to_linker::<Host, WasiRandom>(linker, Host::random)?;
    random::insecure_seed::add_to_linker::<Host, WasiRandom>(linker, Host::random)
}

fn add_cli(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    cli::environment::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::exit::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::stdin::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::stdout::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::stderr::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::terminal_input::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::terminal_output::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::terminal_stdin::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::terminal_stdout::add_to_linker::<Host, WasiCli>(linker, Host::cli)?;
    cli::terminal_stderr::add_to_linker::<Host, WasiCli>(linker, Host::cli)
}

fn add_sockets(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let stable = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<Host, WasiSockets>(linker, &stable, Host::sockets)?;
    sockets::instance_network::add_to_linker::<Host, WasiSockets>(linker, Host::sockets)?;
    sockets::tcp::add_to_linker::<Host, WasiSockets>(linker, Host::sockets)?;
    sockets::udp::add_to_linker::<Host, WasiSockets>(linker, Host::sockets)?;
    denied::tcp_create_socket::add_to_linker::<Host, HasView>(linker, Host::view)?;
    denied::udp_create_socket::add_to_linker::<Host, HasView>(linker, Host::view)?;
    denied::ip_name_lookup::add_to_linker::<Host, HasView>(linker, Host::view)
}

fn add_http(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let stable = http::types::LinkOptions::default();
    http::types::add_to_linker::<Host, HasView>(linker, &stable, Host::view)?;
    http::outgoing_handler::add_to_linker::<Host, HasView>(linker, Host::view)
}
