//! What a run may do: what is asked for, granted and kept back, and what is told of that.
#![expect(
    clippy::disallowed_methods,
    reason = "the tests play the operator, who writes files"
)]

use std::path::Path;

use serde_json::Value;

use super::{Call, Place};
use crate::support::guests;

#[test]
fn an_agent_reaches_what_the_operator_granted() {
    let place = Place::new();
    let options = ["--read", "b.txt", "--write", "dir/**"];
    let steps = [
        "try a.txt",
        "try b.txt",
        "try dir/new.txt",
        "write dir/c.txt x",
    ];
    let done = place.run(&options, guests::STEPS, &steps).done();
    done.assert_code(0)
        .assert_stdout("false\nfalse\ntrue\n")
        .assert_says(&[
            "denied: 'a.txt': denied: the path may not be written",
            "--write 'a.txt' would allow it",
            "--write 'b.txt' would allow it",
            "A dir/new.txt",
            "M dir/c.txt",
            "2 paths",
        ]);
    assert_eq!(place.read("dir/new.txt").as_deref(), Some("x"));

    let options = ["--grant", "write=a.txt", "--format", "json"];
    let done = place
        .run(&options, guests::STEPS, &["try a.txt", "try it's"])
        .done();
    done.assert_code(0);
    let report: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!(report["change"]["entries"][0]["path"], "a.txt");
    assert_eq!(report["events"][0]["grant"], "write=it's");
}

#[test]
fn what_runs_by_itself_is_committed_by_a_grant_or_a_person() {
    let steps = ["write Makefile all:", "write a.txt y"];
    let place = Place::new();
    let done = place.run(&[], guests::STEPS, &steps).done();
    done.assert_code(5).assert_says(&[
        "'Makefile'",
        "runs by itself",
        "the grant 'execute=Makefile' would allow it",
        "rolled back",
    ]);
    place.scene.assert_untouched();

    let done = place
        .run(&["--hold"], guests::STEPS, &steps)
        .with_input("commit\n");
    done.assert_code(0).assert_says(&["look at Makefile"]);
    assert_eq!(place.read("Makefile").as_deref(), Some("all:\n"));

    let steps = ["write Makefile clean:"];
    let done = place
        .run(&["--grant", "execute=Makefile"], guests::STEPS, &steps)
        .done();
    done.assert_code(0);
    assert_eq!(place.read("Makefile").as_deref(), Some("clean:\n"));
}

#[test]
fn version_control_is_changed_by_who_was_granted_it_by_name() {
    let place = Place::new();
    let steps = ["try .git", "try .GIT", "try git~1"];
    let done = place.run(&[], guests::STEPS, &steps).done();
    done.assert_code(0)
        .assert_stdout("false\nfalse\nfalse\n")
        .assert_says(&["--write '.git' would allow it", "nothing to commit"]);
    place.scene.assert_untouched();
    let done = place
        .run(&["--write", ".git"], guests::STEPS, &["try .git"])
        .done();
    done.assert_code(0).assert_stdout("true\n");
    assert_eq!(place.read(".git").as_deref(), Some("x"));
}

/// A copy of the guest with a file beside it that says what it asks for.
fn asking(asks: &str) -> (tempfile::TempDir, String) {
    asking_of(guests::STEPS, asks)
}

fn asking_of(program: &str, asks: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let guest = directory.path().join("asking.wasm");
    std::fs::copy(program, &guest).expect("copied");
    std::fs::write(guest.with_extension("toml"), asks).expect("written");
    let guest = guest.to_str().expect("a name that we chose").to_owned();
    (directory, guest)
}

#[test]
fn a_run_has_what_the_agent_asked_for_and_the_operator_granted() {
    let (_directory, guest) = asking("write = ['*.txt']\nenv = ['A']\nhosts = ['example.com']");
    let place = Place::new();
    let options = [
        "--write", "dir/**", "--write", "a.txt", "--env", "A=1", "--env", "B=2",
    ];
    let steps = ["try a.txt", "try b.txt", "try dir/c.txt", "environment"];
    let done = place.run(&options, &guest, &steps).done();
    done.assert_code(0)
        .assert_stdout("true\nfalse\nfalse\nA=1\n");
    assert_eq!(place.read("a.txt").as_deref(), Some("x"));

    let shown = Call::new(&["inspect", "--format", "json", &guest])
        .done()
        .json();
    assert_eq!(shown["asks"]["write"][0], "*.txt");
    assert_eq!(shown["asks"]["hosts"][0], "example.com");
    let shown = Call::new(&["inspect", &guest]).done();
    assert!(shown.stdout.contains("*.txt"), "{}", shown.story());

    let (_directory, guest) = asking("wirte = ['*.txt']");
    let done = place.run(&[], &guest, &["try b.txt"]).done();
    done.assert_code(2)
        .assert_says(&["unknown field `wirte`", "asking.toml"]);
    Call::new(&["inspect", &guest]).done().assert_code(2);
}

