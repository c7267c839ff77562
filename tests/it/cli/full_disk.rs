//! A commit that finds no room: a clear error, and the base is what it was.

use std::fs;
use std::process::Command;

use super::{BINARY, Done, cache};
use crate::support::guests;

/// Mounts a disk of 1 MiB where nobody else sees it, runs an agent that writes 4 MiB there, and
/// lists what is left.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs -o size=1m none "$BASE"
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
fn nothing_is_left_and_the_error_says_why() {
    let directory = tempfile::tempdir().expect("a directory");
    let base = directory.path().join("base");
    fs::create_dir(&base).expect("made");
    let mut unshare = Command::new("unshare");
    // As root in a user namespace of its own anybody may mount.
    unshare.args(["--map-root-user", "--mount", "sh", "-c", SCRIPT]);
    unshare
        .env("BASE", &base)
        .env("BINARY", BINARY)
        .env("GUEST", guests::STEPS);
    unshare.env("SESSION_FS_CACHE_DIR", cache());
    let done = Done::from(unshare.output().expect("unshare is there"));
    done.assert_code(6).assert_stdout("old\na.txt\n");
    done.assert_says(&[
        "no space left on device",
        &base.display().to_string(),
        "make room",
    ]);
}
