//! From the contract's types to the SDK's and back, one to one.

use super::bindings;
use super::bindings::session_fs::host::{session_fs as wit, types};
use crate::{
    BeginOptions, ChangeEntry, ChangeInfo, ChangeKind, Conflict, ConflictReason, ConflictSide,
    DenialReason, DirEntry, Error, Kind, Limits, Metadata, Outcome, SearchMatch, Stat, Task,
    Timestamp,
};

impl From<bindings::Task> for Task {
    fn from(task: bindings::Task) -> Self {
        let bindings::Task {
            id,
            instructions,
            arguments,
            parameters,
        } = task;
        Self {
            id,
            instructions,
            arguments,
            parameters,
        }
    }
}

impl From<Outcome> for bindings::Outcome {
    fn from(outcome: Outcome) -> Self {
        let Outcome {
            summary,
            details,
            report,
        } = outcome;
        Self {
            summary,
            details,
            report,
        }
    }
}

impl From<BeginOptions> for wit::BeginOptions {
    fn from(options: BeginOptions) -> Self {
        let BeginOptions { purpose, labels } = options;
        Self { purpose, labels }
    }
}

impl From<types::Kind> for Kind {
    fn from(kind: types::Kind) -> Self {
        match kind {
            types::Kind::Directory => Self::Directory,
            types::Kind::File => Self::File,
            types::Kind::Symlink => Self::Symlink,
        }
    }
}

impl From<types::Timestamp> for Timestamp {
    fn from(time: types::Timestamp) -> Self {
        Self {
            seconds: time.seconds,
            nanoseconds: time.nanoseconds,
        }
    }
}

impl From<types::Stat> for Stat {
    fn from(stat: types::Stat) -> Self {
        let types::Stat {
            kind,
            size,
            link_count,
            executable,
            modified,
            ino,
        } = stat;
        let (kind, modified) = (kind.into(), modified.map(Into::into));
        Self {
            kind,
            size,
            link_count,
            executable,
            modified,
            ino,
        }
    }
}

impl From<types::DirEntry> for DirEntry {
    fn from(entry: types::DirEntry) -> Self {
        Self {
            name: entry.name,
            kind: entry.kind.into(),
        }
    }
}

impl From<wit::SearchMatch> for SearchMatch {
    fn from(found: wit::SearchMatch) -> Self {
        let wit::SearchMatch { path, line, text } = found;
        Self { path, line, text }
    }
}

impl From<wit::Metadata> for Metadata {
    fn from(metadata: wit::Metadata) -> Self {
        let wit::Metadata {
            id,
            purpose,
            agent,
            task_id,
            labels,
            created_at,
        } = metadata;
        Self {
            id,
            purpose,
            agent,
            task_id,
            labels,
            created_at: created_at.into(),
        }
    }
}

impl From<types::Limits> for Limits {
    fn from(limits: types::Limits) -> Self {
        Self {
            memory_bytes_max: limits.memory_bytes_max,
            memory_bytes_used: limits.memory_bytes_used,
            file_bytes_max: limits.file_bytes_max,
            page_entries_max: limits.page_entries_max,
        }
    }
}

impl From<types::ChangeEntry> for ChangeEntry {
    fn from(entry: types::ChangeEntry) -> Self {
        let change = match entry.change {
            types::ChangeKind::Created => ChangeKind::Created,
            types::ChangeKind::Modified => ChangeKind::Modified,
            types::ChangeKind::Removed => ChangeKind::Removed,
            types::ChangeKind::Renamed => ChangeKind::Renamed,
        };
        Self {
            path: entry.path,
            change,
            kind: entry.kind.into(),
            renamed_from: entry.renamed_from,
            size_before: entry.size_before,
            size_after: entry.size_after,
        }
    }
}

impl From<types::ChangeInfo> for ChangeInfo {
    fn from(info: types::ChangeInfo) -> Self {
        let entries = info.entries.into_iter().map(Into::into).collect();
        Self {
            id: info.id,
            generation: info.generation,
            entries,
        }
    }
}

impl From<types::ConflictSide> for ConflictSide {
    fn from(side: types::ConflictSide) -> Self {
        Self {
            kind: side.kind.map(Into::into),
            size: side.size,
        }
    }
}

impl From<types::ConflictReason> for ConflictReason {
    fn from(reason: types::ConflictReason) -> Self {
        match reason {
            types::ConflictReason::Content => Self::Content,
            types::ConflictReason::Binary => Self::Binary,
            types::ConflictReason::BothCreated => Self::BothCreated,
            types::ConflictReason::RemovedHere => Self::RemovedHere,
            types::ConflictReason::RemovedThere => Self::RemovedThere,
            types::ConflictReason::Kind => Self::Kind,
            types::ConflictReason::Mode => Self::Mode,
            types::ConflictReason::Moved => Self::Moved,
            types::ConflictReason::NotEmpty => Self::NotEmpty,
            types::ConflictReason::Unreadable => Self::Unreadable,
            types::ConflictReason::ReadMoved => Self::ReadMoved,
        }
    }
}

impl From<types::Conflict> for Conflict {
    fn from(conflict: types::Conflict) -> Self {
        Self {
            path: conflict.path,
            before: conflict.before.map(Into::into),
            ours: conflict.ours.map(Into::into),
            theirs: conflict.theirs.map(Into::into),
            reason: conflict.reason.into(),
        }
    }
}

impl From<types::DenialReason> for DenialReason {
    fn from(reason: types::DenialReason) -> Self {
        match reason {
            types::DenialReason::Confinement => Self::Confinement,
            types::DenialReason::Capability => Self::Capability,
            types::DenialReason::ReadOnly => Self::ReadOnly,
        }
    }
}

impl From<types::Error> for Error {
    fn from(error: types::Error) -> Self {
        match error {
            types::Error::NotFound(path) => Self::NotFound { path },
            types::Error::AlreadyExists(path) => Self::AlreadyExists { path },
            types::Error::NotADirectory(path) => Self::NotADirectory { path },
            types::Error::IsADirectory(path) => Self::IsADirectory { path },
            types::Error::NotEmpty(path) => Self::NotEmpty { path },
            types::Error::NotALink(path) => Self::NotALink { path },
            types::Error::Busy(path) => Self::Busy { path },
            types::Error::NoSuchSavepoint(name) => Self::NoSuchSavepoint { name },
            types::Error::TooManyLinks(path) => Self::TooManyLinks { path },
            types::Error::Denied(types::Denial {
                path,
                reason,
                detail,
                grant,
            }) => Self::Denied {
                path,
                reason: reason.into(),
                detail,
                grant,
            },
            types::Error::InvalidPath(types::BadPath { path, reason }) => {
                Self::InvalidPath { path, reason }
            }
            types::Error::Invalid(detail) => Self::Invalid(detail),
            types::Error::EditMismatch(types::EditMismatch {
                path,
                expected,
                found,
            }) => Self::EditMismatch {
                path,
                expected,
                found,
            },
            types::Error::Conflict(conflicts) => {
                Self::Conflict(conflicts.into_iter().map(Into::into).collect())
            }
            types::Error::Quota(types::QuotaExceeded { which, used, limit }) => {
                Self::Quota { which, used, limit }
            }
            types::Error::Closed(status) => Self::Closed(status),
            types::Error::Orphaned(types::Orphan { ancestor, change }) => {
                Self::Orphaned { ancestor, change }
            }
            types::Error::Stale(path) => Self::Stale { path },
            types::Error::Unsupported(detail) => Self::Unsupported(detail),
            types::Error::Io(types::IoFailure { path, cause }) => Self::Io { path, cause },
        }
    }
}
