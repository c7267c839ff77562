//! Flags, times and descriptions of `wasi:filesystem` in the session's words, and back.

use vfs::{DescriptorFlags, Kind, NewTime, OpenFlags, Stat, Timestamp};

use super::FsError;
use crate::bindings::filesystem::wasi::filesystem::types as wasi;

pub(super) fn open_flags(flags: wasi::OpenFlags) -> OpenFlags {
    OpenFlags {
        create: flags.contains(wasi::OpenFlags::CREATE),
        exclusive: flags.contains(wasi::OpenFlags::EXCLUSIVE),
        directory: flags.contains(wasi::OpenFlags::DIRECTORY),
        truncate: flags.contains(wasi::OpenFlags::TRUNCATE),
    }
}

/// The flags for synchronous writes are met by every write of a session and carry nothing.
pub(super) fn descriptor_flags(flags: wasi::DescriptorFlags) -> DescriptorFlags {
    DescriptorFlags {
        read: flags.contains(wasi::DescriptorFlags::READ),
        write: flags.contains(wasi::DescriptorFlags::WRITE),
        mutate_directory: flags.contains(wasi::DescriptorFlags::MUTATE_DIRECTORY),
    }
}

pub(super) fn descriptor_flags_out(flags: DescriptorFlags) -> wasi::DescriptorFlags {
    let mut out = wasi::DescriptorFlags::empty();
    for (is_set, flag) in [
        (flags.read, wasi::DescriptorFlags::READ),
        (flags.write, wasi::DescriptorFlags::WRITE),
        (
            flags.mutate_directory,
            wasi::DescriptorFlags::MUTATE_DIRECTORY,
        ),
    ] {
        if is_set {
            out |= flag;
        }
    }
    out
}

pub(super) fn follows(flags: wasi::PathFlags) -> bool {
    flags.contains(wasi::PathFlags::SYMLINK_FOLLOW)
}

pub(super) fn kind_out(kind: Kind) -> wasi::DescriptorType {
    match kind {
        Kind::Directory => wasi::DescriptorType::Directory,
        Kind::File => wasi::DescriptorType::RegularFile,
        Kind::Symlink => wasi::DescriptorType::SymbolicLink,
    }
}

pub(super) fn new_time(time: wasi::NewTimestamp) -> Result<NewTime, FsError> {
    match time {
        wasi::NewTimestamp::NoChange => Ok(NewTime::Keep),
        wasi::NewTimestamp::Now => Ok(NewTime::Now),
        wasi::NewTimestamp::Timestamp(time) => Ok(NewTime::At(timestamp(time)?)),
    }
}

fn timestamp(time: wasi::Datetime) -> Result<Timestamp, FsError> {
    let seconds = i64::try_from(time.seconds).map_err(|_| wasi::ErrorCode::Overflow)?;
    if time.nanoseconds >= 1_000_000_000 {
        return Err(wasi::ErrorCode::Invalid.into());
    }
    Ok(Timestamp {
        seconds,
        nanoseconds: time.nanoseconds,
    })
}

/// A time before 1970 cannot be told to a guest.
fn timestamp_out(time: Timestamp) -> Option<wasi::Datetime> {
    let seconds = u64::try_from(time.seconds).ok()?;
    Some(wasi::Datetime {
        seconds,
        nanoseconds: time.nanoseconds,
    })
}

pub(super) fn stat_out(stat: &Stat) -> wasi::DescriptorStat {
    wasi::DescriptorStat {
        type_: kind_out(stat.kind),
        link_count: stat.link_count,
        size: stat.size,
        data_access_timestamp: stat.accessed.and_then(timestamp_out),
        data_modification_timestamp: stat.modified.and_then(timestamp_out),
        status_change_timestamp: stat.changed.and_then(timestamp_out),
    }
}

pub(super) fn hash_out((lower, upper): (u64, u64)) -> wasi::MetadataHashValue {
    wasi::MetadataHashValue { lower, upper }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_do_not_fit_are_refused_and_never_panic() {
        let check = |seconds, nanoseconds| {
            new_time(wasi::NewTimestamp::Timestamp(wasi::Datetime {
                seconds,
                nanoseconds,
            }))
            .ok()
        };
        let fits = Timestamp {
            seconds: 1,
            nanoseconds: 999_999_999,
        };
        assert_eq!(check(1, 999_999_999), Some(NewTime::At(fits)));
        assert_eq!(check(1, 1_000_000_000), None);
        assert_eq!(check(u64::MAX, 0), None);
    }

    #[test]
    fn times_before_1970_are_unknown_to_a_guest() {
        assert!(
            timestamp_out(Timestamp {
                seconds: -1,
                nanoseconds: 999_999_999
            })
            .is_none()
        );
        assert!(
            timestamp_out(Timestamp {
                seconds: 0,
                nanoseconds: 0
            })
            .is_some()
        );
    }

    #[test]
    fn flags_survive_the_way_there_and_back() {
        for bits in 0..8 {
            let flags = DescriptorFlags {
                read: bits & 1 != 0,
                write: bits & 2 != 0,
                mutate_directory: bits & 4 != 0,
            };
            assert_eq!(descriptor_flags(descriptor_flags_out(flags)), flags);
        }
    }
}
