//! Spare files: what is made of them, and what becomes of those that nobody needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::{MetadataExt, Permissions, PermissionsExt};
use cap_tempfile::TempDir;
use session_fs_workspace::CommitOutcome;
use store::disk::{Dir, RealDir};

use crate::acting::{ActingDir, Hook};
use crate::rig::{Host, name};

const STAGING: &str = ".session-fs/staging";

/// A host without threads: it makes its spares before a commit returns.
fn host(folder: &TempDir, who: &str) -> Host {
    let root: Arc<dyn Dir> =
        RealDir::open(folder.try_clone().expect("handle")).expect("a directory");
    Host::make(root, who, None, false).expect("describes the directory")
}

fn folder() -> TempDir {
    TempDir::new(ambient_authority()).expect("a folder")
}

fn commit(host: &Host, files: &[(&str, &str)]) {
    let session = host.begin();
    for (path, text) in files {
        session.write(path, text.as_bytes()).expect("fits");
    }
    let outcome = host.commit(&session).expect("commits");
    assert!(matches!(outcome, CommitOutcome::Applied(_)), "{outcome:?}");
}

/// The inodes of the spares that there are.
fn spares(folder: &TempDir) -> Vec<u64> {
    let entries = folder.read_dir(STAGING).expect("a store");
    let entries = entries.map(|entry| entry.expect("an entry"));
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("spare-"))
        .map(|entry| entry.metadata().expect("there").ino())
        .collect()
}

#[test]
fn the_next_commit_uses_the_spares_of_the_last_one() {
    let folder = folder();
    folder.write("kept", "old").expect("fresh");
    folder
        .set_permissions("kept", Permissions::from_mode(0o640))
        .expect("own");
    let host = host(&folder, "one");
    commit(&host, &[("a", "1"), ("b", "1"), ("c", "1")]);
    let made = spares(&folder);
    assert_eq!(made.len(), 3, "as many as it had new files");

    folder.write("plain", "").expect("fresh");
    commit(&host, &[("fresh", "2"), ("kept", "new"), ("empty", "")]);
    let stat = |path: &str| folder.metadata(path).expect("there");
    for path in ["fresh", "kept"] {
        assert!(made.contains(&stat(path).ino()), "{path} was a spare");
    }
    assert!(
        !made.contains(&stat("empty").ino()),
        "it keeps its own time"
    );
    assert_eq!(folder.read_to_string("kept").expect("there"), "new");
    assert_eq!(stat("kept").mode() & 0o777, 0o640, "as what it replaced");
    let plain = stat("plain").mode() & 0o777 & 0o644;
    assert_eq!(stat("fresh").mode() & 0o777, plain, "less the umask");
}

#[test]
fn a_new_file_has_the_time_at_which_it_was_written() {
    let folder = folder();
    let host = host(&folder, "one");
    commit(&host, &[("a", "1"), ("b", "1")]);
    let root = RealDir::open(folder.try_clone().expect("handle")).expect("a directory");
    let path = [".session-fs", "staging"].map(name);
    let staging = root.walk(&path).expect("a store");
    for spare in staging.list(100).expect("lists").items {
        let file = staging.open_writable(&spare.name).expect("there");
        file.set_mtime(1).expect("own");
    }
    commit(&host, &[("fresh", "2"), ("empty", "")]);
    for path in ["fresh", "empty"] {
        let modified = folder.metadata(path).expect("there").mtime();
        assert!(modified > 1_000_000_000, "{path}: {modified} s");
    }
}

#[test]
fn a_program_is_no_spare() {
    let folder = folder();
    let host = host(&folder, "one");
    commit(&host, &[("a", "1"), ("b", "1")]);
    let made = spares(&folder);
    let session = host.begin();
    session.write("run", b"#!").expect("fits");
    session.set_executable("run", true).expect("a file");
    let outcome = host.commit(&session).expect("commits");
    assert!(matches!(outcome, CommitOutcome::Applied(_)), "{outcome:?}");
    let stat = folder.metadata("run").expect("there");
    assert_eq!(stat.mode() & 0o100, 0o100);
    assert!(!made.contains(&stat.ino()));
}

#[test]
fn none_is_left_when_the_base_is_closed() {
    let folder = folder();
    let host = host(&folder, "one");
    commit(&host, &[("a", "1"), ("b", "1")]);
    assert_eq!(spares(&folder).len(), 2);
    drop(host);
    assert!(spares(&folder).is_empty());
}

/// The one that recovers the store removes the other's spares; that one does without.
#[test]
fn two_processes_take_turns() {
    let folder = folder();
    let hosts = ["one", "two"].map(|who| host(&folder, who));
    for round in 0..6 {
        for (number, host) in hosts.iter().enumerate() {
            let text = format!("{round} {number}");
            let files = ["a", "b", "c", "d"].map(|path| (path, text.as_str()));
            commit(host, &files);
            for (path, text) in files {
                assert_eq!(folder.read_to_string(path).expect("there"), text);
            }
            assert_eq!(spares(&folder).len(), 4);
        }
    }
}

#[test]
fn somebody_who_removes_them_does_no_harm() {
    let folder = folder();
    let host = host(&folder, "one");
    commit(&host, &[("a", "1"), ("b", "1")]);
    for entry in folder.read_dir(STAGING).expect("a store") {
        entry.expect("an entry").remove_file().expect("there");
    }
    commit(&host, &[("a", "2"), ("b", "2")]);
    assert_eq!(folder.read_to_string("a").expect("there"), "2");
}

#[test]
fn an_examination_does_not_take_them_for_leftovers() {
    let folder = folder();
    let host = host(&folder, "one");
    commit(&host, &[("a", "1"), ("b", "1")]);
    assert_eq!(spares(&folder).len(), 2);
    let report = host.workspace.doctor(&host.base, false);
    let report = report.expect("looks").expect("there is a store");
    assert_eq!(report.findings, [], "{report:?}");
}

/// A process may be killed between any two calls: what a recovery finds in a slot is put down as it is.
#[test]
fn a_spare_has_its_permissions_before_it_is_in_a_slot() {
    let folder = folder();
    folder.write("key", "old").expect("fresh");
    let private = Permissions::from_mode(0o600);
    folder.set_permissions("key", private).expect("own");
    let seen = Arc::new(AtomicU64::new(0));
    let hook: Hook = {
        let (folder, seen) = (folder.try_clone().expect("handle"), seen.clone());
        Arc::new(move |_, method| {
            let staged = folder.read_dir(STAGING).into_iter().flatten().flatten();
            for stat in staged.map(|entry| entry.metadata().expect("there")) {
                if method == "rename" && stat.len() == 6 {
                    assert_eq!(stat.mode() & 0o777, 0o600);
                    seen.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    };
    let root = RealDir::open(folder.try_clone().expect("handle")).expect("a directory");
    let host = Host::make(ActingDir::wrap(root, hook), "one", None, false).expect("opens");
    commit(&host, &[("a", "1"), ("b", "1")]);
    commit(&host, &[("key", "secret")]);
    assert!(seen.load(Ordering::Relaxed) > 0, "nobody looked");
}
