//! Committing a durable session, and what is said when the base moved under it.

use serde::Serialize;
use supervisor::Review;
use vfs::{Conflict, Status, VPath};
use workspace::{CommitOptions, CommitOutcome};

use crate::args::{CommitArgs, ConflictArgs};
use crate::base::OpenSession;
use crate::exit::{Code, Failure};
use crate::granted;
use crate::output::{Answer, change, conflicts, problem};
use crate::report::{Change, ConflictedPath, Problem, Settled};
use crate::units::counted;

/// What came of a commit, or would.
#[derive(Debug, Serialize)]
pub(crate) struct Commit {
    pub(crate) session: String,
    pub(crate) base: String,
    pub(crate) outcome: Settled,
    pub(crate) exit_code: u8,
    pub(crate) change: Option<Change>,
    /// Files that a dry run would merge by lines.
    pub(crate) merged: Vec<String>,
    /// Paths at which a dry run would drop the session's change.
    pub(crate) dropped: Vec<String>,
    /// Whether the session is open still, with what was not committed.
    pub(crate) is_open: bool,
    pub(crate) conflicts: Vec<ConflictedPath>,
    /// The unified diff of a dry run.
    pub(crate) diff: Option<String>,
    pub(crate) error: Option<Problem>,
}

/// A base that moved under a session: what to tell.
#[derive(Debug)]
pub(crate) struct Conflicts {
    session: String,
    base: String,
    paths: Vec<ConflictedPath>,
    hint: String,
}

impl Conflicts {
    pub(crate) fn new(opened: &OpenSession, paths: Vec<ConflictedPath>, hint: String) -> Self {
        Self {
            session: opened.id(),
            base: opened.base.name().to_owned(),
            paths,
            hint,
        }
    }

    /// Both sides of each path and what to do, on stderr; the document on stdout.
    pub(crate) fn answer(self) -> Answer {
        let paths = counted(self.paths.len(), "path");
        let message = format!("{} changed under the session at {paths}", self.base);
        let note = format!(
            "{}{}",
            conflicts(&self.paths, "session"),
            problem(&message, Some(&self.hint))
        );
        let document = Commit {
            session: self.session,
            base: self.base,
            outcome: Settled::Conflicted,
            exit_code: Code::Conflict.number(),
            change: None,
            merged: Vec::new(),
            dropped: Vec::new(),
            is_open: true,
            conflicts: self.paths,
            diff: None,
            error: Some(Problem {
                message,
                hint: Some(self.hint),
            }),
        };
        Answer::quiet(&document).code(Code::Conflict).note(note)
    }
}

/// What can be done about a conflict.
pub(crate) fn what_to_do(id: &str) -> String {
    format!(
        "nothing was changed, and the session is open\n\
        session-fs session diff {id} shows what it would do\n\
        session-fs session rebase {id} --on-conflict merge joins what can be joined\n\
        session-fs session commit {id} --on-conflict ours takes the session's version, theirs the base's\n\
        session-fs session rollback {id} drops it"
    )
}

pub(super) fn commit(args: &CommitArgs) -> Result<Answer, Failure> {
    let options = CommitOptions {
        message: args.message.clone(),
        paths: args.paths.clone(),
        ..commit_options(&args.conflict)
    };
    let opened = OpenSession::open(&args.session, "session commit")?;
    let granted = granted::for_commit(&opened.base.path, &args.review)?;
    let review = granted.review();
    if args.dry_run {
        return preview(&opened, &options, false, &review);
    }
    let reviewed = review.check(&opened.session, &args.paths);
    reviewed.map_err(|error| {
        let failure = Failure::file(&error);
        let message = format!("nothing was committed: {}", failure.message);
        Failure { message, ..failure }.with_remedies(&error, &granted)
    })?;
    let outcome = opened
        .base
        .workspace
        .commit_durable(&opened.session, &options)
        .map_err(|error| Failure::commit(&error))?;
    Ok(tell(&opened, &outcome, &review))
}