/// Writes the policy of a base where it is kept.
pub(super) fn keep_policy(place: &Place, text: &str) {
    let store = place.path().join(".session-fs");
    std::fs::create_dir_all(&store).expect("made");
    std::fs::write(store.join("policy.toml"), text).expect("written");
}

/// A policy that the operator names.
pub(super) fn policy(text: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("policy.toml");
    std::fs::write(&path, text).expect("written");
    let path = path.to_str().expect("a name that we chose").to_owned();
    (directory, path)
}

fn inspected(options: &[&str], guest: &str) -> Value {
    let call = Call::new(&["inspect", "--format", "json"]).args(options);
    call.arg(guest).done().assert_code(0).json()
}

#[test]
fn a_file_grants_as_the_command_line_does() {
    let place = Place::new();
    let (_directory, file) =
        policy("read = ['**']\nwrite = ['dir/**', '.git/**']\nenv = ['A', 'B', 'C']");
    let steps = ["try a.txt", "try dir/c.txt", "environment"];
    let call = place.run(&["--policy", &file], guests::STEPS, &steps);
    let done = call.env("A", "1").env("B", "2").env("D", "4").done();
    done.assert_code(0).assert_stdout("false\ntrue\nA=1\nB=2\n");

    // What is said at both places is what both of them allow.
    let options = [
        "--policy", &file, "--write", "**", "--env", "A=x", "--env", "D=y",
    ];
    let done = place
        .run(&options, guests::STEPS, &steps)
        .env("B", "2")
        .done();
    done.assert_code(0).assert_stdout("false\ntrue\nA=x\n");
}

#[test]
fn the_policy_of_a_base_takes_away_and_never_grants() {
    let place = Place::new();
    keep_policy(
        &place,
        "write = ['**', '.git/**']\nread = []\nexecute = ['**']\ncommit = true\nenv = ['A']",
    );
    let steps = ["try .git", "environment", "write Makefile x"];
    let done = place.run(&[], guests::STEPS, &steps).env("A", "1").done();
    done.assert_code(5).assert_stdout("false\n");

    keep_policy(
        &place,
        "write = ['dir/**']\n\nenv = ['A']\n[limits]\ntimeout = '1s'",
    );
    let steps = [
        "try a.txt",
        "try dir/new",
        "try .session-fs/policy.toml",
        "environment",
    ];
    let options = ["--write", "**", "--env", "A", "--env", "B=2"];
    let done = place
        .run(&options, guests::STEPS, &steps)
        .env("A", "1")
        .done();
    done.assert_code(0)
        .assert_stdout("false\ntrue\nfalse\nA=1\n")
        .assert_says(&["policy.toml:1: write = [..., \"a.txt\"] would allow it"]);

    let base = place.path().display().to_string();
    let shown = inspected(&["--base", &base, "--timeout", "1h"], guests::STEPS);
    assert_eq!(shown["grant"]["limits"]["timeout"], 1_000);
    assert_eq!(shown["grant"]["paths"][0]["write"][0], "dir/**");
    let shown = inspected(&["--timeout", "1h"], guests::STEPS);
    assert_eq!(shown["grant"]["limits"]["timeout"], 3_600_000);
}

/// What somebody else could have written there takes nothing away and hides nothing: it is refused.
#[test]
fn a_policy_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    keep_policy(&place, "write = ['dir/**']");
    let file = place.path().join(".session-fs/policy.toml");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o666)).expect("ours");
    let done = place.run(&[], guests::STEPS, &["try a.txt"]).done();
    done.assert_code(5)
        .assert_says(&["others than its owner may write", "chmod go-w"]);

    std::fs::remove_file(&file).expect("ours");
    std::os::unix::fs::symlink("../a.txt", &file).expect("made");
    let done = place.run(&[], guests::STEPS, &["try a.txt"]).done();
    assert_ne!(done.code, Some(0), "a link is no policy: {}", done.story());
    assert_eq!(place.read("a.txt").as_deref(), Some("one\ntwo\nthree\n"));
}

