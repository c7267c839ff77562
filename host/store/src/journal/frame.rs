//! `Frame`: one record as it stands in the file, its head sealed apart from its whole.
//!
//! The seal of the head makes its length trustworthy before anything is allocated, and lets a search
//! know a record of ours by its head alone; no payload can imitate one, for the key is not in it.

use super::{StoreIdentity, take};

/// Records begin at multiples of this.
pub(super) const ALIGN_LEN: usize = 64;
/// The same as an offset in the file.
pub(super) const ALIGN_BYTES: u64 = ALIGN_LEN as u64;
/// Length of a frame's head with its seal.
pub(super) const HEAD_LEN: usize = 104;
const SEALED_LEN: usize = 88;
const DIGEST_LEN: usize = 32;
const MAGIC: [u8; 8] = *b"SFRECORD";

/// Makes the records of one epoch unlike those of every other.
pub(super) type Salt = [u8; 16];

/// The head of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FrameHead {
    pub(super) sequence: u64,
    /// Where the frame itself begins in the file: a copy elsewhere is none.
    pub(super) offset: u64,
    /// Where the first frame of the same append begins.
    pub(super) batch_offset: u64,
    pub(super) payload_bytes: u64,
    /// Digest of the frame before, across epochs.
    pub(super) previous: [u8; 32],
}

/// Room that a payload of this length takes; `None` when that is no number.
pub(super) fn frame_bytes(payload_bytes: u64) -> Option<u64> {
    let overhead = (HEAD_LEN + DIGEST_LEN) as u64;
    payload_bytes
        .checked_add(overhead)?
        .checked_next_multiple_of(ALIGN_BYTES)
}

impl FrameHead {
    /// Appends the frame to `buffer` and returns its digest.
    pub(super) fn encode(
        &self,
        identity: &StoreIdentity,
        salt: &Salt,
        payload: &[u8],
        buffer: &mut Vec<u8>,
    ) -> [u8; 32] {
        debug_assert_eq!(self.payload_bytes, payload.len() as u64);
        let start = buffer.len();
        buffer.extend(MAGIC);
        buffer.extend(salt);
        for number in [
            self.sequence,
            self.offset,
            self.batch_offset,
            self.payload_bytes,
        ] {
            buffer.extend(number.to_le_bytes());
        }
        buffer.extend(self.previous);
        let seal = head_seal(identity, &buffer[start..]);
        buffer.extend(seal);
        buffer.extend_from_slice(payload);
        let end = (buffer.len() - start + DIGEST_LEN).next_multiple_of(ALIGN_LEN) + start;
        buffer.resize(end - DIGEST_LEN, 0);
        let digest = identity.keyed(&buffer[start..]);
        buffer.extend(digest);
        digest
    }

    /// Decodes a head of the epoch with this salt; `None` when the bytes are not one.
    pub(super) fn decode(bytes: &[u8], identity: &StoreIdentity, salt: &Salt) -> Option<Self> {
        let mut rest = bytes;
        if take(&mut rest)? != MAGIC || take(&mut rest)? != *salt {
            return None;
        }
        let head = Self {
            sequence: u64::from_le_bytes(take(&mut rest)?),
            offset: u64::from_le_bytes(take(&mut rest)?),
            batch_offset: u64::from_le_bytes(take(&mut rest)?),
            payload_bytes: u64::from_le_bytes(take(&mut rest)?),
            previous: take(&mut rest)?,
        };
        let seal: [u8; 16] = take(&mut rest)?;
        (seal == head_seal(identity, &bytes[..SEALED_LEN])).then_some(head)
    }

    /// Takes the payload out of the whole frame, and its digest; `None` when a byte of it is wrong.
    pub(super) fn open(
        &self,
        identity: &StoreIdentity,
        mut frame: Vec<u8>,
    ) -> Option<(Vec<u8>, [u8; 32])> {
        let (sealed, digest) = frame.split_last_chunk::<DIGEST_LEN>()?;
        let digest = *digest;
        let end = HEAD_LEN.checked_add(usize::try_from(self.payload_bytes).ok()?)?;
        if identity.keyed(sealed) != digest || end > sealed.len() {
            return None;
        }
        frame.truncate(end);
        frame.drain(..HEAD_LEN);
        Some((frame, digest))
    }
}

/// Says quickly that no frame begins here.
pub(super) fn starts_like_a_frame(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

fn head_seal(identity: &StoreIdentity, head: &[u8]) -> [u8; 16] {
    *identity
        .keyed(head)
        .first_chunk()
        .expect("32 bytes begin with 16")
}
