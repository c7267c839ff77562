//! What the guests share: error numbers by name, and the ways to expect one.
//!
//! A guest checks by itself and panics on a surprise, which traps; what only the host can judge, it
//! prints. All run in the session's root and are of no use anywhere else.

use std::fmt::Debug;
use std::io;

/// Error numbers of wasi-libc.
pub mod errno {
    /// Bad file descriptor.
    pub const BADF: i32 = 8;
    /// Device or resource busy.
    pub const BUSY: i32 = 10;
    /// A quota was reached.
    pub const DQUOT: i32 = 19;
    /// It exists.
    pub const EXIST: i32 = 20;
    /// The file is too large.
    pub const FBIG: i32 = 22;
    /// Not in this encoding.
    pub const ILSEQ: i32 = 25;
    /// Invalid argument.
    pub const INVAL: i32 = 28;
    /// Input or output failed.
    pub const IO: i32 = 29;
    /// It is a directory.
    pub const ISDIR: i32 = 31;
    /// Too many links.
    pub const LOOP: i32 = 32;
    /// A name is too long.
    pub const NAMETOOLONG: i32 = 37;
    /// Nothing is there.
    pub const NOENT: i32 = 44;
    /// No directory is there.
    pub const NOTDIR: i32 = 54;
    /// The directory is not empty.
    pub const NOTEMPTY: i32 = 55;
    /// Not permitted.
    pub const PERM: i32 = 63;
    /// A read-only file system.
    pub const ROFS: i32 = 69;
}

/// Fails the guest unless the call was refused with this error number.
#[track_caller]
pub fn refused<T: Debug>(result: io::Result<T>, number: i32) {
    match result {
        Ok(value) => panic!("expected errno {number} and got {value:?}"),
        Err(error) => assert_eq!(error.raw_os_error(), Some(number), "{error:?}"),
    }
}

/// The names in a directory, sorted.
pub fn names(directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(directory).expect("a directory that can be listed");
    let name = |entry: io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).into_string().expect("names are UTF-8"))
        .collect();
    names.sort();
    names
}

/// Makes a symbolic link.
#[expect(
    deprecated,
    reason = "the only stable call that makes a link on this target"
)]
pub fn symlink(target: &str, path: &str) -> io::Result<()> {
    std::fs::soft_link(target, path)
}
