//! `session-fs inspect`: what it shows of real components, and what it says of others.
#![expect(clippy::disallowed_methods, reason = "a test writes the agent's file")]

use std::fs;

use super::Call;
use super::errors::OTHER_WORLD;
use crate::support::guests;

/// The list of what is offered is for showing only; here it meets what programs really import.
#[test]
fn what_runs_here_imports_nothing_unknown() {
    for (guest, kind) in [
        (guests::STEPS, "command"),
        (guests::SOCKETS, "command"),
        (guests::CLOCKS_RANDOM, "command"),
        (guests::RENAME_SYMBOL, "agent"),
    ] {
        let done = Call::new(&["inspect", "--format", "json", guest]).done();
        let shown = done.assert_code(0).json();
        assert_eq!(
            (&shown["kind"], &shown["runnable"]),
            (&kind.into(), &true.into())
        );
        for import in shown["imports"].as_array().expect("a list") {
            let name = import["name"].as_str().expect("a name");
            let expected = if name.starts_with("wasi:sockets/") {
                "denied"
            } else {
                "offered"
            };
            assert_eq!(import["standing"], expected, "{name}");
        }
    }
}

#[test]
fn a_person_sees_the_same() {
    let done = Call::new(&["inspect", guests::SOCKETS]).done();
    done.assert_code(0);
    for part in [
        "command, world wasi:cli/command",
        "every use denied",
        "wasi:sockets 0.2.",
        "yes",
    ] {
        assert!(done.stdout.contains(part), "{part:?}: {}", done.story());
    }
}

#[test]
fn a_core_module_is_said_to_be_wrapped_and_runs() {
    let module = wat::parse_str(
        r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1) (func (export "_start") (call $exit (i32.const 0))))"#,
    );
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), module.expect("well-formed")).expect("written");
    let path = file.path().display().to_string();
    let done = Call::new(&["inspect", "--format", "json", &path]).done();
    let shown = done.assert_code(0).json();
    assert_eq!(
        (&shown["kind"], &shown["wrapped"]),
        (&"command".into(), &true.into())
    );
    let done = Call::new(&["inspect", &path]).done();
    assert!(
        done.stdout.contains("core module of WASI preview 1"),
        "{}",
        done.story()
    );
    let base = tempfile::tempdir().expect("a directory");
    let base = base.path().display().to_string();
    Call::new(&["run", "--base", &base, &path])
        .done()
        .assert_code(0);
}

#[test]
fn what_would_not_run_is_shown_with_the_reason() {
    let component = wat::parse_str(
        r#"(component
            (import "wasi:config/store@0.2.0" (instance (export "get" (func))))
            (core module $m (func (export "run") (result i32) (i32.const 0)))
            (core instance $i (instantiate $m))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $r (export "run" (func $run)))
            (export "wasi:cli/run@0.2.6" (instance $r)))"#,
    );
    let directory = tempfile::tempdir().expect("a directory");
    let check = |bytes: &[u8], parts: &[&str]| {
        let path = directory.path().join("component.wasm");
        fs::write(&path, bytes).expect("written");
        let done = Call::new(&["inspect"]).arg(&path).done();
        done.assert_code(1);
        for part in parts {
            assert!(done.stdout.contains(part), "{part:?}: {}", done.story());
        }
    };
    let component = component.expect("a component");
    check(
        &component,
        &["imports, not offered", "wasi:config 0.2.0", "store", "no "],
    );
    let other = wat::parse_str(OTHER_WORLD);
    check(
        &other.expect("a component"),
        &["unknown", "other", "wasi:cli/run"],
    );
    let done = Call::new(&["inspect", "/"]).done();
    done.assert_code(1).assert_says(&["'/'", "a directory"]);
}
