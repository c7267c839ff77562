//! The session engine: isolated, mutable views of a file tree that cost what they change.
//!
//! A [`Session`] begins over a [`Base`] in O(1), reads it lazily, keeps only what differs and
//! changes nothing outside. The crate is synchronous and knows no commits, tenants, WebAssembly or
//! tokio: time, ids and limits arrive as arguments. Whoever wants a session's result applied
//! [seals](Session::seal) it and takes its [`ChangeSet`].
//!
//! ```
//! use std::sync::Arc;
//! use vfs::{EmptyBase, Session, SessionOptions};
//!
//! # use session_fs_vfs as vfs;
//! let session = Session::begin(Arc::new(EmptyBase::new("vfs://demo")), SessionOptions::default());
//! session.write("src/lib.rs", b"pub fn one() -> u32 { 1 }\n").expect_err("no such directory");
//! session.mkdir("src")?;
//! session.write("src/lib.rs", b"pub fn one() -> u32 { 1 }\n")?;
//! session.savepoint("drafted")?;
//! session.edit("src/lib.rs", "1 }", "2 }", 1)?;
//! session.restore("drafted")?;
//! assert_eq!(session.read("src/lib.rs")?, b"pub fn one() -> u32 { 1 }\n");
//! assert_eq!(session.changes()?.len(), 2);
//! session.rollback()?;
//! # Ok::<(), vfs::Error>(())
//! ```

pub mod error;
pub mod limits;
pub mod path;
pub mod reserved;
pub mod time;

mod rules;

mod meter;
mod spill;

mod base;

mod content;
mod inode;
mod tree;

mod reads;

mod lookup;
mod resolve;

mod core;
mod ops;
mod room;

mod observer;
mod session;
mod state;

mod descriptor;

mod change;
mod diff;
mod merge;
mod search;

pub use base::{Base, BaseEntry, BaseFile, BaseStat, BaseVersion, DirectoryBase, EmptyBase};
pub use change::{Arrival, ChangeEntry, ChangeKind, ChangeSet, Departure, Side, Update};
pub use descriptor::{Descriptor, DescriptorFlags, DirCursor, OpenFlags};
pub use diff::{DiffFile, unified_diff};
pub use error::{DenialReason, Error, ErrorKind, PathFault, Result};
pub use limits::{Limits, READ_BYTES_MAX};
pub use merge::{
    Conflict, ConflictPolicy, ConflictReason, ConflictSide, Hunk, Isolation, MERGE_BYTES_MAX,
    MERGE_LINES_MAX, MergeOptions, Merged, TextMerge, merge_text,
};
pub use meter::{Charge, Meter};
pub use observer::{Failure, Observer, Operation, OperationKind};
pub use path::VPath;
pub use reads::Seen;
pub use rules::{Globs, PathRules};
pub use search::{SearchMatch, SearchPage, SearchQuery};
pub use session::{
    Access, Metadata, Page, Rebased, Savepoint, Sealed, Session, SessionOptions, Status,
};
pub use spill::Spill;
pub use state::SavedState;
pub use store::{Digest, Name, NameError};
pub use time::{Clock, FixedClock, NewTime, Timestamp};

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Symlink,
}

impl Kind {
    /// The word for it in JSON, WIT and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File => "file",
            Self::Symlink => "symlink",
        }
    }
}

/// What a session tells of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Number of the object in its session; it survives copy-up, rename and unlink.
    pub ino: u64,
    /// What it is.
    pub kind: Kind,
    /// Bytes of a file's content or of a link's target; 0 for a directory.
    pub size: u64,
    /// Names it has in the session; 0 when only a handle holds it.
    pub link_count: u64,
    /// Whether a file may be executed.
    pub executable: bool,
    /// When it was last read, as far as the session knows.
    pub accessed: Option<Timestamp>,
    /// When its content last changed.
    pub modified: Option<Timestamp>,
    /// When anything of it last changed.
    pub changed: Option<Timestamp>,
}

/// One name of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The name.
    pub name: Name,
    /// What it stands for.
    pub kind: Kind,
}
