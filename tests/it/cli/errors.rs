//! What cannot be run: each error names the thing, has its code, and leaves nothing behind.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use tempfile::TempDir;

use super::{BINARY, Call, Done, Place};
use crate::support::guests;

/// A component that is neither an agent nor a command.
pub(super) const OTHER_WORLD: &str =
    r#"(component (instance $face) (export "other:world/face" (instance $face)))"#;

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn an_agent_that_is_none_is_named_with_what_it_is() {
    let directory = directory();
    let check = |name: &str, bytes: &[u8], code: i32, says: &[&str]| {
        let path = directory.path().join(name);
        fs::write(&path, bytes).expect("written");
        let place = Place::new();
        let path = path.to_str().expect("a name that we chose");
        let done = place.run(&[], path, &[]).done();
        done.assert_code(code)
            .assert_stdout("")
            .assert_says(&[name])
            .assert_says(says);
        place.scene.assert_untouched();
    };
    check("empty.wasm", b"", 1, &["the file is empty"]);
    check(
        "text.wasm",
        b"#!/bin/sh\n",
        1,
        &["not WebAssembly", "wasm32-wasip2"],
    );
    let module = wat::parse_str("(module)").expect("a module");
    check(
        "module.wasm",
        &module,
        1,
        &["a core WebAssembly module that is no command of WASI preview 1"],
    );
    check(
        "cut.wasm",
        b"\0asm\x0d\0\x01\0\xff\xff",
        1,
        &["not a valid component"],
    );
    let other = wat::parse_str(OTHER_WORLD);
    let other = other.expect("a component");
    check(
        "other.wasm",
        &other,
        1,
        &[
            "wasi:cli/run",
            "session-fs:host/agent",
            "it exports other:world/face",
        ],
    );
}

#[test]
fn an_agent_that_cannot_be_read_is_named() {
    let directory = directory();
    let check = |path: &str, code: i32, says: &[&str]| {
        let place = Place::new();
        let done = place.run(&[], path, &[]).done();
        done.assert_code(code)
            .assert_says(&[path])
            .assert_says(says);
        place.scene.assert_untouched();
    };
    let root = directory.path().to_str().expect("a name that we chose");
    check(root, 1, &["a directory, not a component"]);
    check(&format!("{root}/none.wasm"), 4, &["no such file"]);
    let large = directory.path().join("large.wasm");
    let file = fs::File::create(&large).expect("created");
    file.set_len(1 << 30).expect("grown");
    check(&format!("{root}/large.wasm"), 6, &["1073741824 bytes"]);
}

#[test]
fn a_base_that_is_none_is_named_with_what_it_is() {
    let directory = directory();
    let check = |name: OsString, code: i32, says: &[&str]| {
        let path = directory.path().join(&name);
        let call = Call::new(&["run", "--base"])
            .arg(&path)
            .args(&[guests::STEPS]);
        let done = call.done();
        done.assert_code(code)
            .assert_stdout("")
            .assert_says(&[&path.display().to_string()]);
        done.assert_says(says);
    };
    fs::write(directory.path().join("file"), "x").expect("written");
    check("none".into(), 4, &["there is no base"]);
    check("file".into(), 1, &["is not a directory"]);
    check("file/below".into(), 1, &["is not a directory"]);
    check(
        OsString::from_vec(b"not-\xff-utf8".to_vec()),
        4,
        &["there is no base"],
    );
    assert_eq!(fs::read_dir(directory.path()).expect("there").count(), 1);
}

#[test]
fn a_base_may_have_any_name_and_be_reached_over_a_link() {
    let directory = directory();
    let real = directory
        .path()
        .join(OsString::from_vec(b"not-\xff-utf8".to_vec()));
    fs::create_dir(&real).expect("made");
    let link = directory.path().join("link");
    symlink(&real, &link).expect("linked");
    for (base, name) in [(&real, "a"), (&link, "b")] {
        let call = Call::new(&["run", "--base"]).arg(base);
        let done = call
            .args(&[guests::STEPS, "--", &format!("write {name} x")])
            .done();
        done.assert_code(0).assert_says(&["committed"]);
        assert_eq!(fs::read_to_string(real.join(name)).expect("there"), "x\n");
    }
}

