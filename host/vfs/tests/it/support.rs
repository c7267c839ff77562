//! What the tests stand on: a base stricter than the real ones, a directory of the machine, and
//! short ways to say what is expected.

mod spill;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_tempfile::TempDir;
use parking_lot::Mutex;
use session_fs_vfs::{
    Base, BaseEntry, BaseFile, BaseStat, BaseVersion, DirectoryBase, EmptyBase, Error, Kind,
    Limits, Meter, Name, Result, Session, SessionOptions, VPath,
};
pub(crate) use spill::MemorySpill;

/// A base in memory that a test changes underneath, and that counts whatever it is asked.
///
/// Stricter than a directory: every read of another version than was described fails.
#[derive(Clone, Debug, Default)]
pub(crate) struct MapBase(Arc<Map>);

#[derive(Debug, Default)]
struct Map {
    nodes: Mutex<BTreeMap<VPath, Node>>,
    versions: AtomicU64,
    calls: AtomicU64,
}

/// What a [`MapBase`] has at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Directory,
    File(Vec<u8>),
    Executable(Vec<u8>),
    /// So many zeros that nobody holds.
    Sparse(u64),
    Link(String),
}

#[derive(Clone, Debug)]
struct Node {
    body: Body,
    version: u64,
}

impl MapBase {
    /// A base with these objects and the directories above them.
    pub(crate) fn new(objects: &[(&str, Body)]) -> Self {
        let base = Self::default();
        base.put("", Body::Directory);
        for (path, body) in objects {
            base.put(path, body.clone());
        }
        base
    }

    /// A base with these text files.
    pub(crate) fn files(files: &[(&str, &str)]) -> Self {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (*path, Body::File(text.as_bytes().to_vec())))
            .collect();
        Self::new(&files)
    }

    /// Puts a new version of an object at a path, as somebody outside would.
    pub(crate) fn put(&self, path: &str, body: Body) {
        let path = vpath(path);
        let mut nodes = self.0.nodes.lock();
        let above = std::iter::successors(path.parent(), VPath::parent);
        for dir in above {
            nodes.entry(dir).or_insert_with(|| Node {
                body: Body::Directory,
                version: self.next_version(),
            });
        }
        let version = self.next_version();
        nodes.insert(path, Node { body, version });
    }

    /// Takes an object away.
    pub(crate) fn take(&self, path: &str) {
        self.0.nodes.lock().remove(&vpath(path));
    }

    /// How often the base was asked for anything.
    pub(crate) fn calls(&self) -> u64 {
        self.0.calls.load(Ordering::Relaxed)
    }

    /// The objects below the root.
    pub(crate) fn snapshot(&self) -> BTreeMap<VPath, Body> {
        let nodes = self.0.nodes.lock();
        let below = nodes.iter().filter(|(path, _)| !path.is_root());
        below
            .map(|(path, node)| (path.clone(), node.body.clone()))
            .collect()
    }

    fn next_version(&self) -> u64 {
        self.0.versions.fetch_add(1, Ordering::Relaxed)
    }

    fn count(&self) {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
    }

    /// A version of another kind is another version, as in a directory.
    fn expect_kind(&self, path: &VPath, expected: &BaseStat) -> Result<Body> {
        match self.expect(path, expected.version)? {
            body if body.kind() == expected.kind => Ok(body),
            _ => Err(Error::Stale {
                path: path.to_string(),
            }),
        }
    }

    fn expect(&self, path: &VPath, version: BaseVersion) -> Result<Body> {
        match self.0.nodes.lock().get(path) {
            Some(node) if BaseVersion::Number(node.version) == version => Ok(node.body.clone()),
            _ => Err(Error::Stale {
                path: path.to_string(),
            }),
        }
    }
}

impl Base for MapBase {
    fn name(&self) -> &str {
        "map"
    }

