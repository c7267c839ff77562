//! `session-fs doctor`: everything that is kept of a directory, looked at in one place.

use serde::Serialize;
use store::disk::Durability;
use workspace::audit::AuditVerdict;
use workspace::durable::{SessionId, SessionState};
use workspace::history::Severity;
use workspace::{Ability, DurableError, DurableStore};

use crate::args::DoctorArgs;
use crate::audit;
use crate::base::OpenBase;
use crate::exit::{Code, Failure, chain};
use crate::output::{Answer, Section, listing, sections};
use crate::units;

/// What can be done about a session that cannot be read.
const DAMAGED_REMEDY: &str =
    "restore its folder from a backup, or remove it by session-fs session rollback --damaged";

/// All that is found.
#[derive(Debug, Default, Serialize)]
struct Document {
    base: String,
    /// Whether there is nothing to look at.
    healthy: bool,
    /// Absent when nothing was ever kept of the directory.
    file_system: Option<FileSystem>,
    changes_count: usize,
    objects_count: usize,
    objects_bytes: u64,
    sessions_count: usize,
    audit_lines_count: u64,
    findings: Vec<Finding>,
    /// Whether what could be mended was.
    repaired: bool,
}

/// What the file system can do.
#[derive(Debug, Serialize)]
struct FileSystem {
    exchange: bool,
    no_replace: bool,
    durability: String,
}

/// One thing to look at.
#[derive(Debug, Serialize)]
struct Finding {
    severity: &'static str,
    /// What it is of: `base`, `history`, `sessions` or `audit`.
    part: &'static str,
    place: String,
    detail: String,
    remedy: String,
    repairable: bool,
}

/// Examines a directory.
pub(crate) fn doctor(args: &DoctorArgs) -> Result<Answer, Failure> {
    let base = OpenBase::find(&args.base, "doctor")?;
    let mut document = Document {
        base: base.name().to_owned(),
        ..Document::default()
    };
    if let Some(trouble) = base.handle.trouble() {
        document.add(
            "error",
            "base",
            ".session-fs",
            chain(&trouble),
            "mend the cause, then look again",
        );
    } else if base.has_store() {
        examine(&base, args.repair, &mut document)?;
    }
    document.file_system = base.handle.ability().map(FileSystem::from);
    document.healthy = document.findings.is_empty();
    let code = match document.healthy {
        true => Code::Ok,
        false => Code::Failed,
    };
    Ok(Answer::object(text(&document), &document).code(code))
}

fn examine(base: &OpenBase, repair: bool, document: &mut Document) -> Result<(), Failure> {
    if let Err(failure) = sessions(base, document) {
        document.add(
            "error",
            "sessions",
            "sessions",
            failure.message,
            "look at the folder",
        );
    }
    if let Err(failure) = history(base, repair, document) {
        document.add(
            "error",
            "history",
            "changes",
            failure.message,
            "look at the folder",
        );
    }
    if let Err(failure) = log(base, document) {
        document.add(
            "error",
            "audit",
            "audit",
            failure.message,
            "look at the folder",
        );
    }
    Ok(())
}

