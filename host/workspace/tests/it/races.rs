//! Somebody else acts before every single call of a commit, and loses nothing by it.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cap_std::fs::{Dir, OpenOptions};
use parking_lot::Mutex;
use session_fs_workspace::{CommitOptions, CommitOutcome, WorkspaceError};
use vfs::Status;

use crate::acting::{ActingDir, Hook};
use crate::faults::{self, BEFORE, after, visible};
use crate::scene::{Node, Scene, Tree};

/// What somebody else writes; longer than anything that is there.
const THEIRS: &[u8] = b"what somebody else wrote in the very last moment";

/// What somebody else does; an error means that it could not be done at that moment.
type Act = fn(&Dir, &str) -> std::io::Result<()>;

fn overwrite(folder: &Dir, path: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    folder
        .open_with(path, options.write(true).truncate(true))?
        .write_all(THEIRS)
}

fn append(folder: &Dir, path: &str) -> std::io::Result<()> {
    folder
        .open_with(path, OpenOptions::new().append(true))?
        .write_all(THEIRS)
}

fn save(folder: &Dir, path: &str) -> std::io::Result<()> {
    folder.write("their-temporary", THEIRS)?;
    folder.rename("their-temporary", folder, path)
}

fn create(folder: &Dir, path: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    folder
        .open_with(path, options.write(true).create_new(true))?
        .write_all(THEIRS)
}

fn link(folder: &Dir, path: &str) -> std::io::Result<()> {
    folder.write("their-file", THEIRS)?;
    folder.remove_file(path)?;
    folder.symlink("their-file", path)
}

fn remove(folder: &Dir, path: &str) -> std::io::Result<()> {
    folder.remove_file(path)
}

fn holds_theirs(tree: &Tree) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(THEIRS.len()).any(|part| part == THEIRS);
    tree.values()
        .any(|node| matches!(node, Node::File(bytes) if holds(bytes)))
}

/// A tree without the path and what is below it, and without their own files.
fn without(tree: &Tree, path: &str) -> Tree {
    let below = format!("{path}/");
    let mut tree = visible(tree);
    tree.retain(|other, _| {
        other != path && !other.starts_with(&below) && !other.starts_with("their-")
    });
    tree
}

/// One act, with what it is done to.
type Deed = Box<dyn FnOnce() -> std::io::Result<()> + Send>;

/// A hook that acts once, before the call of this number counted from when it is armed.
struct Outsider {
    armed: AtomicBool,
    at: u64,
    count: AtomicU64,
    acted: AtomicBool,
    flushes_count: AtomicU64,
    act: Mutex<Option<Deed>>,
}

impl Outsider {
    fn new(at: u64) -> Arc<Self> {
        Arc::new(Self {
            armed: AtomicBool::new(false),
            at,
            count: AtomicU64::new(0),
            acted: AtomicBool::new(false),
            flushes_count: AtomicU64::new(0),
            act: Mutex::new(None),
        })
    }

    fn hook(self: &Arc<Self>) -> Hook {
        let this = self.clone();
        Arc::new(move |_, method| {
            if !this.armed.load(Ordering::Relaxed) {
                return;
            }
            if method == "sync_fs" {
                this.flushes_count.fetch_add(1, Ordering::Relaxed);
            }
            // After the second flush the change is made, and old files are about to be dropped.
            let settled = this.flushes_count.load(Ordering::Relaxed) > 1 && method != "sync_fs";
            if this.count.fetch_add(1, Ordering::Relaxed) == this.at && !settled {
                let act = this.act.lock().take().expect("acts once");
                this.acted.store(act().is_ok(), Ordering::Relaxed);
            }
        })
    }

    fn is_done(&self) -> bool {
        self.count.load(Ordering::Relaxed) > self.at
    }
}

/// Commits the mixed session while somebody acts on `path` before call `at`. `moved` is the other
/// path that the act may show at. Returns `false` when the commit made fewer calls.
fn round(at: u64, path: &'static str, moved: &str, act: Act, after: &Tree) -> bool {
    let outsider = Outsider::new(at);
    let scene = Scene::on(BEFORE, |disk| ActingDir::wrap(disk, outsider.hook()));
    let before = scene.tree();
    let session = scene.begin();
    faults::change(&session).expect("the session takes it");
    let folder = scene.folder.try_clone().expect("a handle");
    *outsider.act.lock() = Some(Box::new(move || act(&folder, path)));
    outsider.armed.store(true, Ordering::Relaxed);
    let outcome = scene.workspace.commit(&session, &CommitOptions::default());
    let (tree, acted) = (scene.tree(), outsider.acted.load(Ordering::Relaxed));
    let context = format!("{path} before call {at}: {outcome:?}");
    if acted && !std::ptr::fn_addr_eq(act, remove as Act) {
        assert!(holds_theirs(&tree), "{context}: {tree:?}");
    }
    let rest = |tree: &Tree| without(&without(tree, path), moved);
    match &outcome {
        Err(WorkspaceError::Interfered { kept, .. }) => {
            assert!(acted, "{context}");
            assert_eq!(session.status(), Status::Open, "{context}");
            assert_eq!(rest(&tree), rest(&before), "{context}");
            let Some(was) = before.get(path) else {
                panic!("{context}")
            };
            let mut kept = tree.range(format!("{kept}/")..);
            assert!(kept.any(|(_, node)| node == was), "{context}: {tree:?}");
        }
        Err(error) => panic!("{error}: {context}"),
        Ok(CommitOutcome::Applied(change)) => {
            assert_eq!(
                change.displaced,
                [],
                "whoever goes by the name is met before: {context}"
            );
            assert!(
                matches!(session.status(), Status::Committed(_)),
                "{context}"
            );
            assert_eq!(rest(&tree), rest(after), "{context}");
        }
        Ok(CommitOutcome::Conflicted(conflicts)) => {
            assert!(acted, "{context}");
            assert!(!conflicts.is_empty(), "{context}");
            assert_eq!(session.status(), Status::Open, "{context}");
            assert_eq!(rest(&tree), rest(&before), "{context}");
            assert_eq!(visible(&tree), tree, "nothing is left behind: {context}");
        }
        Ok(CommitOutcome::Unchanged) => panic!("{context}"),
    }
    outsider.is_done()
}

