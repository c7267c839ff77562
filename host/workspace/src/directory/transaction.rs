//! The transaction: one commit as the journal keeps it, with everything that is needed to do it
//! again after a crash. `docs/formats.md`, "Journal payload", is the specification.

use std::ops::Range;
use std::sync::Arc;

use store::disk::{FileKind, Fingerprint};
use vfs::Name;

use super::folder::name;
use crate::change::{Change, ChangeId, DecodeError, Decoder, Encoder};

const KIND_COMMIT: u8 = 1;
const KIND_ABORT: u8 = 2;

/// What one record of the journal says.
#[derive(Debug)]
pub(super) enum Entry {
    /// A change is committed.
    Commit(Transaction),
    /// The change of this sequence number was taken back.
    Abort(u64),
}

/// One commit.
#[derive(Clone, Debug)]
pub(super) struct Transaction {
    /// Names its slots in the staging folder and its folder of conflicts.
    pub(super) id: u64,
    pub(super) change: Arc<Change>,
    pub(super) change_id: ChangeId,
    /// What was validated of each departure.
    pub(super) departures: Vec<Option<Fingerprint>>,
    /// What each arrival puts down.
    pub(super) arrivals: Vec<Content>,
    /// What was validated of each update, and what it puts down.
    pub(super) updates: Vec<(Option<Fingerprint>, Content)>,
    /// The record, from `start` on.
    bytes: Arc<Vec<u8>>,
    start: usize,
    /// Where in the record the contents begin.
    area: usize,
    change_bytes: usize,
}

/// Where a new content comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// There is none: a directory, a link, or something that only moves.
    Nothing,
    /// Bytes in the record.
    Inline { mode: Mode, range: Range<usize> },
    /// A file that was staged and flushed before the record was written.
    Staged { mode: Mode },
}

/// Permissions of a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) bits: u32,
    /// Whether they are exactly these, and not less the umask.
    pub(super) exact: bool,
}

/// The parts of a transaction that are yet to be written down.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) id: u64,
    pub(super) departures: Vec<Option<Fingerprint>>,
    pub(super) arrivals: Vec<Content>,
    pub(super) updates: Vec<(Option<Fingerprint>, Content)>,
    pub(super) contents: Contents,
}

/// The inline contents, one after the other, with room before them for the rest of the record: a
/// record of megabytes is not copied to be put together.
#[derive(Debug, Default)]
pub(super) struct Contents {
    bytes: Vec<u8>,
    room_bytes: usize,
}

impl Contents {
    /// None yet. Both figures are guesses: whatever comes fits.
    pub(super) fn with_room(room_bytes: usize, contents_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(room_bytes + contents_bytes);
        bytes.resize(room_bytes, 0);
        Self { bytes, room_bytes }
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.room_bytes
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Those from an offset on.
    pub(super) fn since(&self, start: usize) -> &[u8] {
        &self.bytes[self.room_bytes + start..]
    }

    /// Puts the head of the record before them; tells where it begins.
    fn behind(mut self, head: &[u8]) -> (Vec<u8>, usize) {
        match self.room_bytes.checked_sub(head.len()) {
            Some(start) => {
                self.bytes[start..self.room_bytes].copy_from_slice(head);
                (self.bytes, start)
            }
            None => {
                self.bytes.splice(..self.room_bytes, head.iter().copied());
                (self.bytes, 0)
            }
        }
    }
}

impl Transaction {
    /// Writes a draft down.
    pub(super) fn seal(draft: Draft, change: Change) -> Self {
        let encoding = change.encode();
        let change_id = ChangeId::of_encoding(&encoding);
        let items = draft.departures.len() + draft.arrivals.len() + draft.updates.len();
        let mut out = Encoder(Vec::with_capacity(encoding.len() + 128 * (items + 1)));
        out.byte(KIND_COMMIT);
        out.u64(draft.id);
        out.bytes(&encoding);
        out.list(&draft.departures, |out, seen| {
            out.option(seen.as_ref(), fingerprint);
        });
        out.list(&draft.arrivals, content);
        out.list(&draft.updates, |out, (seen, fresh)| {
            out.option(seen.as_ref(), fingerprint);
            content(out, fresh);
        });
        let area = out.0.len();
        let (bytes, start) = draft.contents.behind(&out.0);
        Self {
            id: draft.id,
            change: Arc::new(change),
            change_id,
            departures: draft.departures,
            arrivals: draft.arrivals,
            updates: draft.updates,
            bytes: Arc::new(bytes),
            start,
            area,
            change_bytes: encoding.len(),
        }
    }

