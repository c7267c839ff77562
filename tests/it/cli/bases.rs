//! A base that goes away or may not be written to: each command says what is wrong and has its code,
//! nothing is written where it does not belong, and work goes on when the directory is back.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::desk::Desk;
use super::full_disk::{own_mounts, skipped};
use super::hold::Held;
use super::{BINARY, Call, Done, Place, cache};
use crate::support::guests;

/// A way for a directory to go, what is found then, and what undoes it.
struct Way {
    go: fn(&Path),
    says: &'static str,
    come_back: fn(&Path),
}

const WAYS: [Way; 3] = [
    Way {
        go: |base| fs::rename(base, aside(base)).expect("moved"),
        says: "no such file or directory",
        come_back: |base| fs::rename(aside(base), base).expect("moved"),
    },
    Way {
        go: |base| {
            fs::rename(base, aside(base)).expect("moved");
            fs::create_dir(base).expect("made");
        },
        says: "another directory is there now",
        come_back: |base| {
            fs::remove_dir(base).expect("nothing was written to it");
            fs::rename(aside(base), base).expect("moved");
        },
    },
    Way {
        go: |base| {
            fs::rename(base, aside(base)).expect("moved");
            let theirs = theirs(base);
            fs::create_dir(&theirs).expect("made");
            fs::write(theirs.join("a.txt"), "theirs").expect("written");
            symlink(theirs, base).expect("linked");
        },
        says: "another directory is there now",
        come_back: |base| {
            let theirs = theirs(base);
            assert_eq!(fs::read_dir(&theirs).expect("listed").count(), 1);
            let content = fs::read_to_string(theirs.join("a.txt"));
            assert_eq!(content.expect("there"), "theirs");
            fs::remove_dir_all(&theirs).expect("removed");
            fs::remove_file(base).expect("a link");
            fs::rename(aside(base), base).expect("moved");
        },
    },
];

fn aside(base: &Path) -> PathBuf {
    base.with_extension("aside")
}

fn theirs(base: &Path) -> PathBuf {
    base.with_extension("theirs")
}

#[test]
fn a_session_says_that_its_base_is_away_and_goes_on_when_it_is_back() {
    for way in WAYS {
        let desk = Desk::new();
        let (id, base) = (desk.begin(), desk.place.path());
        desk.write(&id, "a.txt", "mine");
        (way.go)(&base);
        let shown = base.display().to_string();
        for command in [
            &["session", "show"][..],
            &["session", "diff"],
            &["session", "log"],
            &["session", "rebase"],
            &["session", "commit"],
            &["session", "rollback"],
            &["session", "fork"],
            &["fs", "ls"],
        ] {
            let done = desk.call(command).args(&[&id]).done();
            done.assert_code(4)
                .assert_stdout("")
                .assert_says(&[&id, &shown, way.says, "--base"]);
        }
        let read = desk.call(&["fs", "read", &id, "a.txt"]).done();
        read.assert_code(4).assert_says(&[way.says]);
        desk.call(&["fs", "write", &id, "a.txt"])
            .with_input("x")
            .assert_code(4);
        (way.come_back)(&base);
        desk.ok(&["fs", "read", &id, "a.txt"]).assert_stdout("mine");
        desk.ok(&["session", "commit", &id]);
        assert_eq!(desk.place.read("a.txt").as_deref(), Some("mine"));
    }
}

#[test]
fn a_base_that_is_away_is_no_base() {
    let desk = Desk::new();
    desk.commit("a.txt", "mine");
    let base = desk.place.path();
    fs::rename(&base, aside(&base)).expect("moved");
    let shown = base.display().to_string();
    for command in [
        &["session", "begin"][..],
        &["session", "list"],
        &["history", "log"],
        &["audit", "verify"],
        &["doctor"],
        &["run", guests::STEPS],
    ] {
        let done = desk.call(command).args(&["--base"]).arg(&base).done();
        done.assert_code(4)
            .assert_stdout("")
            .assert_says(&["there is no base", &shown]);
    }
    assert!(!base.exists(), "it was made again");
    // The directory was moved, and what is kept of it with it.
    let moved = format!("--base={}", aside(&base).display());
    let log = desk.json(&["history", "log", &moved]);
    assert_eq!(log.as_array().map(Vec::len), Some(1));
    fs::rename(aside(&base), base).expect("moved");
}

