//! The two sides of a conflict, told apart: how what the base holds becomes what the session has.

use std::sync::Arc;

use vfs::{Conflict, DiffFile, Kind, Session, VPath, unified_diff};
use workspace::{BaseHandle, Workspace};

use crate::report::ConflictedPath;

/// Bytes of one side of a conflict that are compared.
const SIDE_BYTES_MAX: u64 = 1 << 20;
/// Bytes of a difference that are shown.
const DIFF_BYTES_MAX: usize = 64 << 10;
/// Conflicts whose sides are compared; of the others the sizes are told.
const COMPARED_MAX: usize = 100;

/// Conflicts with the difference between both sides, where both are text. Nobody's audit is told of
/// the comparison.
pub(crate) fn conflicted_paths(
    workspace: &Workspace,
    base: &Arc<BaseHandle>,
    session: &Session,
    list: &[Conflict],
) -> Vec<ConflictedPath> {
    let ours = workspace.fork_unobserved(session).ok();
    let theirs = workspace.look(base).ok();
    let sides = ours.as_ref().zip(theirs.as_ref());
    let paths = list.iter().enumerate().map(|(index, conflict)| {
        let diff = sides
            .filter(|_| index < COMPARED_MAX)
            .and_then(|(ours, theirs)| difference(ours, theirs, &conflict.path));
        ConflictedPath {
            diff,
            ..ConflictedPath::from(conflict)
        }
    });
    paths.collect()
}

/// How the base's text becomes the session's; `None` where one of them is none.
fn difference(ours: &Session, theirs: &Session, path: &VPath) -> Option<String> {
    let (before, after) = (content(theirs, path)?, content(ours, path)?);
    let side = |(bytes, executable)| DiffFile {
        path,
        kind: Kind::File,
        executable,
        bytes: Some(bytes),
    };
    let mut diff = unified_diff(
        Some(side((&before.0[..], before.1))),
        Some(side((&after.0[..], after.1))),
    );
    if diff.len() > DIFF_BYTES_MAX {
        diff.truncate(diff.floor_char_boundary(DIFF_BYTES_MAX));
        diff.push_str("\n…\n");
    }
    Some(diff)
}

fn content(session: &Session, path: &VPath) -> Option<(Vec<u8>, bool)> {
    let path = path.to_string();
    let stat = session.stat_link(&path).ok()?;
    if stat.kind != Kind::File || stat.size > SIDE_BYTES_MAX {
        return None;
    }
    Some((session.read(&path).ok()?, stat.executable))
}
