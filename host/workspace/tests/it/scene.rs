//! A folder with some files in it, a workspace over it, and its tree as a plain map.

use std::collections::BTreeMap;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, FileTypeExt, MetadataExt};
use cap_tempfile::TempDir;
use session_fs_workspace::{
    BaseHandle, BeginOptions, ChangeInfo, CommitOptions, CommitOutcome, Workspace, WorkspaceOptions,
};
use store::disk::RealDir;
use vfs::{Conflict, Session, Status};

use crate::acting::ActingDir;

/// A folder, and a workspace with a base over it.
pub(crate) struct Scene {
    pub(crate) folder: TempDir,
    pub(crate) workspace: Workspace,
    pub(crate) base: Arc<BaseHandle>,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    Directory,
    File(Vec<u8>),
    Program(Vec<u8>),
    Link(String),
    Other,
}

/// Everything below a folder, the store included, by path.
pub(crate) type Tree = BTreeMap<String, Node>;

impl Scene {
    /// A folder with these files; a name that ends in `/` is a directory, and what begins with
    /// `-> ` a link.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = TempDir::new(ambient_authority()).expect("a folder");
        Self::make(folder, files, ActingDir::quiet)
    }

    /// The same on a disk of the test's own making, and in memory where the system has such a
    /// folder: for tests that make thousands of scenes.
    pub(crate) fn on(
        files: &[(&str, &str)],
        disk: impl FnOnce(Arc<dyn store::disk::Dir>) -> Arc<dyn store::disk::Dir>,
    ) -> Self {
        Self::make(in_memory(), files, disk)
    }

    fn make(
        folder: TempDir,
        files: &[(&str, &str)],
        disk: impl FnOnce(Arc<dyn store::disk::Dir>) -> Arc<dyn store::disk::Dir>,
    ) -> Self {
        populate(&folder, files);
        let root = RealDir::open(folder.try_clone().expect("handle")).expect("a directory");
        let workspace = Workspace::new(WorkspaceOptions::default());
        let base = workspace
            .directory(disk(root), "file:///scene")
            .expect("a base");
        Self {
            folder,
            workspace,
            base,
        }
    }

    pub(crate) fn begin(&self) -> Session {
        self.workspace
            .begin(&self.base, BeginOptions::default())
            .expect("begins")
    }

    pub(crate) fn commit(&self, session: &Session) -> CommitOutcome {
        self.workspace
            .commit(session, &CommitOptions::default())
            .expect("commits")
    }

    pub(crate) fn applied(&self, session: &Session) -> ChangeInfo {
        let before = self.base.generation();
        match self.commit(session) {
            CommitOutcome::Applied(change) => {
                assert_eq!(session.status(), Status::Committed(change.id.to_string()));
                assert_eq!(change.generation, before + 1);
                assert_eq!(change.displaced, []);
                change
            }
            other => panic!("expected it to be applied: {other:?}"),
        }
    }

    /// Commits in vain; the session is open again and the tree as it was.
    pub(crate) fn conflicts(&self, session: &Session) -> Vec<Conflict> {
        let before = self.tree();
        let CommitOutcome::Conflicted(conflicts) = self.commit(session) else {
            panic!("expected conflicts")
        };
        assert_eq!(session.status(), Status::Open);
        assert_eq!(self.tree(), before, "a conflict touches nothing");
        conflicts
    }

    /// Everything below the folder but the store.
    pub(crate) fn tree(&self) -> Tree {
        tree_without(&self.folder, &[".session-fs"])
    }

    pub(crate) fn whole_tree(&self) -> Tree {
        tree(&self.folder)
    }

    /// A folder as another process finds it that opens it now.
    pub(crate) fn over(folder: TempDir) -> Self {
        Self::make(folder, &[], ActingDir::quiet)
    }

    pub(crate) fn text(&self, path: &str) -> String {
        self.folder.read_to_string(path).expect(path)
    }
}

/// A folder in memory, where the system has a place for such.
pub(crate) fn in_memory() -> TempDir {
    let memory = Dir::open_ambient_dir("/dev/shm", ambient_authority());
    let folder = memory.and_then(|memory| TempDir::new_in(&memory));
    let folder = folder.or_else(|_| TempDir::new(ambient_authority()));
    folder.expect("a folder")
}

/// Puts files into a folder.
pub(crate) fn populate(folder: &Dir, files: &[(&str, &str)]) {
    for (path, content) in files {
        if let Some(dir) = path.strip_suffix('/') {
            folder.create_dir_all(dir).expect("a directory");
            continue;
        }
        if let Some((dir, _)) = path.rsplit_once('/') {
            folder.create_dir_all(dir).expect("a directory");
        }
        match content.strip_prefix("-> ") {
            Some(target) => folder.symlink_contents(target, path).expect("a link"),
            None => folder.write(path, content).expect("a file"),
        }
    }
}

/// Everything below a folder.
pub(crate) fn tree(folder: &Dir) -> Tree {
    tree_without(folder, &[])
}

/// Everything below a folder but these paths and what is below them.
pub(crate) fn tree_without(folder: &Dir, without: &[&str]) -> Tree {
    let mut tree = Tree::new();
    collect(folder, "", without, &mut tree);
    tree
}

fn collect(dir: &Dir, prefix: &str, without: &[&str], tree: &mut Tree) {
    for entry in dir.entries().expect("a listing") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        let path = format!("{prefix}{}", name.to_string_lossy());
        if without.contains(&path.as_str()) {
            continue;
        }
        let metadata = entry.metadata().expect("metadata");
        let node = match metadata.file_type() {
            kind if kind.is_dir() => {
                collect(
                    &entry.open_dir().expect("a directory"),
                    &format!("{path}/"),
                    without,
                    tree,
                );
                Node::Directory
            }
            kind if kind.is_symlink() => {
                let target = dir.read_link_contents(&name).expect("a link");
                Node::Link(target.to_string_lossy().into_owned())
            }
            kind if kind.is_fifo() => Node::Other,
            _ if metadata.mode() & 0o111 != 0 => Node::Program(dir.read(&name).expect("a file")),
            _ => Node::File(dir.read(&name).expect("a file")),
        };
        tree.insert(path, node);
    }
}

/// A tree from what [`populate`] takes, with the directories above the files.
pub(crate) fn expected(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new();
    for (path, content) in files {
        let steps = path.match_indices('/');
        tree.extend(steps.map(|(end, _)| (path[..end].to_owned(), Node::Directory)));
        let node = match content.strip_prefix("-> ") {
            _ if path.ends_with('/') => continue,
            Some(target) => Node::Link(target.to_owned()),
            None => Node::File(content.as_bytes().to_vec()),
        };
        tree.insert((*path).to_owned(), node);
    }
    tree
}

/// The conflicting paths.
pub(crate) fn paths(conflicts: &[Conflict]) -> Vec<String> {
    conflicts
        .iter()
        .map(|conflict| conflict.path.to_string())
        .collect()
}
