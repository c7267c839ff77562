//! A disk without room: a clear error, nothing in part, and with room the same session goes on.

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
    let Some(mut unshare) = own_mounts() else {
        // What follows is the same for the limit on files, which needs no rights.
        return skipped("a small disk cannot be mounted here");
    };
    unshare.args(["sh", "-c", SCRIPT]);
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
    command.env("LIMIT", limit);
    let done = run(command);
    done.assert_code(6).assert_stdout("old\na.txt\n");
    done.assert_says(says);
}

/// Each step with little room, and once more with enough: a line tells how much there was, what the
/// step came to, and what the base then held.
const STEPS: &str = r#"
say() { echo "$room $1 $2 $(cat "$BASE/a.txt")"; [ "$2" = 0 ] || sed -n 1p why >&2; }
try() { step=$1; shift; "$BINARY" "$@" > out 2> why < in; say "$step" $?; }
round() {
  room=$1; echo old > "$BASE/a.txt"; echo new > in
  tighten; try begin session begin --base "$BASE"; widen
  id=$(cat out); [ -n "$id" ] || id=$("$BINARY" session begin --base "$BASE")
  tighten; try write fs write "$id" a.txt; widen
  "$BINARY" fs write "$id" a.txt < in; "$BINARY" fs write "$id" big < big
  tighten; try commit session commit "$id"; widen
  [ "$(cat "$BASE/a.txt")" = new ] || try again session commit "$id"
  tighten; try gc history gc --base "$BASE" --keep-changes 0; widen
  try verify audit verify --base "$BASE"; try doctor doctor --base "$BASE"
}
head -c 1500000 /dev/zero > big
"#;

/// A disk that is filled up to the last pages.
const PAGES: &str = r#"
mount -t tmpfs -o size=40m none "$BASE"
widen() { rm -f "$BASE/filler"; }
tighten() { free=$(stat -f -c %a "$BASE"); head -c $(((free - room) * 4096)) /dev/zero > "$BASE/filler"; }
for room in 0 1 2 3 4 5 6 8 12 16 32 100 200 400 800 1100 2600; do round $room; done
rm -rf "$BASE/.session-fs"
for room in 0 1 2 8 400 1020 1030 1040 2559 2565 2570 2580; do
  round $room; rm -rf "$BASE/.session-fs" "$BASE/big"
done
"#;

/// Files that may not grow beyond so many KiB.
const KIBIBYTES: &str = r#"
trap '' XFSZ
widen() { tight=; }; tighten() { tight=1; }
limited() { ([ -z "$tight" ] || ulimit -f "$room"; exec "$BINARY" "$@"); }
try() { step=$1; shift; limited "$@" > out 2> why < in; say "$step" $?; }
for room in 1 2 4 8 64 512 1400 2000 4100 4110 5000 6000 6150 9000; do
  round $room; rm -rf "$BASE/.session-fs" "$BASE/big"
done
"#;

#[test]
fn every_step_on_a_disk_with_a_few_pages_left_is_done_or_not_done() {
    let Some(mut unshare) = own_mounts() else {
        return skipped("a small disk cannot be mounted here");
    };
    unshare.args(["bash", "-c", &format!("{STEPS}{PAGES}")]);
    let outcomes = outcomes(&run(unshare), "no space left on device");
    assert!(outcomes.refused > 10 && outcomes.done > 20, "{outcomes:?}");
}

#[test]
fn every_step_with_files_that_may_not_grow_is_done_or_not_done() {
    let mut shell = Command::new("bash");
    shell.args(["-c", &format!("{STEPS}{KIBIBYTES}")]);
    let outcomes = outcomes(&run(shell), "file too large");
    assert!(outcomes.refused > 5 && outcomes.done > 20, "{outcomes:?}");
}

/// How many steps came to what.
#[derive(Debug, Default)]
struct Outcomes {
    done: usize,
    refused: usize,
}

fn outcomes(done: &Done, says: &str) -> Outcomes {
    let mut outcomes = Outcomes::default();
    for line in done.stdout.lines() {
        let context = format!("{line}\n{}", done.story());
        let parts: Vec<&str> = line.split(' ').collect();
        let [_room, step, code, content] = parts[..] else {
            panic!("{context}")
        };
        match code {
            "0" => outcomes.done += 1,
            "6" => outcomes.refused += 1,
            _ => panic!("{context}"),
        }
        let committed = match (step, code) {
            ("again" | "verify" | "doctor", code) => {
                assert_eq!(code, "0", "{context}");
                true
            }
            ("commit", code) => code == "0",
            ("gc", _) => true,
            _ => false,
        };
        let expected = if committed { "new" } else { "old" };
        assert_eq!(content, expected, "{context}");
    }
    let reasons = done
        .stderr
        .lines()
        .filter(|line| line.starts_with("error:"));
    assert!(
        reasons.clone().all(|line| line.contains(says)),
        "{}",
        done.story()
    );
    assert_eq!(reasons.count(), outcomes.refused, "{}", done.story());
    outcomes
}

/// Runs a script over a base and with a guest.
fn run(mut command: Command) -> Done {
    let directory = tempfile::tempdir().expect("a directory");
    let base = directory.path().join("base");
    fs::create_dir(&base).expect("made");
    command.env("BASE", &base).current_dir(directory.path());
    command.env("BINARY", BINARY).env("GUEST", guests::STEPS);
    command.env("XDG_STATE_HOME", directory.path().join("state"));
    command.env("SESSION_FS_CACHE_DIR", cache());
    let mut done = Done::from(command.output().expect("it starts"));
    done.stderr = done.stderr.replace(&base.display().to_string(), "BASE");
    done.assert_says(&["BASE"]);
    done
}

/// A command that runs another where it may mount; `None` where nobody may.
pub(super) fn own_mounts() -> Option<Command> {
    // As root in a user namespace of its own anybody may mount, unless the machine forbids it.
    let ways = [&["--map-root-user", "--mount"][..], &["--mount"]];
    let way = ways.into_iter().find(|way| can_mount(way))?;
    let mut unshare = Command::new("unshare");
    unshare.args(way);
    Some(unshare)
}

fn can_mount(way: &[&str]) -> bool {
    let mut unshare = Command::new("unshare");
    unshare
        .args(way)
        .args(["mount", "-t", "tmpfs", "none", "/tmp"]);
    unshare.output().is_ok_and(|output| output.status.success())
}

/// Says that a test did not take place.
#[expect(clippy::print_stderr, reason = "whoever runs the tests has to see it")]
pub(super) fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}
