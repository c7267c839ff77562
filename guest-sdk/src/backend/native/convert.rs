//! From the engine's types to the SDK's, as the host does it on the way through the contract.

use crate::{
    ChangeEntry, ChangeKind, Conflict, ConflictReason, ConflictSide, DenialReason, DirEntry, Error,
    Kind, Limits, Metadata, SearchMatch, SearchQuery, Stat, Timestamp,
};

pub(super) fn metadata(session: &vfs::Session) -> Metadata {
    let vfs::Metadata {
        purpose,
        agent,
        task_id,
        labels,
        created_at,
    } = session.metadata().clone();
    let id = session.id().to_owned();
    Metadata {
        id,
        purpose,
        agent,
        task_id,
        labels,
        created_at: created_at.into(),
    }
}

pub(super) fn limits(session: &vfs::Session) -> Limits {
    Limits {
        memory_bytes_max: session.limits().memory_bytes_max,
        memory_bytes_used: session.meter().used(),
        file_bytes_max: session.limits().file_bytes_max,
        page_entries_max: u32::try_from(session.limits().page_entries_max).unwrap_or(u32::MAX),
    }
}

pub(super) fn search_query(query: &SearchQuery, after: Option<&str>) -> vfs::SearchQuery {
    vfs::SearchQuery {
        glob: query.glob.clone(),
        pattern: query.pattern.clone(),
        ignore_case: query.ignore_case,
        matches_max: usize::try_from(SearchQuery::PAGE_MATCHES_MAX).unwrap_or(usize::MAX),
        after: after.map(str::to_owned),
    }
}

impl From<vfs::Kind> for Kind {
    fn from(kind: vfs::Kind) -> Self {
        match kind {
            vfs::Kind::Directory => Self::Directory,
            vfs::Kind::File => Self::File,
            vfs::Kind::Symlink => Self::Symlink,
        }
    }
}

impl From<vfs::Timestamp> for Timestamp {
    /// The contract has no time before 1970.
    fn from(time: vfs::Timestamp) -> Self {
        match u64::try_from(time.seconds) {
            Ok(seconds) => Self {
                seconds,
                nanoseconds: time.nanoseconds,
            },
            Err(_) => Self {
                seconds: 0,
                nanoseconds: 0,
            },
        }
    }
}

impl From<vfs::Stat> for Stat {
    fn from(stat: vfs::Stat) -> Self {
        Self {
            kind: stat.kind.into(),
            size: stat.size,
            link_count: stat.link_count,
            executable: stat.executable,
            modified: stat.modified.map(Into::into),
            ino: stat.ino,
        }
    }
}

impl From<vfs::DirEntry> for DirEntry {
    fn from(entry: vfs::DirEntry) -> Self {
        Self {
            name: entry.name.to_string(),
            kind: entry.kind.into(),
        }
    }
}

impl From<vfs::SearchMatch> for SearchMatch {
    fn from(found: vfs::SearchMatch) -> Self {
        Self {
            path: found.path.to_string(),
            line: found.line,
            text: found.text,
        }
    }
}

impl From<vfs::ChangeEntry> for ChangeEntry {
    fn from(entry: vfs::ChangeEntry) -> Self {
        let change = match entry.change {
            vfs::ChangeKind::Created => ChangeKind::Created,
            vfs::ChangeKind::Modified => ChangeKind::Modified,
            vfs::ChangeKind::Removed => ChangeKind::Removed,
            vfs::ChangeKind::Renamed => ChangeKind::Renamed,
        };
        Self {
            path: entry.path.to_string(),
            change,
            kind: entry.kind.into(),
            renamed_from: entry.renamed_from.map(|path| path.to_string()),
            size_before: entry.size_before,
            size_after: entry.size_after,
        }
    }
}

impl From<vfs::ConflictSide> for ConflictSide {
    fn from(side: vfs::ConflictSide) -> Self {
        Self {
            kind: side.kind.map(Into::into),
            size: side.size,
        }
    }
}

