//! What somebody else does to a name, and how it is known afterwards that nothing of it was lost.

use std::io;
use std::sync::Arc;

use store::disk::crash::Node;
use store::disk::{Dir, File, FileKind, RenameMode};

use crate::rig::{Nodes, name, place};

/// What somebody else writes; longer than anything that is there.
pub(crate) const THEIRS: &[u8] = b"what somebody else wrote in the very last moment";

/// So many of them are known again; a shorter file is not disguised.
const DISGUISE_BYTES: usize = 7;

/// One thing that somebody else does to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Writes the file anew, in place.
    Overwrite,
    Append,
    /// Writes another file and renames it over.
    Save,
    Remove,
    /// Puts a link in its place.
    Link,
    /// Makes it executable.
    Mode,
    /// Writes as many bytes as are there, and sets the time of before.
    Disguise,
    /// Puts a directory with a file in it in its place.
    Directory,
    /// Moves it away, to a name of their own.
    Carry,
    /// Writes through a handle that was opened before the commit.
    OldHandle,
    /// Makes a file where there is none.
    Create,
    /// Makes an empty one.
    Empty,
}

/// Somebody who is ready to act.
pub(crate) struct Deed {
    act: Act,
    root: Arc<dyn Dir>,
    path: String,
    handle: Option<Arc<dyn File>>,
}

impl Deed {
    pub(crate) fn new(act: Act, root: Arc<dyn Dir>, path: &str) -> Self {
        let opened = || place(&root, path).and_then(|(dir, name)| dir.open_writable(&name));
        let handle = match act {
            Act::OldHandle => opened().ok(),
            _ => None,
        };
        Self {
            act,
            root,
            path: path.to_owned(),
            handle,
        }
    }

    /// Acts; fails when the name is not as it would have to be.
    pub(crate) fn run(&self) -> io::Result<()> {
        let (dir, last) = place(&self.root, &self.path)?;
        let their_file = name("their-file");
        match self.act {
            Act::Overwrite => {
                let file = dir.open_writable(&last)?;
                file.set_len(0)?;
                file.write_at(THEIRS, 0)
            }
            Act::Append => {
                let file = dir.open_writable(&last)?;
                file.write_at(THEIRS, file.stat()?.size)
            }
            Act::OldHandle => match &self.handle {
                Some(file) => file.write_at(THEIRS, 3),
                None => Err(io::ErrorKind::NotFound.into()),
            },
            Act::Disguise => {
                let file = dir.open_writable(&last)?;
                let before = file.stat()?;
                if before.size < DISGUISE_BYTES as u64 {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                file.write_at(&self.disguised(before.size), 0)?;
                file.set_mtime(before.mtime_ns)
            }
            Act::Save => {
                dir.stat(&last)?;
                create(&self.root, "their-file", THEIRS)?;
                self.root
                    .rename(&their_file, &*dir, &last, RenameMode::Replace)
            }
            Act::Remove => dir.unlink(&last),
            Act::Carry => dir.rename(&last, &*self.root, &their_file, RenameMode::NoReplace),
            Act::Mode => {
                let file = dir.open_writable(&last)?;
                file.set_mode(0o755)
            }
            Act::Link => {
                drop(dir.unlink(&last));
                create(&self.root, "their-file", THEIRS)?;
                dir.symlink("their-file", &last)
            }
            Act::Directory => {
                if dir
                    .stat(&last)
                    .is_ok_and(|now| now.kind != FileKind::Directory)
                {
                    dir.unlink(&last)?;
                }
                dir.mkdir(&last, 0o755)?;
                create(&dir.walk(&[last])?, "theirs", THEIRS)
            }
            Act::Create | Act::Empty => {
                let file = dir.create(&last, 0o644)?;
                match self.act {
                    Act::Create => file.write_at(THEIRS, 0),
                    _ => Ok(()),
                }
            }
        }
    }

    fn disguised(&self, size: u64) -> Vec<u8> {
        let size = usize::try_from(size).expect("small");
        THEIRS.iter().copied().cycle().take(size).collect()
    }

    /// Whether what they wrote is somewhere on the disk.
    pub(crate) fn is_kept(&self, nodes: &Nodes) -> bool {
        let holds = |bytes: &[u8]| match self.act {
            Act::Disguise => {
                bytes.len() >= DISGUISE_BYTES && THEIRS.starts_with(&bytes[..DISGUISE_BYTES])
            }
            _ => bytes.windows(THEIRS.len()).any(|part| part == THEIRS),
        };
        let is_there = |node: &Node| matches!(node, Node::File { content, .. } if holds(content));
        match self.act {
            Act::Remove | Act::Mode | Act::Empty => true,
            Act::Carry => nodes.contains_key("their-file"),
            _ => nodes.values().any(is_there),
        }
    }
}

fn create(dir: &Arc<dyn Dir>, file: &str, bytes: &[u8]) -> io::Result<()> {
    dir.create(&name(file), 0o644)?.write_at(bytes, 0)
}
