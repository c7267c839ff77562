//! Directories that version control would take for a repository of their own: whatever their name, what
//! their `config` and `hooks` say is run by whoever works in them.

use std::collections::{BTreeMap, HashMap};

use vfs::{ChangeEntry, ChangeKind, DenialReason, Kind, PathRules, Session, VPath};

/// What makes a directory one: `HEAD` with the folders of objects and references, or with a file that
/// says where those are.
const MARKS: [&str; 4] = ["HEAD", "objects", "refs", "commondir"];

/// Denies changes in such a directory, made so now or before, that were not granted.
///
/// # Errors
///
/// `Denied` with the first such path; those of reading the session.
pub(super) fn check(
    session: &Session,
    changes: &[ChangeEntry],
    is_granted: impl Fn(&VPath) -> bool,
) -> Result<(), vfs::Error> {
    let marked = marked(changes);
    let mut known = HashMap::new();
    for entry in changes {
        if entry.change == ChangeKind::Removed || is_granted(&entry.path) {
            continue;
        }
        let mut above = entry.path.parent();
        if entry.kind == Kind::Directory {
            above = Some(entry.path.clone());
        }
        while let Some(dir) = above {
            let is_one = match known.get(&dir) {
                Some(is_one) => *is_one,
                None => {
                    let is_one = is_repository(session, &dir, marked.get(&dir).copied())?;
                    known.insert(dir.clone(), is_one);
                    is_one
                }
            };
            if is_one {
                return Err(denied(&entry.path, &dir));
            }
            above = dir.parent();
        }
    }
    Ok(())
}

/// The directories in which something was changed that is a mark by its folded name, and which marks.
fn marked(changes: &[ChangeEntry]) -> BTreeMap<VPath, u8> {
    let mut marked = BTreeMap::new();
    for entry in changes {
        let folded = entry.path.folded();
        let (names, folded) = (entry.path.components(), folded.components());
        for (depth, name) in folded.iter().enumerate() {
            let mark = MARKS
                .iter()
                .position(|mark| mark.eq_ignore_ascii_case(name));
            if let Some(mark) = mark.filter(|_| entry.change != ChangeKind::Removed) {
                let dir = VPath::from_names(names[..depth].to_vec());
                *marked.entry(dir).or_default() |= 1 << mark;
            }
        }
    }
    marked
}

/// Whether a directory has what makes it a repository: by the names that git asks for, or by what was
/// changed under a name that some file system takes for one of them.
fn is_repository(session: &Session, dir: &VPath, changed: Option<u8>) -> Result<bool, vfs::Error> {
    let mut marks = changed.unwrap_or_default();
    for (index, name) in MARKS.iter().enumerate() {
        let (head, is_head) = (marks & 1, index == 0);
        // Hardly any directory has the first, and then nothing else is asked for.
        if !is_head && head == 0 {
            return Ok(false);
        }
        let name = vfs::Name::new(name).expect("a plain name");
        if marks & (1 << index) == 0 && stands(session, &dir.join(&name))? {
            marks |= 1 << index;
        }
    }
    Ok(marks & 0b0111 == 0b0111 || marks & 0b1001 == 0b1001)
}

fn stands(session: &Session, path: &VPath) -> Result<bool, vfs::Error> {
    match session.stat_link(&path.to_string()) {
        Ok(_) => Ok(true),
        Err(vfs::Error::NotFound { .. } | vfs::Error::InvalidPath { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn denied(path: &VPath, dir: &VPath) -> vfs::Error {
    let shown = match dir.is_root() {
        true => "the base itself".to_owned(),
        false => format!("'{dir}'"),
    };
    let grant = match dir.is_root() {
        true => "execute=**".to_owned(),
        false => format!("execute={}/**", PathRules::glob_of(dir)),
    };
    vfs::Error::Denied {
        path: Some(path.to_string()),
        reason: DenialReason::Capability,
        detail: format!(
            "git takes {shown} for a repository and runs what its config says, so that it is committed \
            only when that is granted or by a person"
        ),
        grant: Some(grant),
    }
}
