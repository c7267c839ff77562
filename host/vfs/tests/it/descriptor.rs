//! The rules of descriptors, as `wasi:filesystem` has them: opening, paths, names, open files.

mod names;
mod open_files;
mod opening;

use session_fs_vfs::{Descriptor, DescriptorFlags, OpenFlags, Session};

use crate::support::{Body, MapBase, over};

const READ: DescriptorFlags = DescriptorFlags {
    read: true,
    write: false,
    mutate_directory: false,
};
const WRITE: DescriptorFlags = DescriptorFlags {
    read: false,
    write: true,
    mutate_directory: false,
};
const READ_WRITE: DescriptorFlags = DescriptorFlags {
    read: true,
    write: true,
    mutate_directory: false,
};

/// Open flags by letter: create, exclusive, directory, truncate.
fn open_flags(letters: &str) -> OpenFlags {
    OpenFlags {
        create: letters.contains('c'),
        exclusive: letters.contains('x'),
        directory: letters.contains('d'),
        truncate: letters.contains('t'),
    }
}

fn open(session: &Session, path: &str, flags: DescriptorFlags) -> Descriptor {
    let root = session.root().expect("open session");
    let opened = root.open_at(path, true, OpenFlags::default(), flags);
    opened.expect(path)
}

/// A base with a file `f`, a directory `dir` with a file in it, and links of every kind.
fn base() -> MapBase {
    let link = |target: &str| Body::Link(target.to_owned());
    MapBase::new(&[
        ("f", Body::File(b"content".to_vec())),
        ("dir/g", Body::File(b"inner".to_vec())),
        ("dir/sub", Body::Directory),
        ("to-f", link("f")),
        ("to-dir", link("dir")),
        ("to-dir-slash", link("dir/")),
        ("dir/up", link("../f")),
        ("out", link("/etc/passwd")),
        ("climb", link("../../x")),
        ("loop", link("loop")),
        ("dangling", link("nothing")),
    ])
}

fn session() -> Session {
    over(&base())
}
