//! Two small files beside the journal. `head` names the last change that has a change file.
//! `applied` says up to which record the directory has everything, as long as the machine has not
//! been started anew: it is written without a flush.

use std::io;
use std::sync::Arc;

use store::disk::{Dir, File};
use vfs::Digest;

use super::folder::{FILE_MODE, name, read_small, replace_small};
use crate::change::ChangeId;
use crate::error::StoreError;

const HEAD_MAGIC: [u8; 8] = *b"SFHEAD\x01\0";
const HEAD_BYTES: usize = 8 + 8 + 1 + 32 + 32;
const APPLIED_MAGIC: [u8; 8] = *b"SFAPPL\x01\0";
const APPLIED_BYTES: usize = 8 + 16 + 8 + 32;

/// The last checkpointed change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) generation: u64,
    pub(super) change: Option<ChangeId>,
}

impl Head {
    /// Reads it; the head of an empty history when there is none.
    pub(super) fn read(store: &dyn Dir) -> Result<Self, StoreError> {
        let Some(bytes) = read_small(store, "head", HEAD_BYTES)? else {
            return Ok(Self::default());
        };
        let damaged = || StoreError::Damaged {
            what: "head".to_owned(),
            detail: "its checksum does not fit".to_owned(),
        };
        let body = checked(&bytes, HEAD_BYTES, &HEAD_MAGIC).ok_or_else(damaged)?;
        let generation = body[8..16].try_into().map(u64::from_le_bytes);
        let digest = body[17..49].try_into().map(Digest::from_bytes);
        let (Ok(generation), Ok(digest)) = (generation, digest) else {
            return Err(damaged());
        };
        let change = (body[16] == 1).then(|| ChangeId::of_digest(digest));
        Ok(Self { generation, change })
    }

    /// Writes it in the place of the one before.
    pub(super) fn write(&self, store: &Arc<dyn Dir>) -> Result<(), StoreError> {
        let mut bytes = HEAD_MAGIC.to_vec();
        bytes.extend(self.generation.to_le_bytes());
        bytes.push(u8::from(self.change.is_some()));
        let digest = self
            .change
            .map_or([0; 32], |change| *change.digest().as_bytes());
        bytes.extend(digest);
        replace_small(store, "head", &sealed(bytes))
    }
}

/// The file `applied`, open.
#[derive(Debug)]
pub(super) struct AppliedMark {
    file: Arc<dyn File>,
    boot: Option<[u8; 16]>,
}

impl AppliedMark {
    /// Opens it, making it when it is missing. Without knowing the start of the machine nothing that
    /// it says is believed.
    pub(super) fn open(store: &dyn Dir, boot: Option<[u8; 16]>) -> Result<Self, StoreError> {
        let file_name = name("applied");
        let file = match store.open_writable(&file_name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                store.create(&file_name, FILE_MODE)
            }
            opened => opened,
        };
        let file = file.map_err(|error| StoreError::io("applied", error))?;
        Ok(Self { file, boot })
    }

    /// Up to which record the directory has everything, as far as that is certain.
    pub(super) fn read(&self) -> Result<u64, StoreError> {
        let mut bytes = [0; APPLIED_BYTES];
        let read = self.file.read_at(&mut bytes, 0);
        let count = read.map_err(|error| StoreError::io("applied", error))?;
        let body = checked(&bytes[..count], APPLIED_BYTES, &APPLIED_MAGIC);
        // A torn one says nothing.
        let Some((body, boot)) = body.zip(self.boot) else {
            return Ok(0);
        };
        let sequence = body[24..32].try_into().map(u64::from_le_bytes);
        Ok(match body[8..24] == boot {
            true => sequence.unwrap_or(0),
            false => 0,
        })
    }

    /// Says so. Nothing depends on it but the work of a recovery.
    pub(super) fn write(&self, sequence: u64) -> io::Result<()> {
        let Some(boot) = self.boot else { return Ok(()) };
        let mut bytes = APPLIED_MAGIC.to_vec();
        bytes.extend(boot);
        bytes.extend(sequence.to_le_bytes());
        self.file.write_at(&sealed(bytes), 0)
    }
}

fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let digest = Digest::of(&bytes);
    bytes.extend(digest.as_bytes());
    bytes
}

fn checked<'a>(bytes: &'a [u8], length: usize, magic: &[u8; 8]) -> Option<&'a [u8]> {
    let (body, digest) = bytes.split_at_checked(length.checked_sub(32)?)?;
    let fits = body.get(..8) == Some(magic) && Digest::of(body).as_bytes() == digest;
    fits.then_some(body)
}
