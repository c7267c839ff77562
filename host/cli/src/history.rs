//! `session-fs history`: what was committed to a directory.

mod document;
mod revert;

use std::time::Duration;

use serde::Serialize;
use vfs::{Clock, Timestamp, VPath};
use workspace::durable::{PREFIX_BYTES_MIN, SessionState};
use workspace::history::{LogFilter, Retention, VersionSelector, Versions};
use workspace::{HeldBack, HistoryError};

use crate::args::{BaseArgs, HistoryCommand, HistoryGcArgs, HistoryLogArgs};
use crate::base::OpenBase;
use crate::exit::{Code, Failure};
use crate::kept::Kept;
use crate::output::{Answer, change, clean_line, listing, sections};
use crate::session::{Described, describe};
use crate::system::SystemClock;
use crate::units;
use document::{ChangeDocument, LoggedChange, VersionDocument};

/// Changes of a page that is asked for at once.
const PAGE_CHANGES: usize = 1_000;
/// Characters of an id that are shown in a table: enough to tell changes apart, and to name them.
const ID_SHOWN: usize = 12;

/// Sessions that an ambiguous beginning of an id names.
pub(crate) const CANDIDATES_MAX: usize = 10;

/// Does what a command asks for.
pub(crate) fn history(command: &HistoryCommand) -> Result<Answer, Failure> {
    match command {
        HistoryCommand::Log(args) => log(args),
        HistoryCommand::Show { base, change } => show(base, change),
        HistoryCommand::Versions { base, path } => versions(base, path),
        HistoryCommand::Diff {
            base,
            older,
            newer,
            path,
        } => diff(base, (older, newer.as_ref()), path.as_ref()),
        HistoryCommand::Restore { version, revert } => revert::restore(version, revert),
        HistoryCommand::Undo { change, revert } => revert::undo(change, revert),
        HistoryCommand::Gc(args) => gc(args),
    }
}

/// A difference between two versions.
#[derive(Debug, Serialize)]
struct DiffDocument {
    older: String,
    newer: String,
    path: Option<String>,
    diff: String,
}

/// What was dropped, or would be.
#[derive(Debug, Serialize)]
struct GcDocument {
    base: String,
    dry_run: bool,
    changes: Vec<String>,
    objects_count: usize,
    bytes_freed: u64,
    bytes_kept: u64,
    changes_kept: usize,
    /// The generation that an open session began from, where more would go without it.
    needed_since: Option<u64>,
    /// What would go besides, were it not for open sessions.
    bytes_held_back: u64,
    /// The sessions that last among them.
    held_back_by: Vec<Described>,
    /// Whether a running process has others.
    held_back_by_process: bool,
}

fn log(args: &HistoryLogArgs) -> Result<Answer, Failure> {
    let base = OpenBase::find(&args.base, "history log")?;
    if !base.has_store() {
        return Ok(Answer::listing("", &[] as &[LoggedChange]).note(nothing(&base, args)));
    }
    let Kept {
        value: history,
        note: unwritten,
        ..
    } = base.kept_history()?;
    let session = match &args.session {
        None => None,
        Some(session) => {
            let known = history.sessions(session, CANDIDATES_MAX + 1);
            let known = known.map_err(|error| Failure::history(&error))?;
            Some(one_session(session, &known)?)
        }
    };
    let filter = LogFilter {
        path: args.path.clone(),
        session,
        agent: args.agent.clone(),
        since: args.since.map(before_now),
        until: args.until.map(before_now),
    };
    let mut changes = Vec::new();
    let mut below = None;
    while changes.len() < args.limit {
        let count = (args.limit - changes.len()).min(PAGE_CHANGES);
        let page = history.log(&filter, below, count);
        let page = page.map_err(|error| Failure::history(&error))?;
        changes.extend(page.entries.iter().map(LoggedChange::from));
        below = page.next;
        if below.is_none() {
            break;
        }
    }
    let titles = ["GENERATION", "CHANGE", "WHEN", "PATHS", "AGENT", "MESSAGE"];
    let rows: Vec<_> = changes.iter().map(log_row).collect();
    let mut note = match changes.is_empty() {
        true => nothing(&base, args),
        false => String::new(),
    };
    for file in history.damaged() {
        note.push_str(&format!(
            "{file} is damaged and left out; session-fs doctor tells more\n"
        ));
    }
    let answer = Answer::listing(listing(&titles, &rows), &changes);
    Ok(answer.note(unwritten).note(note))
}