#[test]
fn a_base_that_is_gone_for_good_is_forgotten_when_told_to() {
    let desk = Desk::new();
    let (id, base) = (desk.begin(), desk.place.path());
    fs::remove_dir_all(&base).expect("removed");
    let lost = desk.call(&["session", "show", &id]).done();
    lost.assert_code(4).assert_says(&["session gc --base"]);
    let all = desk.call(&["session", "list", "--all"]).done();
    all.assert_code(0)
        .assert_says(&[&base.display().to_string(), "there is no base"]);
    let forgotten = desk.json(&["session", "gc", &desk.base()]);
    assert_eq!(forgotten["base"], base.display().to_string());
    let lost = desk.call(&["session", "show", &id]).done();
    lost.assert_code(4).assert_says(&["session list --all"]);
    desk.call(&["session", "gc", &desk.base()])
        .done()
        .assert_code(4);
}

/// The handle that the run began with would still take the commit, where nobody looks for it.
#[test]
fn a_run_commits_nothing_to_a_base_that_went_away() {
    for way in WAYS {
        let place = Place::new();
        let base = place.path();
        let held = Held::start(&place, &[]);
        (way.go)(&base);
        let done = held.decide("commit\n");
        let shown = base.display().to_string();
        done.assert_code(4).assert_says(&[
            &shown,
            "nothing was committed",
            "put the directory back",
            "rolled back",
        ]);
        assert!(!aside(&base).join("new.txt").exists());
        assert!(!aside(&base).join(".session-fs").exists());
        (way.come_back)(&base);
        assert_eq!(place.names(), ["a.txt", "b.txt", "dir"]);
        assert_eq!(place.read("a.txt").as_deref(), Some("one\ntwo\nthree\n"));
    }
}

/// Somebody without rights: root may write everywhere.
struct Nobody {
    folder: tempfile::TempDir,
}

impl Nobody {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let copied = Command::new("cp")
            .args([BINARY, guests::STEPS])
            .arg(folder.path())
            .status();
        assert!(copied.expect("cp is there").success());
        let it = Self { folder };
        for dir in ["base", "state"] {
            fs::create_dir(it.path(dir)).expect("made");
        }
        fs::write(it.path("base/a.txt"), "old").expect("written");
        for path in ["", "base", "base/a.txt", "state"] {
            if is_root() {
                chown(it.path(path), Some(65_534), Some(65_534)).expect("given");
            }
        }
        it
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn mode(&self, path: &str, mode: u32) {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(self.path(path), permissions).expect("set");
    }

    fn call(&self, args: &[&str]) -> Call {
        let binary = Path::new(BINARY).file_name().expect("a file");
        let mut command = Command::new(self.folder.path().join(binary));
        command.env_clear().args(args).current_dir("/");
        command.env("XDG_STATE_HOME", self.path("state"));
        command.stdin(std::process::Stdio::null());
        if is_root() {
            command.uid(65_534).gid(65_534);
        }
        Call(command)
    }

    fn base(&self) -> String {
        format!("--base={}", self.path("base").display())
    }

    /// Where everything can be read and nothing written, what only reads is answered.
    fn looks_at_a_store_of_somebody_else(&self, id: &str) {
        let modes = |directory: u32, file: u32| {
            let script = format!(
                "find \"$0\" -type d -exec chmod {directory:o} {{}} + ; find \"$0\" -type f -exec chmod {file:o} {{}} +"
            );
            let store = self.path("base/.session-fs");
            let done = Command::new("sh").args(["-c", &script]).arg(store).status();
            assert!(done.expect("sh is there").success());
        };
        modes(0o555, 0o444);
        let base = self.base();
        for command in [
            &["session", "list", &base][..],
            &["session", "show", id],
            &["session", "diff", id],
            &["fs", "read", id, "a.txt"],
            &["audit", "verify", &base],
            &["audit", "log", &base],
            &["history", "log", &base],
        ] {
            let done = self.call(command).done();
            done.assert_code(0)
                .assert_says(&["cannot be written to, and is shown as it stands"]);
        }
        let refused = self.call(&["session", "commit", id]).done();
        refused
            .assert_code(5)
            .assert_says(&["permission denied", "right to write"]);
        modes(0o700, 0o600);
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|stat| stat.uid() == 0)
}

