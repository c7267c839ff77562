//! A folder with a store, to which sessions are committed by hand: change files and objects are written
//! as the specification says, and the tree is kept as a plain map for each generation.

use std::collections::BTreeMap;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Permissions, PermissionsExt};
use cap_tempfile::TempDir;
use proptest::prelude::*;
use store::disk::fault::{Fault, FaultPlan};
use store::disk::{Dir, FaultDir, RealDir};
use vfs::{
    Digest, DirectoryBase, Kind, Metadata, Name, Session, SessionOptions, Side, Timestamp, VPath,
};

use crate::change::{Arrival, Change, ChangeFile, ChangeId, Departure, Preimage, Update, Version};
use crate::history::{GcNeeds, History, HistoryLimits};
use crate::objects::Objects;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Directory,
    File { bytes: Vec<u8>, executable: bool },
    Link(String),
}

/// A tree by path.
pub(super) type Tree = BTreeMap<String, Node>;

/// What a session does.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Write(&'static str, Vec<u8>),
    Mkdir(&'static str),
    Rename(&'static str, &'static str),
    Remove(&'static str),
    Executable(&'static str, bool),
    Link(&'static str, &'static str),
}

pub(super) struct Scene {
    pub(super) folder: TempDir,
    pub(super) root: Arc<dyn Dir>,
    pub(super) plan: Arc<FaultPlan>,
    /// The tree at each generation, from 0 on.
    pub(super) trees: Vec<Tree>,
    /// Which object stands at a path at each generation; one keeps its number through renames.
    pub(super) numbers: Vec<BTreeMap<String, u64>>,
    pub(super) changes: Vec<ChangeId>,
    next_number: u64,
}

impl Scene {
    /// A tree that was there before the store.
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let memory = cap_std::fs::Dir::open_ambient_dir("/dev/shm", ambient_authority());
        let folder = memory.and_then(|memory| TempDir::new_in(&memory));
        let folder = folder.or_else(|_| TempDir::new(ambient_authority()));
        let folder = folder.expect("a folder");
        let mut tree = Tree::new();
        for (path, text) in files {
            let parents: Vec<_> = path.match_indices('/').map(|(at, _)| &path[..at]).collect();
            for parent in parents {
                tree.insert(parent.to_owned(), Node::Directory);
            }
            tree.insert((*path).to_owned(), file(text.as_bytes()));
        }
        folder.create_dir(".session-fs").expect("made");
        let private = Permissions::from_mode(0o700);
        folder
            .set_permissions(".session-fs", private)
            .expect("private");
        folder
            .write(".session-fs/store", b"identity")
            .expect("written");
        let root = RealDir::open(folder.try_clone().expect("handle")).expect("a directory");
        let count = tree.len() as u64;
        let numbers = tree.keys().cloned().zip(1..).collect();
        let scene = Self {
            folder,
            root,
            plan: FaultPlan::new(Fault::NEVER),
            trees: vec![tree],
            numbers: vec![numbers],
            changes: Vec::new(),
            next_number: count + 1,
        };
        scene.write_tree(&scene.trees[0]);
        scene
    }

    pub(super) fn store(&self) -> Arc<dyn Dir> {
        self.root.walk(&[name(".session-fs")]).expect("there")
    }

    /// A history with an index.
    pub(super) fn history(&self) -> History {
        History::open(self.store(), self.root.clone(), HistoryLimits::default()).expect("opens")
    }

    /// A history without an index, on a disk that fails as planned.
    pub(super) fn scanned(&self) -> Result<History, crate::history::HistoryError> {
        let wrap = |dir| FaultDir::wrap(dir, self.plan.clone());
        let limits = HistoryLimits::default();
        History::open(wrap(self.store()), wrap(self.root.clone()), limits)
    }

    pub(super) fn newest(&self) -> u64 {
        self.changes.len() as u64
    }

    pub(super) fn id(&self, generation: u64) -> ChangeId {
        self.changes[usize::try_from(generation).expect("small") - 1]
    }

    pub(super) fn tree_at(&self, generation: u64) -> &Tree {
        &self.trees[usize::try_from(generation).expect("small")]
    }

    pub(super) fn present(&self) -> &Tree {
        self.trees.last().expect("there is a first")
    }

    pub(super) fn begin(&self) -> Session {
        let generation = self.newest() + 1;
        let base = Arc::new(DirectoryBase::new(self.root.clone(), "file:///scene"));
        let options = SessionOptions {
            id: format!("s{generation}"),
            metadata: Metadata {
                agent: Some(format!("agent{}", generation % 2)),
                ..Metadata::default()
            },
            ..SessionOptions::default()
        };
        Session::begin(base, options)
    }

    /// Runs what the session takes of some operations, in it and on the model, and commits it.
    /// `false` when nothing came of it.
    pub(super) fn run(&mut self, ops: &[Op]) -> bool {
        let session = self.begin();
        let mut numbers = self.numbers.last().expect("there is a first").clone();
        for op in ops {
            if op.act(&session).is_ok() {
                self.next_number = op.model(&mut numbers, self.next_number);
            }
        }
        let committed = self.commit(&session);
        if committed {
            let stands: Vec<_> = self.present().keys().collect();
            assert_eq!(numbers.keys().collect::<Vec<_>>(), stands, "the model fits");
            self.numbers.push(numbers);
        }
        committed
    }

    /// Commits a session; `false` when it changed nothing.
    pub(super) fn commit(&mut self, session: &Session) -> bool {
        let after = dump(session);
        let sealed = session.seal().expect("seals");
        if sealed.change_set().is_empty() {
            return false;
        }
        let before = self.present().clone();
        let generation = self.newest() + 1;
        let change = describe(&sealed, &after, generation);
        let preimages = self.keep(&before, &change);
        let file = ChangeFile {
            generation,
            previous: self.changes.last().copied(),
            change,
            preimages,
            displaced: Vec::new(),
        };
        self.shelve(&file);
        self.write_tree(&after);
        sealed.finish(&file.id().to_string());
        self.changes.push(file.id());
        self.trees.push(after);
        true
    }

    pub(super) fn shelve(&self, file: &ChangeFile) {
        self.folder
            .create_dir_all(".session-fs/changes")
            .expect("made");
        let path = format!(".session-fs/changes/{}", file.id());
        self.folder.write(path, file.encode()).expect("written");
    }

    /// Keeps as an object whatever file a change replaces or removes.
    fn keep(&self, before: &Tree, change: &Change) -> Vec<Preimage> {
        let gone = change
            .departures
            .iter()
            .filter(|gone| gone.moved_to.is_none());
        let moved = change.arrivals.iter().filter(|come| match &come.after {
            Version::File { digest, .. } => digest.is_some(),
            _ => false,
        });
        let mut paths: Vec<&VPath> = gone.map(|gone| &gone.path).collect();
        paths.extend(change.updates.iter().map(|update| &update.source));
        paths.extend(moved.filter_map(|come| come.moved_from.as_ref()));
        paths.sort();
        let mut preimages = Vec::new();
        for path in paths {
            let Some(Node::File { bytes, executable }) = before.get(&path.to_string()) else {
                continue;
            };
            self.folder
                .write(".session-fs/out", bytes)
                .expect("written");
            let objects = Objects::open(&self.store()).expect("opens");
            let adopted = crate::objects::adopt(&objects, &*self.store(), &name("out"));
            let (digest, size) = adopted.expect("adopted");
            preimages.push(Preimage {
                path: path.clone(),
                digest,
                size,
                executable: *executable,
            });
        }
        preimages
    }

    /// Makes the folder hold exactly this tree.
    fn write_tree(&self, tree: &Tree) {
        for entry in self.folder.entries().expect("lists") {
            let entry = entry.expect("an entry");
            if entry.file_name() == ".session-fs" {
                continue;
            }
            match entry.file_type().expect("a kind").is_dir() {
                true => self.folder.remove_dir_all(entry.file_name()).expect("gone"),
                false => entry.remove_file().expect("gone"),
            }
        }
        for (path, node) in tree {
            match node {
                Node::Directory => self.folder.create_dir(path).expect("made"),
                Node::Link(target) => self.folder.symlink(target, path).expect("made"),
                Node::File { bytes, executable } => {
                    self.folder.write(path, bytes).expect("written");
                    let mode = if *executable { 0o755 } else { 0o644 };
                    let mode = Permissions::from_mode(mode);
                    self.folder.set_permissions(path, mode).expect("set");
                }
            }
        }
    }
}

impl Op {
    fn act(&self, session: &Session) -> vfs::Result<()> {
        match self {
            Self::Write(path, bytes) => session.write(path, bytes),
            Self::Mkdir(path) => session.mkdir(path),
            Self::Rename(from, to) => session.rename(from, to),
            Self::Remove(path) => session.remove_all(path),
            Self::Executable(path, executable) => session.set_executable(path, *executable),
            Self::Link(path, target) => session.symlink(target, path),
        }
    }

    /// What the operation does to the numbers of objects; returns the next free number.
    fn model(&self, numbers: &mut BTreeMap<String, u64>, mut next: u64) -> u64 {
        let below = |path: &str, above: &str| {
            path == above
                || path
                    .strip_prefix(above)
                    .is_some_and(|rest| rest.starts_with('/'))
        };
        match self {
            Self::Write(path, _) | Self::Link(path, _) => {
                numbers.entry((*path).to_owned()).or_insert(next);
            }
            Self::Mkdir(path) => {
                let ends = path
                    .match_indices('/')
                    .map(|(at, _)| at)
                    .chain([path.len()]);
                for end in ends {
                    numbers.entry(path[..end].to_owned()).or_insert(next);
                    next += 1;
                }
            }
            Self::Remove(path) => numbers.retain(|other, _| !below(other, path)),
            Self::Rename(from, to) if from != to => {
                numbers.retain(|other, _| !below(other, to));
                let moved: Vec<_> = numbers
                    .keys()
                    .filter(|other| below(other, from))
                    .cloned()
                    .collect();
                for path in moved {
                    let number = numbers.remove(&path).expect("just listed");
                    numbers.insert(format!("{to}{}", &path[from.len()..]), number);
                }
            }
            Self::Rename(..) | Self::Executable(..) => {}
        }
        next + 1
    }
}

/// Everything in a session, by path.
pub(super) fn dump(session: &Session) -> Tree {
    let mut tree = Tree::new();
    let mut pending = vec![String::new()];
    while let Some(dir) = pending.pop() {
        let page = session.list(&dir, None, 1_000).expect("lists");
        for entry in page.entries {
            let path = match dir.as_str() {
                "" => entry.name.to_string(),
                dir => format!("{dir}/{}", entry.name),
            };
            let node = match entry.kind {
                Kind::Directory => {
                    pending.push(path.clone());
                    Node::Directory
                }
                Kind::Symlink => Node::Link(session.read_link(&path).expect("a link")),
                Kind::File => Node::File {
                    bytes: session.read(&path).expect("a file"),
                    executable: session.stat(&path).expect("a file").executable,
                },
            };
            tree.insert(path, node);
        }
    }
    tree
}

fn describe(sealed: &vfs::Sealed, after: &Tree, generation: u64) -> Change {
    let set = sealed.change_set();
    let session = sealed.session();
    let digest = |path: &VPath| match after.get(&path.to_string()) {
        Some(Node::File { bytes, .. }) => Some(Digest::of(bytes)),
        _ => None,
    };
    Change {
        base: "file:///scene".to_owned(),
        base_generation: generation - 1,
        into_session: None,
        is_part: false,
        session: session.id().to_owned(),
        metadata: session.metadata().clone(),
        message: Some(format!("commit {generation}")),
        committed_at: committed_at(generation),
        departures: set
            .departures
            .iter()
            .map(|gone| Departure {
                path: gone.path.clone(),
                before: version(&gone.before, None),
                moved_to: gone.moved_to.clone(),
            })
            .collect(),
        arrivals: set
            .arrivals
            .iter()
            .map(|come| {
                let is_carried = come.moved_from.is_some() && !come.changed;
                Arrival {
                    path: come.path.clone(),
                    after: version(&come.after, digest(&come.path).filter(|_| !is_carried)),
                    moved_from: come.moved_from.clone(),
                }
            })
            .collect(),
        updates: set
            .updates
            .iter()
            .map(|update| Update {
                path: update.path.clone(),
                source: update.source.clone(),
                before: version(&update.before, None),
                after: version(&update.after, digest(&update.path)),
            })
            .collect(),
    }
}

pub(super) fn committed_at(generation: u64) -> Timestamp {
    Timestamp {
        seconds: i64::try_from(generation).expect("small") * 100,
        nanoseconds: 0,
    }
}

fn version(side: &Side, digest: Option<Digest>) -> Version {
    match side.kind {
        Kind::Directory => Version::Directory,
        Kind::Symlink => Version::Symlink {
            target: side.target.as_deref().unwrap_or_default().to_owned(),
        },
        Kind::File => Version::File {
            size: side.size,
            digest,
            executable: side.executable,
            modified: side.modified,
        },
    }
}

pub(super) fn file(bytes: &[u8]) -> Node {
    Node::File {
        bytes: bytes.to_vec(),
        executable: false,
    }
}

pub(super) fn path(text: &str) -> VPath {
    VPath::parse(text).expect("valid")
}

pub(super) fn name(text: &str) -> Name {
    Name::new(text).expect("valid")
}

/// Nothing needs anything.
pub(super) const NO_NEEDS: GcNeeds<'static> = GcNeeds {
    generation_min: None,
    is_live: &|_| false,
    is_pinned: &|_| false,
};