/// The session that a beginning of an id means, of those that begin so. One that is not known
/// stands for itself: it has no entries.
pub(crate) fn one_session(wanted: &str, known: &[String]) -> Result<String, Failure> {
    if known.iter().any(|id| id == wanted) {
        return Ok(wanted.to_owned());
    }
    if wanted.len() < PREFIX_BYTES_MIN && !known.is_empty() {
        let message = format!(
            "'{wanted}' is too short for the beginning of a session's id; \
            give at least {PREFIX_BYTES_MIN} characters"
        );
        return Err(Failure::new(Code::Usage, message));
    }
    match known {
        [] => Ok(wanted.to_owned()),
        [only] => Ok(only.clone()),
        several => {
            let mut message = format!("'{wanted}' is the beginning of several sessions:");
            for id in several.iter().take(CANDIDATES_MAX) {
                message.push_str(&format!("\n{id}"));
            }
            if several.len() > CANDIDATES_MAX {
                message.push_str("\n… and more");
            }
            Err(Failure::new(Code::Usage, message).hint("give more of the id"))
        }
    }
}

fn nothing(base: &OpenBase, args: &HistoryLogArgs) -> String {
    let is_filtered = args.path.is_some()
        || args.session.is_some()
        || args.agent.is_some()
        || args.since.is_some()
        || args.until.is_some();
    match is_filtered {
        true => format!("no such change of {}\n", base.name()),
        false => format!("nothing was ever committed to {}\n", base.name()),
    }
}

fn log_row(change: &LoggedChange) -> Vec<String> {
    vec![
        change.generation.to_string(),
        short(&change.id),
        change.committed_at.clone(),
        change.paths.len().to_string(),
        change.agent.clone().unwrap_or_default(),
        first_line(change.message.as_deref().unwrap_or_default()),
    ]
}

/// The beginning of an id: enough to name it.
fn short(id: &str) -> String {
    id.chars().take(ID_SHOWN).collect()
}