#[test]
fn a_base_that_may_not_be_written_to_is_said_so_and_committed_to_later() {
    let nobody = Nobody::new();
    let base = nobody.base();
    nobody.mode("base", 0o555);
    let refused = nobody.call(&["session", "begin", &base]).done();
    refused
        .assert_code(5)
        .assert_says(&["permission denied", "'.session-fs'", "right to write"]);
    nobody.mode("base", 0o755);
    let begun = nobody.call(&["session", "begin", &base]).done();
    let id = begun.assert_code(0).stdout.trim_end().to_owned();
    nobody.mode("base", 0o555);
    // The store is its own folder: all but the commit works.
    nobody
        .call(&["fs", "write", &id, "a.txt"])
        .with_input("new")
        .assert_code(0);
    for command in [&["session", "diff", &id][..], &["session", "show", &id]] {
        nobody.call(command).done().assert_code(0);
    }
    let steps = nobody.path(
        Path::new(guests::STEPS)
            .file_name()
            .and_then(|it| it.to_str())
            .expect("plain"),
    );
    let run = nobody.call(&["run", "--no-cache", &base]).arg(steps);
    run.args(&["--", "write x y"])
        .done()
        .assert_code(5)
        .assert_says(&["permission denied", "rolled back"]);
    let refused = nobody.call(&["session", "commit", &id]).done();
    refused
        .assert_code(5)
        .assert_says(&["nothing was committed", "permission denied"]);
    let listed = nobody.call(&["session", "list", &base, "--format", "json"]);
    let listed = listed.done().assert_code(0).json();
    assert_eq!(listed[0]["state"], "open", "{listed}");
    // Nothing of the store can be seen: what is not found may be there.
    nobody.mode("base/.session-fs", 0o000);
    for command in [&["session", "commit", &id][..], &["session", "list", &base]] {
        nobody
            .call(command)
            .done()
            .assert_code(5)
            .assert_says(&["permission denied"]);
    }
    nobody.mode("base/.session-fs", 0o700);
    nobody.looks_at_a_store_of_somebody_else(&id);
    nobody.mode("base", 0o755);
    nobody
        .call(&["session", "commit", &id])
        .done()
        .assert_code(0);
    let content = fs::read_to_string(nobody.path("base/a.txt"));
    assert_eq!(content.expect("there"), "new");
}

const READ_ONLY: &str = r#"
mount -t tmpfs none "$BASE"; echo old > "$BASE/a.txt"
id=$("$BINARY" session begin --base "$BASE"); echo new | "$BINARY" fs write "$id" b.txt
"$BINARY" session commit "$id" > out
id=$("$BINARY" session begin --base "$BASE"); echo new | "$BINARY" fs write "$id" a.txt
mount -o remount,ro "$BASE"
tell() { "$BINARY" "$@" < /dev/null > out 2> err; echo "$? $1 $2 $(head -n 1 err)"; }
tell fs write $id a.txt
tell session commit $id; tell session rollback $id; tell session rebase $id
tell session begin --base "$BASE"; tell history undo 1 --base "$BASE"; tell history gc --base "$BASE"
tell run --base "$BASE" "$GUEST" -- "write a.txt new"
"$BINARY" doctor --base "$BASE" > out; echo "doctor $?"; grep -c 'read-only' out
look() { "$BINARY" "$@" > out 2> err; echo "$? $1 $2 $(wc -l < out) $(cat err | tail -n 1)"; }
look history log --base "$BASE"; look history show 1 --base "$BASE"; look history diff 1 --base "$BASE"
look history versions b.txt --base "$BASE"; look session list --base "$BASE"; look session show $id
look audit log --base "$BASE"; look audit verify --base "$BASE"; look audit export --base "$BASE"
look session log $id; look session list --all; look session diff $id
look fs ls $id; look fs read $id a.txt; look fs stat $id a.txt; look fs grep $id new
mount -o remount,rw "$BASE"
"$BINARY" session commit "$id" > out; echo "commit $?"; cat "$BASE/a.txt"
"#;

