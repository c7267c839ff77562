//! How runs end: what is committed, what is rolled back, and what is printed where.

use std::process::Command;

use super::{Call, Place};
use crate::support::guests;

#[test]
fn a_run_that_succeeds_is_committed_whole() {
    let place = Place::new();
    let steps = [
        "write new.txt x",
        "write a.txt y",
        "remove b.txt",
        "rename dir/c.txt d.txt",
        "print hi",
    ];
    let done = place.run(&[], guests::STEPS, &steps).done();
    done.assert_code(0).assert_stdout("hi\n");
    done.assert_says(&[
        "A new.txt",
        "M a.txt",
        "D b.txt",
        "R dir/c.txt → d.txt",
        "4 paths",
    ]);
    let id = done
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("committed "));
    let id = id.unwrap_or_else(|| panic!("{}", done.story()));
    assert!(
        id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{id}"
    );
    assert_eq!(place.read("new.txt").as_deref(), Some("x\n"));
    assert_eq!(place.read("a.txt").as_deref(), Some("y\n"));
    assert_eq!(place.read("b.txt"), None);
    assert_eq!(place.read("d.txt").as_deref(), Some("c\n"));
}

#[test]
fn a_run_that_changes_nothing_commits_nothing() {
    let place = Place::new();
    let done = place.run(&[], guests::STEPS, &["print hi"]).done();
    done.assert_code(0).assert_says(&["nothing to commit"]);
    place.scene.assert_untouched();
}

/// Also that a first run which is rolled back leaves no folder of ours.
#[test]
fn every_other_end_has_its_code_and_leaves_nothing() {
    let check = |options: &[&str], guest: &str, steps: &[&str], code: i32, says: &[&str]| {
        let place = Place::new();
        let done = place.run(options, guest, steps).done();
        done.assert_code(code)
            .assert_says(says)
            .assert_says(&["rolled back"]);
        place.scene.assert_untouched();
    };
    check(
        &[],
        guests::EXIT_CODE,
        &["exit 1"],
        1,
        &["exited with code 1"],
    );
    check(
        &[],
        guests::EXIT_CODE,
        &["error no"],
        1,
        &["exited with code 1", "no"],
    );
    check(
        &[],
        guests::PANIC,
        &[],
        1,
        &["the agent trapped", "unreachable"],
    );
    let timeout = ["--timeout", "300ms"];
    check(
        &timeout,
        guests::ENDLESS_LOOP,
        &[],
        6,
        &["300 ms", "--timeout"],
    );
    let memory = ["--memory", "16M"];
    check(
        &memory,
        guests::OUT_OF_MEMORY,
        &[],
        6,
        &["16.0 MiB", "--memory"],
    );
    let memory = ["--session-memory", "1M"];
    check(
        &memory,
        guests::STEPS,
        &["fill big 8"],
        1,
        &["session-memory", "--session-memory"],
    );
    check(
        &[],
        guests::RENAME_SYMBOL,
        &[],
        1,
        &["the agent failed", "from"],
    );
    check(
        &["--read-only"],
        guests::STEPS,
        &["write a.txt x"],
        1,
        &["read-only"],
    );
}

#[test]
fn a_guests_own_exit_code_is_passed_through() {
    // A program in Rust can only say 0 and 1 on this target; other languages say more.
    let component = wat::parse_str(
        r#"(component
            (import "wasi:cli/exit@0.2.6" (instance $exit
                (export "exit-with-code" (func (param "status-code" u8)))))
            (core func $exit (canon lower (func $exit "exit-with-code")))
            (core module $m
                (import "host" "exit" (func $exit (param i32)))
                (func (export "run") (result i32)
                    (call $exit (i32.const 42))
                    (i32.const 0)))
            (core instance $i (instantiate $m
                (with "host" (instance (export "exit" (func $exit))))))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $r (export "run" (func $run)))
            (export "wasi:cli/run@0.2.6" (instance $r)))"#,
    );
    let directory = tempfile::tempdir().expect("a directory");
    let guest = directory.path().join("exit-42.wasm");
    std::fs::write(&guest, component.expect("a component")).expect("written");
    let place = Place::new();
    let guest = guest.to_str().expect("a name that we chose");
    let done = place.run(&["--format", "json"], guest, &[]).done();
    let report = done.assert_code(42).json();
    assert_eq!(report["exit_code"], 42);
    assert_eq!(report["run"]["ended"], "exited");
    place.scene.assert_untouched();
}

#[test]
fn a_dry_run_prints_a_patch_that_does_the_same_and_leaves_nothing() {
    let place = Place::new();
    let steps = [
        "write a.txt \x1b[1mchanged",
        "write dir/new.txt x",
        "remove b.txt",
        "print chatter",
    ];
    let done = place.run(&["--dry-run"], guests::STEPS, &steps).done();
    done.assert_code(0)
        .assert_says(&["dry run", "chatter", "M a.txt"]);
    assert!(!done.stdout.contains("chatter"), "{}", done.story());
    place.scene.assert_untouched();

    let patch = place.path().with_extension("patch");
    std::fs::write(&patch, &done.stdout).expect("written");
    let mut git = Command::new("git");
    // Without a repository around it git applies the patch to the directory it is in.
    git.env("GIT_CEILING_DIRECTORIES", "/")
        .current_dir(place.path());
    let applied = git.arg("apply").arg(&patch).output().expect("git is there");
    assert!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    assert_eq!(place.read("a.txt").as_deref(), Some("\x1b[1mchanged\n"));
    assert_eq!(place.read("dir/new.txt").as_deref(), Some("x\n"));
    assert_eq!(place.read("b.txt"), None);
}

