//! `Scratch`: a folder below cargo's target directory, the trees in it, and a workspace over one.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark makes the trees that it measures"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use session_fs_workspace::{
    BaseHandle, BeginOptions, CommitOptions, CommitOutcome, Workspace, WorkspaceOptions,
};
use store::disk::RealDir;
use vfs::Session;

/// Files in one directory of a tree.
pub(crate) const FILES_PER_DIRECTORY: usize = 100;
/// What the commits that are measured change: this many files of this size.
pub(crate) const EDITED_FILES: usize = 50;
pub(crate) const EDIT_BYTES: usize = 10_000;

/// A folder that is removed with what is in it.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).expect("the target directory is writable");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes a tree of so many files of so many bytes, in directories of 100.
    pub(crate) fn tree(&self, name: &str, files: usize, bytes: usize) -> PathBuf {
        let tree = self.0.join(name);
        let content: Vec<u8> = (b'a'..=b'w').cycle().take(bytes).collect();
        for file in 0..files {
            let path = tree.join(path_of(file));
            if file % FILES_PER_DIRECTORY == 0 {
                fs::create_dir_all(path.parent().expect("in a directory")).expect("writable");
            }
            fs::write(path, &content).expect("there is room");
        }
        tree
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// The path of a file of a tree, by its number.
pub(crate) fn path_of(file: usize) -> String {
    let (directory, file) = (file / FILES_PER_DIRECTORY, file % FILES_PER_DIRECTORY);
    format!("d{directory:02}/f{file:02}")
}

/// The paths that every measured commit writes: all in one directory.
pub(crate) fn edited_paths() -> impl Iterator<Item = String> {
    (0..EDITED_FILES).map(path_of)
}

/// A content that no other round writes.
pub(crate) fn content(round: usize) -> Vec<u8> {
    let line = format!("round {round}\n");
    line.bytes().cycle().take(EDIT_BYTES).collect()
}

/// A workspace over a tree.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) tree: PathBuf,
    pub(crate) workspace: Workspace,
    pub(crate) base: Arc<BaseHandle>,
}

impl Desk {
    pub(crate) fn new(tree: PathBuf) -> Self {
        let authority = cap_std::ambient_authority();
        let root = cap_std::fs::Dir::open_ambient_dir(&tree, authority).expect("just made");
        let root = RealDir::open(root).expect("a directory");
        let workspace = Workspace::new(WorkspaceOptions::default());
        let base = workspace.directory(root, "file://bench");
        Self {
            base: base.expect("a directory"),
            tree,
            workspace,
        }
    }

    pub(crate) fn begin(&self) -> Session {
        let session = self.workspace.begin(&self.base, BeginOptions::default());
        session.expect("begins")
    }

    /// A session with 50 files rewritten.
    pub(crate) fn edited(&self, round: usize) -> Session {
        let session = self.begin();
        edit(&session, round);
        session
    }

    pub(crate) fn commit(&self, session: &Session, options: &CommitOptions) {
        let outcome = self.workspace.commit(session, options);
        assert!(
            matches!(outcome, Ok(CommitOutcome::Applied(_))),
            "{outcome:?}"
        );
    }

    /// Waits until nothing is left to do: the journal is empty, and the disk has everything.
    pub(crate) fn settle(&self) {
        self.base.checkpoint().expect("the disk is well");
        settle(&self.tree);
    }
}

/// Rewrites the 50 files.
pub(crate) fn edit(session: &Session, round: usize) {
    let content = content(round);
    for path in edited_paths() {
        session.write(&path, &content).expect("within the limits");
    }
}

/// Flushes everything that anybody wrote to the file system, so that nobody pays for somebody else.
pub(crate) fn settle(tree: &Path) {
    let dir = fs::File::open(tree).expect("there");
    rustix::fs::syncfs(&dir).expect("flushes");
}
