//! What is looked at before a session is committed: what would run by itself in the tree, what version
//! control would take for a repository, and names that some file systems cannot tell apart.

mod names;
mod repository;
mod runs_on_open;

pub use runs_on_open::{RUNS_ON_OPEN, RunsOnOpen, runs_on_open};
use vfs::{ChangeEntry, ChangeKind, DenialReason, Kind, PathRules, Session, SessionOptions, VPath};

/// Paths of one kind that are counted; more are only said to be more.
const PLANTED_MAX: usize = 1_000;

/// What is looked at before a session is committed.
#[derive(Clone, Debug, Default)]
pub struct Review {
    /// What runs by itself.
    pub runs_on_open: RunsOnOpen,
    /// What of that may be committed all the same, as what these rules let be read; `None` for nothing.
    pub granted: Option<PathRules>,
    /// Whether names may be committed that are one name to file systems without case.
    pub any_names: bool,
}

/// What was found to need a grant: the first path, and how many.
#[derive(Debug, Default)]
struct Planted {
    first: Option<VPath>,
    count: usize,
}

impl Review {
    /// Denies the changes of a session that need a grant and have none. Of a session that is committed
    /// in part, those at or below `paths`; without any, all.
    ///
    /// # Errors
    ///
    /// `Denied` with the first such path; those of listing the session's changes and directories.
    pub fn check(&self, session: &Session, paths: &[VPath]) -> Result<(), vfs::Error> {
        // Beside the session and its rules: what is looked at here, the agent did neither read nor ask
        // for, and what is hidden from it counts.
        let session = session.review(SessionOptions {
            limits: session.limits().clone(),
            ..SessionOptions::default()
        })?;
        let is_meant = |entry: &ChangeEntry| {
            paths.is_empty() || paths.iter().any(|path| entry.path.starts_with(path))
        };
        let mut changes = session.changes()?;
        changes.retain(is_meant);
        self.check_running(&session, &changes)?;
        let is_granted = |path: &VPath| self.grants(path);
        repository::check(&session, &changes, is_granted)?;
        if self.any_names {
            return Ok(());
        }
        names::check(&session, &changes)
    }

    fn grants(&self, path: &VPath) -> bool {
        let granted = self.granted.as_ref();
        granted.is_some_and(|granted| granted.may_read(path))
    }

    fn check_running(&self, session: &Session, changes: &[ChangeEntry]) -> Result<(), vfs::Error> {
        let mut planted = Planted::default();
        for entry in changes {
            if self.runs_on_open.has(&entry.path) {
                self.note(&mut planted, entry.path.clone());
            } else if entry.change == ChangeKind::Renamed && entry.kind == Kind::Directory {
                self.note_moved(session, entry, &mut planted)?;
            }
        }
        let Some(first) = &planted.first else {
            return Ok(());
        };
        Err(vfs::Error::Denied {
            path: Some(first.to_string()),
            reason: DenialReason::Capability,
            detail: format!(
                "it runs by itself when somebody opens or builds the tree{}, and is committed only \
                when that is granted or by a person",
                planted.others()
            ),
            grant: Some(format!("execute={}", PathRules::glob_of(first))),
        })
    }

    fn note(&self, planted: &mut Planted, path: VPath) {
        if !self.grants(&path) {
            planted.count += 1;
            planted.first.get_or_insert(path);
        }
    }

    /// What became something of that kind because a directory above it got another name.
    fn note_moved(
        &self,
        session: &Session,
        entry: &ChangeEntry,
        planted: &mut Planted,
    ) -> Result<(), vfs::Error> {
        let Some(from) = &entry.renamed_from else {
            return Ok(());
        };
        let mut left = session.limits().visited_max;
        let mut pending = vec![entry.path.clone()];
        while let Some(dir) = pending.pop() {
            if planted.count > PLANTED_MAX {
                return Ok(());
            }
            for_each(session, &dir, |name, kind| {
                left = left.checked_sub(1).ok_or_else(|| visited_out(session))?;
                let path = dir.join(name);
                let was = path.rebase(&entry.path, from);
                let is_new = !was.is_some_and(|was| self.runs_on_open.has(&was));
                if is_new && self.runs_on_open.has(&path) {
                    self.note(planted, path);
                } else if kind == Kind::Directory {
                    pending.push(path);
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

impl Planted {
    fn others(&self) -> String {
        match self.count {
            0 | 1 => String::new(),
            count if count > PLANTED_MAX => format!(" (and {PLANTED_MAX} more, or even more)"),
            count => format!(" (and {} more)", count - 1),
        }
    }
}

/// Calls for every name in a directory, page by page.
fn for_each(
    session: &Session,
    dir: &VPath,
    mut each: impl FnMut(&vfs::Name, Kind) -> Result<(), vfs::Error>,
) -> Result<(), vfs::Error> {
    let dir = match dir.is_root() {
        true => ".".to_owned(),
        false => dir.to_string(),
    };
    let mut after = None;
    loop {
        let page = session.list(&dir, after.as_deref(), usize::MAX)?;
        for entry in page.entries {
            each(&entry.name, entry.kind)?;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

fn visited_out(session: &Session) -> vfs::Error {
    let limit = session.limits().visited_max as u64;
    vfs::Error::Quota {
        which: "visited-objects",
        used: limit,
        limit,
    }
}

#[cfg(test)]
mod tests;
