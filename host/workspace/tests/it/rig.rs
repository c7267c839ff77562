//! A base on a disk in memory that has a store already: copied for nothing, crashed at will.
//!
//! The journal of the store is small, so that opening it reads little and filling it takes little.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use session_fs_workspace::{
    BaseHandle, BeginOptions, CommitOptions, CommitOutcome, IdSource, Preview, Workspace,
    WorkspaceOptions,
};
use store::disk::crash::{CrashOptions, Node};
use store::disk::{CrashDisk, Dir, File, FileKind};
use store::{JournalLimits, JournalPair, Name, StoreIdentity};
use vfs::Session;

/// What a disk holds, by path.
pub(crate) type Nodes = BTreeMap<String, Node>;

/// Length of each journal of a prepared disk.
const JOURNAL_BYTES: u64 = 16 << 10;

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn names(path: &str) -> Vec<Name> {
    let parts = path.split('/').filter(|part| !part.is_empty());
    parts.map(name).collect()
}

/// The directory of a path, and the name there.
pub(crate) fn place(root: &Arc<dyn Dir>, path: &str) -> std::io::Result<(Arc<dyn Dir>, Name)> {
    let (parent, last) = path.rsplit_once('/').unwrap_or(("", path));
    Ok((root.walk(&names(parent))?, name(last)))
}

/// Puts files below a root; what ends in `/` is a directory, and what begins with `-> ` a link.
pub(crate) fn populate(root: &Arc<dyn Dir>, files: &[(&str, &str)]) {
    for (path, content) in files {
        let steps = path.match_indices('/').map(|(end, _)| &path[..end]);
        for dir in steps {
            let (parent, name) = place(root, dir).expect("the parent is there");
            match parent.mkdir(&name, 0o755) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                made => made.expect("a directory"),
            }
        }
        if path.ends_with('/') {
            continue;
        }
        let (dir, name) = place(root, path).expect("the parent is there");
        match content.strip_prefix("-> ") {
            Some(target) => dir.symlink(target, &name).expect("a link"),
            None => {
                let mode = if path.ends_with(".sh") { 0o755 } else { 0o644 };
                let file = dir.create(&name, mode).expect("a file");
                file.write_at(content.as_bytes(), 0).expect("writes");
            }
        }
    }
}

/// A flushed disk with these files and no store.
pub(crate) fn bare(files: &[(&str, &str)], options: CrashOptions) -> CrashDisk {
    let disk = CrashDisk::new(options);
    populate(&disk.root(), files);
    disk.root().sync_fs().expect("flushes");
    disk.fork()
}

/// A flushed disk with these files and the store of a base that nobody has committed to.
pub(crate) fn prepared(files: &[(&str, &str)], options: CrashOptions) -> CrashDisk {
    let disk = bare(files, options);
    let root = disk.root();
    let host = Host::open(root.clone(), "maker", None);
    let session = host.begin();
    session.write("first", b"1").expect("writes");
    assert!(matches!(
        host.commit(&session),
        Ok(CommitOutcome::Applied(_))
    ));
    drop((session, host));
    root.unlink(&name("first")).expect("was committed");
    let store = root.walk(&[name(".session-fs")]).expect("a store");
    let changes = store.walk(&[name("changes")]).expect("a folder");
    for item in changes.list(9).expect("lists").items {
        changes.unlink(&item.name).expect("removes");
    }
    for file in ["head", "journal", "journal2"] {
        store.unlink(&name(file)).expect("removes");
    }
    let limits = JournalLimits {
        bytes_initial: JOURNAL_BYTES,
        bytes_max: 64 << 20,
        record_bytes_max: 48 << 20,
    };
    drop(JournalPair::create(&store, &identity(&store), &limits).expect("journals"));
    root.sync_fs().expect("flushes");
    disk.fork()
}

/// The identity of a store.
pub(crate) fn identity(store: &Arc<dyn Dir>) -> StoreIdentity {
    let file = store.open(&name("store")).expect("an identity");
    let bytes = read(&*file);
    let mut identity = StoreIdentity {
        id: [0; 16],
        key: [0; 32],
    };
    identity.id.copy_from_slice(&bytes[10..26]);
    identity.key.copy_from_slice(&bytes[26..58]);
    identity
}

