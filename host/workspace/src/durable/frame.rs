//! One frame of a session's log: a header that names what follows, and the payload.
//!
//! **Invariant:** a header is valid at one place of one session's log only, so that neither bytes
//! of an agent nor frames of another session can pass for one. `docs/formats.md`, "Durable
//! sessions", is its specification.

use store::{Digest, Hasher};

use super::id::SessionId;

/// Bytes of a header.
pub(super) const HEADER_BYTES: usize = 97;
/// The first bytes of a header.
pub(super) const MAGIC: [u8; 4] = *b"SFSL";

/// Where the digest of the header begins, which is of all before.
const SIGNED_BYTES: usize = 65;
const KIND_DATA: u8 = 1;
const KIND_STATE: u8 = 2;
const KIND_PAD: u8 = 3;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// Bytes that the session keeps outside of memory.
    Data,
    /// A record of the session's state, which acknowledges every frame before it.
    State,
    /// Nothing; it fills a block.
    Pad,
}

/// A header without its digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    /// Counts the files that the log was rewritten into.
    pub(super) epoch: u64,
    /// Number of the save that the frame belongs to.
    pub(super) save: u64,
    /// Data: the offset by which the session names the first byte. Others: the first offset that
    /// is still free.
    pub(super) start: u64,
    /// Bytes of the payload.
    pub(super) len: u32,
    pub(super) payload: Digest,
}

/// The two keys of one session's log.
#[derive(Clone)]
pub(super) struct FrameKeys {
    header: [u8; 32],
    payload: [u8; 32],
}

impl FrameKeys {
    /// Derives the keys of a session from the key of the store.
    pub(super) fn new(key: &[u8; 32], session: &SessionId) -> Self {
        Self {
            header: derive(key, "session log header", session),
            payload: derive(key, "session log payload", session),
        }
    }

    /// The digest of a payload.
    pub(super) fn of_payload(&self, payload: &[u8]) -> Digest {
        let mut hasher = Hasher::keyed(&self.payload);
        hasher.update(payload);
        hasher.finish()
    }

    fn of_header(&self, at: u64, signed: &[u8]) -> Digest {
        let mut hasher = Hasher::keyed(&self.header);
        hasher.update(&at.to_le_bytes());
        hasher.update(signed);
        hasher.finish()
    }
}

/// The key for one purpose of one session.
pub(super) fn derive(key: &[u8; 32], purpose: &str, session: &SessionId) -> [u8; 32] {
    let mut hasher = Hasher::keyed(key);
    hasher.update(purpose.as_bytes());
    hasher.update(&[0]);
    hasher.update(session.as_str().as_bytes());
    *hasher.finish().as_bytes()
}

impl Frame {
    /// The header of this frame for offset `at` of the log.
    pub(super) fn encode(&self, keys: &FrameKeys, at: u64) -> [u8; HEADER_BYTES] {
        let mut out = Vec::with_capacity(HEADER_BYTES);
        out.extend_from_slice(&MAGIC);
        out.push(match self.kind {
            FrameKind::Data => KIND_DATA,
            FrameKind::State => KIND_STATE,
            FrameKind::Pad => KIND_PAD,
        });
        for number in [self.epoch, self.save, self.start] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.len.to_le_bytes());
        out.extend_from_slice(self.payload.as_bytes());
        let digest = keys.of_header(at, &out);
        out.extend_from_slice(digest.as_bytes());
        out.try_into().expect("the fields are this long together")
    }

    /// Reads a header that stands at offset `at`; `None` when it is none, or of another place.
    pub(super) fn decode(bytes: &[u8], keys: &FrameKeys, at: u64) -> Option<Self> {
        let (signed, digest) = bytes.get(..HEADER_BYTES)?.split_at(SIGNED_BYTES);
        if signed[..4] != MAGIC || keys.of_header(at, signed).as_bytes() != digest {
            return None;
        }
        let u64_at = |at: usize| {
            let field = signed[at..at + 8].try_into();
            u64::from_le_bytes(field.expect("eight bytes"))
        };
        Some(Self {
            kind: match signed[4] {
                KIND_DATA => FrameKind::Data,
                KIND_STATE => FrameKind::State,
                KIND_PAD => FrameKind::Pad,
                _ => return None,
            },
            epoch: u64_at(5),
            save: u64_at(13),
            start: u64_at(21),
            len: u32::from_le_bytes(signed[29..33].try_into().expect("four bytes")),
            payload: Digest::from_bytes(signed[33..65].try_into().expect("32 bytes")),
        })
    }
}
