//! A commit that finds no room: a clear error, and the base is what it was.

use std::fs;
use std::process::Command;

use super::{BINARY, Done, cache};
use crate::support::guests;

/// A disk of 1 MiB, mounted where nobody else sees it.
const SMALL_DISK: &str = r#"mount -t tmpfs -o size=1m none "$BASE""#;

/// Files of 1 MiB at most, where nothing can be mounted.
const SMALL_FILES: &str = "trap '' XFSZ; ulimit -f 1024";

/// Runs an agent that writes 4 MiB, and lists what is left.
const SCRIPT: &str = r#"
set -e
eval "$LIMIT"
echo old > "$BASE/a.txt"
before=$(stat -c %y "$BASE/a.txt")
set +e
"$BINARY" run --base "$BASE" "$GUEST" -- "write a.txt new" "fill big 4" >&2
code=$?
cat "$BASE/a.txt"
ls -A "$BASE"
[ "$before" = "$(stat -c %y "$BASE/a.txt")" ] || echo touched
exit $code
"#;

#[test]
fn nothing_is_left_when_the_disk_is_full() {
    // As root in a user namespace of its own anybody may mount, unless the machine forbids it.
    let ways = [&["--map-root-user", "--mount"][..], &["--mount"]];
    let Some(way) = ways.into_iter().find(|way| can_mount(way)) else {
        return; // what follows is the same for the limit on files, which needs no rights
    };
    let mut unshare = Command::new("unshare");
    unshare.args(way).args(["sh", "-c", SCRIPT]);
    check(
        unshare,
        SMALL_DISK,
        &["no space left on device", "make room"],
    );
}

#[test]
fn nothing_is_left_when_a_file_may_not_grow() {
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT]);
    check(shell, SMALL_FILES, &["file too large"]);
}

fn check(mut command: Command, limit: &str, says: &[&str]) {
    let directory = tempfile::tempdir().expect("a directory");
    let base = directory.path().join("base");
    fs::create_dir(&base).expect("made");
    command.env("BASE", &base).env("LIMIT", limit);
    command.env("BINARY", BINARY).env("GUEST", guests::STEPS);
    command.env("SESSION_FS_CACHE_DIR", cache());
    let done = Done::from(command.output().expect("it starts"));
    done.assert_code(6).assert_stdout("old\na.txt\n");
    done.assert_says(says)
        .assert_says(&[&base.display().to_string()]);
}

fn can_mount(way: &[&str]) -> bool {
    let mut unshare = Command::new("unshare");
    unshare
        .args(way)
        .args(["mount", "-t", "tmpfs", "none", "/tmp"]);
    unshare.output().is_ok_and(|output| output.status.success())
}