#[test]
fn what_a_run_was_granted_is_kept_with_it() {
    let place = Place::new();
    let (_directory, guest) = asking("write = ['*.txt']\nenv = ['A']");
    let options = ["--write", "a.txt", "--env", "A=secret", "--timeout", "1m"];
    place
        .run(&options, &guest, &["try a.txt"])
        .done()
        .assert_code(0);
    let base = place.path().display().to_string();
    let shown = |args: &[&str]| {
        let call = Call::new(args).args(&["--base", &base, "--format", "json"]);
        call.done().assert_code(0).json()
    };
    let log = shown(&["audit", "log", "--operation", "grant"]);
    let lines = log.as_array().expect("a listing");
    assert_eq!(lines.len(), 1, "{log}");
    let told = lines[0]["target"].as_str().expect("a text");
    for part in [
        r#"write by "the command line" = ["a.txt"]"#,
        r#"write by "asking.toml" = ["*.txt"]"#,
        r#"env = {"A"}"#,
        "timeout = 60000",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("secret"), "{told}");
    let change = shown(&["history", "show", "1"]);
    assert!(
        change["labels"].to_string().contains("asking.toml"),
        "{change}"
    );
}

#[test]
fn a_denial_names_every_line_that_would_have_allowed_it() {
    let place = Place::new();
    let (_directory, guest) = asking("# what it needs\nwrite = ['a.txt', 'b.txt']");
    let (_other, file) = policy("read = ['**']\n\nwrite = ['a.txt']");
    let options = ["--policy", &file, "--format", "json"];
    let done = place
        .run(&options, &guest, &["try dir/c.txt", "try b.txt"])
        .done();
    let report = done.assert_code(0).json();
    let places = |event: usize| -> Vec<String> {
        let list = report["events"][event]["allowed_by"]
            .as_array()
            .expect("a list");
        let file = |text: &Value| {
            let text = text.as_str().expect("a text");
            let (path, rest) = text.split_once(':').expect("a line");
            let name = Path::new(path)
                .file_name()
                .expect("a file")
                .to_string_lossy();
            format!("{name}:{rest}")
        };
        let mut list: Vec<String> = list.iter().map(file).collect();
        list.sort();
        list
    };
    assert_eq!(
        places(0),
        [
            "asking.toml:2: write = [..., \"dir/c.txt\"]",
            "policy.toml:3: write = [..., \"dir/c.txt\"]"
        ]
    );
    assert_eq!(places(1), ["policy.toml:3: write = [..., \"b.txt\"]"]);

    let done = place.run(&[], guests::STEPS, &["write Makefile x"]).done();
    done.assert_code(5)
        .assert_says(&["hint", "--grant 'execute=Makefile' would allow it"]);
}

#[test]
fn a_limit_is_the_least_of_all_and_the_one_to_raise_is_named() {
    let place = Place::new();
    let asks = "[limits]\ntimeout = '200ms'";
    let (_directory, guest) = asking_of(guests::ENDLESS_LOOP, asks);
    let done = place.run(&["--timeout", "1h"], &guest, &[]).done();
    done.assert_code(6).assert_says(&["asking.toml:2: timeout"]);
    let shown = inspected(&["--memory", "1G"], &guest);
    assert_eq!(shown["asks"]["limits"]["timeout"], 200);
    assert_eq!(shown["grant"]["limits"]["timeout"], 200);
    assert_eq!(shown["grant"]["limits"]["memory"], 1 << 30);
}

#[test]
fn a_variable_is_passed_on_by_its_name() {
    let place = Place::new();
    let call = place.run(
        &["--env", "A", "--env", "B=2"],
        guests::STEPS,
        &["environment"],
    );
    call.env("A", "it's = 1")
        .env("C", "3")
        .done()
        .assert_code(0)
        .assert_stdout("A=it's = 1\nB=2\n");
    let done = place
        .run(&["--env", "MISSING"], guests::STEPS, &["environment"])
        .done();
    done.assert_code(2).assert_says(&["'MISSING' is not set"]);
}

#[test]
fn a_policy_that_is_not_there_or_not_understood_stops_the_run() {
    let place = Place::new();
    let done = place
        .run(
            &["--policy", "/nowhere/p.toml"],
            guests::STEPS,
            &["try a.txt"],
        )
        .done();
    done.assert_code(4);
    let (_directory, file) = policy("write = ['dir/**']\nreed = []");
    let done = place
        .run(&["--policy", &file], guests::STEPS, &["try a.txt"])
        .done();
    done.assert_code(2)
        .assert_says(&["unknown field `reed`", "policy.toml"]);
    keep_policy(&place, "write = 'dir/**'");
    let done = place.run(&[], guests::STEPS, &["try a.txt"]).done();
    done.assert_code(2).assert_says(&["policy.toml"]);
    assert_eq!(place.read("a.txt").as_deref(), Some("one\ntwo\nthree\n"));
}
