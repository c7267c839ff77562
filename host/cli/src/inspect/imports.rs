//! What a component imports, and how the host stands to it.
//!
//! Only for showing: whether a component can be linked is decided by the linker. The tests hold the
//! two together with real components.

use serde::Serialize;

/// What the host links, by package; the versions are those that it serves.
const OFFERED: [(&str, &str, &[&str]); 6] = [
    (
        "session-fs:host",
        "0.1.",
        &["agent-types", "session-fs", "types"],
    ),
    (
        "wasi:cli",
        "0.2.",
        &[
            "environment",
            "exit",
            "stderr",
            "stdin",
            "stdout",
            "terminal-input",
            "terminal-output",
            "terminal-stderr",
            "terminal-stdin",
            "terminal-stdout",
        ],
    ),
    ("wasi:clocks", "0.2.", &["monotonic-clock", "wall-clock"]),
    ("wasi:filesystem", "0.2.", &["preopens", "types"]),
    ("wasi:io", "0.2.", &["error", "poll", "streams"]),
    (
        "wasi:random",
        "0.2.",
        &["insecure", "insecure-seed", "random"],
    ),
];

/// What is linked because programs import it without using it; using it is denied.
const DENIED: [(&str, &str, &[&str]); 2] = [
    (
        "wasi:sockets",
        "0.2.",
        &[
            "instance-network",
            "ip-name-lookup",
            "network",
            "tcp",
            "tcp-create-socket",
            "udp",
            "udp-create-socket",
        ],
    ),
    ("wasi:http", "0.2.", &["outgoing-handler", "types"]),
];

/// How the host stands to an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Standing {
    /// It is there.
    Offered,
    /// It is there and refuses everything.
    Denied,
    /// There is no such thing.
    Unknown,
}

impl Standing {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Denied => "offered, and every use denied",
            Self::Unknown => "not offered",
        }
    }
}

/// One import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Import {
    pub(super) name: String,
    pub(super) standing: Standing,
}

impl Import {
    /// The package with its version, as in `wasi:io 0.2.6`.
    pub(super) fn package(&self) -> String {
        match parts(&self.name) {
            Some((package, _, version)) => format!("{package} {version}"),
            None => self.name.clone(),
        }
    }

    /// The interface alone.
    pub(super) fn interface(&self) -> &str {
        parts(&self.name).map_or("", |(_, interface, _)| interface)
    }
}

impl From<String> for Import {
    fn from(name: String) -> Self {
        let standing = standing(&name);
        Self { name, standing }
    }
}

fn standing(name: &str) -> Standing {
    let Some((package, interface, version)) = parts(name) else {
        return Standing::Unknown;
    };
    let fits = |(name, versions, interfaces): &(&str, &str, &[&str])| {
        *name == package && version.starts_with(versions) && interfaces.contains(&interface)
    };
    if OFFERED.iter().any(fits) {
        Standing::Offered
    } else if DENIED.iter().any(fits) {
        Standing::Denied
    } else {
        Standing::Unknown
    }
}

/// `wasi:io/streams@0.2.6` in its three parts.
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (path, version) = name.split_once('@')?;
    let (package, interface) = path.split_once('/')?;
    Some((package, interface, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_told_apart() {
        let check = |name: &str, expected: Standing| assert_eq!(standing(name), expected, "{name}");
        check("wasi:io/streams@0.2.3", Standing::Offered);
        check("wasi:io/streams@0.3.0", Standing::Unknown);
        check("wasi:sockets/tcp@0.2.0", Standing::Denied);
        check("session-fs:host/session-fs@0.1.0", Standing::Offered);
        check("wasi:http/types@0.2.0", Standing::Denied);
        check("wasi:http/incoming-handler@0.2.0", Standing::Unknown);
        check("session-fs:host/dispatch@0.1.0", Standing::Unknown);
        check("run", Standing::Unknown);
        let import = Import::from("wasi:io/streams@0.2.3".to_owned());
        assert_eq!(
            (import.package().as_str(), import.interface()),
            ("wasi:io 0.2.3", "streams")
        );
    }
}