/// Root may read everything, so the binary is run by somebody who may not.
#[test]
fn a_base_that_is_not_readable_is_denied() {
    let directory = directory();
    let binary = directory.path().join("session-fs");
    let guest = directory.path().join("guest.wasm");
    let base = directory.path().join("base");
    // By another process: a file that this one has open for writing cannot be started.
    let copied = Command::new("cp").arg(BINARY).arg(&binary).status();
    assert!(copied.expect("cp is there").success());
    fs::copy(guests::STEPS, &guest).expect("copied");
    fs::create_dir(&base).expect("made");
    fs::set_permissions(&base, fs::Permissions::from_mode(0o000)).expect("closed");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("opened");
    let mut command = Command::new(&binary);
    command
        .env_clear()
        .args(["run", "--no-cache", "--base"])
        .arg(&base)
        .arg(&guest);
    if is_root() {
        command.uid(65_534).gid(65_534);
    }
    let done = Done::from(command.output().expect("the binary starts"));
    let base = base.display().to_string();
    done.assert_code(5).assert_says(&[&base, "not readable"]);
}

#[test]
fn texts_for_the_guest_are_utf8_and_others_are_named() {
    let bad = OsString::from_vec(b"b\xffd".to_vec());
    let call = Call::new(&["run", guests::STEPS, "--"]).arg(&bad);
    call.done()
        .assert_code(2)
        .assert_says(&["'b\u{fffd}d' is not UTF-8"]);
    let pair = OsString::from_vec(b"A=\xff".to_vec());
    let call = Call::new(&["run", "--env"]).arg(&pair).arg(guests::STEPS);
    call.done()
        .assert_code(2)
        .assert_says(&["--env", "'A=\u{fffd}' is not UTF-8"]);
}

#[test]
fn a_command_line_that_is_not_understood_is_usage() {
    for args in [
        &["run"][..],
        &["run", "--frobnicate", "x.wasm"],
        &["run", "--timeout", "forever", "x.wasm"],
        &["run", "--dry-run", "--hold", "x.wasm"],
        &["run", "--base", "git://x", "x.wasm"],
        &["walk"],
        &[],
    ] {
        let done = Call::new(args).done();
        done.assert_code(2)
            .assert_stdout("")
            .assert_says(&["--help"]);
    }
}

#[test]
fn a_cache_that_others_can_write_to_is_refused() {
    let directory = directory();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("opened");
    let place = Place::new();
    let call = || {
        place
            .run(&[], guests::STEPS, &[])
            .env("SESSION_FS_CACHE_DIR", directory.path())
    };
    call()
        .done()
        .assert_code(1)
        .assert_says(&["cache", "0700", "--no-cache"]);
    let call = place.run(&["--no-cache"], guests::STEPS, &["print hi"]);
    call.env("SESSION_FS_CACHE_DIR", directory.path())
        .done()
        .assert_code(0)
        .assert_stdout("hi\n");
    assert_eq!(fs::read_dir(directory.path()).expect("there").count(), 0);
}

#[test]
fn the_users_cache_is_made_for_the_user_alone() {
    let home = directory();
    let place = Place::new();
    let call = place
        .run(&[], guests::STEPS, &["print hi"])
        .env("HOME", home.path());
    call.env("SESSION_FS_CACHE_DIR", "").done().assert_code(2);
    let mut command = Command::new(BINARY);
    command
        .env_clear()
        .env("HOME", home.path())
        .args(["inspect", guests::STEPS]);
    Done::from(command.output().expect("the binary starts")).assert_code(0);
    let cache = home.path().join(".cache/session-fs");
    let mode = fs::metadata(&cache).expect("made").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(fs::read_dir(cache).expect("there").count(), 1);
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|stat| stat.uid() == 0)
}

#[test]
fn a_grant_to_commit_contradicts_a_decision_that_is_still_to_come() {
    for option in ["--dry-run", "--hold"] {
        let place = Place::new();
        let done = place
            .run(&[option, "--grant", "commit"], guests::STEPS, &[])
            .done();
        done.assert_code(2).assert_says(&["--grant commit", option]);
        place.scene.assert_untouched();
    }
}