#[test]
fn a_read_only_file_system_is_said_so_and_committed_to_later() {
    let Some(done) = in_own_mounts(READ_ONLY) else {
        return;
    };
    let mut lines = done.stdout.lines();
    for line in lines.by_ref().take(8) {
        assert!(line.starts_with("5 "), "{line}: {}", done.story());
        assert!(line.contains("read-only file system"), "{line}");
        let is_commit = line.starts_with("5 session commit") || line.starts_with("5 run");
        assert!(is_commit || !line.contains("committed"), "{line}");
    }
    assert_eq!(lines.next(), Some("doctor 1"));
    assert_eq!(lines.next(), Some("1"));
    // What only looks is answered, with a word about why it may not be all.
    for line in lines.by_ref().take(16) {
        assert!(line.starts_with("0 "), "{line}: {}", done.story());
        let told = line.contains("cannot be written to, and is shown as it stands");
        assert!(told, "{line}");
        let parts: Vec<_> = line.split(' ').collect();
        assert_ne!(parts[3], "0", "{line}");
    }
    let rest: Vec<_> = lines.collect();
    assert_eq!(rest, ["commit 0", "new"], "{}", done.story());
}

/// A file system that is unmounted while a run waits goes on taking writes that nobody sees.
const UNMOUNTED: &str = r#"
mount -t tmpfs none "$BASE"; mkdir "$BASE/b"; echo old > "$BASE/b/a.txt"
id=$("$BINARY" session begin --base "$BASE/b"); echo new | "$BINARY" fs write "$id" a.txt
mkfifo in err; "$BINARY" run --hold --base "$BASE/b" "$GUEST" -- "write a.txt new" < in > out 2> err & run=$!
exec 9> in 8< err; until [[ $line == *"M a.txt"* ]]; do read -r line <&8; done
mkdir keep; mount --bind "$BASE" keep; umount -l "$BASE"
echo commit >&9; exec 9>&-; grep -c 'nothing was committed' <&8; wait $run; echo "run $?"
cat keep/b/a.txt; ls "$BASE"
"$BINARY" session commit "$id" > out 2> why; echo "commit $?"; grep -c "$BASE" why
mount --bind keep "$BASE"; "$BINARY" session commit "$id" > out; echo "commit $?"; cat "$BASE/b/a.txt"
"#;

#[test]
fn a_base_that_was_unmounted_is_not_committed_to() {
    let Some(done) = in_own_mounts(UNMOUNTED) else {
        return;
    };
    let expected = "1\nrun 4\nold\ncommit 4\n1\ncommit 0\nnew\n";
    done.assert_stdout(expected);
}

/// Runs a script that mounts at `$BASE` what nobody else sees.
fn in_own_mounts(script: &str) -> Option<Done> {
    let Some(mut command) = own_mounts() else {
        skipped("a file system cannot be mounted here");
        return None;
    };
    let directory = tempfile::tempdir().expect("a directory");
    let base = directory.path().join("base");
    fs::create_dir(&base).expect("made");
    command.args(["bash", "-c", script]).env("BASE", &base);
    command.env("BINARY", BINARY).env("GUEST", guests::STEPS);
    command.env("XDG_STATE_HOME", directory.path().join("state"));
    command.env("SESSION_FS_CACHE_DIR", cache());
    command.current_dir(directory.path());
    Some(Done::from(command.output().expect("it starts")))
}
