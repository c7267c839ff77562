//! How a journal comes to be: created whole or not at all, opened only on what is proved to be there.
//!
//! `open` writes again what it serves. It may read a batch out of memory that a dead process never
//! flushed, or whose flush failed: nothing may be built on it before it is on the disk.

use std::io;
use std::sync::Arc;

use super::frame::ALIGN_LEN;
use super::header::Header;
use super::scan::{Scan, scan};
use super::{
    AREA_START, Journal, JournalError, JournalLimits, Record, Result, StoreIdentity, disk,
    read_headers,
};
use crate::Name;
use crate::disk::{Dir, File, RenameMode};

impl Journal {
    /// Creates the file `name` in `dir`, filled with zeros, and flushes it with the directory.
    ///
    /// It is made under the name with `.new` behind it and renamed, so a crash leaves a whole journal
    /// or none.
    ///
    /// # Errors
    ///
    /// `Exists`, `Limits`, or `Io`. The caller holds the lock of the store.
    pub fn create(
        dir: &Arc<dyn Dir>,
        name: &Name,
        identity: &StoreIdentity,
        limits: &JournalLimits,
    ) -> Result<Self> {
        limits.check()?;
        let draft = file_name(&format!("{name}.new"));
        match dir.stat(name) {
            Ok(_) => return Err(JournalError::Exists),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(JournalError::io("look for")(error)),
        }
        match dir.unlink(&draft) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(JournalError::io("remove a draft of")(error));
            }
            _ => {}
        }
        let file = dir
            .create(&draft, 0o600)
            .map_err(JournalError::io("create"))?;
        let header = Header {
            number: 1,
            epoch: 1,
            first_sequence: 1,
            last_digest: [0; 32],
            area_bytes: limits.area_bytes_initial(),
        };
        let journal = Self::at_start(file, identity, limits, header, 1);
        let created = journal.fill().and_then(|()| {
            dir.rename(&draft, &**dir, name, RenameMode::Replace)
                .map_err(JournalError::io("rename"))
        });
        if let Err(error) = created {
            // Gives the room back; what is left otherwise is removed by the next attempt.
            drop(dir.unlink(&draft));
            return Err(error);
        }
        dir.sync()
            .map_err(JournalError::io("flush the directory of"))?;
        Ok(journal)
    }

    /// Opens the file `name` in `dir` and returns every record since it was last recycled, in order.
    ///
    /// An append that was cut off by a crash is dropped from its first bad record on. Before anything is
    /// served, the newest header and the last batch are written once more, the rest of the area is filled
    /// with zeros where it is not, and all is flushed: what a dead process left in memory only, or a
    /// failed flush lost, must not be built upon. After a crash in the middle of a recycle, records
    /// that were done come back.
    ///
    /// # Errors
    ///
    /// `Missing`; `Newer`, `Foreign`, `Corrupt`: the file was not touched; `TooLong`, `RecordTooLong`:
    /// the limits are lower than those it was written with; `Io`.
    pub fn open(
        dir: &Arc<dyn Dir>,
        name: &Name,
        identity: &StoreIdentity,
        limits: &JournalLimits,
    ) -> Result<(Self, Vec<Record>)> {
        let opened = dir.open_writable(name);
        let (mut journal, scan, other_is_damaged) = Self::scanned(opened, identity, limits)?;
        journal.settle(&scan, other_is_damaged)?;
        Ok((journal, scan.records))
    }

    /// The file `name` in `dir` as it stands, and its records. Nothing is written, so nothing may be
    /// built on it.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`].
    pub(super) fn peek(
        dir: &Arc<dyn Dir>,
        name: &Name,
        identity: &StoreIdentity,
        limits: &JournalLimits,
    ) -> Result<(Self, Vec<Record>)> {
        let (journal, scan, _) = Self::scanned(dir.open(name), identity, limits)?;
        Ok((journal, scan.records))
    }

    /// What a file holds; also tells whether its other header is damaged.
    fn scanned(
        opened: io::Result<Arc<dyn File>>,
        identity: &StoreIdentity,
        limits: &JournalLimits,
    ) -> Result<(Self, Scan, bool)> {
        limits.check()?;
        let file = opened.map_err(open_error)?;
        let chosen = read_headers(&*file, identity)?;
        let file_bytes = file.stat().map_err(JournalError::io("stat"))?.size;
        check_lengths(&chosen.header, file_bytes, limits)?;
        let scan = scan(&*file, identity, limits, &chosen.header, file_bytes)?;
        let mut journal = Self::at_start(file, identity, limits, chosen.header, chosen.slot);
        journal.tail = scan.tail;
        journal.next_sequence = scan.next_sequence;
        journal.last_digest = scan.last_digest;
        Ok((journal, scan, chosen.other_is_damaged))
    }

    /// A journal without records whose header is in `slot`.
    fn at_start(
        file: Arc<dyn File>,
        identity: &StoreIdentity,
        limits: &JournalLimits,
        header: Header,
        slot: u8,
    ) -> Self {
        Self {
            file,
            identity: identity.clone(),
            limits: *limits,
            slot,
            salt: identity.salt(header.epoch),
            tail: AREA_START,
            tail_block: [0; ALIGN_LEN],
            next_sequence: header.first_sequence,
            last_digest: header.last_digest,
            header,
            buffer: Vec::new(),
            is_poisoned: false,
        }
    }

    /// Writes both headers and the zeros of a new file, and flushes it.
    fn fill(&self) -> Result<()> {
        let older = Header {
            number: 0,
            ..self.header.clone()
        };
        let mut headers = older.encode(&self.identity);
        headers.extend(self.header.encode(&self.identity));
        self.file
            .write_at(&headers, 0)
            .map_err(JournalError::io("write"))?;
        disk::write_zeros(&*self.file, AREA_START, self.header.area_end())?;
        self.flush()
    }

    /// Makes durable what `scan` found, and wipes what it dropped, before anyone relies on it.
    ///
    /// Every write but the zeros repeats what stands there, or goes to the damaged slot: a crash in
    /// between leaves a file on which the scan finds the same.
    fn settle(&mut self, scan: &Scan, other_is_damaged: bool) -> Result<()> {
        disk::rewrite(&*self.file, scan.batch_offset, self.tail)?;
        if !scan.rest_is_zero {
            disk::write_zeros(&*self.file, self.tail, self.header.area_end())?;
        }
        if other_is_damaged {
            return self.replace_header(self.header.clone());
        }
        self.write_header(&self.header, self.slot)?;
        self.flush()
    }
}

pub(super) fn file_name(text: &str) -> Name {
    Name::new(text).expect("the names of the journal are valid")
}

fn open_error(error: io::Error) -> JournalError {
    match error.kind() {
        io::ErrorKind::NotFound => JournalError::Missing,
        _ => JournalError::io("open")(error),
    }
}

/// Checks the lengths that the header speaks of against the file and the limits.
fn check_lengths(header: &Header, file_bytes: u64, limits: &JournalLimits) -> Result<()> {
    if header.area_bytes > limits.bytes_max {
        return Err(JournalError::TooLong {
            bytes: header.area_bytes,
            bytes_max: limits.bytes_max,
        });
    }
    if file_bytes < header.area_end() {
        return Err(JournalError::Corrupt {
            offset: file_bytes,
            reason: "the file was cut off",
        });
    }
    Ok(())
}
