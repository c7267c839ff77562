//! `session-fs audit`: what sessions did, and whether the log of it is as it was written.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use serde::Serialize;
use workspace::audit::{
    AuditEntry, AuditError, AuditFault, AuditFilter, AuditPageRequest, AuditReader, AuditVerdict,
    ExportFormat, LineFault,
};

use crate::args::{AuditCommand, AuditFilterArgs, BaseArgs, ExportAs};
use crate::base::OpenBase;
use crate::exit::{Code, Failure};
use crate::history::{CANDIDATES_MAX, before_now, one_session};
use crate::kept::Kept;
use crate::output::{Answer, Output, listing};
use crate::units;

/// Operations of a page that is asked for at once.
const PAGE_ENTRIES: usize = 10_000;

/// One line of the log.
#[derive(Debug, Serialize)]
struct OperationDocument {
    number: u64,
    time: String,
    session: Option<String>,
    agent: Option<String>,
    task: Option<String>,
    operation: String,
    path: Option<String>,
    target: Option<String>,
    flags: Option<String>,
    bytes: u64,
    calls: u64,
    outcome: String,
    reason: Option<String>,
}

/// What a verification found.
#[derive(Debug, Serialize)]
struct VerifyDocument {
    base: String,
    intact: bool,
    first_number: u64,
    last_number: u64,
    lines_count: u64,
    losses_count: u64,
    unfinished_bytes: u64,
    fault: Option<String>,
}

/// Does what a command asks for.
pub(crate) fn audit(command: &AuditCommand, output: &Arc<Output>) -> Result<Answer, Failure> {
    match command {
        AuditCommand::Log {
            base,
            filter,
            limit,
        } => log(base, filter, *limit),
        AuditCommand::Verify { base } => verify(base),
        AuditCommand::Export { base, filter, form } => export(base, filter, *form, output),
    }
}

/// A list of operations.
pub(crate) fn operations<'a>(entries: impl IntoIterator<Item = &'a AuditEntry>) -> Answer {
    let documents: Vec<_> = entries.into_iter().map(OperationDocument::from).collect();
    let titles = ["TIME", "SESSION", "OPERATION", "OUTCOME", "BYTES", "PATH"];
    let rows: Vec<_> = documents.iter().map(row).collect();
    Answer::listing(listing(&titles, &rows), &documents)
}

fn row(entry: &OperationDocument) -> Vec<String> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut path = text(&entry.path);
    if let Some(target) = &entry.target {
        path = format!("{path} → {target}");
    }
    let bytes = match entry.bytes {
        0 => String::new(),
        bytes => units::bytes(bytes),
    };
    let session: String = text(&entry.session).chars().take(12).collect();
    let outcome = match &entry.reason {
        Some(reason) => format!("{} ({reason})", entry.outcome),
        None => entry.outcome.clone(),
    };
    let (time, operation) = (entry.time.clone(), entry.operation.clone());
    vec![time, session, operation, outcome, bytes, path]
}

/// The log of a base that has one; nothing where nothing was ever done.
fn open(args: &BaseArgs, command: &str) -> Result<(OpenBase, Kept<Option<AuditReader>>), Failure> {
    let base = OpenBase::find(args, command)?;
    let kept = match base.has_store() {
        true => base.kept_audit()?,
        false => Kept {
            value: None,
            is_unwritten: false,
            note: String::new(),
        },
    };
    Ok((base, kept))
}

fn log(base: &BaseArgs, args: &AuditFilterArgs, limit: usize) -> Result<Answer, Failure> {
    let (
        _base,
        Kept {
            value: log, note, ..
        },
    ) = open(base, "audit log")?;
    let filter = filter(args, log.as_ref())?;
    let mut last: VecDeque<AuditEntry> = VecDeque::new();
    let mut after = Some(0);
    while let (Some(log), Some(from)) = (&log, after) {
        let request = AuditPageRequest {
            after: from,
            entries_max: PAGE_ENTRIES,
        };
        let page = log.read(&filter, request);
        let page = page.map_err(|error| Failure::audit(&error))?;
        last.extend(page.entries);
        let surplus = last.len().saturating_sub(limit);
        last.drain(..surplus);
        after = page.next;
    }
    Ok(operations(&last).note(note))
}