    fn describe(&self, path: &VPath) -> Result<Option<BaseStat>> {
        self.count();
        Ok(self.0.nodes.lock().get(path).map(|node| BaseStat {
            kind: node.body.kind(),
            size: node.body.size(),
            executable: matches!(node.body, Body::Executable(_)),
            modified: None,
            changed: None,
            version: BaseVersion::Number(node.version),
        }))
    }

    fn list(&self, path: &VPath, entries_max: usize) -> Result<Arc<[BaseEntry]>> {
        self.count();
        let nodes = self.0.nodes.lock();
        let entries: Arc<[BaseEntry]> = nodes
            .range(path.clone()..)
            .take_while(|(below, _)| below.starts_with(path))
            .filter_map(|(below, node)| {
                let (parent, name) = below.split()?;
                (parent == path.components()).then(|| BaseEntry {
                    name: name.clone(),
                    kind: node.body.kind(),
                })
            })
            .collect();
        if entries.len() > entries_max {
            return Err(Error::Quota {
                which: "listing-entries",
                used: entries_max as u64,
                limit: entries_max as u64,
            });
        }
        Ok(entries)
    }

    fn open(&self, path: &VPath, expected: &BaseStat) -> Result<Arc<dyn BaseFile>> {
        self.count();
        self.expect_kind(path, expected)?;
        Ok(Arc::new(MapFile {
            base: self.clone(),
            path: path.clone(),
            version: expected.version,
        }))
    }

    fn read_link(&self, path: &VPath, expected: &BaseStat) -> Result<Arc<str>> {
        self.count();
        match self.expect_kind(path, expected)? {
            Body::Link(target) => Ok(target.into()),
            other => panic!("'{path}' is {other:?} and was asked for its target"),
        }
    }
}

#[derive(Debug)]
struct MapFile {
    base: MapBase,
    path: VPath,
    version: BaseVersion,
}

impl BaseFile for MapFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize> {
        self.base.count();
        let bytes = match self.base.expect(&self.path, self.version)? {
            Body::File(bytes) | Body::Executable(bytes) => bytes,
            Body::Sparse(len) => {
                buffer.fill(0);
                let rest = len.saturating_sub(offset);
                return Ok(buffer.len().min(usize::try_from(rest).expect("64 bits")));
            }
            other => panic!("'{}' is {other:?} and was read", self.path),
        };
        let start = usize::try_from(offset).map_or(bytes.len(), |at| at.min(bytes.len()));
        let count = buffer.len().min(bytes.len() - start);
        buffer[..count].copy_from_slice(&bytes[start..start + count]);
        Ok(count)
    }
}

impl Body {
    fn kind(&self) -> Kind {
        match self {
            Self::Directory => Kind::Directory,
            Self::Link(_) => Kind::Symlink,
            _ => Kind::File,
        }
    }

    fn size(&self) -> u64 {
        match self {
            Self::Directory => 0,
            Self::File(bytes) | Self::Executable(bytes) => bytes.len() as u64,
            Self::Sparse(len) => *len,
            Self::Link(target) => target.len() as u64,
        }
    }
}

/// A directory of the machine with `root` as a base and, beside it, what nobody may see.
pub(crate) struct Sandbox {
    pub(crate) folder: TempDir,
    pub(crate) base: Arc<DirectoryBase>,
}

pub(crate) const SECRET: &str = "secret outside";

impl Sandbox {
    pub(crate) fn new() -> Self {
        let folder = cap_tempfile::tempdir(cap_tempfile::ambient_authority()).expect("tempdir");
        folder.create_dir("root").expect("fresh folder");
        folder.create_dir("outside").expect("fresh folder");
        folder.write("outside/secret", SECRET).expect("fresh");
        let root = folder.open_dir("root").expect("just made");
        let root = store::disk::RealDir::open(root).expect("opens");
        let base = Arc::new(DirectoryBase::new(root, "file:///root"));
        Self { folder, base }
    }

