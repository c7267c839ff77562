//! Every call to the disk fails, in every way, once and from then on: the tree is as before or as
//! after, what was acknowledged is there, no handle stays open, and the next opening mends the rest.

mod commits;
mod keeping;
mod killed;
mod recovery;
mod room;
mod sweep;

use session_fs_workspace::CommitOutcome;
use store::disk::CrashDisk;
use vfs::Session;

use crate::rig::{self, Host, Nodes, visible};

/// What a session does.
type Change = fn(&Session) -> vfs::Result<()>;

/// The first session of the host `one`.
const SESSION: &str = "one-1";

/// What the mixed session starts from.
pub(crate) const BEFORE: &[(&str, &str)] = &[
    ("changed", "changed before"),
    ("dir/inner", "inner before"),
    ("dir/deep/z", "z before"),
    ("gone/one", "one before"),
    ("gone/two/three", "three before"),
    ("link", "-> changed"),
    ("kept", "kept before"),
    ("replaced", "replaced before"),
    ("swap1", "swap1 before"),
    ("swap2", "swap2 before"),
];

/// Something of everything that a session can do.
pub(crate) fn change(session: &Session) -> vfs::Result<()> {
    session.write("changed", b"changed after")?;
    session.mkdir("new/deep")?;
    session.write("new/deep/file", b"file after")?;
    session.symlink("deep", "new/link")?;
    session.rename("dir", "moved")?;
    session.write("moved/inner", b"inner after")?;
    session.rename("swap1", "t")?;
    session.rename("swap2", "swap1")?;
    session.rename("t", "swap2")?;
    session.remove_all("gone")?;
    session.write("gone", b"gone after")?;
    session.remove("link")?;
    session.write("t", b"replaced after")?;
    session.rename("t", "replaced")
}

/// Commits a change, which nothing keeps from it.
fn committed(host: &Host, change: impl Fn(&Session) -> vfs::Result<()>) -> Session {
    let session = host.begin();
    change(&session).expect("the session takes it");
    let outcome = host.commit(&session);
    assert!(
        matches!(outcome, Ok(CommitOutcome::Applied(_))),
        "{outcome:?}"
    );
    session
}

/// What a disk has before and after a change.
fn before_and_after(start: &CrashDisk, change: Change) -> (Nodes, Nodes) {
    let disk = start.fork();
    drop(committed(&Host::open(disk.root(), "alone", None), change));
    (visible(&rig::nodes(start)), visible(&rig::nodes(&disk)))
}

/// Changes without a move: what most sessions do.
fn plain(session: &Session) -> vfs::Result<()> {
    session.write("changed", b"changed after")?;
    session.write("dir/inner", b"inner after")?;
    session.write("fresh", b"fresh after")?;
    session.remove("kept")
}

/// Contents that do not fit into the record.
fn large(session: &Session) -> vfs::Result<()> {
    // Zeros stay holes, and cost the disk nothing.
    let mut content = vec![0; (1 << 20) + 5];
    content[..5].copy_from_slice(b"large");
    session.write("changed", &content)?;
    session.write("fresh", &content[..(1 << 20) + 1])?;
    session.write("kept", b"kept after")
}
