//! The disks and the journal, seen from outside, on a folder of the machine.

mod confinement;
mod faults;
mod journal;
mod model;
mod objects;
mod race;

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use cap_tempfile::TempDir;
use session_fs_store::Name;
use session_fs_store::disk::{Dir, RealDir};

/// A folder with the pinned directory `root` and, beside it, `outside/secret` that must stay unseen.
pub(crate) struct Sandbox {
    /// The folder as the attacker sees it; removed when dropped.
    pub(crate) folder: TempDir,
    /// The tree under test.
    pub(crate) root: Arc<dyn Dir>,
}

/// A way to pin a directory.
pub(crate) type Pin = fn(cap_std::fs::Dir) -> io::Result<Arc<dyn Dir>>;

/// Both ways of resolving names, which promise the same.
pub(crate) const PINS: [(&str, Pin); 2] = [
    ("openat2", RealDir::open),
    ("components", RealDir::open_without_openat2),
];

pub(crate) const SECRET: &str = "secret outside";

impl Sandbox {
    pub(crate) fn new(pin: Pin) -> Self {
        let folder = cap_tempfile::tempdir(cap_tempfile::ambient_authority()).expect("tempdir");
        folder.create_dir("outside").expect("fresh folder");
        folder
            .write("outside/secret", SECRET)
            .expect("fresh folder");
        folder.create_dir("root").expect("fresh folder");
        let root = pin(folder.open_dir("root").expect("just made")).expect("root opens");
        Self { folder, root }
    }
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

/// The names of a path such as `a/b`.
pub(crate) fn names(path: &str) -> Vec<Name> {
    path.split('/')
        .filter(|part| !part.is_empty())
        .map(name)
        .collect()
}

/// `"ok"` or the kind of the error.
pub(crate) fn outcome<T>(result: &io::Result<T>) -> String {
    result
        .as_ref()
        .map_or_else(|error| format!("{:?}", error.kind()), |_| "ok".to_owned())
}

/// All bytes of the file `file`, at most 4,096.
pub(crate) fn content(dir: &dyn Dir, file: &str) -> io::Result<String> {
    let mut buf = vec![0; 4096];
    let len = dir.open(&name(file))?.read_at(&mut buf, 0)?;
    buf.truncate(len);
    Ok(String::from_utf8(buf).expect("tests write text"))
}

pub(crate) fn put(dir: &dyn Dir, file: &str, text: &str) {
    let file = dir.create(&name(file), 0o644).expect("a new file");
    file.write_at(text.as_bytes(), 0).expect("room on the disk");
}

pub(crate) fn assert_kind<T: Debug>(result: &io::Result<T>, expected: io::ErrorKind) {
    assert_eq!(
        result.as_ref().map_err(io::Error::kind).err(),
        Some(expected),
        "{result:?}"
    );
}