/// A merge that always fails.
pub(super) fn no_merge(_: &[u8], _: &[u8], _: &[u8]) -> Option<Vec<u8>> {
    None
}

/// What every random scene starts from.
pub(super) const BEFORE: &[(&str, &str)] =
    &[("a", "a0"), ("d/x", "x0"), ("d/y", "y0"), ("e/x", "z0")];

const PATHS: [&str; 9] = ["a", "b", "c", "d", "e", "d/x", "d/y", "e/x", "f/g"];

fn op() -> impl Strategy<Value = Op> {
    let any_path = || prop::sample::select(&PATHS[..]);
    prop_oneof![
        4 => (any_path(), prop::collection::vec(b'a'..b'e', 0..3)).prop_map(|(path, bytes)| Op::Write(path, bytes)),
        1 => any_path().prop_map(Op::Mkdir),
        4 => (any_path(), any_path()).prop_map(|(from, to)| Op::Rename(from, to)),
        2 => any_path().prop_map(Op::Remove),
        1 => (any_path(), any::<bool>()).prop_map(|(path, executable)| Op::Executable(path, executable)),
    ]
}

/// Some commits of some operations each.
pub(super) fn commits() -> impl Strategy<Value = Vec<Vec<Op>>> {
    prop::collection::vec(prop::collection::vec(op(), 1..5), 1..7)
}

/// The scene after some commits.
pub(super) fn played(commits: &[Vec<Op>]) -> Scene {
    let mut scene = Scene::new(BEFORE);
    for ops in commits {
        scene.run(ops);
    }
    scene
}
