//! Core modules of WASI preview 1: what a C compiler makes, written as text.

use std::sync::Arc;

use parking_lot::Mutex;
use vfs::Digest;

use super::guests::wasm;
use super::{request, runtime};
use crate::{AgentKind, LoadError, Outcome, RunOutcome, RunReport, RunRequest};

/// Imports, a memory with some texts and lists of one text each (at 0 and 8), and a start function.
fn command(body: &str) -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "fd_write"
                (func $write (param i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_open"
                (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "path_rename"
                (func $rename (param i32 i32 i32 i32 i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "\40\00\00\00\05\00\00\00")
            (data (i32.const 64) "hello")
            (data (i32.const 96) "made")
            (data (i32.const 128) "named")
            (func $check (param i32)
                (if (local.get 0) (then (call $exit (i32.add (i32.const 100) (local.get 0))))))
            (func (export "_start") {body}))"#
    )
}

async fn run(body: &str, request: RunRequest) -> RunReport {
    let runtime = runtime();
    let agent = runtime.load(&wasm(&command(body))).expect("a command");
    runtime.run(&agent, request).await
}

#[tokio::test]
async fn it_prints_and_fails_by_its_exit_code() {
    let heard = Arc::<Mutex<Vec<u8>>>::default();
    let request = RunRequest {
        stdout: heard.clone(),
        ..request()
    };
    let body = "(call $check (call $write
            (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)))
        (call $exit (i32.const 7))";
    assert_eq!(
        run(body, request).await.outcome,
        RunOutcome::Exited { code: 1 },
        "the adapter tells success or failure"
    );
    assert_eq!(*heard.lock(), b"hello");
    assert_eq!(
        run("", super::request()).await.outcome,
        RunOutcome::Succeeded(Outcome::default())
    );
}

#[tokio::test]
async fn its_files_are_the_sessions() {
    let request = request();
    let session = request.session.clone();
    // Creates /made for writing (descriptor 3 is the root), writes to it and renames it.
    let body = "(call $check (call $open (i32.const 3) (i32.const 0) (i32.const 96) (i32.const 4)
            (i32.const 1) (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 32)))
        (call $check (call $write
            (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 36)))
        (call $check (call $rename
            (i32.const 3) (i32.const 96) (i32.const 4) (i32.const 3) (i32.const 128) (i32.const 5)))";
    let report = run(body, request).await;
    assert!(report.outcome.is_success(), "{report:?}");
    assert_eq!(session.read("named").expect("renamed"), b"hello");
    assert!(session.read("made").is_err());
}

#[tokio::test]
async fn it_gets_no_further_than_its_root() {
    // `../x` from the root, to be created; it fails unless that is not permitted.
    let body = "(i32.store (i32.const 96) (i32.const 0x782f2e2e))
        (if (i32.ne (i32.const 63) (call $open (i32.const 3) (i32.const 0) (i32.const 96)
            (i32.const 4) (i32.const 1) (i64.const 64) (i64.const 64) (i32.const 0) (i32.const 32)))
            (then (call $exit (i32.const 1))))";
    let report = run(body, request()).await;
    assert!(report.outcome.is_success(), "{report:?}");
}

#[test]
fn inspection_says_so_and_names_what_was_given() {
    let bytes = wasm(&command(""));
    let agent = runtime().load(&bytes).expect("a command");
    let inspection = agent.inspection();
    assert!(inspection.is_wrapped);
    assert_eq!(agent.kind(), AgentKind::Command);
    assert_eq!(inspection.digest, Digest::of(&bytes));
    assert!(
        inspection
            .imports
            .iter()
            .any(|name| name.starts_with("wasi:filesystem/types@0.2."))
    );
}

#[test]
fn what_is_no_command_is_told_what_it_is() {
    let check = |text: &str, expected: &str| {
        let error = runtime().load(&wasm(text)).expect_err("no command");
        let LoadError::CoreModule { detail } = &error else {
            panic!("{error}");
        };
        assert!(detail.contains(expected), "'{detail}' lacks '{expected}'");
    };
    check("(module)", "'_start'");
    check(r#"(module (func (export "_start")))"#, "'memory'");
    check(
        r#"(module (memory (export "memory") 1) (func (export "_initialize")))"#,
        "_start",
    );
    check(
        r#"(module (import "env" "shell" (func)) (memory (export "memory") 1)
            (func (export "_start")))"#,
        "env",
    );
    check(
        r#"(module (import "wasi_snapshot_preview1" "fork" (func)) (memory (export "memory") 1)
            (func (export "_start")))"#,
        "fork",
    );
}
