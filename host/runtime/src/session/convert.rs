//! The session's values as the values of `session-fs`, and the checks of what a guest passes in.

use vfs::{
    ChangeEntry, ChangeKind, Conflict, ConflictReason, ConflictSide, DirEntry, Error, Kind, Page,
    SearchMatch, SearchPage, SearchQuery, Session, Stat, Timestamp,
};

use crate::authority::{BeginRequest, CommitReport};
use crate::bindings::agent::session_fs::host::{session_fs as wit, types};

/// Labels of one session.
const LABELS_MAX: usize = 16;

/// Bytes of the name or the value of a label.
const LABEL_BYTES_MAX: usize = 256;

/// Bytes of a session's purpose.
const PURPOSE_BYTES_MAX: usize = 4 << 10;

/// Bytes of the message of a commit.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

pub(super) fn begin_request(options: wit::BeginOptions) -> vfs::Result<BeginRequest> {
    let wit::BeginOptions { purpose, labels } = options;
    if labels.len() > LABELS_MAX {
        return Err(invalid(format!(
            "{} labels; at most {LABELS_MAX} are allowed",
            labels.len()
        )));
    }
    for (name, value) in &labels {
        check_length("a label", name, LABEL_BYTES_MAX)?;
        check_length("a label", value, LABEL_BYTES_MAX)?;
    }
    if let Some(purpose) = &purpose {
        check_length("the purpose", purpose, PURPOSE_BYTES_MAX)?;
    }
    Ok(BeginRequest { purpose, labels })
}

pub(super) fn message(options: wit::CommitOptions) -> vfs::Result<Option<String>> {
    if let Some(message) = &options.message {
        check_length("the message", message, MESSAGE_BYTES_MAX)?;
    }
    Ok(options.message)
}

pub(super) fn search_query(query: wit::SearchQuery) -> SearchQuery {
    SearchQuery {
        glob: query.glob,
        pattern: query.pattern,
        ignore_case: query.ignore_case,
        matches_max: count_in(query.matches_max),
        after: query.after,
    }
}

pub(super) fn search_page(page: SearchPage) -> wit::SearchPage {
    let matches = page.matches.into_iter().map(search_match).collect();
    wit::SearchPage {
        matches,
        next: page.next,
    }
}

fn search_match(found: SearchMatch) -> wit::SearchMatch {
    wit::SearchMatch {
        path: found.path.to_string(),
        line: found.line,
        text: found.text,
    }
}

pub(super) fn dir_page(page: Page) -> types::DirPage {
    let entry = |entry: DirEntry| types::DirEntry {
        name: entry.name.to_string(),
        kind: kind(entry.kind),
    };
    types::DirPage {
        entries: page.entries.into_iter().map(entry).collect(),
        next: page.next,
    }
}

pub(super) fn stat(stat: &Stat) -> types::Stat {
    types::Stat {
        kind: kind(stat.kind),
        size: stat.size,
        link_count: stat.link_count,
        executable: stat.executable,
        modified: stat.modified.and_then(timestamp),
        ino: stat.ino,
    }
}

pub(super) fn change_entry(entry: &ChangeEntry) -> types::ChangeEntry {
    types::ChangeEntry {
        path: entry.path.to_string(),
        change: change_kind(entry.change),
        kind: kind(entry.kind),
        renamed_from: entry.renamed_from.as_ref().map(ToString::to_string),
        size_before: entry.size_before,
        size_after: entry.size_after,
    }
}

pub(super) fn change_info(report: CommitReport) -> types::ChangeInfo {
    let CommitReport {
        id,
        generation,
        entries,
    } = report;
    types::ChangeInfo {
        id,
        generation,
        entries: entries.iter().map(change_entry).collect(),
    }
}

pub(super) fn conflict(conflict: &Conflict) -> types::Conflict {
    types::Conflict {
        path: conflict.path.to_string(),
        before: conflict.before.map(side),
        ours: conflict.ours.map(side),
        theirs: conflict.theirs.map(side),
        reason: conflict_reason(conflict.reason),
    }
}

fn conflict_reason(reason: ConflictReason) -> types::ConflictReason {
    use types::ConflictReason as Wit;
    match reason {
        ConflictReason::Content => Wit::Content,
        ConflictReason::Binary => Wit::Binary,
        ConflictReason::BothCreated => Wit::BothCreated,
        ConflictReason::RemovedHere => Wit::RemovedHere,
        ConflictReason::RemovedThere => Wit::RemovedThere,
        ConflictReason::Kind => Wit::Kind,
        ConflictReason::Mode => Wit::Mode,
        ConflictReason::Moved => Wit::Moved,
        ConflictReason::NotEmpty => Wit::NotEmpty,
        ConflictReason::Unreadable => Wit::Unreadable,
        ConflictReason::ReadMoved => Wit::ReadMoved,
    }
}

fn side(side: ConflictSide) -> types::ConflictSide {
    types::ConflictSide {
        kind: side.kind.map(kind),
        size: side.size,
    }
}

pub(super) fn metadata(session: &Session) -> wit::Metadata {
    let metadata = session.metadata();
    let zero = types::Timestamp {
        seconds: 0,
        nanoseconds: 0,
    };
    wit::Metadata {
        id: session.id().to_owned(),
        purpose: metadata.purpose.clone(),
        agent: metadata.agent.clone(),
        task_id: metadata.task_id.clone(),
        labels: metadata.labels.clone(),
        created_at: timestamp(metadata.created_at).unwrap_or(zero),
    }
}

pub(super) fn limits(session: &Session) -> types::Limits {
    let limits = session.limits();
    types::Limits {
        memory_bytes_max: limits.memory_bytes_max,
        memory_bytes_used: session.meter().used(),
        file_bytes_max: limits.file_bytes_max,
        page_entries_max: u32::try_from(limits.page_entries_max).unwrap_or(u32::MAX),
    }
}

fn kind(kind: Kind) -> types::Kind {
    match kind {
        Kind::Directory => types::Kind::Directory,
        Kind::File => types::Kind::File,
        Kind::Symlink => types::Kind::Symlink,
    }
}

fn change_kind(change: ChangeKind) -> types::ChangeKind {
    match change {
        ChangeKind::Created => types::ChangeKind::Created,
        ChangeKind::Modified => types::ChangeKind::Modified,
        ChangeKind::Removed => types::ChangeKind::Removed,
        ChangeKind::Renamed => types::ChangeKind::Renamed,
    }
}

/// A time before 1970 cannot be told to a guest.
fn timestamp(time: Timestamp) -> Option<types::Timestamp> {
    let seconds = u64::try_from(time.seconds).ok()?;
    Some(types::Timestamp {
        seconds,
        nanoseconds: time.nanoseconds,
    })
}

pub(super) fn count_in(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn check_length(what: &str, text: &str, bytes_max: usize) -> vfs::Result<()> {
    if text.len() > bytes_max {
        return Err(invalid(format!("{what} is longer than {bytes_max} bytes")));
    }
    Ok(())
}

fn invalid(detail: String) -> Error {
    Error::Invalid { detail }
}
