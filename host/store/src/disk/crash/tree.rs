//! `Node`: what a disk holds, as a map that tests compare.

use std::collections::BTreeMap;

use super::inode::{Body, Ino, Inode, Inodes, ROOT};

/// One object of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A regular file.
    File {
        /// All of its bytes.
        content: Vec<u8>,
        /// Permission bits.
        mode: u32,
    },
    /// A directory.
    Directory {
        /// Permission bits.
        mode: u32,
    },
    /// A symbolic link.
    Symlink {
        /// Where it points.
        target: String,
    },
}

/// Everything below the root by its path, components joined by `/`; the root itself is left out.
pub(super) fn tree(inodes: &Inodes, sector_bytes: usize) -> BTreeMap<String, Node> {
    let mut nodes = BTreeMap::new();
    let mut waiting: Vec<(String, Ino)> = vec![(String::new(), ROOT)];
    while let Some((prefix, dir)) = waiting.pop() {
        let entries = inodes.get(&dir).and_then(Inode::entries);
        for (name, ino) in entries.into_iter().flatten() {
            let Some(inode) = inodes.get(ino) else {
                continue;
            };
            let path = format!("{prefix}{name}");
            let mode = inode.mode;
            let node = match &inode.body {
                Body::File(content) => Node::File {
                    content: content.to_vec(sector_bytes),
                    mode,
                },
                Body::Directory(_) => {
                    waiting.push((format!("{path}/"), *ino));
                    Node::Directory { mode }
                }
                Body::Symlink(target) => Node::Symlink {
                    target: target.to_string(),
                },
            };
            nodes.insert(path, node);
        }
    }
    nodes
}
