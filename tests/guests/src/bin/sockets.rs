//! Reaches for the network in every way that the standard library has.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Duration;

fn main() {
    // The argument is a port on which the host listens.
    let port: u16 = std::env::args()
        .nth(1)
        .expect("a port")
        .parse()
        .expect("a number");
    let address = ([127, 0, 0, 1], port).into();
    println!(
        "connect {:?}",
        TcpStream::connect(address).expect_err("refused").kind()
    );
    let short = Duration::from_secs(1);
    TcpStream::connect_timeout(&address, short).expect_err("refused");
    println!(
        "listen {:?}",
        TcpListener::bind("127.0.0.1:0")
            .expect_err("refused")
            .kind()
    );
    println!(
        "datagram {:?}",
        UdpSocket::bind("0.0.0.0:0").expect_err("refused").kind()
    );
    let resolved = ("localhost", 80).to_socket_addrs().map(Iterator::count);
    assert!(resolved.is_err(), "{resolved:?}");
}
