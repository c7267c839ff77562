//! The methods of a descriptor.

use crate::bindings::wasi::clocks::wall_clock::Datetime;
use crate::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorStat, DescriptorType, MetadataHashValue,
};
use crate::cursor::Cursor;
use crate::words::Words;
use crate::{Played, Player, done};

/// Scripts set only times before this second of 2001; a later one is a clock's.
const SET_SECONDS_MAX: u64 = 1_000_000_000;

/// Bytes of what was read that are printed as they are.
const SHOWN_BYTES: usize = 24;

impl Player {
    pub(crate) fn on_descriptor(&mut self, method: &str, words: &mut Words<'_>) -> Played {
        match method {
            "open-at" => self.open(words),
            "read-via-stream" => {
                let (slot, file) = (words.next(), self.descriptor(words.next())?);
                let stream = file.read_via_stream(words.number())?;
                self.inputs.insert(slot.to_owned(), stream);
                done()
            }
            "write-via-stream" => {
                let (slot, file) = (words.next(), self.descriptor(words.next())?);
                let stream = file.write_via_stream(words.number())?;
                self.outputs.insert(slot.to_owned(), stream);
                done()
            }
            "append-via-stream" => {
                let (slot, file) = (words.next(), self.descriptor(words.next())?);
                let stream = file.append_via_stream()?;
                self.outputs.insert(slot.to_owned(), stream);
                done()
            }
            "read-directory" => {
                let (slot, directory) = (words.next(), self.descriptor(words.next())?);
                let cursor = Cursor::new(directory.read_directory()?);
                self.cursors.insert(slot.to_owned(), cursor);
                done()
            }
            "stat" => {
                let slot = words.next();
                let stat = self.descriptor(slot)?.stat()?;
                Ok(format!("{}{}", self.order(slot, &stat), told(&stat)))
            }
            _ => self.on_file(method, words),
        }
    }

    fn open(&mut self, words: &mut Words<'_>) -> Played {
        let (slot, directory) = (words.next(), self.descriptor(words.next())?);
        let (path_flags, path) = (words.path_flags(), words.path());
        let (open_flags, flags) = (words.open_flags(), words.descriptor_flags());
        let opened = directory.open_at(path_flags, &path, open_flags, flags)?;
        self.descriptors.insert(slot.to_owned(), opened);
        self.modified.remove(slot);
        done()
    }

    /// Tells when the time of a change is before one that the same descriptor had.
    fn order(&mut self, slot: &str, stat: &DescriptorStat) -> &'static str {
        let Some(time) = stat.data_modification_timestamp else {
            return "";
        };
        if time.seconds < SET_SECONDS_MAX {
            self.modified.remove(slot);
            return "";
        }
        let time = (time.seconds, time.nanoseconds);
        let before = self.modified.insert(slot.to_owned(), time);
        if before.is_some_and(|before| before > time) {
            return "backwards in time: ";
        }
        ""
    }

    /// What a descriptor does that opens nothing.
    fn on_file(&self, method: &str, words: &mut Words<'_>) -> Played {
        let file = self.descriptor(words.next())?;
        match method {
            "advise" => {
                let (offset, length) = (words.number(), words.number());
                file.advise(offset, length, words.advice())?;
            }
            "sync-data" => file.sync_data()?,
            "sync" => file.sync()?,
            "get-flags" => return Ok(format!("{:?}", file.get_flags()?)),
            "get-type" => return Ok(format!("{:?}", file.get_type()?)),
            "set-size" => file.set_size(words.number())?,
            "set-times" => file.set_times(words.time(), words.time())?,
            "read" => {
                let (bytes, is_end) = file.read(words.number(), words.number())?;
                let end = if is_end { " and the end" } else { "" };
                return Ok(format!("{}{end}", shown(&bytes)));
            }
            "write" => {
                let content = words.content();
                let written = file.write(&content, words.number())?;
                return Ok(format!("{written} bytes"));
            }
            "is-same-object" => {
                let other = self.descriptor(words.next())?;
                return Ok(format!("{}", file.is_same_object(other)));
            }
            "metadata-hash" => {
                let other = self.descriptor(words.next())?;
                return Ok(compared(file.metadata_hash()?, other.metadata_hash()?));
            }
            _ => return self.on_path(file, method, words),
        }
        done()
    }

    /// What a descriptor does with a path below it.
    fn on_path(&self, directory: &Descriptor, method: &str, words: &mut Words<'_>) -> Played {
        match method {
            "create-directory-at" => directory.create_directory_at(&words.path())?,
            "remove-directory-at" => directory.remove_directory_at(&words.path())?,
            "unlink-file-at" => directory.unlink_file_at(&words.path())?,
            "readlink-at" => return Ok(directory.readlink_at(&words.path())?),
            "symlink-at" => directory.symlink_at(&words.path(), &words.path())?,
            "stat-at" => {
                let stat = directory.stat_at(words.path_flags(), &words.path())?;
                return Ok(told(&stat));
            }
            "set-times-at" => {
                let (flags, path) = (words.path_flags(), words.path());
                directory.set_times_at(flags, &path, words.time(), words.time())?;
            }
            "metadata-hash-at" => {
                let hash = directory.metadata_hash_at(words.path_flags(), &words.path())?;
                let other = self.descriptor(words.next())?;
                return Ok(compared(hash, other.metadata_hash()?));
            }
            "rename-at" => {
                let path = words.path();
                let other = self.descriptor(words.next())?;
                directory.rename_at(&path, other, &words.path())?;
            }
            "link-at" => {
                let (flags, path) = (words.path_flags(), words.path());
                let other = self.descriptor(words.next())?;
                directory.link_at(flags, &path, other, &words.path())?;
            }
            _ => panic!("no method: {method}"),
        }
        done()
    }
}

/// Length and content in a few words.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let mix = |sum: u32, byte: &u8| sum.wrapping_mul(31).wrapping_add(u32::from(*byte));
    let digest = bytes.iter().fold(7, mix);
    let start = &bytes[..bytes.len().min(SHOWN_BYTES)];
    format!(
        "{} bytes {digest:08x} {}",
        bytes.len(),
        start.escape_ascii()
    )
}

fn compared(hash: MetadataHashValue, other: MetadataHashValue) -> String {
    assert!(hash.lower != 0 && hash.upper != 0, "a hash is never 0");
    let is_equal = (hash.lower, hash.upper) == (other.lower, other.upper);
    (if is_equal { "equal" } else { "different" }).to_owned()
}

/// A description without what every host decides by itself: the size of a directory, what its links
/// are counted by, and a clock's time.
fn told(stat: &DescriptorStat) -> String {
    let what = match stat.type_ {
        DescriptorType::Directory if stat.link_count > 0 => "named".to_owned(),
        DescriptorType::Directory => "nameless".to_owned(),
        _ => format!("{} names {} bytes", stat.link_count, stat.size),
    };
    let time = |time: Option<Datetime>| match time {
        None => "unknown".to_owned(),
        Some(time) if time.seconds < SET_SECONDS_MAX => {
            format!("{}.{}", time.seconds, time.nanoseconds)
        }
        Some(_) => "recently".to_owned(),
    };
    let changed = match stat.status_change_timestamp {
        Some(_) => "known",
        None => "unknown",
    };
    format!(
        "{:?} {what} modified {} changed {changed} accessed {}",
        stat.type_,
        time(stat.data_modification_timestamp),
        time(stat.data_access_timestamp),
    )
}