impl From<vfs::ConflictReason> for ConflictReason {
    fn from(reason: vfs::ConflictReason) -> Self {
        match reason {
            vfs::ConflictReason::Content => Self::Content,
            vfs::ConflictReason::Binary => Self::Binary,
            vfs::ConflictReason::BothCreated => Self::BothCreated,
            vfs::ConflictReason::RemovedHere => Self::RemovedHere,
            vfs::ConflictReason::RemovedThere => Self::RemovedThere,
            vfs::ConflictReason::Kind => Self::Kind,
            vfs::ConflictReason::Mode => Self::Mode,
            vfs::ConflictReason::Moved => Self::Moved,
            vfs::ConflictReason::NotEmpty => Self::NotEmpty,
            vfs::ConflictReason::Unreadable => Self::Unreadable,
            vfs::ConflictReason::ReadMoved => Self::ReadMoved,
        }
    }
}

impl From<vfs::Conflict> for Conflict {
    fn from(conflict: vfs::Conflict) -> Self {
        Self {
            path: conflict.path.to_string(),
            before: conflict.before.map(Into::into),
            ours: conflict.ours.map(Into::into),
            theirs: conflict.theirs.map(Into::into),
            reason: conflict.reason.into(),
        }
    }
}

impl From<vfs::DenialReason> for DenialReason {
    fn from(reason: vfs::DenialReason) -> Self {
        match reason {
            vfs::DenialReason::Confinement => Self::Confinement,
            vfs::DenialReason::Capability => Self::Capability,
            vfs::DenialReason::ReadOnly => Self::ReadOnly,
        }
    }
}

impl From<vfs::Error> for Error {
    fn from(error: vfs::Error) -> Self {
        let text = error.to_string();
        match error {
            vfs::Error::NotFound { path } => Self::NotFound { path },
            vfs::Error::AlreadyExists { path } => Self::AlreadyExists { path },
            vfs::Error::NotADirectory { path } => Self::NotADirectory { path },
            vfs::Error::IsADirectory { path } => Self::IsADirectory { path },
            vfs::Error::NotEmpty { path } => Self::NotEmpty { path },
            vfs::Error::NotALink { path } => Self::NotALink { path },
            vfs::Error::Busy { path } => Self::Busy { path },
            vfs::Error::NoSuchSavepoint { name } => Self::NoSuchSavepoint { name },
            vfs::Error::TooManyLinks { path } => Self::TooManyLinks { path },
            vfs::Error::Denied {
                path,
                reason,
                detail,
                grant,
            } => Self::Denied {
                path,
                reason: reason.into(),
                detail,
                grant,
            },
            vfs::Error::InvalidPath { path, reason } => Self::InvalidPath {
                path,
                reason: reason.to_string(),
            },
            vfs::Error::EditMismatch {
                path,
                expected,
                found,
            } => Self::EditMismatch {
                path,
                expected,
                found,
            },
            vfs::Error::FileTooLarge { limit, .. } => Self::Quota {
                which: "file-bytes-max".to_owned(),
                used: limit,
                limit,
            },
            vfs::Error::Quota { which, used, limit } => Self::Quota {
                which: which.to_owned(),
                used,
                limit,
            },
            vfs::Error::Closed {
                status: vfs::Status::Orphaned { ancestor, ended },
                ..
            } => Self::Orphaned {
                ancestor,
                change: match *ended {
                    vfs::Status::Committed(change) => Some(change),
                    _ => None,
                },
            },
            vfs::Error::Closed { .. } => Self::Closed(text),
            vfs::Error::Stale { path } => Self::Stale { path },
            vfs::Error::Unsupported { detail } => Self::Unsupported(detail),
            vfs::Error::Io { path, source } => Self::Io {
                path,
                cause: source.to_string(),
            },
            vfs::Error::Invalid { .. } | vfs::Error::CrossSession | vfs::Error::BadDescriptor => {
                Self::Invalid(text)
            }
        }
    }
}
