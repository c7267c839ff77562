//! A directory of the host with something beside it that no guest may see or change.
#![expect(clippy::disallowed_methods, reason = "the tests play the outsider")]

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use store::disk::{Dir, RealDir};
use tempfile::TempDir;
use vfs::{Base, DirectoryBase, FixedClock, Session, SessionOptions, Timestamp};

/// What stands beside the base; no guest may ever print it.
pub(crate) const CANARY: &str = "canary-7c1f";

/// The clock of every session; in 2027, so that it is not taken for the host's.
const NOW: Timestamp = Timestamp {
    seconds: 1_800_000_000,
    nanoseconds: 250_000_000,
};

/// Something in the tree that a session starts from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item {
    /// A file: path and content.
    File(&'static str, &'static str),
    /// A file that is not text: path and content.
    Binary(&'static str, &'static [u8]),
    /// A directory.
    Directory(&'static str),
    /// A link: path and target. Sessions make no link that leads out, a directory may have one.
    Link(&'static str, &'static str),
    /// A pipe that no writer has opened.
    Pipe(&'static str),
}

/// A base directory, and what is around it.
pub(crate) struct Scene {
    outside: TempDir,
    before: Vec<String>,
}

impl Scene {
    pub(crate) fn new(items: &[Item]) -> Self {
        let outside = tempfile::tempdir().expect("a directory");
        fs::write(outside.path().join("canary.txt"), CANARY).expect("written");
        fs::create_dir(outside.path().join("base")).expect("created");
        for item in items {
            item.lay(&outside.path().join("base"));
        }
        let before = snapshot(outside.path());
        Self { outside, before }
    }

    /// The directory as a base.
    pub(crate) fn base(&self) -> Arc<dyn Base> {
        Arc::new(DirectoryBase::new(self.root(), "file:///base"))
    }

    /// The directory, pinned.
    pub(crate) fn root(&self) -> Arc<dyn Dir> {
        let root = cap_std::fs::Dir::open_ambient_dir(self.path(), ambient_authority());
        RealDir::open(root.expect("the base is there")).expect("a directory")
    }

    /// Where the base is.
    pub(crate) fn path(&self) -> PathBuf {
        self.outside.path().join("base")
    }

    /// Fails when anything in the base or beside it is not as it was, to the byte and nanosecond.
    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        assert_eq!(
            snapshot(self.outside.path()),
            self.before,
            "the host's files were touched"
        );
    }
}

impl Item {
    fn path(&self) -> &'static str {
        match self {
            Self::File(path, _) | Self::Binary(path, _) | Self::Link(path, _) => path,
            Self::Directory(path) | Self::Pipe(path) => path,
        }
    }

    fn lay(&self, base: &Path) {
        let path = base.join(self.path());
        fs::create_dir_all(path.parent().expect("below the base")).expect("created");
        match self {
            Self::File(_, content) => fs::write(path, content),
            Self::Binary(_, content) => fs::write(path, content),
            Self::Directory(_) => fs::create_dir_all(path),
            Self::Link(_, target) => std::os::unix::fs::symlink(target, path),
            Self::Pipe(_) => {
                let made = std::process::Command::new("mkfifo").arg(path).status();
                made.map(|status| assert!(status.success()))
            }
        }
        .expect("laid out");
    }

    /// Puts it into a session.
    pub(crate) fn put(&self, session: &Session) {
        if let Some((parent, _)) = self.path().rsplit_once('/') {
            session.mkdir(parent).expect("made");
        }
        match self {
            Self::File(path, content) => session.write(path, content.as_bytes()),
            Self::Binary(path, content) => session.write(path, content),
            Self::Directory(path) => session.mkdir(path),
            Self::Link(path, target) => session.symlink(target, path),
            Self::Pipe(path) => panic!("a session has no pipe such as {path}"),
        }
        .expect("put");
    }
}

/// Everything below a directory: what it is, its mode, its time and its content.
fn snapshot(directory: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(path) = waiting.pop() {
        let stat = fs::symlink_metadata(&path).expect("it was listed");
        let content = if stat.is_dir() {
            let entries = fs::read_dir(&path).expect("a directory");
            waiting.extend(entries.map(|entry| entry.expect("an entry").path()));
            Vec::new()
        } else if stat.is_symlink() {
            let target = fs::read_link(&path).expect("a link");
            target.into_os_string().into_encoded_bytes()
        } else if stat.is_file() {
            fs::read(&path).expect("a file")
        } else {
            Vec::new()
        };
        let (mode, seconds, rest) = (stat.mode(), stat.mtime(), stat.mtime_nsec());
        let content = content.escape_ascii();
        lines.push(format!(
            "{} {mode:o} {} {seconds}.{rest} {content}",
            path.display(),
            stat.ino()
        ));
    }
    lines.sort();
    lines
}

/// The options of every session here.
pub(crate) fn options() -> SessionOptions {
    SessionOptions {
        clock: Arc::new(FixedClock(NOW)),
        ..SessionOptions::default()
    }
}

/// Where compiled guests are kept between two runs of the tests.
pub(crate) fn cache() -> Option<cap_std::fs::Dir> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&path)
        .ok()?;
    cap_std::fs::Dir::open_ambient_dir(path, ambient_authority()).ok()
}