/// All bytes of a file.
pub(crate) fn read(file: &dyn File) -> Vec<u8> {
    let size = file.stat().expect("a file").size;
    let mut bytes = vec![0; usize::try_from(size).expect("small")];
    let mut filled = 0;
    while filled < bytes.len() {
        let offset = filled as u64;
        match file.read_at(&mut bytes[filled..], offset).expect("reads") {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    bytes
}

/// Everything on a disk but the journals, and the reserve with its megabytes of nothing.
pub(crate) fn nodes(disk: &CrashDisk) -> Nodes {
    let mut nodes = Nodes::new();
    collect(&disk.root(), "", &mut nodes);
    nodes
}

fn collect(dir: &Arc<dyn Dir>, prefix: &str, nodes: &mut Nodes) {
    for item in dir.list(10_000).expect("lists").items {
        let path = format!("{prefix}{}", item.name);
        let unseen = [
            ".session-fs/journal",
            ".session-fs/journal2",
            ".session-fs/reserve",
        ];
        if unseen.contains(&path.as_str()) {
            continue;
        }
        let mode = dir.stat(&item.name).expect("is there").mode;
        let node = match item.kind {
            FileKind::Directory => {
                let inner = dir.walk(std::slice::from_ref(&item.name));
                collect(&inner.expect("a directory"), &format!("{path}/"), nodes);
                Node::Directory { mode }
            }
            FileKind::Symlink => Node::Symlink {
                target: dir.read_link(&item.name).expect("a link"),
            },
            _ => Node::File {
                content: read(&*dir.open(&item.name).expect("a file")),
                mode,
            },
        };
        nodes.insert(path, node);
    }
}

/// Everything on a disk but the store.
pub(crate) fn visible(nodes: &Nodes) -> Nodes {
    let own = |path: &str| path == ".session-fs" || path.starts_with(".session-fs/");
    let others = nodes.iter().filter(|(path, _)| !own(path));
    others.map(|(p, node)| (p.clone(), node.clone())).collect()
}

/// The paths of a disk that begin with this.
pub(crate) fn below(nodes: &Nodes, prefix: &str) -> Vec<String> {
    let from = nodes.range(prefix.to_owned()..);
    let below = from.take_while(|(path, _)| path.starts_with(prefix));
    below.map(|(path, _)| path.clone()).collect()
}

/// One process that has a base open.
pub(crate) struct Host {
    pub(crate) workspace: Workspace,
    pub(crate) base: Arc<BaseHandle>,
}

impl Host {
    /// Opens the base of a root; sessions are named after `who`, so that no two of them are alike.
    pub(crate) fn open(root: Arc<dyn Dir>, who: &str, boot: Option<[u8; 16]>) -> Self {
        Self::try_open(root, who, boot).expect("describes the directory")
    }

    /// The same; `None` when not even the directory can be described.
    pub(crate) fn try_open(root: Arc<dyn Dir>, who: &str, boot: Option<[u8; 16]>) -> Option<Self> {
        Self::make(root, who, boot, true)
    }

    /// The same for one that `threads` of its own help. Without them it makes even a single new file
    /// before the record is written, as threads do with many.
    pub(crate) fn make(
        root: Arc<dyn Dir>,
        who: &str,
        boot: Option<[u8; 16]>,
        threads: bool,
    ) -> Option<Self> {
        let options = WorkspaceOptions {
            boot,
            threads,
            ..WorkspaceOptions::default()
        };
        Self::with(root, who, options)
    }

    /// The same with other options.
    pub(crate) fn with(root: Arc<dyn Dir>, who: &str, options: WorkspaceOptions) -> Option<Self> {
        let workspace = Workspace::new(WorkspaceOptions {
            ids: Arc::new(NamedIds::new(who)),
            ..options
        });
        let base = workspace.directory(root, "file:///rig").ok()?;
        Some(Self { workspace, base })
    }

    pub(crate) fn begin(&self) -> Session {
        let begun = self.workspace.begin(&self.base, BeginOptions::default());
        begun.expect("begins")
    }

    pub(crate) fn commit(&self, session: &Session) -> session_fs_workspace::Result<CommitOutcome> {
        let options = CommitOptions::default();
        self.workspace.commit(session, &options)
    }

    /// What the same commit would come to.
    pub(crate) fn preview(&self, session: &Session) -> session_fs_workspace::Result<Preview> {
        self.workspace.preview(session, &CommitOptions::default())
    }

    /// What keeps the base from taking commits.
    pub(crate) fn trouble(&self) -> Option<String> {
        use std::error::Error;
        self.base.trouble().map(|error| {
            let source = error.source().map(ToString::to_string);
            format!("{error}: {source:?}")
        })
    }
}

/// Counted identities with a name before them.
struct NamedIds {
    who: String,
    sessions_count: AtomicU64,
    numbers_count: AtomicU64,
}

impl NamedIds {
    fn new(who: &str) -> Self {
        Self {
            who: who.to_owned(),
            sessions_count: AtomicU64::new(0),
            numbers_count: AtomicU64::new(0),
        }
    }
}

impl fmt::Debug for NamedIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NamedIds")
    }
}

impl IdSource for NamedIds {
    fn session_id(&self) -> String {
        let number = self.sessions_count.fetch_add(1, Ordering::Relaxed) + 1;
        format!("{}-{number}", self.who)
    }

    fn number(&self) -> u64 {
        self.numbers_count.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn secret(&self) -> [u8; 32] {
        [7; 32]
    }
}

/// Numbers that look random: splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.next() % count.max(1) as u64).expect("below a usize")
    }

    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