fn at_every_call(path: &'static str, moved: &str, acts: &[Act]) {
    let after = after();
    for act in acts {
        let rounds = (0..)
            .take_while(|at| round(*at, path, moved, *act, &after))
            .count();
        assert!(rounds > 100, "the commit made only {rounds} calls");
    }
}

#[test]
fn a_file_that_is_updated() {
    at_every_call(
        "changed",
        "changed",
        &[overwrite, append, save, link, remove],
    );
}

#[test]
fn a_file_that_is_removed() {
    at_every_call("gone/one", "gone", &[overwrite, append, save, link, remove]);
}

#[test]
fn a_name_that_appears_in_a_removed_directory() {
    at_every_call("gone/theirs", "gone", &[create]);
}

#[test]
fn a_file_that_is_replaced() {
    at_every_call(
        "replaced",
        "replaced",
        &[overwrite, append, save, link, remove],
    );
}

#[test]
fn a_name_that_is_created() {
    at_every_call("new", "new", &[create]);
    at_every_call("new/deep/file", "new", &[overwrite, save, create, remove]);
}

#[test]
fn a_file_below_a_moved_directory() {
    at_every_call(
        "dir/inner",
        "moved/inner",
        &[overwrite, append, save, remove],
    );
    at_every_call(
        "moved/inner",
        "dir/inner",
        &[overwrite, append, save, remove],
    );
    at_every_call("dir/theirs", "moved/theirs", &[create]);
}

#[test]
fn a_file_that_changes_its_name() {
    at_every_call("swap1", "swap2", &[overwrite, append, create]);
}

/// A program that holds a file open goes on writing to it.
#[test]
fn a_write_through_an_old_handle() {
    for path in ["changed", "gone/one", "replaced", "dir/inner", "swap1"] {
        for at in 0.. {
            let outsider = Outsider::new(at);
            let scene = Scene::on(BEFORE, |disk| ActingDir::wrap(disk, outsider.hook()));
            let session = scene.begin();
            faults::change(&session).expect("the session takes it");
            let mut options = OpenOptions::new();
            let opened = scene.folder.open_with(path, options.append(true));
            let mut file = opened.expect("opens").into_std();
            *outsider.act.lock() = Some(Box::new(move || file.write_all(THEIRS)));
            outsider.armed.store(true, Ordering::Relaxed);
            let outcome = scene.workspace.commit(&session, &CommitOptions::default());
            let context = format!("{path} before call {at}: {outcome:?}");
            let tree = scene.tree();
            if outsider.acted.load(Ordering::Relaxed) {
                assert!(holds_theirs(&tree), "{context}: {tree:?}");
            }
            if let CommitOutcome::Applied(change) = outcome.expect(&context)
                && visible(&tree) != tree
            {
                let kept = &change.displaced.first().expect(&context).kept;
                assert!(tree.contains_key(kept), "{context}: {tree:?}");
            }
            if !outsider.is_done() {
                break;
            }
        }
    }
}

/// Somebody works on what was just put down, and then makes the commit fail.
#[test]
fn a_write_to_what_is_taken_back() {
    for (path, ours, undone) in [
        ("new/deep/file", "file after", "conflict"),
        ("replaced", "replaced after", "interfered"),
    ] {
        let mut outcomes = Vec::new();
        for at in 0.. {
            let outsider = Outsider::new(at);
            let scene = Scene::on(BEFORE, |disk| ActingDir::wrap(disk, outsider.hook()));
            let session = scene.begin();
            faults::change(&session).expect("the session takes it");
            let folder = scene.folder.try_clone().expect("a handle");
            *outsider.act.lock() = Some(Box::new(move || {
                if folder.read_to_string(path)? != ours {
                    return Err(std::io::ErrorKind::NotFound.into());
                }
                overwrite(&folder, path)?;
                overwrite(&folder, "changed")
            }));
            outsider.armed.store(true, Ordering::Relaxed);
            let outcome = scene.workspace.commit(&session, &CommitOptions::default());
            let (context, tree) = (
                format!("{path} before call {at}: {outcome:?}"),
                scene.tree(),
            );
            if outsider.acted.load(Ordering::Relaxed) {
                assert_eq!(
                    tree.get(path),
                    Some(&Node::File(THEIRS.to_vec())),
                    "{context}"
                );
                outcomes.push(match outcome {
                    Ok(CommitOutcome::Applied(_)) => "applied",
                    Ok(CommitOutcome::Conflicted(_)) => "conflict",
                    Err(WorkspaceError::Interfered { kept, .. }) => {
                        let was = Node::File(b"replaced before".to_vec());
                        let mut kept = tree.range(format!("{kept}/")..);
                        assert!(kept.any(|(_, node)| *node == was), "{context}: {tree:?}");
                        "interfered"
                    }
                    _ => panic!("{context}"),
                });
            }
            if !outsider.is_done() {
                break;
            }
        }
        outcomes.dedup();
        assert_eq!(outcomes, [undone, "applied"], "{path}");
    }
}
