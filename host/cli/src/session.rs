//! `session-fs session`: sessions that last, from one command to the next.

mod commit;
mod document;
mod listing;
mod settle;

pub(crate) use commit::{Conflicts, commit_options, conflicted_paths, preview, tell};
pub(crate) use document::{Described, describe};
use serde::Serialize;
use vfs::{Access, Limits, VPath};
use workspace::audit::{AuditFilter, AuditPageRequest};
use workspace::{BeginOptions, DurableOptions};

use crate::args::{BeginArgs, ForkArgs, MetadataArgs, SessionArgs, SessionCommand};
use crate::audit::operations;
use crate::base::{OpenBase, OpenSession};
use crate::exit::{Code, Failure};
use crate::granted;
use crate::output::{Answer, change, clean_line, sections};
use crate::registry::Registry;
use crate::report::Entry;
use crate::units;

/// Operations of a session that its log shows.
const OPERATIONS_MAX: usize = 10_000;

/// Does what a command asks for.
pub(crate) fn session(command: &SessionCommand) -> Result<Answer, Failure> {
    match command {
        SessionCommand::Begin(args) => begin(args),
        SessionCommand::List(args) => listing::list(args),
        SessionCommand::Show(args) => show(args),
        SessionCommand::Diff(args) => diff(args),
        SessionCommand::Log(args) => log(args),
        SessionCommand::Commit(args) => commit::commit(args),
        SessionCommand::Rollback {
            session,
            damaged: false,
        } => settle::rollback(session),
        SessionCommand::Rollback {
            session,
            damaged: true,
        } => settle::give_up(session),
        SessionCommand::Rebase {
            session,
            on_conflict,
        } => settle::rebase(session, (*on_conflict).into()),
        SessionCommand::Fork(args) => fork(args),
        SessionCommand::Savepoint { session, name } => settle::savepoint(session, name),
        SessionCommand::Restore { session, name } => settle::restore(session, name),
        SessionCommand::Gc(args) => settle::gc(args),
    }
}

/// What a session changed, as a diff.
#[derive(Debug, Serialize)]
struct DiffDocument {
    id: String,
    diff: String,
}

/// All that is known of one session.
#[derive(Debug, Serialize)]
struct ShowDocument {
    #[serde(flatten)]
    session: Described,
    /// Absent when somebody else works in it, or it is over.
    changes: Option<Vec<Entry>>,
    /// The oldest first; absent as `changes` is.
    savepoints: Option<Vec<Savepoint>>,
}

/// A state that a session can go back to.
#[derive(Debug, Serialize)]
struct Savepoint {
    name: String,
    made_at: String,
}

impl From<vfs::Savepoint> for Savepoint {
    fn from(savepoint: vfs::Savepoint) -> Self {
        Self {
            name: savepoint.name,
            made_at: units::time(savepoint.made_at),
        }
    }
}

fn begin(args: &BeginArgs) -> Result<Answer, Failure> {
    let base = OpenBase::open(&args.base, "session begin")?;
    let access = if args.read_only {
        Access::ReadOnly
    } else {
        Access::ReadWrite
    };
    let mut options = begin_options(&args.metadata, access);
    let granted = granted::for_session(&base.path, &args.paths)?;
    if let Some(granted) = &granted {
        options.rules = granted.rules().clone();
        options.labels.push(granted.label());
    }
    let session = base.workspace.begin_durable(
        &base.handle,
        &base.store()?,
        options,
        &durable_options(&args.metadata),
    );
    let session = session.map_err(|error| Failure::base(&error))?;
    if let Some(granted) = &granted {
        granted.note(&session);
    }
    let opened = OpenSession { session, base };
    begun(opened)
}

fn fork(args: &ForkArgs) -> Result<Answer, Failure> {
    let OpenSession { session, base } = OpenSession::open(&args.session, "session fork")?;
    let options = begin_options(&args.metadata, session.access());
    let forked = base
        .workspace
        .fork_durable(&session, options, &durable_options(&args.metadata));
    let forked = forked.map_err(|error| Failure::base(&error))?;
    drop(session);
    begun(OpenSession {
        session: forked,
        base,
    })
}

