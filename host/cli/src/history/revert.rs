//! Bringing back a version or taking back a change: a session is filled with it and committed.

use supervisor::Review;
use vfs::{Conflict, Status, TextMerge, merge_text};
use workspace::history::UndoOutcome;
use workspace::{BeginOptions, CommitOptions, DurableOptions, DurableSession, History};

use crate::args::{RevertArgs, VersionOf};
use crate::base::{OpenBase, OpenSession};
use crate::exit::Failure;
use crate::output::Answer;
use crate::session::{Conflicts, begun, commit_options, conflicted_paths, preview, tell};

/// What filling a session came to.
enum Filled {
    Ready,
    /// What stands in the way.
    Conflicted(Vec<Conflict>),
}

pub(super) fn restore(version: &VersionOf, args: &RevertArgs) -> Result<Answer, Failure> {
    let VersionOf { path, selector } = version;
    let purpose = format!("restore {path}@{selector}");
    revert(args, &purpose, |history, session| {
        history.restore(path, selector, session)?;
        Ok(Filled::Ready)
    })
}

pub(super) fn undo(change: &str, args: &RevertArgs) -> Result<Answer, Failure> {
    revert(args, &format!("undo {change}"), |history, session| {
        Ok(match history.undo(change, session, &merged)? {
            UndoOutcome::Prepared(_) => Filled::Ready,
            UndoOutcome::Conflicted(conflicts) => Filled::Conflicted(conflicts),
        })
    })
}

/// Two texts that came from one, joined where that is clean.
fn merged(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Vec<u8>> {
    match merge_text(base, ours, theirs) {
        TextMerge::Clean(bytes) => Some(bytes),
        _ => None,
    }
}

/// Begins a session, fills it, and does with it what was asked for. It stays only with `--hold`.
fn revert(
    args: &RevertArgs,
    purpose: &str,
    fill: impl FnOnce(&History, &DurableSession) -> workspace::history::Result<Filled>,
) -> Result<Answer, Failure> {
    let base = OpenBase::find(&args.base, "history")?;
    // Refused before anything is begun, where there is no history.
    let history = match base.has_store() {
        true => base.history()?,
        false => return Err(Failure::no_history(base.name())),
    };
    let options = BeginOptions {
        purpose: Some(purpose.to_owned()),
        ..BeginOptions::default()
    };
    let session = base
        .workspace
        .begin_durable(
            &base.handle,
            &base.store()?,
            options,
            &DurableOptions::default(),
        )
        .map_err(|error| Failure::base(&error))?;
    let filled = fill(&history, &session).map_err(|error| Failure::history(&error));
    let opened = OpenSession { session, base };
    let answer = match filled {
        Ok(Filled::Ready) if args.hold => {
            opened.save()?;
            return begun(opened);
        }
        Ok(Filled::Ready) => finish(&opened, args, purpose),
        Ok(Filled::Conflicted(conflicts)) => {
            let paths = conflicted_paths(&opened, &conflicts);
            let hint = "nothing was changed: these paths are not as the change left them\n\
                session-fs history restore PATH@VERSION brings back one of them";
            Ok(Conflicts::new(&opened, paths, hint.to_owned()).answer())
        }
        Err(failure) => Err(failure),
    };
    // It served its purpose, or did not.
    if opened.session.status() == Status::Open {
        drop(opened.session.rollback());
    }
    answer
}

/// Commits a session that is filled, or says what that would do.
fn finish(opened: &OpenSession, args: &RevertArgs, purpose: &str) -> Result<Answer, Failure> {
    let message = args.message.clone();
    let options = CommitOptions {
        message: message.or_else(|| Some(purpose.to_owned())),
        ..commit_options(&args.conflict)
    };
    if args.dry_run {
        return preview(opened, &options, true, &Review::default());
    }
    let outcome = opened
        .base
        .workspace
        .commit_durable(&opened.session, &options)
        .map_err(|error| Failure::commit(&error))?;
    Ok(tell(opened, &outcome, &Review::default()))
}