    /// A sandbox with the objects of a map base in it.
    pub(crate) fn of(base: &MapBase) -> Self {
        use cap_std::fs::PermissionsExt;
        let sandbox = Self::new();
        let root = sandbox.root();
        for (path, body) in base.snapshot() {
            let path = path.to_string();
            match body {
                Body::Directory => root.create_dir(&path).expect("fresh"),
                Body::File(bytes) => root.write(&path, bytes).expect("fresh"),
                Body::Executable(bytes) => {
                    root.write(&path, bytes).expect("fresh");
                    let mode = cap_std::fs::Permissions::from_mode(0o755);
                    root.set_permissions(&path, mode).expect("ours");
                }
                Body::Sparse(len) => {
                    let file = root.create(&path).expect("fresh");
                    file.set_len(len).expect("a hole");
                }
                Body::Link(target) => root.symlink_contents(target, &path).expect("fresh"),
            }
        }
        sandbox
    }

    /// The base directory, as whoever is outside sees it.
    pub(crate) fn root(&self) -> cap_std::fs::Dir {
        self.folder.open_dir("root").expect("there")
    }

    pub(crate) fn session(&self) -> Session {
        Session::begin(self.base.clone(), SessionOptions::default())
    }
}

pub(crate) fn empty() -> Session {
    Session::begin(
        Arc::new(EmptyBase::new("vfs://t")),
        SessionOptions::default(),
    )
}

pub(crate) fn over(base: &MapBase) -> Session {
    Session::begin(Arc::new(base.clone()), SessionOptions::default())
}

/// A session over a base with other limits, and the account above its own.
pub(crate) fn limited(base: Arc<dyn Base>, limits: Limits) -> (Session, Arc<Meter>) {
    let host = Meter::new("host-memory-bytes", u64::MAX);
    let options = SessionOptions {
        limits,
        meter: host.clone(),
        ..SessionOptions::default()
    };
    (Session::begin(base, options), host)
}

pub(crate) fn vpath(path: &str) -> VPath {
    VPath::parse(path).expect("a valid path")
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

/// The name of an error's variant.
pub(crate) fn variant(error: &Error) -> String {
    let text = format!("{error:?}");
    let end = text.find([' ', '{', '(']).unwrap_or(text.len());
    text[..end].to_owned()
}

/// Checks that something failed with a variant of [`Error`].
#[track_caller]
pub(crate) fn fails<T: std::fmt::Debug>(result: Result<T>, expected: &str) {
    match result {
        Ok(value) => panic!("expected {expected}, got {value:?}"),
        Err(error) => assert_eq!(variant(&error), expected, "{error}"),
    }
}

/// All that a session shows: every path, its kind, mode and content or target.
pub(crate) fn tree(session: &Session) -> BTreeMap<String, (Kind, bool, Vec<u8>)> {
    let mut tree = BTreeMap::new();
    let mut pending = vec![String::new()];
    while let Some(dir) = pending.pop() {
        let mut after: Option<String> = None;
        loop {
            let page = session.list(&dir, after.as_deref(), 1000).expect("lists");
            for entry in page.entries {
                let path = if dir.is_empty() {
                    entry.name.to_string()
                } else {
                    format!("{dir}/{}", entry.name)
                };
                let stat = session.stat_link(&path).expect("listed");
                assert_eq!(stat.kind, entry.kind, "{path}");
                let content = match stat.kind {
                    Kind::Directory => {
                        pending.push(path.clone());
                        Vec::new()
                    }
                    Kind::File => session.read(&path).expect("listed"),
                    // A base may hold one that leads out, which is not shown.
                    Kind::Symlink => session.read_link(&path).unwrap_or_default().into_bytes(),
                };
                tree.insert(
                    path,
                    (
                        stat.kind,
                        stat.executable && stat.kind == Kind::File,
                        content,
                    ),
                );
            }
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    tree
}
