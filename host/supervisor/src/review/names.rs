//! Names that are one name to file systems without case or with one normal form: a tree with both
//! loses one of them there, and with it whatever was checked of it.

use std::collections::{BTreeMap, HashMap};

use vfs::reserved::portable;
use vfs::{ChangeEntry, ChangeKind, DenialReason, Name, Session, VPath};

use super::{for_each, visited_out};

/// Denies new names that are the same as another one in their directory.
///
/// # Errors
///
/// `Denied` with the first such path; those of listing the session's directories.
pub(super) fn check(session: &Session, changes: &[ChangeEntry]) -> Result<(), vfs::Error> {
    let mut left = session.limits().visited_max;
    for (dir, new) in new_names(changes) {
        for_each(session, &dir, |name, _| {
            left = left.checked_sub(1).ok_or_else(|| visited_out(session))?;
            match new.get(&portable(name)) {
                Some(own) if own != name => Err(denied(&dir.join(own), name)),
                _ => Ok(()),
            }
        })?;
    }
    Ok(())
}

/// The names that were not there before, by their directory and as those file systems have them.
fn new_names(changes: &[ChangeEntry]) -> BTreeMap<VPath, HashMap<String, Name>> {
    let mut new: BTreeMap<VPath, HashMap<String, Name>> = BTreeMap::new();
    let is_new =
        |entry: &&ChangeEntry| matches!(entry.change, ChangeKind::Created | ChangeKind::Renamed);
    for entry in changes.iter().filter(is_new) {
        if let (Some(dir), Some(name)) = (entry.path.parent(), entry.path.name()) {
            let names = new.entry(dir).or_default();
            names.insert(portable(name), name.clone());
        }
    }
    new
}

fn denied(path: &VPath, other: &str) -> vfs::Error {
    vfs::Error::Denied {
        path: Some(path.to_string()),
        reason: DenialReason::Capability,
        detail: format!(
            "'{other}' beside it is the same name on file systems that do not tell case or normal forms apart"
        ),
        grant: Some("any-names".to_owned()),
    }
}