fn history(base: &OpenBase, repair: bool, document: &mut Document) -> Result<(), Failure> {
    let report = base.workspace.doctor(&base.handle, repair);
    let Some(report) = report.map_err(|error| Failure::base(&error))? else {
        return Ok(());
    };
    document.repaired = repair;
    document.changes_count = report.changes_count;
    document.objects_count = report.objects_count;
    document.objects_bytes = report.objects_bytes;
    for finding in &report.findings {
        let severity = match finding.kind.severity() {
            Severity::Notice => "notice",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let (place, detail) = (finding.place.clone(), finding.detail.clone());
        document.findings.push(Finding {
            severity,
            part: "history",
            place,
            detail,
            remedy: finding.kind.remedy().to_owned(),
            repairable: finding.kind.is_repairable(),
        });
    }
    Ok(())
}

fn sessions(base: &OpenBase, document: &mut Document) -> Result<(), Failure> {
    let sessions = base.store()?.sessions();
    let sessions = sessions.map_err(|error| Failure::durable(&error))?;
    document.sessions_count = sessions.len();
    let store = base.store()?;
    for session in sessions {
        let place = format!("sessions/{}", session.id);
        match session.state {
            SessionState::Damaged(why) => {
                document.add("error", "sessions", &place, why, DAMAGED_REMEDY);
            }
            // Whoever works in it finds out.
            SessionState::Owned(_) => {}
            SessionState::Open => examine_log(&store, &session.id, document),
            SessionState::Settling => {
                let detail = "a commit of it was interrupted".to_owned();
                let remedy = "open it, by session show: that finds out what came of the commit";
                document.add("notice", "sessions", &place, detail, remedy);
                examine_log(&store, &session.id, document);
            }
            SessionState::Committed(_) | SessionState::RolledBack | SessionState::Expired => {}
        }
    }
    Ok(())
}

/// Reads every byte of a session's log, which a listing does not.
fn examine_log(store: &DurableStore, id: &SessionId, document: &mut Document) {
    let read = store.examine(id);
    if let Err(error @ (DurableError::Corrupt { .. } | DurableError::Io { .. })) = read {
        let place = format!("sessions/{id}");
        document.add("error", "sessions", &place, chain(&error), DAMAGED_REMEDY);
    }
}

fn log(base: &OpenBase, document: &mut Document) -> Result<(), Failure> {
    let Some(log) = base.handle.audit() else {
        return Ok(());
    };
    let found = log.verify().map_err(|error| Failure::audit(&error))?;
    document.audit_lines_count = found.lines_count;
    if let AuditVerdict::Tampered(fault) = &found.verdict {
        let remedy = "find out who had access to the store";
        document.add("error", "audit", "audit", audit::in_words(fault), remedy);
    }
    if found.losses_count > 0 {
        let detail = format!(
            "{} lines tell of operations that are missing",
            found.losses_count
        );
        let remedy = "nothing: the operations are lost, after a crash or a full disk";
        document.add("notice", "audit", "audit", detail, remedy);
    }
    Ok(())
}

impl Document {
    fn add(
        &mut self,
        severity: &'static str,
        part: &'static str,
        place: &str,
        detail: String,
        remedy: &str,
    ) {
        self.findings.push(Finding {
            severity,
            part,
            place: place.to_owned(),
            detail,
            remedy: remedy.to_owned(),
            repairable: false,
        });
    }
}

impl From<Ability> for FileSystem {
    fn from(ability: Ability) -> Self {
        Self {
            exchange: ability.exchange,
            no_replace: ability.no_replace,
            durability: durability(ability.durability).to_owned(),
        }
    }
}

fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::PowerLoss => "disk",
        Durability::ProcessCrash => "memory",
        Durability::Unknown => "unknown",
    }
}

fn text(document: &Document) -> String {
    let mut rows = vec![
        ("changes", document.changes_count.to_string()),
        (
            "contents",
            format!(
                "{}, {}",
                document.objects_count,
                units::bytes(document.objects_bytes)
            ),
        ),
        ("sessions", document.sessions_count.to_string()),
        ("audit lines", document.audit_lines_count.to_string()),
    ];
    if let Some(system) = &document.file_system {
        let yes = |able: bool| if able { "yes" } else { "no" }.to_owned();
        rows.push(("swaps names", yes(system.exchange)));
        rows.push(("renames without replacing", yes(system.no_replace)));
        rows.push(("a flush reaches", system.durability.clone()));
    }
    let rows = rows
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    let mut text = sections(&[Section {
        title: document.base.clone(),
        rows: rows.collect(),
    }]);
    if document.repaired {
        text.push_str("what could be mended was\n");
    }
    if document.healthy {
        text.push_str("all is well\n");
    }
    let titles = ["SEVERITY", "PLACE", "WHAT", "REMEDY"];
    let row = |finding: &Finding| {
        vec![
            finding.severity.to_owned(),
            finding.place.clone(),
            finding.detail.clone(),
            finding.remedy.clone(),
        ]
    };
    let rows: Vec<_> = document.findings.iter().map(row).collect();
    text.push_str(&listing(&titles, &rows));
    text
}
