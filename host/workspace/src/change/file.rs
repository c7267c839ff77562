//! The change file: one change as the store keeps it, with its place in history and the digests of
//! the contents that it replaced or removed.
//!
//! **Invariant:** the change record inside is byte for byte the one that the change's id is the
//! digest of. `docs/formats.md`, "Change file", specifies the bytes.

use vfs::{Digest, VPath};

use super::decode::{DecodeError, Decoder};
use super::encode::Encoder;
use super::{Change, ChangeId};
use crate::commit::Displaced;

/// The first eight bytes of every change file.
const MAGIC: [u8; 8] = *b"SFCHFILE";
/// The format that is written, and the newest that is read.
const FORMAT_VERSION: u16 = 1;
/// Bytes of the digest at the end.
const DIGEST_BYTES: usize = 32;
/// A path's count, a digest, a size and a flag.
const PREIMAGE_BYTES_MIN: usize = 4 + DIGEST_BYTES + 8 + 1;
/// A path's count and a text's length.
const DISPLACED_BYTES_MIN: usize = 4 + 4;

/// A change and what the store knows about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeFile {
    /// Generation of the base that the change made; the first is 1.
    pub generation: u64,
    /// The change before it; `None` for the first of a store.
    pub previous: Option<ChangeId>,
    /// The change.
    pub change: Change,
    /// Files that stood where the change replaced or removed them, in the order of their paths. One
    /// that was lost is not listed.
    pub preimages: Vec<Preimage>,
    /// What somebody else wrote just as it was replaced or removed, and where it is kept.
    pub displaced: Vec<Displaced>,
}

/// A file that stood somewhere before a change, kept as an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preimage {
    /// Where it stood: the path of a departure, or the source of an update.
    pub path: VPath,
    /// Digest of its content, which is the object's name.
    pub digest: Digest,
    /// Bytes of its content.
    pub size: u64,
    /// Whether it could be executed.
    pub executable: bool,
}

impl ChangeFile {
    /// The bytes of the file; equal change files have equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        let record = self.change.encode();
        let mut out = Encoder(Vec::with_capacity(record.len() + 256));
        out.0.extend_from_slice(&MAGIC);
        out.0.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.u64(self.generation);
        out.option(self.previous.as_ref(), |out, id| {
            out.0.extend_from_slice(id.digest().as_bytes());
        });
        out.count(record.len());
        out.0.extend_from_slice(&record);
        out.list(&self.preimages, |out, preimage| {
            out.path(&preimage.path);
            out.0.extend_from_slice(preimage.digest.as_bytes());
            out.u64(preimage.size);
            out.0.push(u8::from(preimage.executable));
        });
        out.list(&self.displaced, |out, displaced| {
            out.path(&displaced.path);
            out.text(&displaced.kept);
        });
        let digest = Digest::of(&out.0);
        out.0.extend_from_slice(digest.as_bytes());
        out.0
    }

    /// Reads what [`ChangeFile::encode`] wrote.
    ///
    /// # Errors
    ///
    /// A [`DecodeError`] for anything else; `Digest` when the bytes are not those that were written.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if !bytes.starts_with(&MAGIC) {
            return Err(DecodeError::Magic);
        }
        let mut head = Decoder::new(&bytes[MAGIC.len()..]);
        let found = u16::from_le_bytes(head.array("format version")?);
        // A newer format may end in another way, so that the digest is looked at afterwards.
        if found != FORMAT_VERSION {
            return Err(DecodeError::Version { found });
        }
        let end = bytes.len().checked_sub(DIGEST_BYTES);
        let Some((body, digest)) = end.and_then(|end| bytes.split_at_checked(end)) else {
            return Err(DecodeError::Truncated {
                offset: bytes.len(),
                what: "digest",
            });
        };
        if Digest::of(body).as_bytes() != digest {
            return Err(DecodeError::Digest);
        }
        let mut input = Decoder::new(body);
        input.take(MAGIC.len() + 2, "head")?;
        let file = Self {
            generation: input.u64()?,
            previous: input.option(|input| {
                let id = input.array("change id")?;
                Ok(ChangeId(Digest::from_bytes(id)))
            })?,
            change: change(&mut input)?,
            preimages: input.sorted(PREIMAGE_BYTES_MIN, preimage, |item| &item.path)?,
            displaced: input.list(DISPLACED_BYTES_MIN, "list of displaced files", displaced)?,
        };
        input.end()?;
        Ok(file)
    }

    /// The id of the change in it.
    pub fn id(&self) -> ChangeId {
        self.change.id()
    }
}

fn change(input: &mut Decoder<'_>) -> Result<Change, DecodeError> {
    let len = input.count(1, "change record")?;
    Change::decode(input.take(len, "change record")?)
}

fn preimage(input: &mut Decoder<'_>) -> Result<Preimage, DecodeError> {
    Ok(Preimage {
        path: input.path()?,
        digest: Digest::from_bytes(input.array("digest")?),
        size: input.u64()?,
        executable: input.flag()?,
    })
}

fn displaced(input: &mut Decoder<'_>) -> Result<Displaced, DecodeError> {
    Ok(Displaced {
        path: input.path()?,
        kept: input.text()?,
    })
}
