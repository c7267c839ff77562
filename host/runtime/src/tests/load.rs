//! Loading: what is not an agent is told what it is instead.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, UNIX_EPOCH};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, Permissions};

use super::guests::{agent, body, wasm};
use super::runtime;
use crate::{AgentKind, CacheError, LoadError, Runtime, RuntimeError, RuntimeOptions};

fn check(bytes: &[u8], expected: &str) {
    let error = runtime().load(bytes).expect_err("not an agent");
    let text = error.to_string();
    assert!(
        text.contains(expected),
        "'{text}' does not say '{expected}'"
    );
}

#[test]
fn what_is_not_a_component_is_named() {
    check(b"", "not WebAssembly");
    check(b"#!/bin/sh\n", "not WebAssembly");
    check(&wasm("(module)"), "a core WebAssembly module");
    check(b"\0asm\x0d\0\x01\0garbage", "not a valid component");
}

#[test]
fn a_component_of_another_world_is_told_what_is_missing() {
    check(&wasm("(component)"), "exports nothing");
    check(
        &wasm(r#"(component (instance $i) (export "a:b/c" (instance $i)))"#),
        "exports a:b/c",
    );
    let unknown =
        r#"(import "wasi:config/store@0.2.0" (instance (export "f" (func)))) (core module"#;
    check(
        &wasm(&body("i32.const 0").replace("(core module", unknown)),
        "wasi:config/store",
    );
    let mistyped = r#"(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))
        (export "run" (func $f)))"#;
    check(&wasm(mistyped), "does not fit the host");
}

#[test]
fn a_component_over_the_limit_is_not_compiled() {
    let options = RuntimeOptions {
        component_bytes_max: 8,
        ..RuntimeOptions::default()
    };
    let runtime = Runtime::new(options).expect("a runtime");
    let error = runtime
        .load(&wasm(&body("i32.const 0")))
        .expect_err("too large");
    assert!(matches!(error, LoadError::TooLarge { limit: 8, .. }));
}

#[test]
fn a_component_that_needs_more_than_a_run_has_is_refused() {
    let more = r#"(component (core module $two (memory 1) (memory 1))
        (core instance (instantiate $two)) (core module"#;
    let many = body("i32.const 0").replacen("(component\n            (core module", more, 1);
    check(&wasm(&many), "3 Wasm linear memories");
}

#[test]
fn inspection_tells_world_imports_and_needs() {
    let runtime = runtime();
    let command = runtime
        .load(&wasm(&body("i32.const 0")))
        .expect("a command");
    assert_eq!(command.kind(), AgentKind::Command);
    assert_eq!(command.inspection().exports, ["wasi:cli/run@0.2.0"]);
    assert_eq!(command.inspection().memory_bytes_min, Some(64 << 10));
    let agent = runtime.load(&wasm(&agent(""))).expect("an agent");
    assert_eq!(agent.kind(), AgentKind::Agent);
    let other = runtime.inspect(&wasm("(component)")).expect("a component");
    assert_eq!(other.kind, None);
}

fn open(directory: &tempfile::TempDir, mode: u32) -> Dir {
    let opened = Dir::open_ambient_dir(directory.path(), ambient_authority()).expect("opened");
    opened
        .set_permissions(".", Permissions::from_std(PermissionsExt::from_mode(mode)))
        .expect("set");
    opened
}

fn cached(cache: Dir) -> Result<Runtime, RuntimeError> {
    Runtime::new(RuntimeOptions {
        cache: Some(cache),
        ..RuntimeOptions::default()
    })
}

#[test]
fn a_cache_that_others_can_write_to_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let error = cached(open(&directory, 0o770)).expect_err("refused");
    assert!(matches!(
        error,
        RuntimeError::Cache(CacheError::Open { mode: 0o770 })
    ));
}

#[test]
fn a_compiled_component_is_kept_once_and_a_damaged_one_is_replaced() {
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = wasm(&body("i32.const 0"));
    let files = || {
        let opened = open(&directory, 0o700);
        let names = opened
            .entries()
            .expect("listed")
            .map(|entry| entry.expect("read").file_name());
        (names.collect::<Vec<_>>(), opened)
    };
    let first = cached(open(&directory, 0o700)).expect("a runtime");
    first.load(&bytes).expect("compiled");
    let (names, opened) = files();
    assert_eq!(names.len(), 1, "{names:?}");
    let whole = opened.read(&names[0]).expect("read");

    let mut damaged = whole.clone();
    *damaged.last_mut().expect("not empty") ^= 1;
    for content in [b"".as_slice(), &damaged, &whole[..whole.len() / 2]] {
        opened.write(&names[0], content).expect("damaged");
        let second = cached(open(&directory, 0o700)).expect("a runtime");
        second.load(&bytes).expect("compiled again");
        assert_eq!(files().0, names);
        assert_eq!(opened.read(&names[0]).expect("read").len(), whole.len());
    }
    let third = cached(open(&directory, 0o700)).expect("a runtime");
    third.load(&bytes).expect("taken from the cache");
}

/// What tells whether something was taken from the cache: taking it renews its time.
#[test]
fn of_what_is_kept_the_longest_unused_goes_first() {
    let directory = tempfile::tempdir().expect("a directory");
    let component = |number: u32| wasm(&body(&format!("i32.const {number} (drop) i32.const 0")));
    let files = || -> BTreeMap<OsString, u64> {
        let opened = open(&directory, 0o700);
        let entries = opened.entries().expect("listed");
        let entries = entries.map(|entry| entry.expect("read"));
        entries
            .map(|entry| (entry.file_name(), entry.metadata().expect("there").len()))
            .collect()
    };
    let runtime = |cache_bytes_max| {
        let options = RuntimeOptions {
            cache: Some(open(&directory, 0o700)),
            cache_bytes_max,
            ..RuntimeOptions::default()
        };
        Runtime::new(options).expect("a runtime")
    };
    let age = |name: &OsString, seconds: u64| {
        let opened = open(&directory, 0o700);
        let file = opened
            .open_with(name, OpenOptions::new().write(true))
            .expect("there");
        let past = UNIX_EPOCH + Duration::from_secs(seconds);
        file.into_std().set_modified(past).expect("set");
    };
    let mut names = Vec::new();
    for number in 0..3 {
        runtime(u64::MAX)
            .load(&component(number))
            .expect("compiled");
        let new = files().into_keys().find(|name| !names.contains(name));
        names.push(new.expect("kept"));
    }
    names
        .iter()
        .zip([10, 20, 30])
        .for_each(|(name, at)| age(name, at));
    runtime(u64::MAX)
        .load(&component(0))
        .expect("taken from the cache");
    let size = files()[&names[0]];
    runtime(3 * size + size / 2)
        .load(&component(3))
        .expect("compiled");
    let kept = files();
    assert_eq!(kept.len(), 3, "{kept:?}");
    assert!(!kept.contains_key(&names[1]), "not used for longest");
    runtime(1).load(&component(4)).expect("compiled");
    assert_eq!(files().len(), 1, "what was compiled last stays");
}
