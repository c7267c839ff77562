//! The attempts that return: each is `Ok` with what it got when it should have got nothing.

use std::fs::{self, File};
use std::io;
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};

/// Handles that no honest program holds open at once.
const HANDLES_COUNT: usize = 1_000_000;

/// Levels that no honest tree has.
const LEVELS_COUNT: usize = 100_000;

type Attempt = fn() -> io::Result<String>;

/// What is tried, and how.
pub(crate) const ATTEMPTS: [(&str, Attempt); 20] = [
    ("climb out with ..", || read("../../../../../../etc/passwd")),
    ("climb out of a directory", || {
        fs::create_dir_all("/rogue/deep")?;
        read("/rogue/deep/../../../etc/passwd")
    }),
    ("read by an absolute path", || read("/etc/passwd")),
    ("write by an absolute path", || write("/etc/cron.d/rogue")),
    ("write above the session", || write("../rogue")),
    ("make a directory above it", || {
        fs::create_dir("../rogue").map(made)
    }),
    ("link to the host's /etc", || {
        link("/etc", "rogue-etc").and_then(|_| read("rogue-etc/passwd"))
    }),
    ("link out with ..", || {
        link("../../..", "rogue-up").and_then(|_| read("rogue-up/etc/passwd"))
    }),
    ("link out, ending in /", || {
        link("../../../etc/", "rogue-dir")
    }),
    ("hard link to the host", || {
        fs::hard_link("/etc/passwd", "rogue-passwd").map(made)
    }),
    ("hard link from above", || {
        fs::hard_link("../Cargo.toml", "rogue-cargo").map(made)
    }),
    ("rename into the directory above", || {
        fs::write("rogue-file", "x")?;
        fs::rename("rogue-file", "../rogue-file").map(made)
    }),
    ("write into the host's own store", || {
        write("/.session-fs/rogue")
    }),
    ("remove the host's own store", || {
        fs::remove_dir_all("/.session-fs").map(made)
    }),
    ("open a device or a process", || {
        read("/dev/mem").or_else(|_| read("/proc/self/environ"))
    }),
    ("make a file of 4 EiB", || {
        File::create("rogue-huge")?.set_len(1 << 62).map(made)
    }),
    ("nest directories without end", nest),
    ("open files without end", open_all),
    ("read the host's environment", environment),
    ("reach the network", network),
];

fn read(path: &str) -> io::Result<String> {
    fs::read(path).map(|bytes| format!("{} bytes of {path}", bytes.len()))
}

fn write(path: &str) -> io::Result<String> {
    fs::write(path, "rogue was here\n").map(made)
}

#[expect(
    deprecated,
    reason = "the only stable call that makes a link on this target"
)]
fn link(target: &str, path: &str) -> io::Result<String> {
    fs::soft_link(target, path).map(made)
}

fn made((): ()) -> String {
    "it was made".to_owned()
}

fn nest() -> io::Result<String> {
    let mut path = "/rogue-nest".to_owned();
    for _ in 0..LEVELS_COUNT {
        fs::create_dir(&path)?;
        path.push_str("/n");
    }
    Ok(format!("{LEVELS_COUNT} levels"))
}

fn open_all() -> io::Result<String> {
    fs::write("rogue-open", "x")?;
    let files: io::Result<Vec<File>> = (0..HANDLES_COUNT)
        .map(|_| File::open("rogue-open"))
        .collect();
    files.map(|files| format!("{} handles", files.len()))
}

/// What the operator gave with `--env` is the guest's; what every host has is not.
fn environment() -> io::Result<String> {
    let found = std::env::vars_os().find(|(name, _)| name == "PATH" || name == "HOME");
    let nothing = || io::Error::new(io::ErrorKind::NotFound, "nothing of the host's is there");
    found
        .map(|(name, value)| format!("{}={}", name.display(), value.display()))
        .ok_or_else(nothing)
}

fn network() -> io::Result<String> {
    let connected = TcpStream::connect("127.0.0.1:22").map(|_| "a connection".to_owned());
    let bound = || UdpSocket::bind("0.0.0.0:0").map(|_| "a socket".to_owned());
    let resolved = || {
        ("localhost", 80)
            .to_socket_addrs()
            .map(|_| "an address".to_owned())
    };
    connected.or_else(|_| bound()).or_else(|_| resolved())
}