#[test]
fn a_guest_gets_what_it_was_given_and_nothing_else() {
    let place = Place::new();
    let steps = ["environment", "input"];
    let call = place.run(&["--env", "A=1=2", "--stdin"], guests::STEPS, &steps);
    let done = call.env("SECRET", "of the host").with_input("typed\n");
    done.assert_code(0).assert_stdout("A=1=2\ntyped\n");

    let done = place
        .run(&[], guests::STEPS, &["input", "warn aside"])
        .with_input("typed\n");
    done.assert_code(0)
        .assert_stdout("")
        .assert_says(&["aside\n"]);
}

#[test]
fn what_an_agent_returns_is_printed() {
    let place = Place::new();
    let call = place.run(
        &[
            "--param",
            "how=ok",
            "--param",
            "granted=vfs://own",
            "--grant",
            "begin=vfs://own",
        ],
        guests::AGENT_ENDS,
        &[],
    );
    let done = call.done();
    done.assert_code(0)
        .assert_stdout("well\n  count 3\n\n# Long\n");
    done.assert_says(&["committed", "A written"]);

    let options = ["--param", "how=ok", "--param", "granted=vfs://own"];
    let done = place.run(&options, guests::AGENT_ENDS, &[]).done();
    done.assert_code(1)
        .assert_says(&["not granted", "begin=vfs://own"]);
}

#[test]
fn a_read_only_session_denies_and_says_so() {
    let place = Place::new();
    let done = place
        .run(&["--read-only"], guests::STEPS, &["try a.txt"])
        .done();
    done.assert_code(0)
        .assert_stdout("false\n")
        .assert_says(&["denied", "a.txt", "read-only"]);
    place.scene.assert_untouched();
}

#[test]
fn the_base_comes_from_the_flag_then_the_environment_then_where_we_are() {
    let (flag, environment, here) = (Place::new(), Place::new(), Place::new());
    let call = |place: &Place| {
        place
            .run(&[], guests::STEPS, &["write n x"])
            .cwd(&here.path())
    };
    call(&flag)
        .env("SESSION_FS_BASE", environment.path())
        .done()
        .assert_code(0);
    let without = || Call::new(&["run", guests::STEPS, "--", "write n x"]).cwd(&here.path());
    without()
        .env("SESSION_FS_BASE", environment.path())
        .done()
        .assert_code(0);
    assert_eq!(here.read("n"), None);
    without().done().assert_code(0);
    for place in [flag, environment, here] {
        assert_eq!(place.read("n").as_deref(), Some("x\n"));
    }
}

#[test]
fn limits_come_from_the_environment_too() {
    let place = Place::new();
    let call = place
        .run(&[], guests::ENDLESS_LOOP, &[])
        .env("SESSION_FS_TIMEOUT", "200ms");
    call.done().assert_code(6).assert_says(&["200 ms"]);
    let call = place
        .run(&[], guests::OUT_OF_MEMORY, &[])
        .env("SESSION_FS_MEMORY", "8M");
    call.done().assert_code(6).assert_says(&["8.0 MiB"]);
    let call = place
        .run(&[], guests::STEPS, &[])
        .env("SESSION_FS_TIMEOUT", "soon");
    call.done().assert_code(2).assert_says(&["soon"]);
}

#[test]
fn a_tree_in_memory_is_as_good_as_a_directory() {
    let call = Call::new(&[
        "run",
        "--base",
        "vfs://scratch",
        guests::STEPS,
        "--",
        "write n x",
    ]);
    call.done()
        .assert_code(0)
        .assert_says(&["committed", "A n", "vfs://scratch"]);
}

/// A guest has the handles that it was given, whatever numbers it tries.
#[test]
fn a_handle_that_was_made_up_ends_the_run() {
    for number in ["0", "1", "7", "2147483647", "-1"] {
        let text = r#"(component
            (import "wasi:filesystem/types@0.2.6" (instance $types
                (export "descriptor" (type $d (sub resource)))
                (export "[method]descriptor.is-same-object" (func
                    (param "self" (borrow $d)) (param "other" (borrow $d)) (result bool)))))
            (core func $same (canon lower (func $types "[method]descriptor.is-same-object")))
            (core module $m
                (import "host" "same" (func $same (param i32 i32) (result i32)))
                (func (export "run") (result i32)
                    (drop (call $same (i32.const NUMBER) (i32.const NUMBER)))
                    (i32.const 0)))
            (core instance $i (instantiate $m
                (with "host" (instance (export "same" (func $same))))))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $r (export "run" (func $run)))
            (export "wasi:cli/run@0.2.6" (instance $r)))"#;
        let component = wat::parse_str(text.replace("NUMBER", number)).expect("a component");
        let directory = tempfile::tempdir().expect("a directory");
        let guest = directory.path().join("forging.wasm");
        std::fs::write(&guest, component).expect("written");
        let place = Place::new();
        let guest = guest.to_str().expect("a name that we chose");
        let done = place.run(&["--format", "json"], guest, &[]).done();
        let report = done.assert_code(1).json();
        assert_eq!(report["run"]["ended"], "trapped", "{number}: {report}");
        assert!(
            report["error"]["message"].to_string().contains("handle"),
            "{report}"
        );
        place.scene.assert_untouched();
    }
}