    /// The bytes of the record.
    pub(super) fn payload(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The same without the bytes of the record, which take the most memory.
    pub(super) fn without_contents(&self) -> Self {
        Self {
            bytes: Arc::default(),
            start: 0,
            ..self.clone()
        }
    }

    /// How long the change record in it is.
    pub(super) fn change_bytes(&self) -> usize {
        self.change_bytes
    }

    /// How many files, directories and links are made once it is recorded.
    pub(super) fn inodes_count(&self) -> u64 {
        let is_inline = |content: &Content| matches!(content, Content::Inline { .. });
        let arrivals = self.change.arrivals.iter().zip(&self.arrivals);
        let made = arrivals.filter(|(arrival, content)| match content {
            Content::Inline { .. } => true,
            Content::Staged { .. } => false,
            Content::Nothing => arrival.moved_from.is_none(),
        });
        let updated = self.updates.iter().filter(|(_, fresh)| is_inline(fresh));
        (made.count() + updated.count()) as u64
    }

    /// The bytes of an inline content.
    pub(super) fn inline(&self, range: &Range<usize>) -> &[u8] {
        &self.payload()[self.area + range.start..self.area + range.end]
    }

    /// The slot for what departs.
    pub(super) fn out_slot(&self, index: usize) -> Name {
        self.slot('o', index)
    }

    /// The slot for what arrives.
    pub(super) fn arrival_slot(&self, index: usize) -> Name {
        self.slot('n', index)
    }

    /// The slot for the new version of what is updated, and then for the old one.
    pub(super) fn update_slot(&self, index: usize) -> Name {
        self.slot('u', index)
    }

    fn slot(&self, kind: char, index: usize) -> Name {
        name(&format!("{}{kind}{index}", slot_prefix(self.id)))
    }

    fn decode(payload: &[u8], input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let id = input.u64()?;
        let encoding = input.bytes("change record")?;
        let change = Change::decode(encoding)?;
        let change_id = ChangeId::of_encoding(encoding);
        let departures = input.list(1, "list of departures", |input| {
            input.option(read_fingerprint)
        })?;
        let arrivals = input.list(1, "list of arrivals", read_content)?;
        let updates = input.list(2, "list of updates", |input| {
            Ok((input.option(read_fingerprint)?, read_content(input)?))
        })?;
        let area = input.offset();
        let transaction = Self {
            id,
            change: Arc::new(change),
            change_id,
            departures,
            arrivals,
            updates,
            bytes: Arc::new(payload.to_vec()),
            start: 0,
            area,
            change_bytes: encoding.len(),
        };
        if transaction.is_consistent() {
            return Ok(transaction);
        }
        Err(input.malformed("transaction"))
    }

    /// Whether the parts fit each other: the bytes come from a disk.
    fn is_consistent(&self) -> bool {
        let change = &self.change;
        let area_bytes = self.payload().len() - self.area;
        let fits = |content: &Content| match content {
            Content::Inline { range, .. } => range.start <= range.end && range.end <= area_bytes,
            Content::Nothing | Content::Staged { .. } => true,
        };
        self.departures.len() == change.departures.len()
            && self.arrivals.len() == change.arrivals.len()
            && self.updates.len() == change.updates.len()
            && self.arrivals.iter().all(fits)
            && self.updates.iter().all(|(_, content)| fits(content))
    }
}

impl Entry {
    /// Reads the payload of a record.
    pub(super) fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Decoder::new(payload);
        match input.byte("kind of record")? {
            KIND_COMMIT => Transaction::decode(payload, &mut input).map(Self::Commit),
            KIND_ABORT => {
                let sequence = input.u64()?;
                input.end()?;
                Ok(Self::Abort(sequence))
            }
            _ => Err(input.malformed("kind of record")),
        }
    }

    /// The payload of an abort record.
    pub(super) fn abort(sequence: u64) -> Vec<u8> {
        let mut out = Encoder(Vec::with_capacity(9));
        out.byte(KIND_ABORT);
        out.u64(sequence);
        out.0
    }
}

/// What the names of all slots of a transaction begin with.
pub(super) fn slot_prefix(transaction: u64) -> String {
    format!("{transaction:016x}-")
}

fn fingerprint(out: &mut Encoder, seen: &Fingerprint) {
    out.u64(seen.dev);
    out.u64(seen.ino);
    out.i128(seen.ctime_ns);
    out.i128(seen.mtime_ns);
    out.u64(seen.size);
    out.u32(seen.mode);
    out.byte(match seen.kind {
        FileKind::Directory => 0,
        FileKind::File => 1,
        FileKind::Symlink => 2,
        FileKind::Other => 3,
    });
}

fn read_fingerprint(input: &mut Decoder<'_>) -> Result<Fingerprint, DecodeError> {
    Ok(Fingerprint {
        dev: input.u64()?,
        ino: input.u64()?,
        ctime_ns: input.i128()?,
        mtime_ns: input.i128()?,
        size: input.u64()?,
        mode: input.u32()?,
        kind: match input.byte("kind of file")? {
            0 => FileKind::Directory,
            1 => FileKind::File,
            2 => FileKind::Symlink,
            3 => FileKind::Other,
            _ => return Err(input.malformed("kind of file")),
        },
    })
}

fn content(out: &mut Encoder, content: &Content) {
    match content {
        Content::Nothing => out.byte(0),
        Content::Inline { mode, range } => {
            out.byte(1);
            write_mode(out, *mode);
            out.u64(range.start as u64);
            out.u64(range.end as u64);
        }
        Content::Staged { mode } => {
            out.byte(2);
            write_mode(out, *mode);
        }
    }
}

fn read_content(input: &mut Decoder<'_>) -> Result<Content, DecodeError> {
    match input.byte("content")? {
        0 => Ok(Content::Nothing),
        1 => {
            let mode = read_mode(input)?;
            let mut offset = || {
                let offset = usize::try_from(input.u64()?);
                offset.map_err(|_| input.malformed("offset"))
            };
            let range = offset()?..offset()?;
            Ok(Content::Inline { mode, range })
        }
        2 => read_mode(input).map(|mode| Content::Staged { mode }),
        _ => Err(input.malformed("content")),
    }
}

fn write_mode(out: &mut Encoder, mode: Mode) {
    out.u32(mode.bits);
    out.byte(u8::from(mode.exact));
}

fn read_mode(input: &mut Decoder<'_>) -> Result<Mode, DecodeError> {
    Ok(Mode {
        bits: input.u32()?,
        exact: input.flag()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_put_before_the_contents_whether_it_fits_the_room_or_not() {
        for room_bytes in 0..6 {
            let mut contents = Contents::with_room(room_bytes, 2);
            contents.extend(b"con");
            contents.extend(b"tents");
            assert_eq!(contents.len(), 8);
            let (bytes, start) = contents.behind(b"head");
            assert_eq!(&bytes[start..], b"headcontents", "{room_bytes}");
        }
    }
}
