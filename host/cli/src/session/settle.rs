//! Ending a session without a commit, moving it, and going back in it.

use std::path::Path;

use serde::Serialize;
use vfs::{ConflictPolicy, VPath};
use workspace::DurableError;
use workspace::durable::SessionId;

use super::commit::{Conflicts, what_to_do};
use super::conflicted_paths;
use crate::args::{BaseArgs, SessionArgs};
use crate::base::{OpenBase, OpenSession};
use crate::exit::{Code, Failure, chain};
use crate::output::{Answer, clean_line};
use crate::registry::Registry;
use crate::report::ConflictedPath;

/// What became of a session.
#[derive(Debug, Serialize)]
struct StateDocument {
    id: String,
    state: &'static str,
    /// What was wrong with one that was damaged.
    problem: Option<String>,
}

/// What came of a rebase.
#[derive(Debug, Serialize)]
struct RebaseDocument {
    id: String,
    /// Files that were merged by lines.
    merged: Vec<String>,
    /// Paths at which the session's change was dropped.
    dropped: Vec<String>,
    conflicts: Vec<ConflictedPath>,
}

/// A savepoint that was made or gone back to.
#[derive(Debug, Serialize)]
struct SavepointDocument<'a> {
    id: String,
    savepoint: &'a str,
}

/// What was cleaned up.
#[derive(Debug, Default, Serialize)]
struct GcDocument {
    base: String,
    expired: Vec<String>,
    forgotten: Vec<String>,
    leftovers_count: usize,
    damaged: Vec<Trouble>,
    failed: Vec<Trouble>,
}

/// A session, and what is wrong with it.
#[derive(Debug, Serialize)]
struct Trouble {
    id: String,
    problem: String,
}

pub(super) fn rollback(args: &SessionArgs) -> Result<Answer, Failure> {
    let OpenSession { session, base } = OpenSession::open(args, "session rollback")?;
    let id = session.session_id().to_string();
    session
        .rollback()
        .map_err(|error| Failure::durable(&error))?;
    let text = format!("rolled back {id}: {} is as it was\n", base.name());
    let state = "rolled-back";
    let problem = None;
    Ok(Answer::object(text, &StateDocument { id, state, problem }))
}

/// Removes a session that cannot be read, and says what is lost with it.
pub(super) fn give_up(args: &SessionArgs) -> Result<Answer, Failure> {
    let found = Registry::open().find(&args.session, args.base.as_deref())?;
    let base = OpenBase::open(&found.base, "session rollback")?;
    let given_up = base
        .workspace
        .give_up_durable(&base.handle, &base.store()?, &found.id);
    let given_up = given_up.map_err(|error| Failure::base(&error))?;
    let (id, problem) = (found.id.to_string(), chain(&given_up.problem));
    let purpose = match given_up.metadata.map(|it| (it.purpose, it.agent)) {
        Some((purpose, agent)) => {
            let purpose = purpose.or(agent).unwrap_or_else(|| "unnamed".to_owned());
            clean_line(&purpose).into_owned()
        }
        None => "not known any more".to_owned(),
    };
    let text = format!(
        "removed {id}; what it changed is lost\n  purpose  {purpose}\n  problem  {problem}\n{} is as it was\n",
        base.name()
    );
    let document = StateDocument {
        id,
        state: "removed",
        problem: Some(problem),
    };
    Ok(Answer::object(text, &document))
}