/// How the command line wants to commit.
pub(crate) fn commit_options(args: &ConflictArgs) -> CommitOptions {
    CommitOptions {
        on_conflict: args.on_conflict.into(),
        isolation: args.isolation.into(),
        strict: args.strict,
        ..CommitOptions::default()
    }
}

/// Tells what came of a commit.
pub(crate) fn tell(opened: &OpenSession, outcome: &CommitOutcome, review: &Review) -> Answer {
    let base = opened.base.name();
    let is_open = opened.session.status() == Status::Open;
    let (outcome, applied, text) = match outcome {
        CommitOutcome::Conflicted(list) => {
            let paths = conflicted_paths(opened, list);
            return Conflicts::new(opened, paths, what_to_do(&opened.id())).answer();
        }
        CommitOutcome::Unchanged => {
            let text = format!("nothing to commit: {base} is as it was\n");
            (Settled::Unchanged, None, text)
        }
        CommitOutcome::Applied(info) => {
            let applied = Change::from(info).reviewed(review);
            let mut text = format!("committed {}\n{}", info.id, change(&applied.entries));
            text.push_str(&format!("generation {} of {base}\n", info.generation));
            for displaced in &info.displaced {
                text.push_str(&format!(
                    "note: somebody wrote to '{}' just then; what they wrote is kept in '{}'\n",
                    super::shown(&displaced.path),
                    displaced.kept
                ));
            }
            if is_open {
                text.push_str("the rest stays in the session\n");
            }
            (Settled::Committed, Some(applied), text)
        }
    };
    let document = Commit {
        session: opened.id(),
        base: base.to_owned(),
        outcome,
        exit_code: Code::Ok.number(),
        change: applied,
        merged: Vec::new(),
        dropped: Vec::new(),
        is_open,
        conflicts: Vec::new(),
        diff: None,
        error: None,
    };
    Answer::object(text, &document)
}

/// Says what a commit would do; `is_shown` with the diff in the place of a list of paths.
pub(crate) fn preview(
    opened: &OpenSession,
    options: &CommitOptions,
    is_shown: bool,
    review: &Review,
) -> Result<Answer, Failure> {
    let preview = opened
        .base
        .workspace
        .preview(&opened.session, options)
        .map_err(|error| Failure::base(&error))?;
    if !preview.rebased.conflicts.is_empty() {
        let paths = conflicted_paths(opened, &preview.rebased.conflicts);
        return Ok(Conflicts::new(opened, paths, what_to_do(&opened.id())).answer());
    }
    let strings = |paths: &[VPath]| paths.iter().map(ToString::to_string).collect();
    let document = Commit {
        session: opened.id(),
        base: opened.base.name().to_owned(),
        outcome: Settled::DryRun,
        exit_code: Code::Ok.number(),
        change: Some(Change::proposed(&preview.entries).reviewed(review)),
        merged: strings(&preview.rebased.merged),
        dropped: strings(&preview.rebased.dropped),
        is_open: true,
        conflicts: Vec::new(),
        diff: preview.diff,
        error: None,
    };
    let entries = document.change.as_ref().map_or(&[][..], |it| &it.entries);
    let paths = counted(entries.len(), "path");
    let mut text = format!("dry run: {paths} would change in {}\n", document.base);
    text.push_str(&change(entries));
    for path in &preview.rebased.merged {
        text.push_str(&format!("  would be merged   {}\n", super::shown(path)));
    }
    for path in &preview.rebased.dropped {
        text.push_str(&format!("  would be dropped  {}\n", super::shown(path)));
    }
    let answer = Answer::object(text, &document);
    Ok(match document.diff.filter(|_| is_shown) {
        Some(diff) => answer.with_diff(diff),
        None => answer,
    })
}

/// Conflicts of an open session over its base, with both sides told apart.
pub(crate) fn conflicted_paths(opened: &OpenSession, list: &[Conflict]) -> Vec<ConflictedPath> {
    let base = &opened.base;
    crate::conflict::conflicted_paths(&base.workspace, &base.handle, &opened.session, list)
}
