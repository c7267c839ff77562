//! Nothing in the repository names the machine it was written on or the server something came from.
//!
//! A clone has to work at any place, behind any mirror; the addresses come from cargo's, rustup's
//! and apt's own configuration.

use super::{Source, assert_none, sources};

/// In two parts each, so that this file passes its own check.
const NEEDLES: [(&str, &str); 10] = [
    ("/work/", "main"),
    ("/work/", "shared"),
    ("/root/", ".cargo"),
    ("/root/", ".rustup"),
    ("index.", "crates.io"),
    ("static.", "crates.io"),
    ("static.", "rust-lang.org"),
    ("deb.", "debian.org"),
    ("archive.", "ubuntu.com"),
    ("registry.", "npmjs.org"),
];

#[test]
fn no_file_names_a_machine_path_or_a_registry_host() {
    assert_none(
        "take the place from the environment or from configuration",
        &found(&sources()),
    );
}

fn found(sources: &[Source]) -> Vec<String> {
    let needles = NEEDLES.map(|(head, tail)| format!("{head}{tail}"));
    let mut offenders = Vec::new();
    for source in sources {
        for (index, line) in source.text.lines().enumerate() {
            let hits = needles
                .iter()
                .filter(|needle| line.contains(needle.as_str()));
            offenders.extend(hits.map(|hit| format!("{}:{}: {hit}", source.path, index + 1)));
        }
    }
    offenders
}

#[test]
fn each_needle_is_found_with_its_line() {
    for (head, tail) in NEEDLES {
        let text = format!("fine\nsee https://{head}{tail}/x\n");
        assert_eq!(
            found(&[Source::new("a.md", &text)]),
            [format!("a.md:2: {head}{tail}")]
        );
    }
    let lock = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
    assert_eq!(
        found(&[Source::new("Cargo.lock", lock)]),
        Vec::<String>::new()
    );
}