pub(super) fn rebase(args: &SessionArgs, policy: ConflictPolicy) -> Result<Answer, Failure> {
    let opened = OpenSession::open(args, "session rebase")?;
    let rebased = opened.base.workspace.rebase(&opened.session, policy);
    let rebased = rebased.map_err(|error| Failure::base(&error))?;
    let id = opened.id();
    if !rebased.conflicts.is_empty() {
        let conflicts = conflicted_paths(&opened, &rebased.conflicts);
        return Ok(Conflicts::new(&opened, conflicts, what_to_do(&id)).answer());
    }
    opened.save()?;
    let paths = |paths: &[VPath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    let document = RebaseDocument {
        id,
        merged: paths(&rebased.merged),
        dropped: paths(&rebased.dropped),
        conflicts: Vec::new(),
    };
    let mut text = format!(
        "{} is over what {} holds now\n",
        document.id,
        opened.base.name()
    );
    for path in &rebased.merged {
        text.push_str(&format!("  merged   {}\n", super::shown(path)));
    }
    for path in &rebased.dropped {
        text.push_str(&format!("  dropped  {}\n", super::shown(path)));
    }
    Ok(Answer::object(text, &document))
}

pub(super) fn savepoint(args: &SessionArgs, name: &str) -> Result<Answer, Failure> {
    let opened = OpenSession::open(args, "session savepoint")?;
    opened
        .session
        .savepoint(name)
        .map_err(|error| with_known(&opened, Failure::file(&error)))?;
    opened.save()?;
    let id = opened.id();
    let savepoint = name;
    Ok(Answer::quiet(&SavepointDocument { id, savepoint }))
}

pub(super) fn restore(args: &SessionArgs, name: &str) -> Result<Answer, Failure> {
    let opened = OpenSession::open(args, "session restore")?;
    opened
        .session
        .restore(name)
        .map_err(|error| with_known(&opened, Failure::file(&error)))?;
    opened.save()?;
    let id = opened.id();
    let savepoint = name;
    Ok(Answer::quiet(&SavepointDocument { id, savepoint }))
}

/// The failure of a savepoint, with those that there are.
fn with_known(opened: &OpenSession, failure: Failure) -> Failure {
    if failure.hint.is_some() {
        return failure;
    }
    let savepoints = opened.session.savepoints().unwrap_or_default();
    let names: Vec<_> = savepoints.iter().map(|it| clean_line(&it.name)).collect();
    match names.len() {
        0 => failure.hint("the session has no savepoints"),
        _ => failure.hint(format!("its savepoints are {}", names.join(", "))),
    }
}

pub(super) fn gc(args: &BaseArgs) -> Result<Answer, Failure> {
    let base = match (OpenBase::find(args, "session gc"), &args.base) {
        (Err(failure), Some(path)) if failure.code == Code::NotFound => {
            // All that can be cleaned up of a directory that is gone is that it is remembered.
            return match Registry::open().forget(path) {
                true => Ok(forgotten(path)),
                false => Err(failure),
            };
        }
        (base, _) => base?,
    };
    let cleaned = match base.has_store() {
        true => base.store()?.clean(),
        false => Ok(workspace::durable::CleanReport::default()),
    };
    let cleaned = cleaned.map_err(|error| Failure::durable(&error))?;
    let ids = |ids: &[SessionId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let document = GcDocument {
        base: base.name().to_owned(),
        expired: ids(&cleaned.expired),
        forgotten: ids(&cleaned.forgotten),
        leftovers_count: cleaned.leftovers_count,
        damaged: troubles(&cleaned.damaged),
        failed: troubles(&cleaned.failed),
    };
    let mut text = format!(
        "{} expired, {} forgotten, {} left over\n",
        document.expired.len(),
        document.forgotten.len(),
        document.leftovers_count
    );
    for trouble in document.damaged.iter().chain(&document.failed) {
        text.push_str(&format!("{}: {}\n", trouble.id, trouble.problem));
    }
    Ok(Answer::object(text, &document))
}

/// Tells that a directory is not looked for any more.
fn forgotten(path: &Path) -> Answer {
    let base = path.display().to_string();
    let text = format!("{base} is gone, and is not looked for any more\n");
    let document = GcDocument {
        base,
        ..GcDocument::default()
    };
    Answer::object(text, &document)
}

fn troubles(list: &[(SessionId, DurableError)]) -> Vec<Trouble> {
    let trouble = |(id, error): &(SessionId, DurableError)| Trouble {
        id: id.to_string(),
        problem: chain(error),
    };
    list.iter().map(trouble).collect()
}