fn verify(args: &BaseArgs) -> Result<Answer, Failure> {
    let (
        base,
        Kept {
            value: log, note, ..
        },
    ) = open(args, "audit verify")?;
    let Some(log) = log else {
        return Err(Failure::no_history(base.name()));
    };
    let found = log.verify().map_err(|error| Failure::audit(&error))?;
    let fault = match &found.verdict {
        AuditVerdict::Intact => None,
        AuditVerdict::Tampered(fault) => Some(in_words(fault)),
    };
    let document = VerifyDocument {
        base: base.name().to_owned(),
        intact: fault.is_none(),
        first_number: found.first_number,
        last_number: found.last_number,
        lines_count: found.lines_count,
        losses_count: found.losses_count,
        unfinished_bytes: found.unfinished_bytes,
        fault,
    };
    let (lines, losses) = (document.lines_count, document.losses_count);
    let good = format!("{lines} lines are as they were written, {losses} of them tell of a loss\n");
    let answer = match &document.fault {
        None => Answer::object(good, &document),
        Some(fault) => {
            Answer::object(format!("{good}tampered with: {fault}\n"), &document).code(Code::Failed)
        }
    };
    Ok(answer.note(note))
}

/// What is wrong with a log, in words.
pub(crate) fn in_words(fault: &AuditFault) -> String {
    match fault {
        AuditFault::Line {
            segment,
            number,
            fault,
        } => {
            let what = match fault {
                LineFault::Malformed => "is not written as the log writes".to_owned(),
                LineFault::Number { found } => format!("has the number {found}"),
                LineFault::Changed => "does not follow from the lines before it".to_owned(),
            };
            format!("line {number}, in {segment}, {what}")
        }
        AuditFault::Segment { segment } => format!("{segment} is missing or another one"),
        AuditFault::Cut { last, expected } => {
            format!("it ends with line {last}, and {expected} were written")
        }
        AuditFault::Head => "its head is missing or not written by it".to_owned(),
    }
}

fn export(
    base: &BaseArgs,
    args: &AuditFilterArgs,
    form: ExportAs,
    output: &Arc<Output>,
) -> Result<Answer, Failure> {
    let (
        _base,
        Kept {
            value: log, note, ..
        },
    ) = open(base, "audit export")?;
    let Some(log) = log else {
        return Ok(Answer::printed());
    };
    let format = match form {
        ExportAs::Jsonl => ExportFormat::Jsonl,
        ExportAs::Csv => ExportFormat::Csv,
    };
    let filter = filter(args, Some(&log))?;
    let exported = log.export(&filter, format, &mut |part| output.raw(part));
    match exported {
        // Whoever stopped reading has seen enough.
        Err(AuditError::Sink { source }) if source.kind() == io::ErrorKind::BrokenPipe => {}
        exported => drop(exported.map_err(|error| Failure::audit(&error))?),
    }
    Ok(Answer::printed().note(note))
}

fn filter(args: &AuditFilterArgs, log: Option<&AuditReader>) -> Result<AuditFilter, Failure> {
    let session = match (&args.session, log) {
        (Some(session), Some(log)) => {
            let known = log.sessions(session, CANDIDATES_MAX + 1);
            let known = known.map_err(|error| Failure::audit(&error))?;
            Some(one_session(session, &known)?)
        }
        (session, _) => session.clone(),
    };
    Ok(AuditFilter {
        session,
        agent: args.agent.clone(),
        task: args.task.clone(),
        operation: args.operation.clone(),
        outcome: args.outcome.clone(),
        path: args.path.clone(),
        since: args.since.map(before_now),
        until: None,
    })
}

impl From<&AuditEntry> for OperationDocument {
    fn from(entry: &AuditEntry) -> Self {
        Self {
            number: entry.number,
            time: units::time(entry.time),
            session: entry.session.clone(),
            agent: entry.agent.clone(),
            task: entry.task.clone(),
            operation: entry.operation.clone(),
            path: entry.path.clone(),
            target: entry.target.clone(),
            flags: entry.flags.clone(),
            bytes: entry.bytes,
            calls: entry.calls,
            outcome: entry.outcome.clone(),
            reason: entry.reason.clone(),
        }
    }
}
