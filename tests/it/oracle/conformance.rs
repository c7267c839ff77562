//! `docs/conformance.md` names every method of `wasi:filesystem` and its streams, and the scripts of
//! the oracle use every one of them with every flag.

use std::collections::BTreeSet;

use proptest::strategy::{Strategy as _, ValueTree as _};
use wit_parser::{FunctionKind, Resolve, TypeDefKind};

use super::{exceptions, scripts, seeded};
use crate::tidy::root;

/// Scripts that are generated, and not played, to see what occurs in them.
const SCRIPTS: u64 = 400;

/// What the oracle asks for in other words: the preopened directory of every script, the code of
/// every error of a stream, and pollables by `subscribe`.
const IMPLIED: [&str; 6] = [
    "get-directories",
    "filesystem-error-code",
    "error.to-debug-string",
    "pollable.ready",
    "pollable.block",
    "poll",
];

/// The functions of an interface: `resource.method`, or the name of one without a resource.
fn functions(resolve: &Resolve, package: &str, interface: &str) -> Vec<String> {
    let (_, found) = resolve
        .interfaces
        .iter()
        .find(|(_, candidate)| {
            let is_named = candidate.name.as_deref() == Some(interface);
            is_named
                && candidate
                    .package
                    .is_some_and(|id| resolve.packages[id].name.name == package)
        })
        .expect("the interface is in wit/deps");
    let names = found.functions.values().map(|function| {
        let FunctionKind::Method(resource) = function.kind else {
            return function.name.clone();
        };
        let resource = resolve.types[resource].name.clone();
        let method = function.name.rsplit('.').next().expect("a name");
        format!("{}.{method}", resource.expect("a resource has a name"))
    });
    names.collect()
}

/// Everything that a guest can ask a file system for.
fn every_function(resolve: &Resolve) -> Vec<String> {
    let interfaces = [
        ("filesystem", "types"),
        ("filesystem", "preopens"),
        ("io", "streams"),
        ("io", "poll"),
        ("io", "error"),
    ];
    let functions: Vec<String> = interfaces
        .iter()
        .flat_map(|(package, interface)| functions(resolve, package, interface))
        .collect();
    assert!(functions.len() > 40, "{functions:?}");
    functions
}

/// Every flag of every set of flags, and every advice.
fn every_flag(resolve: &Resolve) -> Vec<String> {
    let mut flags = Vec::new();
    for (_, definition) in resolve.types.iter() {
        match (&definition.kind, definition.name.as_deref()) {
            (TypeDefKind::Flags(set), Some(name)) if name.ends_with("-flags") => {
                flags.extend(set.flags.iter().map(|flag| flag.name.clone()));
            }
            (TypeDefKind::Enum(set), Some("advice")) => {
                flags.extend(set.cases.iter().map(|case| case.name.clone()));
            }
            _ => {}
        }
    }
    assert!(flags.len() > 15, "{flags:?}");
    flags
}

fn wit() -> Resolve {
    let mut resolve = Resolve::default();
    resolve.push_dir(root().join("wit")).expect("wit/ parses");
    resolve
}

#[test]
fn every_method_is_in_the_document() {
    let document = std::fs::read_to_string(root().join("docs/conformance.md")).expect("a page");
    let functions = every_function(&wit());
    let missing: Vec<&String> = functions
        .iter()
        .filter(|function| !document.contains(&format!("`{function}`")))
        .collect();
    assert!(
        missing.is_empty(),
        "not in docs/conformance.md: {missing:?}"
    );
}

#[test]
fn every_exception_is_in_the_document() {
    let document = std::fs::read_to_string(root().join("docs/conformance.md")).expect("a page");
    let missing: Vec<&str> = exceptions::reasons()
        .filter(|reason| !document.contains(reason))
        .collect();
    assert!(
        missing.is_empty(),
        "not in docs/conformance.md: {missing:?}"
    );
}

#[test]
fn every_method_and_flag_is_in_the_scripts() {
    let mut words = BTreeSet::new();
    for seed in 0..SCRIPTS {
        let script = scripts::script().new_tree(&mut seeded(seed));
        for step in script.expect("a script").current() {
            words.extend(step.split([' ', ',']).map(str::to_owned));
        }
    }
    let resolve = wit();
    let asked = |name: &String| {
        let method = name.strip_prefix("descriptor.").unwrap_or(name);
        words.contains(method) || IMPLIED.contains(&name.as_str())
    };
    let names = [every_function(&resolve), every_flag(&resolve)].concat();
    let missing: Vec<&String> = names.iter().filter(|name| !asked(name)).collect();
    assert!(missing.is_empty(), "in no script: {missing:?}");
}