/// Tells of a session that was just made: its id, for a shell to keep.
pub(crate) fn begun(opened: OpenSession) -> Result<Answer, Failure> {
    let OpenSession { session, base } = opened;
    let id = session.session_id().clone();
    // Nobody works in it any more when it is looked at.
    drop(session);
    Registry::open().note(&base.path);
    let summary = base.store()?.summary(&id);
    let summary = summary.map_err(|error| Failure::durable(&error))?;
    Ok(Answer::object(format!("{id}\n"), &describe(&summary)))
}

fn begin_options(args: &MetadataArgs, access: Access) -> BeginOptions {
    let labels = args.label.iter();
    BeginOptions {
        purpose: args.purpose.clone(),
        agent: args.agent.clone(),
        task_id: args.task.clone(),
        labels: labels
            .map(|pair| (pair.name.clone(), pair.value.clone()))
            .collect(),
        access,
        ..BeginOptions::default()
    }
}

fn durable_options(args: &MetadataArgs) -> DurableOptions {
    let expires = args.expires.map(|span| span.as_millis());
    DurableOptions {
        expires_after_ms: expires.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)),
        spill_bytes_min: Limits::default().spill_bytes_min,
        ..DurableOptions::default()
    }
}

fn show(args: &SessionArgs) -> Result<Answer, Failure> {
    let found = Registry::open().find(&args.session, args.base.as_deref())?;
    let base = OpenBase::open(&found.base, "session show")?;
    let kept = base.kept_session(&found.id)?;
    let session = describe(&kept.value);
    let mut document = ShowDocument {
        session,
        changes: None,
        savepoints: None,
    };
    let mut text = sections(&[document::section(&document.session)]);
    if !kept.is_unwritten && matches!(document.session.state, "open" | "settling") {
        let opened = base.session(&found.id)?;
        let savepoints = savepoints(&opened)?;
        for savepoint in &savepoints {
            let name = clean_line(&savepoint.name);
            text.push_str(&format!("  savepoint  {}  {name}\n", savepoint.made_at));
        }
        let changes = changes(&opened)?;
        text.push_str(&change(&changes));
        document.savepoints = Some(savepoints);
        document.changes = Some(changes);
    }
    Ok(Answer::object(text, &document).note(kept.note))
}

fn savepoints(opened: &OpenSession) -> Result<Vec<Savepoint>, Failure> {
    let savepoints = opened.session.savepoints();
    let savepoints = savepoints.map_err(|error| Failure::file(&error))?;
    Ok(savepoints.into_iter().map(Savepoint::from).collect())
}

fn changes(opened: &OpenSession) -> Result<Vec<Entry>, Failure> {
    let entries = opened.session.changes();
    let entries = entries.map_err(|error| Failure::file(&error))?;
    Ok(entries.iter().map(Entry::from).collect())
}

fn diff(args: &SessionArgs) -> Result<Answer, Failure> {
    let found = Registry::open().find(&args.session, args.base.as_deref())?;
    let base = OpenBase::open(&found.base, "session diff")?;
    let kept = base.kept_files(&found.id)?;
    let diff = kept.value.session().diff();
    let diff = diff.map_err(|error| Failure::file(&error))?;
    let id = found.id.to_string();
    let answer = Answer::diff(diff.clone(), &DiffDocument { id, diff });
    Ok(answer.note(kept.note))
}

/// The operations of a session in their order, as the audit log has them.
fn log(args: &SessionArgs) -> Result<Answer, Failure> {
    let found = Registry::open().find(&args.session, args.base.as_deref())?;
    let base = OpenBase::open(&found.base, "session log")?;
    let kept = base.kept_audit()?;
    let Some(log) = kept.value else {
        return Err(Failure::new(Code::NotFound, "there is no log"));
    };
    let filter = AuditFilter {
        session: Some(found.id.to_string()),
        ..AuditFilter::default()
    };
    let request = AuditPageRequest {
        after: 0,
        entries_max: OPERATIONS_MAX,
    };
    let page = log.read(&filter, request);
    let page = page.map_err(|error| Failure::audit(&error))?;
    let answer = operations(&page.entries).note(kept.note);
    Ok(match page.next {
        None => answer,
        Some(_) => answer.note(format!(
            "only the first {OPERATIONS_MAX}; session-fs audit export has all of them\n"
        )),
    })
}

/// A path as a person reads it.
pub(crate) fn shown(path: &VPath) -> String {
    clean_line(&path.to_string()).into_owned()
}
