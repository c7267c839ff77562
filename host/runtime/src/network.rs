//! The network: no run has any. Every attempt to come by a socket or an address is denied and noted.

use vfs::{DenialReason, ErrorKind, Failure, Operation, OperationKind};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, Network,
};
use wasmtime_wasi::p2::bindings::sockets::tcp::TcpSocket;
use wasmtime_wasi::p2::bindings::sockets::udp::UdpSocket;
use wasmtime_wasi_io::poll::DynPollable;

use crate::bindings::sockets::wasi::sockets::ip_name_lookup::{
    self, HostResolveAddressStream, ResolveAddressStream,
};
use crate::bindings::sockets::wasi::sockets::{tcp_create_socket, udp_create_socket};
use crate::events::EventKind;
use crate::host::View;

type Denied<T> = wasmtime::Result<Result<Resource<T>, ErrorCode>>;

impl View<'_> {
    fn deny_network<T>(&self, wish: &str) -> Denied<T> {
        self.note_denied_network(wish);
        Ok(Err(ErrorCode::AccessDenied))
    }

    /// Notes what of the network was wished for, in the report of the run and in the audit log.
    pub(crate) fn note_denied_network(&self, wish: &str) {
        let detail = format!("the network was not granted: {wish}");
        self.run.events.note(EventKind::Denied, None, &detail);
        self.run.session.report(&Operation {
            target: Some(wish),
            outcome: Err(Failure {
                kind: ErrorKind::Denied,
                denial: Some(DenialReason::Capability),
                limit: None,
            }),
            ..Operation::new(OperationKind::Connect)
        });
    }
}

impl tcp_create_socket::Host for View<'_> {
    fn create_tcp_socket(&mut self, _family: IpAddressFamily) -> Denied<TcpSocket> {
        self.deny_network("a TCP socket")
    }
}

impl udp_create_socket::Host for View<'_> {
    fn create_udp_socket(&mut self, _family: IpAddressFamily) -> Denied<UdpSocket> {
        self.deny_network("a UDP socket")
    }
}

impl ip_name_lookup::Host for View<'_> {
    fn resolve_addresses(
        &mut self,
        _network: Resource<Network>,
        name: String,
    ) -> Denied<ResolveAddressStream> {
        self.deny_network(&format!("the address of '{name}'"))
    }
}

/// No guest ever holds one of these.
impl HostResolveAddressStream for View<'_> {
    fn resolve_next_address(
        &mut self,
        _stream: Resource<ResolveAddressStream>,
    ) -> wasmtime::Result<Result<Option<IpAddress>, ErrorCode>> {
        Ok(Err(ErrorCode::AccessDenied))
    }

    fn subscribe(
        &mut self,
        _stream: Resource<ResolveAddressStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        Err(wasmtime::Error::msg("no name is ever being looked up"))
    }

    fn drop(&mut self, _stream: Resource<ResolveAddressStream>) -> wasmtime::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Run;

    #[test]
    fn every_way_to_the_network_is_denied_and_noted() {
        let mut run = Run::new();
        let family = IpAddressFamily::Ipv4;
        let tcp = tcp_create_socket::Host::create_tcp_socket(&mut run.view(), family);
        assert_eq!(tcp.expect("no trap").err(), Some(ErrorCode::AccessDenied));
        let udp = udp_create_socket::Host::create_udp_socket(&mut run.view(), family);
        assert_eq!(udp.expect("no trap").err(), Some(ErrorCode::AccessDenied));
        let network = Resource::new_borrow(0);
        let name = "example.org".to_owned();
        let address = ip_name_lookup::Host::resolve_addresses(&mut run.view(), network, name);
        assert_eq!(
            address.expect("no trap").err(),
            Some(ErrorCode::AccessDenied)
        );
        let (events, _) = run.state.events.take();
        assert_eq!(events.len(), 3);
        assert!(events[2].detail.contains("example.org"));
    }
}