/// A version with as much of a change's id as is needed to name it.
fn shortened(version: &str) -> String {
    match version.strip_suffix('^') {
        Some(id) => format!("{}^", short(id)),
        None => version.to_owned(),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The time so long ago.
pub(crate) fn before_now(span: Duration) -> Timestamp {
    let now = SystemClock.now();
    let nanoseconds = i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
    let then = now.as_nanoseconds().saturating_sub(nanoseconds);
    Timestamp::from_nanoseconds(then).unwrap_or_default()
}

fn show(base: &BaseArgs, id: &str) -> Result<Answer, Failure> {
    let base = OpenBase::find(base, "history show")?;
    let Kept {
        value: history,
        note,
        ..
    } = base.kept_history()?;
    let shown = history.show(id);
    let (id, file) = shown.map_err(|error| Failure::history(&error))?;
    let document = ChangeDocument::new(&id, &file);
    let mut text = sections(&[document.section()]);
    text.push_str(&change(&document.entries));
    Ok(Answer::object(text, &document).note(note))
}

fn versions(base: &BaseArgs, path: &VPath) -> Result<Answer, Failure> {
    let base = OpenBase::find(base, "history versions")?;
    let Kept {
        value: history,
        note: unwritten,
        ..
    } = base.kept_history()?;
    let Versions { versions, horizon } = history
        .versions(path)
        .map_err(|error| Failure::history(&error))?;
    if versions.is_empty() {
        let message = format!("history has no version of '{path}'");
        return Err(Failure::new(Code::NotFound, message));
    }
    let documents: Vec<_> = versions.iter().map(VersionDocument::from).collect();
    let titles = ["VERSION", "GENERATION", "WHAT", "SIZE", "CONTENT", "PATH"];
    let row = |version: &VersionDocument| {
        vec![
            shortened(&version.version),
            version.generation.to_string(),
            version.change_kind.to_owned(),
            version.size.map(units::bytes).unwrap_or_default(),
            version.content.unwrap_or_default().to_owned(),
            version.path.clone(),
        ]
    };
    let rows: Vec<_> = documents.iter().map(row).collect();
    let note = match horizon {
        0 | 1 => String::new(),
        horizon => format!("nothing is known of generations before {horizon}\n"),
    };
    let answer = Answer::listing(listing(&titles, &rows), &documents);
    Ok(answer.note(unwritten).note(note))
}

fn diff(
    base: &BaseArgs,
    (older, newer): (&VersionSelector, Option<&VersionSelector>),
    path: Option<&VPath>,
) -> Result<Answer, Failure> {
    let base = OpenBase::find(base, "history diff")?;
    let Kept {
        value: history,
        note,
        ..
    } = base.kept_history()?;
    let (older, newer) = match newer {
        Some(newer) => (older.clone(), newer.clone()),
        None => of_one(older)?,
    };
    let diff = match path {
        Some(path) => history.diff(path, &older, &newer),
        None => history.diff_all(&older, &newer),
    };
    let diff = diff.map_err(|error| Failure::history(&error))?;
    let document = DiffDocument {
        older: older.to_string(),
        newer: newer.to_string(),
        path: path.map(ToString::to_string),
        diff: diff.clone(),
    };
    Ok(Answer::diff(diff, &document).note(note))
}

/// What one change did: from what it found to what it left.
fn of_one(selector: &VersionSelector) -> Result<(VersionSelector, VersionSelector), Failure> {
    match selector {
        VersionSelector::Generation(0) => {
            let message = "no change made generation 0; name two versions, or a later one";
            Err(Failure::new(Code::Usage, message))
        }
        // What it found may be nothing that a change before it left.
        VersionSelector::Generation(generation) => {
            let before = VersionSelector::Before(generation.to_string());
            Ok((before, selector.clone()))
        }
        VersionSelector::After(id) => Ok((VersionSelector::Before(id.clone()), selector.clone())),
        VersionSelector::Before(_) => {
            let error = HistoryError::BadVersion {
                text: selector.to_string(),
            };
            Err(Failure::history(&error).hint("name a newer version as well"))
        }
    }
}

fn gc(args: &HistoryGcArgs) -> Result<Answer, Failure> {
    let base = OpenBase::find(&args.base, "history gc")?;
    let retention = Retention {
        changes_max: args.keep_changes,
        age_seconds_max: args.keep_age.map(|age| age.as_secs()),
        bytes_max: args.keep_bytes,
    };
    let report = match base.has_store() {
        true => base.workspace.gc(&base.handle, &retention, args.dry_run),
        false => Ok(None),
    };
    let report = report.map_err(|error| Failure::base(&error))?;
    let (report, held_back) = report.unwrap_or_default();
    let held_back = held_back.unwrap_or_default();
    let document = GcDocument {
        base: base.name().to_owned(),
        dry_run: args.dry_run,
        changes: report.changes.iter().map(ToString::to_string).collect(),
        objects_count: report.objects.len(),
        bytes_freed: report.bytes_freed,
        bytes_kept: report.bytes_kept,
        changes_kept: report.changes_kept,
        needed_since: report.needed_since,
        bytes_held_back: held_back.bytes,
        held_back_by: held_back.sessions.iter().map(describe).collect(),
        held_back_by_process: held_back.is_in_use,
    };
    let (would, freed) = match args.dry_run {
        true => ("would drop", "would be freed"),
        false => ("dropped", "freed"),
    };
    let text = format!(
        "{would} {} and {}: {} {freed}, {} kept\n",
        units::counted(document.changes.len(), "change"),
        units::counted(document.objects_count, "content"),
        units::bytes(document.bytes_freed),
        units::bytes(document.bytes_kept)
    );
    let answer = Answer::object(text, &document);
    Ok(match document.needed_since {
        None => answer,
        Some(_) => answer.note(held_back_note(&document, &held_back)),
    })
}

/// What is held back, by whom, and how to let go of it.
fn held_back_note(document: &GcDocument, held_back: &HeldBack) -> String {
    let mut note = format!(
        "{} more, {}, would go, and open sessions may need what came after they began:\n",
        units::counted(held_back.changes_count, "change"),
        units::bytes(held_back.bytes)
    );
    let now = SystemClock.now();
    for session in &held_back.sessions {
        if let SessionState::Damaged(why) = &session.state {
            note.push_str(&format!("  {}  {}\n", session.id, clean_line(why)));
            continue;
        }
        let unused = now.seconds.saturating_sub(session.last_used_at.seconds);
        let unused = Duration::from_secs(u64::try_from(unused).unwrap_or(0));
        let metadata = &session.metadata;
        let purpose = metadata.purpose.as_deref().or(metadata.agent.as_deref());
        note.push_str(&format!(
            "  {}  from generation {}, unused for {}, {} on disk{}{}\n",
            session.id,
            session.base_generation,
            units::age(unused),
            units::bytes(session.disk_bytes),
            if session.expires_at.is_none() {
                ", never expires"
            } else {
                ""
            },
            purpose.map_or_else(String::new, |it| format!(", {}", clean_line(it))),
        ));
    }
    if document.held_back_by_process {
        note.push_str("  a running process, until it ends\n");
    }
    if !held_back.sessions.is_empty() {
        note.push_str(
            "session-fs session commit or rollback ends one; one begun with --expires ends by itself\n",
        );
    }
    note
}
